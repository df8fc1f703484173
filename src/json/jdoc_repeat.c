/* jdoc_repeat.c: objects in which a key is there more than once. */
#include "json/jdoc.h"

#include "base/mem.h"

#include <stdlib.h>

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

size_t jdoc_key_at(struct jlex text, size_t object, size_t n)
{
    size_t depth = 0;
    text.pos = object + 1;
    while (depth > 0 || n > 0) {
        char c = jlex_peek(&text);
        text.pos++;
        if (c == '"')
            jlex_skip_string(&text);
        else if (c == '{' || c == '[')
            depth++;
        else if (c == '}' || c == ']')
            depth--;
        else if (c == ',' && depth == 0)
            n--;
    }
    jlex_peek(&text);
    return text.pos;
}

/* Sorting keeps an object of a million members from costing a million squared. */
bool jdoc_settle(struct jdoc *doc, struct jval *obj, size_t *repeat_out)
{
    size_t n = obj->n_children, i = 0;
    *repeat_out = 0;
    if (n < 2)
        return true;
    struct member *m = mem_array(n, sizeof *m);
    if (!m)
        return false;
    for (struct jval *c = obj->first; c; c = c->next, i++)
        m[i] = (struct member){c, i};
    qsort(m, n, sizeof *m, by_key);
    bool ok = true;
    for (i = 0; i < n && ok;) {
        size_t end = i + 1;
        while (end < n && jtext_compare(m[i].v->key, m[end].v->key) == 0)
            end++;
        if (end - i > 1) {
            ok = settle_key(doc, m + i, end - i);
            if (*repeat_out == 0 || m[i + 1].place < *repeat_out)
                *repeat_out = m[i + 1].place;
        }
        i = end;
    }
    mem_free(m);
    if (!*repeat_out || !ok)
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
