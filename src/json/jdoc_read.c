/* jdoc_read.c: a JSON text as a tree, by one of two sets of rules (jdoc.h). No recursion: a stack of open values. */
#include "json/jdoc.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "json/jnum.h"

#include <stdio.h>
#include <string.h>

enum problem {
    P_NONE,
    P_NO_MEMORY,
    P_VALUE,
    P_RANGE,
    P_BIG,
    P_KEY,
    P_COLON,
    P_COMMA,
    P_DEEP,
    P_AFTER,
    P_REPEATED,
    P_STRINGS, /* from here on: inside a string that begins at `from` */
    P_NO_END = P_STRINGS,
    P_CONTROL,
    P_UTF8,
    P_ESCAPE,
    P_SURROGATE,
    P_NUL_KEY,
    N_PROBLEMS
};

struct reader {
    struct jdoc *doc;
    struct jval *root;
    struct jlex in;
    bool harmony;
    enum problem problem;
    size_t from; /* where the piece that is wrong begins; it is known up to in.pos */
    char close;  /* the bracket that ends the innermost open container */
};

struct open {
    struct jval *v;
    size_t from; /* its bracket */
};

static bool fail(struct reader *r, enum problem problem)
{
    r->problem = problem;
    return false;
}

/* What comes here is wrong. */
static bool fail_here(struct reader *r, enum problem problem)
{
    r->from = r->in.pos;
    return fail(r, problem);
}

/* ---- pieces --------------------------------------------------------------------------------------------- */

/* The string whose opening quote is here. An escape is never shorter than what it stands for. */
static bool read_string(struct reader *r, struct jtext *out)
{
    static const enum problem of[] = {
        [JLEX_NO_END] = P_NO_END,  [JLEX_CONTROL] = P_CONTROL, [JLEX_ESCAPE] = P_ESCAPE,
        [JLEX_HEX_END] = P_ESCAPE, [JLEX_HEX] = P_ESCAPE,      [JLEX_SURROGATE] = P_SURROGATE};
    struct jlex *x = &r->in, ahead;
    struct jtext piece;
    char escaped[4];
    r->from = x->pos++;
    ahead = *x;
    if (!jlex_skip_string(&ahead))
        return fail(r, P_NO_END);
    char *text = jdoc_take(r->doc, ahead.pos - x->pos), *w = text;
    if (!text)
        return fail(r, P_NO_MEMORY);
    do {
        enum jlex_problem problem = jlex_piece(x, &piece, escaped);
        if (problem)
            return fail(r, of[problem]);
        size_t valid = utf8_valid_prefix((const uint8_t *)piece.s, piece.len);
        if (valid < piece.len) {
            x->pos -= piece.len - valid;
            return fail(r, P_UTF8);
        }
        memcpy(w, piece.s, piece.len);
        w += piece.len;
    } while (piece.len > 0);
    *w = 0;
    *out = (struct jtext){text, (size_t)(w - text)};
    return true;
}

/* Harmony's numbers are printed as the reference prints them; ours must fit int64 or a double. */
static bool read_number(struct reader *r, struct jval *v)
{
    char printed[JNUM_SPACE];
    bool integer;
    int64_t i;
    double d;
    r->from = r->in.pos;
    if (!jlex_number(&r->in, &integer))
        return fail(r, P_VALUE);
    const char *spelt = r->in.text + r->from;
    size_t n = r->in.pos - r->from, len = 0;
    if (r->harmony && !jnum_read(spelt, n, printed))
        return fail(r, P_RANGE);
    if (!r->harmony && integer && !jnum_i64(spelt, n, &i))
        return fail(r, P_BIG);
    if (!r->harmony && !integer && !jnum_f64(spelt, n, &d))
        return fail(r, P_RANGE);
    len = r->harmony ? strlen(printed) : 0;
    char *copy = jdoc_take(r->doc, n + 1 + len + 1);
    if (!copy)
        return fail(r, P_NO_MEMORY);
    memcpy(copy, spelt, n);
    memcpy(copy + n + 1, printed, len);
    v->spelt = (struct jtext){copy, n};
    v->text = r->harmony ? (struct jtext){copy + n + 1, len} : v->spelt;
    return true;
}

static bool read_word(struct reader *r, const char *word)
{
    r->from = r->in.pos;
    return jlex_word(&r->in, word) || fail(r, P_VALUE);
}

/* One value; an array or object is only opened. */
static bool read_value(struct reader *r, struct jval *v)
{
    char c = r->in.pos < r->in.len ? r->in.text[r->in.pos] : 0;
    switch (c) {
    case '{':
    case '[':
        v->type = c == '{' ? J_OBJECT : J_ARRAY;
        r->in.pos++;
        return true;
    case '"': v->type = J_STRING; return read_string(r, &v->text);
    case 't':
    case 'f':
        v->type = J_BOOL;
        v->truth = c == 't';
        return read_word(r, c == 't' ? "true" : "false");
    case 'n': return read_word(r, "null");
    default: v->type = J_NUMBER; return read_number(r, v);
    }
}

