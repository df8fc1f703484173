/* jlex.h: the pieces that JSON text is made of: white space, strings, numbers, words. Both readers stand on it, the one
 * that makes a tree (jdoc_read.c) and the one that is asked piece by piece (pull.c). It takes no memory and makes no
 * sentences: a problem is a code, and the reader whose file it is says what that means there. */
#ifndef OSSO_JSON_JLEX_H
#define OSSO_JSON_JLEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A run of bytes; s == NULL: absent. */
struct jtext {
    const char *s;
    size_t len;
};

struct jlex {
    const char *text;
    size_t len, pos;
};

enum jlex_problem {
    JLEX_FINE,
    JLEX_NO_END,    /* the text ends inside the string; pos is at its end */
    JLEX_CONTROL,   /* a byte below 0x20; pos is at it */
    JLEX_ESCAPE,    /* no such escape; pos is behind its letter */
    JLEX_HEX_END,   /* fewer than four characters after \u; pos is before them */
    JLEX_HEX,       /* one of the four is no hexadecimal digit; pos is behind it */
    JLEX_SURROGATE, /* half a surrogate pair; pos is behind what was read of it */
};

/* Steps over white space. The character that comes then; 0 at the end of the text. */
static inline char jlex_peek(struct jlex *x)
{
    for (; x->pos < x->len; x->pos++) {
        char c = x->text[x->pos];
        if (c != ' ' && c != '\n' && c != '\t' && c != '\r')
            return c;
    }
    return 0;
}

/* Steps over white space; if c comes then, over c too. */
static inline bool jlex_take(struct jlex *x, char c)
{
    if (jlex_peek(x) != c)
        return false;
    x->pos++;
    return true;
}

/* Where neither a run nor the closing quote is: an escape or a problem (for jlex_piece). */
enum jlex_problem jlex_no_run(struct jlex *x, struct jtext *piece, char escaped[4]);

/* Inside a string: its next piece, a run of bytes that stand for themselves or the character of one escape (in
 * `escaped`). Of length 0: that was the closing quote, which is stepped over. Whether a run is UTF-8 is not looked
 * at. */
static inline enum jlex_problem jlex_piece(struct jlex *x, struct jtext *piece, char escaped[4])
{
    size_t start = x->pos, at = start;
    while (at < x->len && x->text[at] != '"' && x->text[at] != '\\' && (uint8_t)x->text[at] >= 0x20)
        at++;
    x->pos = at;
    *piece = (struct jtext){x->text + start, at - start};
    if (at > start)
        return JLEX_FINE;
    if (at == x->len || x->text[at] != '"')
        return jlex_no_run(x, piece, escaped);
    x->pos++;
    return JLEX_FINE;
}

/* Steps over the rest of a string without a look at its escapes. False: it has no end, and pos is there. */
bool jlex_skip_string(struct jlex *x);

/* Steps over a number. False: there is none, and pos is behind what could have begun one. */
bool jlex_number(struct jlex *x, bool *integer_out);

/* Steps over decimal digits and returns how many. Before a digit that would take the value above `max` (at most
 * INT64_MAX) it stops, and *over is true. */
static inline size_t jlex_digits(struct jlex *x, uint64_t max, uint64_t *value_out, bool *over)
{
    size_t start = x->pos;
    size_t at = start;
    uint64_t value = 0;
    *over = false;
    for (; at < x->len; at++) {
        unsigned digit = (unsigned)(uint8_t)x->text[at] - '0';
        if (digit > 9)
            break;
        if (value > max / 10 || value * 10 + digit > max) {
            *over = true;
            break;
        }
        value = value * 10 + digit;
    }
    *value_out = value;
    x->pos = at;
    return at - start;
}

/* Steps over `word` if the text goes on with it. */
bool jlex_word(struct jlex *x, const char *word);

#endif
