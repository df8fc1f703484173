/* pull.h: reading JSON piece by piece, for files too big to become a tree. The caller walks the structure that it
 * expects; the first thing that is wrong sticks in `problem`, and from then on every call returns false. */
#ifndef OSSO_TEXT_PULL_H
#define OSSO_TEXT_PULL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pull {
    const char *text;
    size_t len, pos;
    bool fresh;          /* just inside a bracket: no comma before what comes next */
    const char *problem; /* NULL while all is well */
};

struct pull pull_over(const char *text, size_t len);

/* Enters an object ('{') or a list ('['). */
bool pull_enter(struct pull *p, char bracket);
/* In a list: is there one more element? At its end the bracket is read and the answer is no. */
bool pull_element(struct pull *p);
/* In an object: is there one more member? Its key is unescaped into key[0..cap), *len_out bytes, no NUL. */
bool pull_member(struct pull *p, char *key, size_t cap, size_t *len_out);

/* The first character of the value that comes next; 0 at the end of the text. */
char pull_peek(struct pull *p);
bool pull_string(struct pull *p, char *out, size_t cap, size_t *len_out);
bool pull_u32(struct pull *p, uint32_t *out);
/* Steps over a value of any kind; *text_out and *len_out (may be NULL) are its text. Numbers and words inside are not
 * looked at closely. */
bool pull_skip(struct pull *p, const char **text_out, size_t *len_out);
/* Is there nothing but white space left? */
bool pull_at_end(struct pull *p);

#endif
