/* test_model_tensor.c: the tensors of a model by name, against what the files hold, read here by hand. */
#include "model_test.h"

#include "checkpoint/model_open.h"
#include "model/params.h"

static struct osso_model *open_model(const char *name)
{
    struct osso_model *m;
    struct osso_error err;
    char path[256];
    snprintf(path, sizeof path, "tests/golden/model/%s", name);
    check_ok(osso_model_open(path, &m, &err), err);
    return m;
}

static struct osso_tensor find(const struct osso_model *m, const char *name)
{
    struct osso_tensor t = {.size = sizeof t};
    struct osso_error err;
    check_ok(osso_model_tensor_find(m, name, &t, &err), err);
    assert_string_equal(t.name, name);
    return t;
}

static const uint8_t *file_data(const struct osso_model *m, const char *name)
{
    const struct tensor *t = tensors_find(&m->tensors, name);
    assert_non_null(t);
    return t->data;
}

static float bf16_at(const uint8_t *data, int64_t i)
{
    return bf16_to_f32((uint16_t)(data[2 * i] | data[2 * i + 1] << 8));
}

/* A row by the call, alone and as the last of several. */
static const float *row_of(const struct osso_model *m, const struct osso_tensor *t, int64_t row)
{
    static float one[1 << 16], many[1 << 16];
    struct osso_error err;
    check_ok(osso_model_tensor_rows(m, t->name, row, 1, one, &err), err);
    int64_t first = row > 2 ? row - 2 : 0;
    check_ok(osso_model_tensor_rows(m, t->name, first, row - first + 1, many, &err), err);
    assert_memory_equal(one, many + (row - first) * t->cols, (size_t)t->cols * sizeof *one);
    return one;
}

/* MXFP4 by its definition: blocks of 32 codes in pairs, low half first, and a power of two. */
static float mxfp4_at(const uint8_t *blocks, const uint8_t *scales, int64_t block, int64_t i)
{
    static const float codes[] = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6};
    uint8_t byte = blocks[block * 16 + i / 2];
    int code = i % 2 ? byte >> 4 : byte & 15;
    return ldexpf(code & 8 ? -codes[code & 7] : codes[code & 7], scales[block] - 127);
}

static void test_blocks(void **state)
{
    (void)state;
    struct osso_model *m = open_model("yarn-mxfp4");
    const uint8_t *blocks = file_data(m, "model.layers.1.mlp.experts.gate_up_proj_blocks");
    const uint8_t *scales = file_data(m, "model.layers.1.mlp.experts.gate_up_proj_scales");
    for (int half = 0; half < 2; half++) {
        struct osso_tensor t = find(m, half ? "layers.1.up" : "layers.1.gate");
        assert_string_equal(t.dtype, "MXFP4");
        assert_int_equal(t.rank, 3);
        assert_int_equal(t.shape[0], m->config.n_experts);
        assert_int_equal(t.shape[1], m->config.intermediate);
        assert_int_equal(t.shape[2], m->config.hidden);
        assert_int_equal(t.rows, t.shape[0] * t.shape[1]);
        for (int64_t r = 0; r < t.rows; r++) { /* even rows are gate's, odd ones up's, expert by expert */
            const float *values = row_of(m, &t, r);
            for (int64_t i = 0; i < t.cols; i++)
                assert_true(values[i] == mxfp4_at(blocks, scales, (2 * r + half) * t.cols / 32 + i / 32, i % 32));
        }
    }
    struct osso_tensor t = find(m, "layers.0.up_bias");
    const uint8_t *bias = file_data(m, "model.layers.0.mlp.experts.gate_up_proj_bias");
    assert_int_equal(t.rank, 2);
    for (int64_t r = 0; r < t.rows; r++)
        for (int64_t i = 0; i < t.cols; i++)
            assert_true(row_of(m, &t, r)[i] == bf16_at(bias, (r * t.cols + i) * 2 + 1));
    osso_model_free(m);
}

static void test_transposed(void **state)
{
    (void)state;
    struct osso_model *m = open_model("bf16-export");
    const uint8_t *data = file_data(m, "model.layers.0.mlp.experts.down_proj");
    struct osso_tensor t = find(m, "layers.0.down"); /* the file: [expert][input][output] */
    assert_string_equal(t.dtype, "BF16");
    int64_t outputs = t.shape[1], inputs = t.shape[2];
    for (int64_t r = 0; r < t.rows; r++)
        for (int64_t i = 0; i < inputs; i++)
            assert_true(row_of(m, &t, r)[i] == bf16_at(data, (r / outputs * inputs + i) * outputs + r % outputs));
    osso_model_free(m);
}

