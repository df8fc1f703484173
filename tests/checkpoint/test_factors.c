/* test_factors.c: NVFP4's factors, tensors beside a matrix: whose they are, and which are refused. */
#include "made_test.h"

#include "base/rng.h"

#include <math.h>

/* Random blocks of NVFP4 in the place of a matrix. */
static void as_nvfp4(struct made *m, const char *name, struct rng *r)
{
    struct tensor *t = find(&m->set, name);
    uint64_t values = 1;
    for (int i = 0; i < t->rank; i++)
        values *= (uint64_t)t->shape[i];
    uint8_t *to = made_bytes(m, values / 64 * 36);
    for (uint64_t i = 0; i < values / 64 * 36; i++)
        to[i] = (uint8_t)(i % 36 < 4 ? 24 + rng_below(r, 40) : rng_below(r, 256));
    t->data = to;
    t->dtype = DT_NVFP4;
    t->bytes = values / 64 * 36;
}

static void add_factors(struct made *m, const char *name, const float *factors, int n)
{
    struct tensor t = {.dtype = DT_F32, .type = "F32", .rank = 1, .shape = {n}, .bytes = (uint64_t)n * sizeof *factors};
    t.data = memcpy(made_bytes(m, t.bytes), factors, (size_t)t.bytes);
    add_tensor(m, t, name);
}

static void check_times(const struct view *plain, const struct view *v, float factor)
{
    for (int64_t r = 0; r < plain->rows; r++)
        for (int64_t c = 0; c < plain->cols; c++)
            assert_true(value_at(v, r, c) == value_at(plain, r, c) * factor);
}

/* The same blocks with and without factors: one of a matrix, one for each expert of a stack. */
static void test_nvfp4_factors(void **state)
{
    (void)state;
    static const float one = 0.37f;
    struct osso_model *m = golden("q8-gguf/model.gguf");
    struct made made = {.set = copy_table(m)};
    float each[64];
    struct osso_error err = {""};
    struct weights plain, w;
    struct rng r;
    int n = m->config.n_experts;
    rng_seed(&r, 40);
    as_nvfp4(&made, "blk.0.attn_output.weight", &r);
    as_nvfp4(&made, "blk.0.ffn_down_exps.weight", &r);
    as_nvfp4(&made, "blk.1.ffn_down_exps.weight", &r);
    check_ok(weights_resolve(&made.set, &m->config, &names_gguf, &plain, &err), err);
    for (int e = 0; e < n; e++)
        each[e] = 0.5f + (float)e;
    add_factors(&made, "blk.0.attn_output.scale", &one, 1);
    add_factors(&made, "blk.0.ffn_down_exps.scale", each, n);
    add_factors(&made, "blk.1.ffn_down_exps.scale", &one, 1);
    check_ok(weights_resolve(&made.set, &m->config, &names_gguf, &w, &err), err);
    check_ok(unused_check(&made.set, &m->config, false, NULL, &err), err);
    check_times(&plain.layers[0].o, &w.layers[0].o, one);
    for (int e = 0; e < n; e++) {
        struct view a = weights_expert_view(&plain.layers[0].down, e), b = weights_expert_view(&w.layers[0].down, e);
        check_times(&a, &b, each[e]);
        a = weights_expert_view(&plain.layers[1].down, e), b = weights_expert_view(&w.layers[1].down, e);
        check_times(&a, &b, one);
    }
    weights_free(&plain);
    weights_free(&w);
    made_free(&made);
    osso_model_free(m);
}

static void test_nvfp4_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name, *words;
        float value;
        int n, rank;
        enum dtype type;
    } cases[] = {{"blk.0.attn_output.scale", "has the type F16; the factor of a matrix is F32", 1, 1, 1, DT_F16},
                 {"blk.0.attn_output.scale", "has 1 dimensions and 2 values", 1, 2, 1, DT_F32},
                 {"blk.0.attn_output.scale", "has 2 dimensions and 1 values", 1, 1, 2, DT_F32},
                 {"blk.0.ffn_down_exps.scale", "must be one, or one for each expert", 1, 3, 1, DT_F32},
                 {"blk.0.attn_output.scale", "factor 0 is nan", NAN, 1, 1, DT_F32},
                 {"blk.0.attn_output.scale", "factor 0 is inf", INFINITY, 1, 1, DT_F32},
                 {"blk.0.attn_output.scale", "factor 0 is -2", -2, 1, 1, DT_F32}};
    struct osso_model *m = golden("q8-gguf/model.gguf");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct made made = {.set = copy_table(m)};
        struct osso_error err = {""};
        struct weights w;
        struct rng r;
        float values[4] = {cases[i].value, 1, 1, 1};
        rng_seed(&r, 41);
        as_nvfp4(&made, "blk.0.attn_output.weight", &r);
        as_nvfp4(&made, "blk.0.ffn_down_exps.weight", &r);
        add_factors(&made, cases[i].name, values, cases[i].n);
        struct tensor *t = find(&made.set, cases[i].name);
        t->dtype = cases[i].type;
        t->type = dtype_info(t->dtype)->name;
        t->shape[1] = 1;
        t->rank = cases[i].rank;
        check_says(weights_resolve(&made.set, &m->config, &names_gguf, &w, &err), err, cases[i].words, cases[i].name);
        made_free(&made);
    }
    osso_model_free(m);
}

/* A factor beside another type, or beside the embedding, is nobody's: without it this would be another model. */
static void test_factor_of_others(void **state)
{
    (void)state;
    static const char *const names[] = {"blk.0.attn_q.scale", "token_embd.scale", "blk.0.attn_output.input_scale"};
    struct osso_model *m = golden("yarn-mxfp4/model.gguf");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct made made = {.set = copy_table(m)};
        struct osso_error err = {""};
        struct weights w;
        const float one = 1;
        add_factors(&made, names[i], &one, 1);
        check_ok(weights_resolve(&made.set, &m->config, &names_gguf, &w, &err), err);
        assert_int_equal(unused_check(&made.set, &m->config, false, NULL, &err), OSSO_UNSUPPORTED);
        assert_non_null(strstr(err.text, "scales of quantized weights"));
        weights_free(&w);
        made_free(&made);
    }
    osso_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nvfp4_factors),
        cmocka_unit_test(test_nvfp4_refused),
        cmocka_unit_test(test_factor_of_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
