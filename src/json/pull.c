/* pull.c: JSON piece by piece. */
#include "json/pull.h"

#include "base/utf8.h"

#include <string.h>

enum { MAX_DEPTH = 128 };

static const char *const words[N_PULL_PROBLEMS] = {
    [PULL_NO_OBJECT] = "an object is missing",
    [PULL_NO_LIST] = "a list is missing",
    [PULL_NO_STRING] = "a string is missing",
    [PULL_NO_COMMA] = "a comma or a closing bracket is missing",
    [PULL_NO_COLON] = "a colon is missing",
    [PULL_NO_VALUE] = "a value is missing",
    [PULL_NO_KEY] = "a member has no key and colon",
    [PULL_DEEP] = "brackets are nested too deeply",
    [PULL_NO_END] = "a string has no end",
    [PULL_CONTROL] = "a string has a control character",
    [PULL_ESCAPE] = "a string has an unknown escape",
    [PULL_HEX_END] = "a \\u escape is cut off",
    [PULL_HEX] = "a \\u escape has a letter that is no hexadecimal digit",
    [PULL_SURROGATE] = "a string has half a surrogate pair",
    [PULL_LONG] = "a string is too long",
    [PULL_UTF8] = "a string is not UTF-8",
    [PULL_NUL] = "a string has a NUL character",
    [PULL_NO_MEMORY] = "there is no memory for a string",
    [PULL_NO_NUMBER] = "a whole number is missing",
    [PULL_LARGE] = "a number is too large",
    [PULL_FRACTION] = "a number is not written as a whole number",
};

struct pull pull_over(const char *text, size_t len)
{
    return (struct pull){.in = {text, len, 0}};
}

const char *pull_says(const struct pull *p)
{
    return p->problem ? words[p->problem] : "not the JSON that is expected";
}

static bool wrong(struct pull *p, enum pull_problem problem)
{
    if (!p->problem)
        p->problem = problem;
    return false;
}

static bool wrong_string(struct pull *p, enum jlex_problem problem)
{
    static const enum pull_problem of[] = {
        [JLEX_NO_END] = PULL_NO_END,   [JLEX_CONTROL] = PULL_CONTROL, [JLEX_ESCAPE] = PULL_ESCAPE,
        [JLEX_HEX_END] = PULL_HEX_END, [JLEX_HEX] = PULL_HEX,         [JLEX_SURROGATE] = PULL_SURROGATE};
    return wrong(p, of[problem]);
}

/* ---- structure ------------------------------------------------------------------------------------------ */

char pull_peek(struct pull *p)
{
    return jlex_peek(&p->in);
}

static inline bool take(struct pull *p, char c)
{
    return !p->problem && jlex_take(&p->in, c);
}

bool pull_enter(struct pull *p, char bracket)
{
    if (!take(p, bracket))
        return wrong(p, bracket == '{' ? PULL_NO_OBJECT : PULL_NO_LIST);
    p->fresh = true;
    return true;
}

/* What both kinds of brackets share: the end, or a comma, or (fresh) nothing before the next thing. */
static inline bool another(struct pull *p, char close)
{
    bool fresh = p->fresh;
    p->fresh = false;
    if (p->problem || take(p, close))
        return false;
    return fresh || take(p, ',') || wrong(p, PULL_NO_COMMA);
}

bool pull_element(struct pull *p)
{
    return another(p, ']');
}

static bool colon(struct pull *p)
{
    return take(p, ':') || wrong(p, PULL_NO_COLON);
}

bool pull_member(struct pull *p, char *key, size_t cap, size_t *len_out)
{
    return another(p, '}') && pull_string(p, key, cap, len_out) && colon(p);
}

bool pull_plain_member(struct pull *p, struct buf *key)
{
    return another(p, '}') && pull_plain(p, key) && colon(p);
}

bool pull_at_end(struct pull *p)
{
    return !p->problem && pull_peek(p) == 0 && p->in.pos == p->in.len;
}

/* ---- strings and numbers -------------------------------------------------------------------------------- */

bool pull_string(struct pull *p, char *out, size_t cap, size_t *len_out)
{
    char escaped[4];
    struct jtext piece;
    size_t len = 0;
    *len_out = 0;
    if (!take(p, '"'))
        return wrong(p, PULL_NO_STRING);
    for (;;) {
        enum jlex_problem problem = jlex_piece(&p->in, &piece, escaped);
        if (problem)
            return wrong_string(p, problem);
        if (piece.len == 0) {
            *len_out = len;
            return true;
        }
        if (piece.len > cap - len)
            return wrong(p, PULL_LONG);
        memcpy(out + len, piece.s, piece.len);
        len += piece.len;
    }
}

