/* weights_test.h: golden models by name, their weights compared value by value, and tables of their tensors that tests
 * change. */
#ifndef OSSO_WEIGHTS_TEST_H
#define OSSO_WEIGHTS_TEST_H

#include "test.h"

#include "checkpoint/model_open.h"
#include "checkpoint/weights_resolve.h"
#include "format/tensors_build.h"

static inline struct osso_model *golden(const char *name)
{
    char path[512], relative[128];
    struct osso_model *m;
    struct osso_error err;
    snprintf(relative, sizeof relative, "tests/golden/model/%s", name);
    check_ok(osso_model_open(test_path(path, sizeof path, relative), &m, &err), err);
    return m;
}

/* Value [row][col] of a view, by the definition of its format. */
static inline float value_at(const struct view *v, int64_t row, int64_t col)
{
    int block = dtype_info(v->dtype)->block;
    float values[DTYPE_MAX_BLOCK];
    view_values(v, row, col / block * block, block, values);
    return values[col % block];
}

static inline void check_view(const struct view *a, const struct view *b, const char *what)
{
    assert_true(a->rows == b->rows && a->cols == b->cols);
    for (int64_t r = 0; r < a->rows; r++)
        for (int64_t c = 0; c < a->cols; c++)
            if (value_at(a, r, c) != value_at(b, r, c))
                fail_msg("%s[%d][%d]: %g and %g", what, (int)r, (int)c, value_at(a, r, c), value_at(b, r, c));
}

static inline void check_floats(const float *a, const float *b, int64_t n, const char *what)
{
    for (int64_t i = 0; i < n; i++)
        if (a[i] != b[i])
            fail_msg("%s[%d]: %g and %g", what, (int)i, a[i], b[i]);
}

static inline void check_vec(const struct vec *a, const struct vec *b, const char *what)
{
    assert_int_equal(a->n, b->n);
    for (int64_t i = 0; i < a->n; i++)
        if (vec_at(a, i) != vec_at(b, i))
            fail_msg("%s[%d]: %g and %g", what, (int)i, vec_at(a, i), vec_at(b, i));
}

static inline void check_layer(const struct osso_model *a, const struct osso_model *b, int l)
{
    const struct config *c = &a->config;
    const struct layer_weights *x = &a->weights.layers[l], *y = &b->weights.layers[l];
    int64_t q = (int64_t)c->n_heads * c->head_dim, kv = (int64_t)c->n_kv_heads * c->head_dim;
    check_floats(x->attn_norm, y->attn_norm, c->hidden, "attn_norm");
    check_floats(x->mlp_norm, y->mlp_norm, c->hidden, "mlp_norm");
    check_view(&x->q, &y->q, "q");
    check_view(&x->k, &y->k, "k");
    check_view(&x->v, &y->v, "v");
    check_view(&x->o, &y->o, "o");
    check_floats(x->q_bias, y->q_bias, q, "q_bias");
    check_floats(x->k_bias, y->k_bias, kv, "k_bias");
    check_floats(x->v_bias, y->v_bias, kv, "v_bias");
    check_floats(x->o_bias, y->o_bias, c->hidden, "o_bias");
    check_floats(x->sinks, y->sinks, c->n_heads, "sinks");
    check_view(&x->router, &y->router, "router");
    check_floats(x->router_bias, y->router_bias, c->n_experts, "router_bias");
    for (int e = 0; e < c->n_experts; e++) {
        struct expert ex, ey;
        a->weights.source.get(&a->weights.source, l, e, &ex);
        b->weights.source.get(&b->weights.source, l, e, &ey);
        check_view(&ex.gate, &ey.gate, "gate");
        check_view(&ex.up, &ey.up, "up");
        check_view(&ex.down, &ey.down, "down");
        check_vec(&ex.gate_bias, &ey.gate_bias, "gate_bias");
        check_vec(&ex.up_bias, &ey.up_bias, "up_bias");
        check_vec(&ex.down_bias, &ey.down_bias, "down_bias");
    }
}

static inline void check_weights(const struct osso_model *a, const struct weights *w)
{
    struct osso_model b = {.weights = *w};
    b.weights.source.model = w;
    check_view(&a->weights.embed, &w->embed, "embed");
    check_view(&a->weights.head, &w->head, "head");
    check_floats(a->weights.final_norm, w->final_norm, a->config.hidden, "final_norm");
    for (int l = 0; l < a->config.n_layers; l++)
        check_layer(a, &b, l);
}

static inline struct tensor *find(struct tensors *set, const char *name)
{
    struct tensor *t = (struct tensor *)(uintptr_t)tensors_find(set, name);
    if (!t)
        fail_msg("no tensor %s", name);
    return t;
}

/* A model's tensors in a table that tests change. */
static inline struct tensors copy_table(const struct osso_model *m)
{
    struct tensors set = {0};
    struct osso_error err;
    for (int64_t i = 0; i < m->tensors.n; i++) {
        struct tensor t = m->tensors.list[i];
        t.used = false;
        check_ok(tensors_add(&set, &t, &err), err);
    }
    return set;
}

static inline void rename_tensor(struct tensors *set, const char *from, const char *to)
{
    struct osso_error err;
    struct tensor *t = find(set, from);
    mem_free(t->name);
    t->name = mem_strdup(to);
    check_ok(tensors_sort(set, &err), err);
}

#endif