static void test_plain(void **state)
{
    (void)state;
    struct osso_model *m = open_model("bf16-export");
    static const char *const names[][2] = {{"embed", "model.embed_tokens.weight"},
                                           {"final_norm", "model.norm.weight"},
                                           {"layers.1.o", "model.layers.1.self_attn.o_proj.weight"},
                                           {"layers.1.sinks", "model.layers.1.self_attn.sinks"},
                                           {"layers.0.router_bias", "model.layers.0.mlp.router.bias"}};
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        struct osso_tensor t = find(m, names[n][0]);
        const uint8_t *data = file_data(m, names[n][1]);
        for (int64_t r = 0; r < t.rows; r++)
            for (int64_t i = 0; i < t.cols; i++)
                assert_true(row_of(m, &t, r)[i] == bf16_at(data, r * t.cols + i));
    }
    osso_model_free(m);
}

static void test_list(void **state)
{
    (void)state;
    static const char *const models[] = {"yarn-mxfp4", "tied-full-first", "bf16-export", "window128-sharded"};
    for (size_t k = 0; k < sizeof models / sizeof *models; k++) {
        struct osso_model *m = open_model(models[k]);
        struct osso_tensor t = {.size = sizeof t}, same;
        struct osso_error err;
        uint64_t values = 0;
        int64_t n = 0;
        for (; osso_model_tensor(m, n, &t, &err) == OSSO_OK; n++) {
            same = find(m, t.name);
            assert_memory_equal(&same, &t, sizeof t);
            int64_t all = 1;
            for (int i = 0; i < t.rank; i++)
                all *= t.shape[i];
            assert_int_equal(all, t.rows * t.cols);
            values += strcmp(t.name, "head") != 0 || !m->config.tied ? (uint64_t)all : 0;
            row_of(m, &t, t.rows - 1);
        }
        assert_int_equal(osso_model_tensor(m, n, &t, &err), OSSO_NOTFOUND);
        assert_int_equal(osso_model_tensor(m, -1, &t, &err), OSSO_NOTFOUND);
        assert_int_equal(n, 3 + 19 * m->config.n_layers);
        assert_int_equal(values, params_total(&m->config));
        if (m->config.tied) {
            struct osso_tensor head = find(m, "head"), embed = find(m, "embed");
            float copy[1 << 12];
            memcpy(copy, row_of(m, &embed, 7), (size_t)embed.cols * sizeof *copy);
            assert_memory_equal(copy, row_of(m, &head, 7), (size_t)head.cols * sizeof *copy);
        }
        osso_model_free(m);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    struct osso_model *m = open_model("yarn-mxfp4");
    struct osso_tensor t = {.size = sizeof t};
    struct osso_error err;
    float *values = NULL; /* nothing is written */
    static const char *const names[] = {"",
                                        "q",
                                        "layers.0.embed",
                                        "layers.-1.q",
                                        "layers.00.q",
                                        "layers.0.q ",
                                        "layers.0",
                                        "layers.0.",
                                        "layers.99.q",
                                        "embed.0",
                                        "Embed",
                                        "layers.4294967296.q",
                                        "layers.0x0.q",
                                        "layers. 0.q",
                                        "layers.+0.q",
                                        "model.embed_tokens.weight"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_int_equal(osso_model_tensor_find(m, names[i], &t, &err), OSSO_NOTFOUND);
        assert_int_equal(osso_model_tensor_rows(m, names[i], 0, 1, values, &err), OSSO_NOTFOUND);
        assert_non_null(strstr(err.text, "osso_model_tensor lists them"));
    }
    assert_int_equal(osso_model_tensor_find(m, NULL, &t, &err), OSSO_NOTFOUND);
    t = find(m, "embed");
    const int64_t bad[][2] = {
        {-1, 1}, {0, -1}, {t.rows, 1}, {0, t.rows + 1}, {1, INT64_MAX}, {INT64_MAX, INT64_MAX}, {INT64_MIN, 1}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(osso_model_tensor_rows(m, "embed", bad[i][0], bad[i][1], values, &err), OSSO_USAGE);
    check_ok(osso_model_tensor_rows(m, "embed", t.rows, 0, values, &err), err);
    t.size = 0;
    assert_int_equal(osso_model_tensor(m, 0, &t, &err), OSSO_USAGE);
    assert_int_equal(osso_model_tensor_find(m, "embed", &t, &err), OSSO_USAGE);
    osso_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_blocks), cmocka_unit_test(test_transposed),
                                       cmocka_unit_test(test_plain), cmocka_unit_test(test_list),
                                       cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
