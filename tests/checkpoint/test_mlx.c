/* test_mlx.c: a golden model's tensors as mlx-lm lays them out must show the same values; packed ones those of their
 * definition, as config.json says of them. */
#include "made_test.h"

#include "base/rng.h"

#include "checkpoint/packed.h"
#include "json/jdoc.h"

/* A matrix of `bits`-bit codes in place of module.weight, with scales and offsets of this type; its values, as the
 * definition says them, in *values_out. */
static void pack_matrix(struct made *m, const char *module, int bits, int64_t group, enum dtype side,
                        float **values_out)
{
    static char names[8][3][128];
    static int next;
    char(*name)[128] = names[next++ % 8];
    uint64_t seed = (uint64_t)bits * 1000 + (uint64_t)group;
    snprintf(name[0], 128, "%s.weight", module);
    snprintf(name[1], 128, "%s.scales", module);
    snprintf(name[2], 128, "%s.biases", module);
    struct tensor was = *find(&m->set, name[0]), codes = was, sides[2];
    int64_t cols = was.shape[was.rank - 1], n = 1, side_bytes = dtype_info(side)->block_bytes;
    for (int i = 0; i < was.rank; i++)
        n *= was.shape[i];
    float *values = *values_out = calloc((size_t)n, sizeof *values);
    uint8_t *bytes = made_bytes(m, (uint64_t)(n / 8 * bits));
    struct rng r;
    rng_seed(&r, seed);
    for (int i = 0; i < 2; i++) {
        sides[i] = was;
        sides[i].shape[was.rank - 1] = cols / group;
        sides[i].bytes = (uint64_t)(n / group * side_bytes);
        uint8_t *to = made_bytes(m, sides[i].bytes);
        sides[i].data = to;
        sides[i].dtype = side;
        for (int64_t g = 0; g < n / group; g++) {
            float v = (float)(rng_unit(&r) * 2 - 1); /* scales of both signs */
            dtype_info(side)->pack(&v, to + g * side_bytes, NULL);
        }
    }
    for (int64_t i = 0; i < n; i++) {
        int code = (int)rng_below(&r, 1u << bits);
        float scale, offset;
        for (int b = 0; b < bits; b++)
            bytes[(i * bits + b) / 8] |= (uint8_t)((code >> b & 1) << ((i * bits + b) % 8));
        dtype_info(side)->unpack(sides[0].data + i / group * side_bytes, NULL, &scale);
        dtype_info(side)->unpack(sides[1].data + i / group * side_bytes, NULL, &offset);
        values[i] = (float)((double)scale * code + (double)offset);
    }
    codes.shape[was.rank - 1] = cols / 32 * bits;
    codes.bytes = (uint64_t)(n / 8 * bits);
    codes.data = bytes;
    codes.dtype = DT_COUNT;
    codes.type = "U32";
    sides[0].type = sides[1].type = dtype_info(side)->name;
    drop(m, name[0]);
    add_tensor(m, codes, name[0]);
    add_tensor(m, sides[0], name[1]);
    add_tensor(m, sides[1], name[2]);
}

/* Rows of a stack's tensor with the parity of `first`, as a tensor of their own. */
static void halve(struct made *m, const char *from, const char *to, int first)
{
    struct tensor was = *find(&m->set, from), t = was;
    int64_t rows = was.shape[0] * was.shape[1];
    size_t row = (size_t)(was.bytes / (uint64_t)rows);
    uint8_t *bytes = made_bytes(m, was.bytes / 2);
    for (int64_t i = 0; i < rows / 2; i++)
        memcpy(bytes + (size_t)i * row, was.data + (size_t)(2 * i + first) * row, row);
    t.shape[1] /= 2;
    t.bytes /= 2;
    t.data = bytes;
    add_tensor(m, t, to);
}

/* MXFP4 codes as words: the same bytes. */
static void as_words(struct made *m, const char *name)
{
    struct tensor *t = find(&m->set, name);
    t->shape[2] *= 4; /* [groups][16] bytes are [groups * 4] words */
    t->rank = 3;
    t->dtype = DT_COUNT;
    t->type = "U32";
}

/* The experts of layer l as mlx-lm lays them out. */
static void mlx_layer(struct made *m, int l)
{
    static const char *const parts[][2] = {{"_blocks", "weight"}, {"_scales", "scales"}, {"_bias", "bias"}};
    char from[96], to[96];
    for (int i = 0; i < 3; i++) {
        snprintf(from, sizeof from, "model.layers.%d.mlp.experts.gate_up_proj%s", l, parts[i][0]);
        for (int half = 0; half < 2; half++) {
            snprintf(to, sizeof to, "model.layers.%d.mlp.experts.%s_proj.%s", l, half ? "up" : "gate", parts[i][1]);
            halve(m, from, to, half);
            if (i == 0)
                as_words(m, to);
        }
        drop(m, from);
        snprintf(from, sizeof from, "model.layers.%d.mlp.experts.down_proj%s", l, parts[i][0]);
        snprintf(to, sizeof to, "model.layers.%d.mlp.experts.down_proj.%s", l, parts[i][1]);
        rename_tensor(&m->set, from, to);
        if (i == 0)
            as_words(m, to);
    }
}

