/* test_params.c: every tensor is told of once and wholly, whatever the file form; an arena holds the same model,
 * and who changes a value there, or gives an expert an addition of its own, changes what the forward pass computes. */
#include "forward_test.h"

#include "base/error.h"
#include "engine/engine_parts.h"
#include "model/params.h"

enum { N_ROWS = 24, RANK = 3 };

static const char *const models[] = {"yarn-mxfp4",      "yarn-mxfp4/model.gguf", "f32-gguf",    "f32-gguf/model.gguf",
                                     "q8-gguf",         "q8-gguf/model.gguf",    "bf16-export", "f16-sliding",
                                     "tied-full-first", "window128-sharded"};
enum { N_MODELS = sizeof models / sizeof models[0] };

static const char *golden(const char *name)
{
    static char path[512], relative[128];
    snprintf(relative, sizeof relative, "tests/golden/model/%s", name);
    return test_path(path, sizeof path, relative);
}

static struct bare open_bare(const char *name)
{
    return bare_open(golden(name), N_ROWS, KV_F32, 0);
}

/* The logits of some ids, computed with these weights. */
static float *logits_of(struct bare *b, const struct weights *w)
{
    int32_t ids[N_ROWS];
    size_t bytes = N_ROWS * (size_t)b->model->config.vocab * sizeof(float);
    float *out = malloc(bytes);
    for (int i = 0; i < N_ROWS; i++)
        ids[i] = (int32_t)((i * 37 + 11) % b->model->config.vocab);
    b->forward.weights = w;
    bare_run(b, ids, N_ROWS);
    memcpy(out, b->forward.acts.logits, bytes);
    return out;
}

/* ---- the walk ------------------------------------------------------------------------------------------- */

struct seen {
    const struct osso_model *model;
    uint8_t *times[8]; /* per file: how often each byte was told of */
    int n[N_PARAMS];
    uint64_t values;
    int stop_at;
};

static void mark(struct seen *seen, const uint8_t *data, int64_t bytes)
{
    for (int i = 0; i < seen->model->tensors.n_maps && seen->times[i]; i++) {
        const struct file_map *map = &seen->model->tensors.maps[i];
        if (data >= map->data && data + bytes <= map->data + map->size)
            for (int64_t k = 0; k < bytes; k++)
                seen->times[i][data - map->data + k]++;
    }
}

static enum osso_status note(void *user, const struct param_piece *p, struct osso_error *err)
{
    struct seen *seen = user;
    const struct config *c = &seen->model->config;
    if (seen->stop_at && --seen->stop_at == 0)
        return error_set(err, OSSO_NOMEM, "full at %s", p->param->name);
    assert_true(p->layer == -1 ? !p->param->each : p->param->each && p->layer < c->n_layers);
    seen->n[p->param->id] += p->part == PART_VALUES;
    if (p->part == PART_VALUES) {
        seen->values += (uint64_t)(p->stack * p->rows * p->columns);
        assert_int_equal(p->stack * p->rows * p->columns, params_values(c, p->param));
    }
    const uint8_t *end = p->data;
    for (int64_t s = 0; s < p->stack; s++)
        for (int64_t r = 0; r < p->rows; r++)
            for (int64_t k = 0; k < (p->column_stride ? p->columns : 1); k++) {
                int64_t bytes = p->column_stride ? dtype_info(p->dtype)->block_bytes : p->row_bytes;
                const uint8_t *at = p->data + s * p->stack_stride + r * p->row_stride + k * p->column_stride;
                mark(seen, at, bytes);
                end = at + bytes > end ? at + bytes : end;
            }
    assert_true(end == p->data + p->bytes);
    return OSSO_OK;
}

/* Every byte of every tensor belongs to one piece; only vectors that were widened are elsewhere. */
static void test_walk(void **state)
{
    (void)state;
    for (int i = 0; i < N_MODELS; i++) {
        struct osso_error err = {""};
        struct seen seen = {0};
        struct osso_model *m;
        check_ok(osso_model_open(golden(models[i]), &m, &err), err);
        seen.model = m;
        for (int k = 0; k < m->tensors.n_maps; k++)
            seen.times[k] = calloc(m->tensors.maps[k].size, 1);
        check_ok(weights_each(&m->weights, &m->config, note, &seen, &err), err);
        uint64_t tied_head = m->config.tied ? 0 : 1;
        for (int id = 0; id < N_PARAMS; id++)
            assert_int_equal(seen.n[id], params_of((enum param_id)id)->each ? m->config.n_layers
                                         : id == PARAM_head                 ? (int)tied_head
                                                                            : 1);
        assert_int_equal(seen.values, params_total(&m->config));
        for (int64_t t = 0; t < m->tensors.n; t++) {
            const struct tensor *x = &m->tensors.list[t];
            uint8_t want = x->rank > 1 || (x->dtype == DT_F32 && (uintptr_t)x->data % 4 == 0);
            const uint8_t *times = seen.times[x->map] + (x->data - m->tensors.maps[x->map].data);
            for (uint64_t b = 0; b < x->bytes; b++)
                if (times[b] != want)
                    fail_msg("%s: byte %d of %s: told of %d times", models[i], (int)b, x->name, times[b]);
        }
        seen.stop_at = 9;
        assert_int_equal(weights_each(&m->weights, &m->config, note, &seen, &err), OSSO_NOMEM);
        assert_non_null(strstr(err.text, "full at "));
        assert_int_equal(seen.stop_at, 0); /* nothing was told after it */
        for (int k = 0; k < m->tensors.n_maps; k++)
            free(seen.times[k]);
        osso_model_free(m);
    }
}

