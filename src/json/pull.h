/* pull.h: reading JSON piece by piece, for files too big to become a tree. The caller walks the structure that it
 * expects; the first thing that is wrong sticks in `problem`, and from then on every call returns false. */
#ifndef OSSO_JSON_PULL_H
#define OSSO_JSON_PULL_H

#include "base/buf.h"
#include "json/jlex.h"

/* What may be wrong, and pull_says' words for it; a file whose sentences are its own has its own words. */
enum pull_problem {
    PULL_FINE,
    PULL_NO_OBJECT,
    PULL_NO_LIST,
    PULL_NO_STRING,
    PULL_NO_COMMA,
    PULL_NO_COLON,
    PULL_NO_VALUE,
    PULL_NO_KEY,
    PULL_DEEP,
    PULL_NO_END,
    PULL_CONTROL,
    PULL_ESCAPE,
    PULL_HEX_END,
    PULL_HEX,
    PULL_SURROGATE,
    PULL_LONG, /* strings */
    PULL_UTF8,
    PULL_NUL,
    PULL_NO_MEMORY, /* plain strings */
    PULL_NO_NUMBER,
    PULL_LARGE,
    PULL_FRACTION, /* numbers */
    N_PULL_PROBLEMS
};

struct pull {
    struct jlex in;
    bool fresh;                /* just inside a bracket: no comma before what comes next */
    enum pull_problem problem; /* PULL_FINE while all is well; then in.pos is where */
};

struct pull pull_over(const char *text, size_t len);
const char *pull_says(const struct pull *p);

/* Enters an object ('{') or a list ('['). */
bool pull_enter(struct pull *p, char bracket);
/* In a list: is there one more element? At its end the bracket is read and the answer is no. */
bool pull_element(struct pull *p);
/* In an object: is there one more member? Its key is unescaped into key[0..cap), *len_out bytes, no NUL. */
bool pull_member(struct pull *p, char *key, size_t cap, size_t *len_out);
/* The same, with a key that is plain. */
bool pull_plain_member(struct pull *p, struct buf *key);

/* The first character of the value that comes next; 0 at the end of the text. */
char pull_peek(struct pull *p);
bool pull_string(struct pull *p, char *out, size_t cap, size_t *len_out);
/* A string of any length that must be UTF-8 without NUL: it replaces what is in `out`, with a NUL behind it. */
bool pull_plain(struct pull *p, struct buf *out);
bool pull_u32(struct pull *p, uint32_t *out);
/* From 0 to 2^63 - 1, as a computer writes it: no leading zero, point or exponent. */
bool pull_count(struct pull *p, int64_t *out);
/* Steps over a value of any kind; *text_out and *len_out (may be NULL) are its text. Numbers and words inside are not
 * looked at closely. */
bool pull_skip(struct pull *p, const char **text_out, size_t *len_out);
/* Is there nothing but white space left? */
bool pull_at_end(struct pull *p);

#endif
