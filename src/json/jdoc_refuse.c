/* jdoc_refuse.c: what is wrong with a JSON text, and where: each set of rules has its own words. */
#include "json/jdoc_reader.h"

#include "base/error.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

/* ---- what is wrong -------------------------------------------------------------------------------------- */

static void place_of(const struct reader *r, size_t at, size_t *line, size_t *start)
{
    *line = 1;
    *start = 0;
    for (size_t i = 0; i < at; i++)
        if (r->in.text[i] == '\n') {
            ++*line;
            *start = i + 1;
        }
}

static enum osso_status harmony_refuse(const struct reader *r, const char *where, struct osso_error *err)
{
    static const char *const words[N_PROBLEMS] = {
        [P_VALUE] = "not a JSON value",
        [P_RANGE] = "a number out of range",
        [P_KEY] = "a key in quotes is expected",
        [P_COLON] = "':' is expected after a key",
        [P_COMMA] = "',' or the end of a list or object is expected",
        [P_DEEP] = "nested too deeply",
        [P_AFTER] = "text after the end",
        [P_MANY] = "too many values",
        [P_NO_END] = "a string without its closing quote",
        [P_CONTROL] = "a control character in a string",
        [P_UTF8] = "a string that is not UTF-8",
        [P_ESCAPE] = "a wrong escape in a string",
        [P_SURROGATE] =
            "half of a surrogate pair (text cut inside a character such as an emoji); write whole characters",
    };
    size_t at = r->problem >= P_STRINGS ? r->in.pos : r->from, line, start;
    bool half = r->problem == P_UTF8 && utf8_is_surrogate((const uint8_t *)r->in.text + at, r->in.len - at);
    const char *what = words[half ? P_SURROGATE : r->problem];
    if (r->limits && r->problem == P_DEEP) /* at is behind the bracket */
        return error_set(err, OSSO_FORMAT, "%s: byte %zu: %s: at most %zu levels", where, at, what, r->limits->depth);
    if (r->limits && r->problem == P_MANY)
        return error_set(err, OSSO_FORMAT, "%s: byte %zu: %s: at most %zu", where, at + 1, what, r->limits->values);
    if (r->limits)
        return error_set(err, OSSO_FORMAT, "%s: byte %zu: %s", where, at + 1, what);
    place_of(r, at, &line, &start);
    return error_set(err, OSSO_FORMAT, "%s: line %zu, byte %zu: %s", where, line, at - start + 1, what);
}

/* The end of the word, number, string or character at r->from, which is shown beside what is wrong. */
static size_t piece_end(const struct reader *r)
{
    struct jlex x = {r->in.text, r->in.len, r->from};
    bool integer;
    if (r->problem >= P_STRINGS)
        return r->problem == P_NO_END ? x.len : r->in.pos;
    if (x.pos < x.len && x.text[x.pos] == '"') {
        x.pos++;
        jlex_skip_string(&x);
        return x.pos;
    }
    while (x.pos < x.len && ((x.text[x.pos] | 0x20) >= 'a') && ((x.text[x.pos] | 0x20) <= 'z'))
        x.pos++;
    if (x.pos == r->from)
        jlex_number(&x, &integer);
    if (x.pos == r->from && x.pos < x.len) {
        size_t n = utf8_sequence((const uint8_t *)x.text + x.pos, x.len - x.pos);
        x.pos += n ? n : 1;
    }
    return x.pos;
}

/* Outside a string: no character at all. */
static bool is_undecodable(const struct reader *r)
{
    const uint8_t *s = (const uint8_t *)r->in.text + r->from;
    return r->problem < P_STRINGS && r->from < r->in.len && utf8_sequence(s, r->in.len - r->from) == 0;
}

static const char *refusal_words(const struct reader *r, char *space, size_t size)
{
    static const char *const words[N_PROBLEMS] = {
        [P_VALUE] = "invalid token",
        [P_RANGE] = "real number overflow",
        [P_BIG] = "too big integer",
        [P_KEY] = "string or '}' expected",
        [P_COLON] = "':' expected",
        [P_AFTER] = "end of file expected",
        [P_REPEATED] = "duplicate object key",
        [P_NO_END] = "premature end of input",
        [P_ESCAPE] = "invalid escape",
        [P_SURROGATE] = "invalid Unicode escape",
        [P_NUL_KEY] = "NUL byte in object key not supported",
    };
    size_t at = r->problem >= P_STRINGS ? r->in.pos : r->from;
    unsigned byte = at < r->in.len ? (uint8_t)r->in.text[at] : 0;
    if (r->problem == P_UTF8 || is_undecodable(r))
        snprintf(space, size, "unable to decode byte 0x%x", byte);
    else if (r->problem == P_COMMA || (r->problem == P_VALUE && at == r->in.len && r->close == ']'))
        snprintf(space, size, "'%c' expected", r->close);
    else if (r->problem == P_CONTROL && byte == '\n')
        snprintf(space, size, "unexpected newline");
    else if (r->problem == P_CONTROL)
        snprintf(space, size, "control character 0x%x", byte);
    else if (r->problem == P_VALUE && (at == r->in.len || (byte && strchr("]},:", (int)byte))))
        snprintf(space, size, "unexpected token");
    else if (r->problem == P_BIG && byte == '-')
        snprintf(space, size, "too big negative integer");
    else
        return words[r->problem];
    return space;
}

static enum osso_status own_refuse(const struct reader *r, const char *where, struct osso_error *err)
{
    enum { MOST_SHOWN = 20 };
    char space[64];
    bool undecodable = is_undecodable(r);
    size_t end = undecodable ? r->from : piece_end(r), n = end - r->from, line, start, column = 0;
    if (r->problem == P_DEEP)
        return error_set(err, OSSO_FORMAT, "%s: JSON nested deeper than %d levels", where, (int)JDOC_DEPTH);
    const char *words = refusal_words(r, space, sizeof space), *shown = r->in.text + r->from;
    place_of(r, end, &line, &start);
    for (size_t i = start; i < end; i++) /* in characters */
        column += ((uint8_t)r->in.text[i] & 0xc0) != 0x80;
    if (!undecodable && (n == 0 || !*shown))
        return error_set(err, OSSO_FORMAT, "%s: line %zu, column %zu: %s near end of file", where, line, column, words);
    if (undecodable || n > MOST_SHOWN)
        return error_set(err, OSSO_FORMAT, "%s: line %zu, column %zu: %s", where, line, column, words);
    return error_set(err, OSSO_FORMAT, "%s: line %zu, column %zu: %s near '%.*s'", where, line, column, words, (int)n,
                     shown);
}

enum osso_status jdoc_refuse(const struct reader *r, const char *where, struct osso_error *err)
{
    return r->harmony ? harmony_refuse(r, where, err) : own_refuse(r, where, err);
}