static struct made mlx_of(const struct osso_model *m)
{
    struct made made = {.set = copy_table(m)};
    for (int l = 0; l < m->config.n_layers; l++)
        mlx_layer(&made, l);
    return made;
}

/* Experts MXFP4, the rest BF16: what mlx-lm makes of OpenAI's folder. */
static void test_mlx_mxfp4(void **state)
{
    (void)state;
    struct osso_model *m = golden("yarn-mxfp4");
    struct made made = mlx_of(m);
    check_resolved(m, &made, &names_mlx);
    made_free(&made);
    osso_model_free(m);
}

static void check_values(const struct view *v, const float *values, const char *what)
{
    for (int64_t r = 0; r < v->rows; r++)
        for (int64_t c = 0; c < v->cols; c++)
            if (value_at(v, r, c) != values[r * v->cols + c])
                fail_msg("%s[%d][%d] is %g, expected %g", what, (int)r, (int)c, (double)value_at(v, r, c),
                         (double)values[r * v->cols + c]);
}

/* Every number of bits, group and type of scales; each matrix in its own way. */
static void test_mlx_affine(void **state)
{
    (void)state;
    static const int bits[] = {2, 3, 4, 5, 6, 8};
    static const enum dtype sides[] = {DT_BF16, DT_F16, DT_F32};
    struct osso_model *m = golden("yarn-mxfp4");
    for (int i = 0; i < 6; i++) {
        struct made made = mlx_of(m);
        float *o, *router, *embed;
        struct weights w;
        struct osso_error err = {""};
        pack_matrix(&made, "model.layers.1.self_attn.o_proj", bits[i], 32 << i % 3, sides[i % 3], &o);
        pack_matrix(&made, "model.layers.0.mlp.router", bits[5 - i], 32, sides[i / 2], &router);
        pack_matrix(&made, "model.embed_tokens", bits[(i + 2) % 6], 32, sides[(i + 1) % 3], &embed);
        check_ok(weights_resolve(&made.set, &m->config, &names_mlx, &w, &err), err);
        check_ok(unused_check(&made.set, &m->config, false, NULL, &err), err);
        check_values(&w.layers[1].o, o, "o");
        check_values(&w.layers[0].router, router, "router");
        check_values(&w.embed, embed, "embed");
        weights_free(&w);
        free(o);
        free(router);
        free(embed);
        made_free(&made);
    }
    osso_model_free(m);
}

/* One change to a packed o_proj of 4 bits in groups of 64, and what is said. */
static void test_mlx_hostile(void **state)
{
    (void)state;
    static const struct {
        const char *part, *type, *words;
        enum dtype dtype; /* with a type: the new one */
        int64_t last;     /* the last dimension, 0: stays, -1: the tensor is gone */
        int bits;
    } cases[] = {
        {"scales", NULL, "o_proj.scales is missing; the codes in", 0, -1, 0},
        {"biases", NULL, "o_proj.biases is missing; the codes in", 0, -1, 0},
        {"scales", NULL, "which no number of bits and no group", 0, 3, 0},
        {"scales", NULL, "groups of 16; MLX has", 0, 8, 0},
        {"biases", NULL, "have different shapes", 0, 1, 0},
        {"weight", NULL, "7 bits in groups of 64; MLX has", 0, 28, 0},
        {"weight", NULL, "which no number of bits", 0, 17, 0},
        {"weight", NULL, "which no number of bits", 0, INT64_MAX / 8, 0},
        {"scales", "I32", "must be BF16, F16, F32", DT_COUNT, 0, 0},
        {"biases", "U8", "must be BF16, F16, F32", DT_U8, 0, 0},
        {"scales", "U8", "no form of MLX's (4 bits, groups of 64)", DT_U8, 0, 0},
        {"scales", "U8", "is nvfp4", DT_U8, 8, 0},
        {"scales", "U8", "stands beside scales that are bytes", DT_U8, 4, 0},
        {"scales", "U8", "is mxfp8", DT_U8, 4, 8},
        {"weight", "I32", "unsupported type I32", DT_COUNT, 0, 0},
    };
    static const char module[] = "model.layers.1.self_attn.o_proj";
    struct osso_model *m = golden("yarn-mxfp4");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct made made = mlx_of(m);
        char name[96];
        float *values;
        struct weights w;
        struct osso_error err = {""};
        pack_matrix(&made, module, cases[i].bits ? cases[i].bits : 4, 64, DT_BF16, &values);
        free(values);
        snprintf(name, sizeof name, "%s.%s", module, cases[i].part);
        struct tensor *t = find(&made.set, name);
        if (cases[i].type) {
            t->type = cases[i].type;
            t->dtype = cases[i].dtype;
        }
        if (cases[i].last > 0)
            t->shape[t->rank - 1] = cases[i].last;
        if (cases[i].last < 0)
            drop(&made, name);
        if (strcmp(cases[i].words, "unsupported type I32") == 0)
            t->shape[t->rank - 1] = m->config.n_heads * m->config.head_dim;
        enum osso_status status = weights_resolve(&made.set, &m->config, &names_mlx, &w, &err);
        check_says(status, err, cases[i].words, cases[i].words);
        made_free(&made);
    }
    osso_model_free(m);
}

