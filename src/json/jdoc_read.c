/* jdoc_read.c: a JSON text as a tree, by one of two sets of rules (jdoc.h). No recursion: a stack of open values. */
#include "json/jdoc_reader.h"

#include "base/error.h"
#include "base/must.h"
#include "base/utf8.h"
#include "json/jnum.h"

#include <string.h>

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
    bool other = r->harmony && (strlen(printed) != n || memcmp(printed, spelt, n) != 0);
    len = other ? strlen(printed) + 1 : 0;
    char *copy = jdoc_take(r->doc, n + 1 + len);
    if (!copy)
        return fail(r, P_NO_MEMORY);
    memcpy(copy, spelt, n);
    v->text = v->spelt = (struct jtext){copy, n};
    if (other)
        v->text = (struct jtext){memcpy(copy + n + 1, printed, len), len - 1};
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
    size_t depth = 0, most = r->limits ? r->limits->depth : r->harmony ? HARMONY_DEPTH : JDOC_DEPTH, n = 0;
    must(most <= JDOC_DEPTH);
    jlex_peek(&r->in);
    do {
        if (r->limits && n++ == r->limits->values)
            return fail_here(r, P_MANY);
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

/* ---- documents ------------------------------------------------------------------------------------------ */

static enum osso_status read_document(struct reader r, const char *where, struct jdoc **doc_out, struct osso_error *err)
{
    *doc_out = NULL;
    r.doc = jdoc_create();
    if (!r.doc)
        return error_nomem(err, 256, where);
    if (read_all(&r)) {
        jdoc_set_root(r.doc, r.root);
        *doc_out = r.doc;
        return OSSO_OK;
    }
    enum osso_status status = r.problem == P_NO_MEMORY ? error_nomem(err, r.in.len, where)
                                                       : jdoc_refuse(&r, where, err);
    jdoc_release(r.doc);
    return status;
}

enum osso_status jdoc_read(const char *text, size_t len, const char *where, struct jdoc **doc_out,
                           struct osso_error *err)
{
    return read_document((struct reader){.in = {text, len, 0}}, where, doc_out, err);
}

enum osso_status jdoc_read_harmony(const char *text, size_t len, const char *where, struct jdoc **doc_out,
                                   struct osso_error *err)
{
    return read_document((struct reader){.in = {text, len, 0}, .harmony = true}, where, doc_out, err);
}

enum osso_status jdoc_read_limited(const char *text, size_t len, const char *where, const struct jdoc_limits *limits,
                                   struct jdoc **doc_out, struct osso_error *err)
{
    return read_document((struct reader){.in = {text, len, 0}, .harmony = true, .limits = limits}, where, doc_out, err);
}

struct jval *jdoc_graft(struct jdoc *doc, const char *text, size_t len)
{
    struct reader r = {.doc = doc, .in = {text, len, 0}, .harmony = true};
    return read_all(&r) ? r.root : NULL;
}