/* ---- an arena ------------------------------------------------------------------------------------------- */

static float *arena_make(const struct config *c)
{
    return mem_pages((size_t)params_count(c) * sizeof(float));
}

static void arena_free(float *arena, const struct config *c)
{
    mem_pages_free(arena, (size_t)params_count(c) * sizeof(float));
}

struct offsets {
    const struct config *config;
    const float *arena;
    int64_t end, n, list[600];
};

static enum osso_status note_offset(void *user, const struct param_piece *p, struct osso_error *err)
{
    struct offsets *o = user;
    (void)err;
    int64_t off = (const float *)(const void *)p->data - o->arena, values = p->stack * p->rows * p->columns;
    assert_true(p->part == PART_VALUES && p->dtype == DT_F32 && p->column_stride == 0 && off % 16 == 0);
    assert_int_equal(p->bytes, values * 4); /* adjacent */
    assert_true(off >= o->end && off + values <= params_count(o->config));
    o->end = off + values;
    o->list[o->n++] = off;
    return OSSO_OK;
}

/* Tensors lie one after the other, and at equal places in every arena of a configuration. */
static void test_offsets(void **state)
{
    (void)state;
    for (int i = 0; i < N_MODELS; i++) {
        struct osso_error err = {""};
        struct osso_model *m;
        struct offsets o[2];
        check_ok(osso_model_open(golden(models[i]), &m, &err), err);
        const struct config *c = &m->config;
        assert_true(params_count(c) >= (int64_t)params_total(c));
        assert_true(params_count(c) < (int64_t)params_total(c) + 16 * 24 * (c->n_layers + 1));
        for (int k = 0; k < 2; k++) {
            struct weights w;
            float *arena = arena_make(c);
            o[k] = (struct offsets){.config = c, .arena = arena};
            check_ok(params_bind(c, arena, &w, &err), err);
            check_ok(weights_each(&w, c, note_offset, &o[k], &err), err);
            assert_true(c->tied == (w.head.data == w.embed.data));
            assert_true(params_count(c) - o[k].end < 16);
            weights_free(&w);
            arena_free(arena, c);
        }
        assert_true(o[0].n == o[1].n);
        assert_memory_equal(o[0].list, o[1].list, (size_t)o[0].n * sizeof(int64_t));
        osso_model_free(m);
    }
}

/* Exact logits of the values in an arena are those of the model, bit for bit: the trainer's forward is the engine's. */
static void test_fill(void **state)
{
    (void)state;
    for (int i = 0; i < N_MODELS; i++) {
        struct osso_error err = {""};
        struct bare b = open_bare(models[i]);
        const struct config *c = &b.model->config;
        struct weights w;
        float *arena = arena_make(c);
        check_ok(params_bind(c, arena, &w, &err), err);
        params_fill(c, &b.model->weights, &w);
        float *want = logits_of(&b, &b.model->weights), *have = logits_of(&b, &w);
        if (memcmp(want, have, N_ROWS * (size_t)c->vocab * sizeof *want) != 0)
            fail_msg("%s: the arena gives other bits", models[i]);
        free(want);
        free(have);
        weights_free(&w);
        arena_free(arena, c);
        bare_close(&b);
    }
}

