/* jdoc.c: the nodes of a JSON document and their arena. jdoc_read.c reads one, jwrite.c writes. */
#include "json/jdoc.h"

#include "base/mem.h"

#include <stdint.h>
#include <string.h>

struct block {
    struct block *next;
    size_t used, size;
    _Alignas(16) char data[];
};

struct jdoc {
    struct block *blocks;
    struct jval *root;
    size_t n_refs;
};

/* ---- the arena ------------------------------------------------------------------------------------------ */

void *jdoc_take(struct jdoc *doc, size_t bytes)
{
    struct block *b = doc->blocks;
    if (bytes > SIZE_MAX / 4)
        return NULL;
    bytes = (bytes + 15) & ~(size_t)15;
    if (!b || b->size - b->used < bytes) {
        size_t size = b && b->size < ((size_t)1 << 20) ? b->size * 2 : b ? b->size : 1024;
        if (size < bytes)
            size = bytes;
        b = mem_alloc(sizeof *b + size);
        if (!b)
            return NULL;
        b->size = size;
        b->next = doc->blocks;
        doc->blocks = b;
    }
    void *p = b->data + b->used;
    b->used += bytes;
    return p;
}

struct jdoc *jdoc_create(void)
{
    struct jdoc *doc = mem_alloc(sizeof *doc);
    if (doc)
        doc->n_refs = 1;
    return doc;
}

struct jdoc *jdoc_keep(struct jdoc *doc)
{
    doc->n_refs++;
    return doc;
}

void jdoc_release(struct jdoc *doc)
{
    if (!doc || --doc->n_refs > 0)
        return;
    while (doc->blocks) {
        struct block *next = doc->blocks->next;
        mem_free(doc->blocks);
        doc->blocks = next;
    }
    mem_free(doc);
}

const struct jval *jdoc_root(const struct jdoc *doc)
{
    return doc->root;
}

void jdoc_set_root(struct jdoc *doc, struct jval *root)
{
    doc->root = root;
}

/* ---- nodes ---------------------------------------------------------------------------------------------- */

struct jval *jdoc_new(struct jdoc *doc, enum jtype type)
{
    struct jval *v = jdoc_take(doc, sizeof *v);
    if (v)
        v->type = type;
    return v;
}

struct jval *jdoc_string(struct jdoc *doc, const char *s, size_t len)
{
    struct jval *v = jdoc_new(doc, J_STRING);
    char *copy = v ? jdoc_take(doc, len + 1) : NULL;
    if (!copy)
        return NULL;
    if (len)
        memcpy(copy, s, len);
    v->text = (struct jtext){copy, len};
    return v;
}

struct jval *jdoc_put(struct jval *parent, const char *key, struct jval *value)
{
    if (!parent || !value)
        return NULL;
    if (key)
        value->key = (struct jtext){key, strlen(key)};
    if (parent->last)
        parent->last->next = value;
    else
        parent->first = value;
    parent->last = value;
    parent->n_children++;
    return value;
}

bool jtext_is(struct jtext t, const char *literal)
{
    return t.s && t.len == strlen(literal) && memcmp(t.s, literal, t.len) == 0;
}

int jtext_compare(struct jtext a, struct jtext b)
{
    int c = memcmp(a.s, b.s, a.len < b.len ? a.len : b.len);
    return c ? c : (a.len > b.len) - (a.len < b.len);
}

const struct jval *jval_get(const struct jval *v, const char *key)
{
    if (v && v->type == J_OBJECT)
        for (const struct jval *c = v->first; c; c = c->next)
            if (jtext_is(c->key, key))
                return c;
    return NULL;
}

const struct jval *jval_given(const struct jval *v, const char *key)
{
    const struct jval *m = jval_get(v, key);
    return m && m->type != J_NULL ? m : NULL;
}

const struct jval *jval_get_type(const struct jval *v, const char *key, enum jtype type)
{
    const struct jval *c = jval_get(v, key);
    return c && c->type == type ? c : NULL;
}