/* Reads `"key":` of the next member. */
static bool read_key(struct reader *r, struct jtext *key)
{
    if (r->in.pos >= r->in.len || r->in.text[r->in.pos] != '"')
        return fail_here(r, P_KEY);
    if (!read_string(r, key))
        return false;
    if (!r->harmony && memchr(key->s, 0, key->len))
        return fail(r, P_NUL_KEY);
    if (!jlex_take(&r->in, ':'))
        return fail_here(r, P_COLON);
    jlex_peek(&r->in);
    return true;
}

/* ---- structure ------------------------------------------------------------------------------------------ */

static bool is_open(const struct jval *v)
{
    return v->type == J_ARRAY || v->type == J_OBJECT;
}

static bool end_object(struct reader *r, const struct open *object)
{
    size_t repeat;
    if (!jdoc_settle(r->doc, object->v, &repeat))
        return fail(r, P_NO_MEMORY);
    if (r->harmony || !repeat)
        return true;
    r->from = jdoc_key_at(r->in, object->from, repeat);
    return fail(r, P_REPEATED);
}

/* Closes the containers that end here and steps over the comma before the next child. */
static bool read_ends(struct reader *r, const struct open *stack, size_t *depth, bool fresh)
{
    while (*depth > 0) {
        const struct open *top = &stack[*depth - 1];
        r->close = top->v->type == J_OBJECT ? '}' : ']';
        if (!jlex_take(&r->in, r->close)) {
            if (!fresh && !jlex_take(&r->in, ','))
                return fail_here(r, P_COMMA);
            jlex_peek(&r->in);
            return true;
        }
        if (top->v->type == J_OBJECT && !end_object(r, top))
            return false;
        --*depth;
        fresh = false;
    }
    return true;
}

static bool read_all(struct reader *r)
{
    struct open stack[JDOC_DEPTH];
    size_t depth = 0, most = r->harmony ? HARMONY_DEPTH : JDOC_DEPTH;
    jlex_peek(&r->in);
    do {
        struct jval *top = depth ? stack[depth - 1].v : NULL, *v = jdoc_new(r->doc, J_NULL);
        if (!v)
            return fail(r, P_NO_MEMORY);
        if (top && top->type == J_OBJECT && !read_key(r, &v->key))
            return false;
        if (!read_value(r, v))
            return false;
        if (top)
            jdoc_put(top, NULL, v);
        else
            r->root = v;
        if (is_open(v)) {
            if (depth == most)
                return fail_here(r, P_DEEP);
            stack[depth++] = (struct open){v, r->in.pos - 1};
        }
        if (!read_ends(r, stack, &depth, is_open(v)))
            return false;
    } while (depth > 0);
    jlex_peek(&r->in);
    return r->in.pos == r->in.len || fail_here(r, P_AFTER);
}

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
        [P_NO_END] = "a string without its closing quote",
        [P_CONTROL] = "a control character in a string",
        [P_UTF8] = "a string that is not UTF-8",
        [P_ESCAPE] = "a wrong escape in a string",
        [P_SURROGATE] =
            "half of a surrogate pair (text cut inside a character such as an emoji); write whole characters",
    };
    size_t at = r->problem >= P_STRINGS ? r->in.pos : r->from, line, start;
    bool half = r->problem == P_UTF8 && utf8_is_surrogate((const uint8_t *)r->in.text + at, r->in.len - at);
    place_of(r, at, &line, &start);
    return error_set(err, OSSO_FORMAT, "%s: line %zu, byte %zu: %s", where, line, at - start + 1,
                     words[half ? P_SURROGATE : r->problem]);
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

static enum osso_status refuse(const struct reader *r, const char *where, struct osso_error *err)
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

/* ---- documents ------------------------------------------------------------------------------------------ */

static enum osso_status read_document(bool harmony, const char *text, size_t len, const char *where,
                                      struct jdoc **doc_out, struct osso_error *err)
{
    *doc_out = NULL;
    struct reader r = {.doc = jdoc_create(), .in = {text, len, 0}, .harmony = harmony};
    if (!r.doc)
        return error_nomem(err, 256, where);
    if (read_all(&r)) {
        jdoc_set_root(r.doc, r.root);
        *doc_out = r.doc;
        return OSSO_OK;
    }
    enum osso_status status = r.problem == P_NO_MEMORY ? error_nomem(err, len, where)
                              : harmony                ? harmony_refuse(&r, where, err)
                                                       : refuse(&r, where, err);
    jdoc_release(r.doc);
    return status;
}

enum osso_status jdoc_read(const char *text, size_t len, const char *where, struct jdoc **doc_out,
                           struct osso_error *err)
{
    return read_document(false, text, len, where, doc_out, err);
}

enum osso_status jdoc_read_harmony(const char *text, size_t len, const char *where, struct jdoc **doc_out,
                                   struct osso_error *err)
{
    return read_document(true, text, len, where, doc_out, err);
}

struct jval *jdoc_graft(struct jdoc *doc, const char *text, size_t len)
{
    struct reader r = {.doc = doc, .in = {text, len, 0}, .harmony = true};
    return read_all(&r) ? r.root : NULL;
}