static void test_missing(void **state)
{
    (void)state;
    struct osso_error err = {""};
    struct osso_model *m;
    struct weights from, w;
    check_ok(osso_model_open(golden("yarn-mxfp4"), &m, &err), err);
    const struct config *c = &m->config;
    float *arena = arena_make(c);
    for (int64_t i = 0; i < params_count(c); i++)
        arena[i] = 7;
    check_ok(weights_share(&m->weights, c->n_layers, &from, &err), err);
    from.layers[1].sinks = from.layers[1].o_bias = NULL;
    from.layers[1].up_bias = (struct expert_bias){0};
    check_ok(params_bind(c, arena, &w, &err), err);
    params_fill(c, &from, &w);
    const struct layer_weights *l = &w.layers[1];
    assert_true(l->sinks[0] == -INFINITY && l->sinks[c->n_heads - 1] == -INFINITY);
    assert_true(l->o_bias[0] == 0 && l->o_bias[c->hidden - 1] == 0);
    struct vec last = weights_expert_vec(&l->up_bias, c->n_experts - 1);
    assert_true(vec_at(&last, c->intermediate - 1) == 0);
    struct seen seen = {.model = m};
    check_ok(weights_each(&from, c, note, &seen, &err), err);
    assert_int_equal(seen.n[PARAM_sinks], c->n_layers - 1);
    assert_int_equal(seen.n[PARAM_up_bias], c->n_layers - 1);
    assert_true(params_optional(params_of(PARAM_sinks)) && !params_optional(params_of(PARAM_mlp_norm)));
    weights_free(&from);
    weights_free(&w);
    arena_free(arena, c);
    osso_model_free(m);
}

/* ---- who owns the values changes them ------------------------------------------------------------------- */

static float *at(const void *values)
{
    return (float *)(uintptr_t)values;
}

/* One value of each kind. */
static float *value_of(const struct weights *w, int which)
{
    const struct layer_weights *l = &w->layers[1];
    const void *values[] = {w->final_norm,           l->attn_norm, l->q_bias,        l->sinks,    l->router_bias,
                            l->down_bias.first.data, l->o.data,    l->up.first.data, w->head.data};
    return which < (int)(sizeof values / sizeof *values) ? at(values[which]) + 1 : NULL;
}

static void test_update(void **state)
{
    (void)state;
    struct osso_error err = {""};
    struct bare b = open_bare("f32-gguf");
    const struct config *c = &b.model->config;
    size_t bytes = N_ROWS * (size_t)c->vocab * sizeof(float);
    struct weights w, other;
    float *arena = arena_make(c), *second = arena_make(c);
    check_ok(params_bind(c, arena, &w, &err), err);
    check_ok(params_bind(c, second, &other, &err), err);
    params_fill(c, &b.model->weights, &w);
    float *before = logits_of(&b, &w);
    for (int i = 0; value_of(&w, i); i++) {
        float old = *value_of(&w, i);
        *value_of(&w, i) = old + 0.75f;
        float *after = logits_of(&b, &w);
        assert_memory_not_equal(before, after, bytes);
        params_fill(c, &w, &other); /* a model that never had another value */
        float *fresh = logits_of(&b, &other);
        assert_memory_equal(after, fresh, bytes);
        *value_of(&w, i) = old;
        free(after);
        free(fresh);
    }
    float *again = logits_of(&b, &w);
    assert_memory_equal(before, again, bytes);
    free(before);
    free(again);
    weights_free(&w);
    weights_free(&other);
    arena_free(arena, c);
    arena_free(second, c);
    bare_close(&b);
}

/* f32 vectors of a file are not copied; the others are, once. */
static void test_in_place(void **state)
{
    (void)state;
    struct osso_error err = {""};
    struct osso_model *m;
    check_ok(osso_model_open(golden("yarn-mxfp4/model.gguf"), &m, &err), err);
    assert_ptr_equal(m->weights.layers[2].sinks, tensors_find(&m->tensors, "blk.2.attn_sinks.weight")->data);
    assert_ptr_equal(m->weights.final_norm, tensors_find(&m->tensors, "output_norm.weight")->data);
    assert_null(m->weights.vectors);
    osso_model_free(m);
    check_ok(osso_model_open(golden("yarn-mxfp4"), &m, &err), err);
    const float *first = m->weights.vectors, *end = first + params_total(&m->config);
    assert_true(m->weights.layers[2].sinks >= first && m->weights.layers[2].sinks < end);
    osso_model_free(m);
}

/* ---- low-rank additions --------------------------------------------------------------------------------- */

struct adapter {
    struct lowrank *list; /* one per expert */
    float *values;
};

static struct adapter adapter_make(const struct view *w, int n_experts, uint64_t seed)
{
    struct adapter x = {calloc((size_t)n_experts, sizeof *x.list), NULL};
    size_t each = (size_t)(RANK * (w->rows + w->cols));
    struct rng rng;
    rng_seed(&rng, seed);
    x.values = calloc(each * (size_t)n_experts, sizeof *x.values);
    for (size_t i = 0; i < each * (size_t)n_experts; i++)
        x.values[i] = (float)(rng_unit(&rng) - 0.5);
    for (int e = 0; e < n_experts; e++) {
        float *a = x.values + each * (size_t)e;
        x.list[e] = (struct lowrank){RANK, 0.25f * (float)(e + 1), a, a + RANK * w->cols};
    }
    return x;
}

