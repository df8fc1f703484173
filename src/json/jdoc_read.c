/* jdoc_read.c: a JSON text as a tree, read as openai-harmony reads it. No recursion: a stack of open containers. */
#include "json/jdoc.h"

#include "base/error.h"
#include "base/mem.h"
#include "json/jnum.h"
#include "base/utf8.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* ---- repeated keys -------------------------------------------------------------------------------------- */

struct member {
    struct jval *v;
    size_t place;
};

static int by_key(const void *pa, const void *pb)
{
    const struct member *a = pa, *b = pb;
    int c = jtext_compare(a->v->key, b->v->key);
    return c ? c : (a->place > b->place) - (a->place < b->place);
}

/* m[0..n) have one key: the last value moves to the place of the first, the others become its earlier values. */
static bool settle_key(struct jdoc *doc, struct member *m, size_t n)
{
    struct jval *keep = m[0].v, *next = keep->next, *first = jdoc_new(doc, J_NULL);
    if (!first)
        return false;
    *first = *keep;
    *keep = *m[n - 1].v;
    keep->next = next;
    keep->repeated = true;
    keep->earlier = first;
    for (size_t i = 1; i < n; i++) {
        m[i].v->key.s = NULL; /* leaves the object */
        if (i + 1 < n) {
            m[i].v->earlier = keep->earlier;
            keep->earlier = m[i].v;
        }
    }
    return true;
}

/* The last value of a repeated key takes the place of the first. Sorting keeps an object of a million members from
 * costing a million squared. */
static bool settle_repeats(struct jdoc *doc, struct jval *obj)
{
    size_t n = obj->n_children, i = 0;
    if (n < 2)
        return true;
    struct member *m = mem_array(n, sizeof *m);
    if (!m)
        return false;
    for (struct jval *c = obj->first; c; c = c->next, i++)
        m[i] = (struct member){c, i};
    qsort(m, n, sizeof *m, by_key);
    bool any = false, ok = true;
    for (i = 0; i < n && ok;) {
        size_t end = i + 1;
        while (end < n && jtext_compare(m[i].v->key, m[end].v->key) == 0)
            end++;
        if (end - i > 1) {
            ok = settle_key(doc, m + i, end - i);
            any = true;
        }
        i = end;
    }
    mem_free(m);
    if (!any || !ok)
        return ok;
    struct jval **link = &obj->first;
    obj->last = NULL;
    for (struct jval *c = obj->first; c; c = c->next) {
        if (!c->key.s) {
            obj->n_children--;
            continue;
        }
        *link = obj->last = c;
        link = &c->next;
    }
    *link = NULL;
    return true;
}

/* ---- reading -------------------------------------------------------------------------------------------- */

struct reader {
    struct jdoc *doc;
    struct jval *root;
    const char *s;
    size_t n, at;
    const char *wrong; /* what is wrong at `at` */
    bool no_memory;
};

static bool fail(struct reader *r, const char *wrong)
{
    r->wrong = wrong;
    return false;
}

static bool no_memory(struct reader *r)
{
    r->no_memory = true;
    return false;
}

static void skip_space(struct reader *r)
{
    while (r->at < r->n && memchr(" \t\r\n", r->s[r->at], 4))
        r->at++;
}

static int hex4(const struct reader *r, size_t at)
{
    int v = 0;
    if (r->n - at < 4)
        return -1;
    for (size_t i = at; i < at + 4; i++) {
        char c = r->s[i];
        char low = (char)(c | 0x20);
        int d = c >= '0' && c <= '9' ? c - '0' : low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
        if (d < 0)
            return -1;
        v = v * 16 + d;
    }
    return v;
}

/* The escape at r->at (after the backslash) into w; returns the bytes written, 0 if it is none. */
static unsigned unescape(struct reader *r, char *w)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    if (r->at >= r->n)
        return 0;
    char c = r->s[r->at++];
    const char *name = c ? strchr(names, c) : NULL;
    if (name) {
        *w = values[name - names];
        return 1;
    }
    int unit = c == 'u' ? hex4(r, r->at) : -1;
    if (unit < 0 || (unit >= 0xdc00 && unit < 0xe000))
        return 0;
    r->at += 4;
    uint32_t code = (uint32_t)unit;
    if (unit >= 0xd800 && unit < 0xdc00) {
        int low = r->n - r->at >= 6 && r->s[r->at] == '\\' && r->s[r->at + 1] == 'u' ? hex4(r, r->at + 2) : -1;
        if (low < 0xdc00 || low >= 0xe000)
            return 0;
        r->at += 6;
        code = 0x10000 + ((uint32_t)(unit - 0xd800) << 10) + (uint32_t)(low - 0xdc00);
    }
    return utf8_put((uint8_t *)w, code);
}

/* The string whose opening quote is at r->at. An escape is never shorter than what it stands for. */
static bool read_string(struct reader *r, struct jtext *out)
{
    size_t start = ++r->at, end = start;
    while (end < r->n && r->s[end] != '"')
        end += r->s[end] == '\\' ? 2 : 1;
    if (end >= r->n)
        return fail(r, "a string without its closing quote");
    char *text = jdoc_take(r->doc, end - start + 1), *w = text;
    if (!text)
        return no_memory(r);
    while (r->at < end) {
        uint8_t c = (uint8_t)r->s[r->at];
        if (c == '\\') {
            r->at++;
            unsigned k = unescape(r, w);
            if (k == 0)
                return fail(r, "a wrong escape in a string");
            w += k;
        } else {
            int k = utf8_step((const uint8_t *)r->s + r->at, end - r->at);
            if (c < 0x20)
                return fail(r, "a control character in a string");
            if (k <= 0)
                return fail(r, "a string that is not UTF-8");
            memcpy(w, r->s + r->at, (size_t)k);
            r->at += (size_t)k;
            w += k;
        }
    }
    *w = 0;
    *out = (struct jtext){text, (size_t)(w - text)};
    r->at++;
    return true;
}