/* The block of config.json: what it says of each module must be what lies there. */
static void test_mlx_config(void **state)
{
    (void)state;
    static const struct {
        const char *block, *words;
    } cases[] = {
        {"{}", NULL}, /* older writers: nothing to compare with */
        {"{\"quantization\":{\"group_size\":32,\"bits\":4,\"mode\":\"mxfp4\","
         "\"model.layers.1.self_attn.o_proj\":{\"group_size\":64,\"bits\":5}}}",
         NULL},
        {"{\"quantization\":{\"group_size\":32,\"bits\":4,\"mode\":\"mxfp4\","
         "\"model.layers.1.self_attn.o_proj\":{\"bits\":5,\"mode\":\"affine\"},\"lm_head\":false}}",
         NULL},
        {"{\"quantization\":{\"group_size\":64,\"bits\":5,\"model.layers.1.self_attn.o_proj\":true}}",
         "mlp.experts.gate_proj is affine with 5 bits in groups of 64; the tensor"},
        {"{\"quantization\":{\"group_size\":32,\"bits\":4,\"mode\":\"mxfp4\"}}",
         "o_proj is mxfp4 with 4 bits in groups of 32; the tensor model.layers.1.self_attn.o_proj.weight is affine with "
         "5 bits in groups of 64"},
        {"{\"quantization\":{\"group_size\":32,\"bits\":4,\"mode\":\"mxfp4\","
         "\"model.layers.1.self_attn.o_proj\":{\"group_size\":32,\"bits\":5}}}",
         "in groups of 32; the tensor"},
        {"{\"quantization\":{\"group_size\":32,\"bits\":4,\"mode\":\"mxfp4\","
         "\"model.layers.1.self_attn.o_proj\":{\"group_size\":64,\"bits\":5,\"mode\":\"mxfp4\"}}}",
         "o_proj is mxfp4 with 5 bits"},
        {"{\"quantization\":{\"group_size\":32,\"bits\":4,\"mode\":\"mxfp4\","
         "\"model.layers.1.self_attn.o_proj\":false}}",
         "o_proj is not quantized; the tensor model.layers.1.self_attn.o_proj.weight is"},
        {"{\"quantization\":{\"group_size\":32,\"bits\":4,\"mode\":\"mxfp4\","
         "\"model.layers.1.self_attn.o_proj\":{\"group_size\":64,\"bits\":5},\"lm_head\":{\"bits\":8}}}",
         "lm_head is quantized; the tensor lm_head.weight is not"},
        {"{\"quantization\":{\"bits\":\"four\"}}", "bits"},
        {"{\"quantization\":{\"bits\":4,\"group_size\":0}}", "group_size"},
        {"{\"quantization\":{\"model.embed_tokens\":4}}", "must be an object, true or false"},
    };
    struct osso_model *m = golden("yarn-mxfp4");
    struct made made = mlx_of(m);
    float *values;
    pack_matrix(&made, "model.layers.1.self_attn.o_proj", 5, 64, DT_BF16, &values);
    free(values);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct jdoc *doc;
        struct osso_error err = {""};
        check_ok(jdoc_read(cases[i].block, strlen(cases[i].block), "config.json", &doc, &err), err);
        enum osso_status status = packed_check(&made.set, "config.json", jdoc_root(doc), &m->config, &names_mlx, &err);
        check_says(status, err, cases[i].words, cases[i].block);
        jdoc_release(doc);
    }
    made_free(&made);
    osso_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mlx_mxfp4),
        cmocka_unit_test(test_mlx_affine),
        cmocka_unit_test(test_mlx_hostile),
        cmocka_unit_test(test_mlx_config),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