bool pull_plain(struct pull *p, struct buf *out)
{
    char escaped[4];
    struct jtext piece = {"", 1};
    buf_clear(out);
    buf_add(out, "", 0);
    if (!take(p, '"'))
        return wrong(p, PULL_NO_STRING);
    while (piece.len > 0) {
        enum jlex_problem problem = jlex_piece(&p->in, &piece, escaped);
        size_t valid = problem ? 0 : utf8_valid_prefix((const uint8_t *)piece.s, piece.len);
        if (problem)
            return wrong_string(p, problem);
        if (valid < piece.len) {
            p->in.pos -= piece.len - valid;
            return wrong(p, PULL_UTF8);
        }
        if (piece.len > 0 && piece.s[0] == 0)
            return wrong(p, PULL_NUL);
        buf_add(out, piece.s, piece.len);
    }
    return !out->failed || wrong(p, PULL_NO_MEMORY);
}

bool pull_u32(struct pull *p, uint32_t *out)
{
    uint64_t value = 0;
    bool over = false;
    jlex_peek(&p->in);
    size_t digits = p->problem ? 0 : jlex_digits(&p->in, UINT32_MAX, &value, &over);
    *out = (uint32_t)value;
    if (over || digits > 10)
        return wrong(p, PULL_LARGE);
    return digits > 0 || wrong(p, PULL_NO_NUMBER);
}

bool pull_count(struct pull *p, int64_t *out)
{
    uint64_t value;
    bool over;
    char first = pull_peek(p);
    if (p->problem)
        return false;
    size_t digits = jlex_digits(&p->in, INT64_MAX, &value, &over);
    if (over)
        return wrong(p, PULL_LARGE);
    if (digits == 0 || (first == '0' && digits > 1))
        return wrong(p, PULL_NO_NUMBER);
    char next = p->in.pos < p->in.len ? p->in.text[p->in.pos] : 0;
    if (next == '.' || next == 'e' || next == 'E')
        return wrong(p, PULL_FRACTION);
    *out = (int64_t)value;
    return true;
}

/* ---- stepping over -------------------------------------------------------------------------------------- */

static bool skip_string(struct pull *p)
{
    if (!take(p, '"'))
        return wrong(p, PULL_NO_STRING);
    return jlex_skip_string(&p->in) || wrong(p, PULL_NO_END);
}

/* A string, number or word whose first character c is here. */
static bool skip_scalar(struct pull *p, char c)
{
    struct jlex *x = &p->in;
    size_t start = x->pos;
    if (c == '"')
        return skip_string(p);
    for (; x->pos < x->len; x->pos++) {
        char lower = (char)((c = x->text[x->pos]) | 0x20);
        if (!(c >= '0' && c <= '9') && !(lower >= 'a' && lower <= 'z') && c != '+' && c != '-' && c != '.')
            break;
    }
    return x->pos > start || wrong(p, PULL_NO_VALUE);
}

bool pull_skip(struct pull *p, const char **text_out, size_t *len_out)
{
    bool object[MAX_DEPTH]; /* the kind of every open bracket */
    unsigned depth = 0;
    pull_peek(p);
    size_t start = p->in.pos;
    if (p->problem)
        return false;
    for (;;) {
        /* A value: an opening bracket, or all of a scalar. */
        char c = jlex_peek(&p->in);
        if (c == '{' || c == '[') {
            if (depth == MAX_DEPTH)
                return wrong(p, PULL_DEEP);
            object[depth++] = c == '{';
            p->fresh = true;
            p->in.pos++;
        } else if (!skip_scalar(p, c)) {
            return false;
        }
        /* Close what ends here; the next element, or member with its key, leads to the next value. */
        while (depth > 0 && !another(p, object[depth - 1] ? '}' : ']')) {
            if (p->problem)
                return false;
            depth--;
        }
        if (depth == 0)
            break;
        if (object[depth - 1] && (!skip_string(p) || !take(p, ':')))
            return wrong(p, PULL_NO_KEY);
    }
    if (text_out)
        *text_out = p->in.text + start;
    if (len_out)
        *len_out = p->in.pos - start;
    return true;
}