static void adapter_free(struct adapter *x)
{
    free(x->list);
    free(x->values);
}

/* W += scale * B A, in the arena. */
static void add_dense(const struct view *w, const struct lowrank *x)
{
    for (int64_t r = 0; r < w->rows; r++)
        for (int64_t k = 0; k < w->cols; k++) {
            double sum = 0;
            for (int j = 0; j < x->rank; j++)
                sum += (double)x->b[r * x->rank + j] * x->a[j * w->cols + k];
            at(w->data + r * w->row_stride)[k] += (float)(x->scale * sum);
        }
}

static double distance(const float *a, const float *b, size_t n)
{
    double most = 0;
    for (size_t i = 0; i < n; i++)
        most = fmax(most, fabs((double)a[i] - b[i]));
    return most;
}

/* Each expert has its own addition: logits as with W + scale B A, and not as if all had expert 0's. */
static void test_adapters(void **state)
{
    (void)state;
    struct osso_error err = {""};
    struct bare b = open_bare("f32-gguf");
    const struct config *c = &b.model->config;
    size_t n = N_ROWS * (size_t)c->vocab;
    struct weights dense, low;
    float *arena = arena_make(c);
    check_ok(params_bind(c, arena, &dense, &err), err);
    params_fill(c, &b.model->weights, &dense);
    check_ok(weights_share(&b.model->weights, c->n_layers, &low, &err), err);
    float *plain = logits_of(&b, &low);
    struct expert_matrix *const to[] = {&low.layers[1].gate, &low.layers[1].up, &low.layers[1].down};
    const struct expert_matrix *const full[] = {&dense.layers[1].gate, &dense.layers[1].up, &dense.layers[1].down};
    struct adapter x[3];
    for (int i = 0; i < 3; i++) {
        x[i] = adapter_make(&to[i]->first, c->n_experts, 40 + (uint64_t)i);
        to[i]->first.lowrank = x[i].list;
        for (int e = 0; e < c->n_experts; e++) {
            struct view v = weights_expert_view(full[i], e);
            add_dense(&v, &x[i].list[e]);
        }
    }
    float *want = logits_of(&b, &dense), *have = logits_of(&b, &low);
    assert_true(distance(want, plain, n) > 0.05);
    assert_true(distance(want, have, n) < 1e-3);
    struct seen seen = {.model = b.model};
    uint64_t count = params_total(c);
    check_ok(weights_each(&low, c, note, &seen, &err), err);
    assert_int_equal(seen.values, count); /* additions are told of too, as parts of their own */
    for (int i = 0; i < 3; i++)
        for (int e = 1; e < c->n_experts; e++)
            x[i].list[e] = x[i].list[0];
    float *all_zeros = logits_of(&b, &low);
    assert_true(distance(all_zeros, have, n) > 0.05);
    for (int i = 0; i < 3; i++)
        adapter_free(&x[i]);
    free(plain);
    free(want);
    free(have);
    free(all_zeros);
    weights_free(&low);
    weights_free(&dense);
    arena_free(arena, c);
    bare_close(&b);
}

/* An engine's adapter is its own: another engine over the same model has the bits it had. */
static void test_engines(void **state)
{
    (void)state;
    struct osso_engine_options o = engine_options(true, 128);
    struct rig a = rig_open(golden("yarn-mxfp4"), &o), b = {.model = a.model, .vocab = a.vocab};
    check_ok(osso_engine_create(a.model, &o, &b.engine, &b.err), b.err);
    size_t bytes = N_ROWS * (size_t)a.vocab * sizeof(float);
    int32_t ids[N_ROWS];
    for (int i = 0; i < N_ROWS; i++)
        ids[i] = i + 3;
    float *before = all_logits(&a, ids, N_ROWS, 0);
    struct adapter x = adapter_make(&a.engine->weights.layers[0].q, 1, 9);
    a.engine->weights.layers[0].q.lowrank = x.list;
    float *adapted = all_logits(&a, ids, N_ROWS, 0), *other = all_logits(&b, ids, N_ROWS, 0);
    assert_memory_not_equal(adapted, before, bytes);
    assert_memory_equal(other, before, bytes);
    assert_null(a.model->weights.layers[0].q.lowrank);
    adapter_free(&x);
    free(before);
    free(adapted);
    free(other);
    osso_engine_free(b.engine);
    rig_close(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_walk),     cmocka_unit_test(test_offsets), cmocka_unit_test(test_fill),
        cmocka_unit_test(test_missing),  cmocka_unit_test(test_update),  cmocka_unit_test(test_in_place),
        cmocka_unit_test(test_adapters), cmocka_unit_test(test_engines),
    };
    return cmocka_run_group_tests_name("params", tests, NULL, NULL);
}
