/* made_test.h: a golden model's table of tensors with some that a test made, and whether it shows the same values. */
#ifndef OSSO_MADE_TEST_H
#define OSSO_MADE_TEST_H

#include "file_test.h"
#include "weights_test.h"

#include "checkpoint/unused.h"

/* Tensors that a test made: freed together. */
struct made {
    struct tensors set;
    uint8_t *data[128];
    int n;
};

static inline uint8_t *made_bytes(struct made *m, uint64_t bytes)
{
    assert_true(m->n < 128);
    return m->data[m->n++] = calloc(1, (size_t)bytes);
}

static inline void made_free(struct made *m)
{
    tensors_close(&m->set);
    while (m->n > 0)
        free(m->data[--m->n]);
}

static inline void add_tensor(struct made *m, struct tensor t, const char *name)
{
    struct osso_error err;
    t.name = (char *)(uintptr_t)name;
    check_ok(tensors_add(&m->set, &t, &err), err);
    check_ok(tensors_sort(&m->set, &err), err);
}

static inline void drop(struct made *m, const char *name)
{
    struct tensor *t = find(&m->set, name);
    mem_free(t->name);
    memmove(t, t + 1, (size_t)(m->set.list + m->set.n - (t + 1)) * sizeof *t);
    m->set.n--;
}

static inline void check_resolved(struct osso_model *m, struct made *made, const struct names *names)
{
    struct weights w;
    struct osso_error err = {""};
    check_ok(weights_resolve(&made->set, &m->config, names, &w, &err), err);
    check_ok(unused_check(&made->set, &m->config, false, NULL, &err), err);
    check_weights(m, &w);
    weights_free(&w);
}

#endif