static bool read_number(struct reader *r, struct jval *v)
{
    char text[JNUM_SPACE];
    size_t used;
    enum jnum_result result = jnum_read(r->s + r->at, r->n - r->at, &used, text);
    if (result != JNUM_OK)
        return fail(r, result == JNUM_RANGE ? "a number out of range" : "not a JSON value");
    size_t len = strlen(text);
    char *copy = jdoc_take(r->doc, len + 1 + used + 1);
    if (!copy)
        return no_memory(r);
    memcpy(copy, text, len);
    memcpy(copy + len + 1, r->s + r->at, used);
    v->text = (struct jtext){copy, len};
    v->spelt = (struct jtext){copy + len + 1, used};
    r->at += used;
    return true;
}

static bool word(struct reader *r, const char *literal)
{
    size_t n = strlen(literal);
    if (r->n - r->at < n || memcmp(r->s + r->at, literal, n) != 0)
        return false;
    r->at += n;
    return true;
}

/* One value; an array or object is only opened. */
static bool read_value(struct reader *r, struct jval *v)
{
    char c = r->at < r->n ? r->s[r->at] : 0;
    switch (c) {
    case '{':
    case '[':
        v->type = c == '{' ? J_OBJECT : J_ARRAY;
        r->at++;
        return true;
    case '"':
        v->type = J_STRING;
        return read_string(r, &v->text);
    case 't':
    case 'f':
        v->type = J_BOOL;
        v->truth = c == 't';
        return word(r, c == 't' ? "true" : "false") || fail(r, "not a JSON value");
    case 'n':
        return word(r, "null") || fail(r, "not a JSON value");
    default:
        v->type = J_NUMBER;
        return read_number(r, v);
    }
}

/* Reads `"key":` of the next member. */
static bool read_key(struct reader *r, struct jtext *key)
{
    if (r->at >= r->n || r->s[r->at] != '"')
        return fail(r, "a key in quotes is expected");
    if (!read_string(r, key))
        return false;
    skip_space(r);
    if (r->at >= r->n || r->s[r->at] != ':')
        return fail(r, "':' is expected after a key");
    r->at++;
    skip_space(r);
    return true;
}

static bool is_open(const struct jval *v)
{
    return v->type == J_ARRAY || v->type == J_OBJECT;
}

/* Closes the containers that end here and steps over the comma before the next child. */
static bool read_ends(struct reader *r, struct jval **stack, size_t *depth, bool fresh)
{
    while (*depth > 0) {
        struct jval *top = stack[*depth - 1];
        skip_space(r);
        char c = r->at < r->n ? r->s[r->at] : 0;
        if (c == (top->type == J_OBJECT ? '}' : ']')) {
            r->at++;
            if (top->type == J_OBJECT && !settle_repeats(r->doc, top))
                return no_memory(r);
            --*depth;
            fresh = false;
            continue;
        }
        if (!fresh) {
            if (c != ',')
                return fail(r, "',' or the end of a list or object is expected");
            r->at++;
            skip_space(r);
        }
        return true;
    }
    return true;
}

static bool read_all(struct reader *r)
{
    struct jval *stack[JDOC_DEPTH];
    size_t depth = 0;
    skip_space(r);
    do {
        struct jval *top = depth ? stack[depth - 1] : NULL, *v = jdoc_new(r->doc, J_NULL);
        if (!v)
            return no_memory(r);
        if (top && top->type == J_OBJECT && !read_key(r, &v->key))
            return false;
        if (!read_value(r, v))
            return false;
        if (top)
            jdoc_put(top, NULL, v);
        else
            r->root = v;
        if (is_open(v)) {
            if (depth == JDOC_DEPTH)
                return fail(r, "nested too deeply");
            stack[depth++] = v;
        }
        if (!read_ends(r, stack, &depth, is_open(v)))
            return false;
    } while (depth > 0);
    skip_space(r);
    return r->at == r->n || fail(r, "text after the end");
}

enum osso_status jdoc_read(const char *text, size_t len, const char *where, struct jdoc **doc_out,
                           struct osso_error *err)
{
    *doc_out = NULL;
    struct reader r = {.doc = jdoc_create(), .s = text, .n = len};
    if (!r.doc)
        return error_nomem(err, 256, where);
    if (read_all(&r)) {
        jdoc_set_root(r.doc, r.root);
        *doc_out = r.doc;
        return OSSO_OK;
    }
    jdoc_release(r.doc);
    if (r.no_memory)
        return error_nomem(err, len, where);
    size_t line = 1, start = 0, at = r.at < len ? r.at : len;
    for (size_t i = 0; i < at; i++)
        if (text[i] == '\n') {
            line++;
            start = i + 1;
        }
    return error_set(err, OSSO_FORMAT, "%s: line %zu, byte %zu: %s", where, line, at - start + 1, r.wrong);
}

struct jval *jdoc_graft(struct jdoc *doc, const char *text, size_t len)
{
    struct reader r = {.doc = doc, .s = text, .n = len};
    return read_all(&r) ? r.root : NULL;
}
