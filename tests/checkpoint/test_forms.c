/* test_forms.c: the tensors of a model as other programs lay them out: names, fused tensors, orders of codes. Each form
 * is made of a golden model's tensors here, and must show the same values. */
#include "file_test.h"
#include "weights_test.h"

#include "base/rng.h"

#include "checkpoint/packed.h"
#include "checkpoint/unused.h"
#include "json/jdoc.h"

#include <math.h>

/* Tensors that a test made: freed together. */
struct made {
    struct tensors set;
    uint8_t *data[128];
    int n;
};

static uint8_t *made_bytes(struct made *m, uint64_t bytes)
{
    assert_true(m->n < 128);
    return m->data[m->n++] = calloc(1, (size_t)bytes);
}

static void made_free(struct made *m)
{
    tensors_close(&m->set);
    while (m->n > 0)
        free(m->data[--m->n]);
}

static void add_tensor(struct made *m, struct tensor t, const char *name)
{
    struct osso_error err;
    t.name = (char *)(uintptr_t)name;
    check_ok(tensors_add(&m->set, &t, &err), err);
    check_ok(tensors_sort(&m->set, &err), err);
}

static void drop(struct made *m, const char *name)
{
    struct tensor *t = find(&m->set, name);
    mem_free(t->name);
    memmove(t, t + 1, (size_t)(m->set.list + m->set.n - (t + 1)) * sizeof *t);
    m->set.n--;
}

/* gate and up of a layer as one tensor, rows in turns or gate's first. */
static void fuse_experts(struct made *m, int layer, const char *kind, bool turns)
{
    char gate[64], up[64], both[64];
    snprintf(gate, sizeof gate, "blk.%d.ffn_gate_exps.%s", layer, kind);
    snprintf(up, sizeof up, "blk.%d.ffn_up_exps.%s", layer, kind);
    snprintf(both, sizeof both, "blk.%d.ffn_gate_up_exps.%s", layer, kind);
    struct tensor a = *find(&m->set, gate), b = *find(&m->set, up), t = a;
    int64_t experts = a.shape[0], rows = a.shape[1];
    size_t row = (size_t)(a.bytes / (uint64_t)(experts * rows));
    uint8_t *to = made_bytes(m, 2 * a.bytes);
    t.shape[1] = 2 * rows;
    t.bytes = 2 * a.bytes;
    t.data = to;
    for (int64_t e = 0; e < experts; e++)
        for (int64_t r = 0; r < rows; r++) {
            int64_t at = e * 2 * rows;
            memcpy(to + (size_t)(at + (turns ? 2 * r : r)) * row, a.data + (size_t)(e * rows + r) * row, row);
            memcpy(to + (size_t)(at + (turns ? 2 * r + 1 : rows + r)) * row, b.data + (size_t)(e * rows + r) * row,
                   row);
        }
    drop(m, gate);
    drop(m, up);
    add_tensor(m, t, both);
}

/* GGUF's blocks of MXFP4 with neighbours in a byte, as Ollama's type 4 has them. */
static void pair_codes(struct made *m, const char *name)
{
    struct tensor *t = find(&m->set, name);
    uint8_t *to = made_bytes(m, t->bytes);
    for (uint64_t b = 0; b < t->bytes / 17; b++) {
        const uint8_t *in = t->data + 17 * b;
        to[17 * b] = in[0];
        for (int i = 0; i < 32; i++) {
            int code = in[1 + i % 16] >> (i / 16 * 4) & 15;
            to[17 * b + 1 + (size_t)i / 2] |= (uint8_t)(code << (i % 2 * 4));
        }
    }
    t->data = to;
    t->dtype = dtype_from_gguf(4);
}

/* F32 made BF16: the values of these models are. */
static void narrow(struct made *m, const char *name)
{
    struct tensor *t = find(&m->set, name);
    uint8_t *to = made_bytes(m, t->bytes / 2);
    assert_int_equal(t->dtype, DT_F32);
    for (uint64_t i = 0; i < t->bytes / 4; i++)
        memcpy(to + 2 * i, t->data + 4 * i + 2, 2);
    t->data = to;
    t->dtype = DT_BF16;
    t->bytes /= 2;
}

static void check_resolved(struct osso_model *m, struct made *made, const struct names *names)
{
    struct weights w;
    struct osso_error err = {""};
    check_ok(weights_resolve(&made->set, &m->config, names, &w, &err), err);
    check_ok(unused_check(&made->set, &m->config, false, NULL, &err), err);
    check_weights(m, &w);
    weights_free(&w);
}

static void test_ollama(void **state)
{
    (void)state;
    struct osso_model *m = golden("yarn-mxfp4/model.gguf");
    struct made made = {.set = copy_table(m)};
    rename_tensor(&made.set, "blk.0.attn_output.weight", "blk.0.attn_out.weight");
    rename_tensor(&made.set, "blk.0.attn_output.bias", "blk.0.attn_out.bias");
    rename_tensor(&made.set, "blk.1.attn_sinks.weight", "blk.1.attn_sinks");
    rename_tensor(&made.set, "blk.2.post_attention_norm.weight", "blk.2.ffn_norm.weight");
    narrow(&made, "blk.0.ffn_down_exps.bias");
    narrow(&made, "blk.1.ffn_gate_exps.bias"); /* and up's stays F32 */
    pair_codes(&made, "blk.1.ffn_down_exps.weight");
    pair_codes(&made, "blk.2.ffn_gate_exps.weight");
    pair_codes(&made, "blk.2.ffn_up_exps.weight");
    pair_codes(&made, "blk.3.ffn_up_exps.weight"); /* gate stays as it is */
    fuse_experts(&made, 0, "weight", true);
    fuse_experts(&made, 0, "bias", true);
    fuse_experts(&made, 2, "weight", true);
    check_resolved(m, &made, &names_gptoss);
    made_free(&made);
    /* The same name means another order in the other architecture. */
    made = (struct made){.set = copy_table(m)};
    fuse_experts(&made, 0, "weight", false);
    fuse_experts(&made, 0, "bias", false);
    check_resolved(m, &made, &names_gguf);
    made_free(&made);
    osso_model_free(m);
}

/* Which of them counts nobody can know. */
static void test_both(void **state)
{
    (void)state;
    struct osso_model *m = golden("yarn-mxfp4/model.gguf");
    struct made made = {.set = copy_table(m)};
    struct tensor gate = *find(&made.set, "blk.0.ffn_gate_exps.weight");
    struct weights w;
    struct osso_error err = {""};
    fuse_experts(&made, 0, "weight", false);
    add_tensor(&made, gate, "blk.0.ffn_gate_exps.weight");
    check_ok(weights_resolve(&made.set, &m->config, &names_gguf, &w, &err), err);
    assert_int_equal(unused_check(&made.set, &m->config, false, NULL, &err), OSSO_UNSUPPORTED);
    assert_non_null(strstr(err.text, "blk.0.ffn_gate_exps.weight"));
    weights_free(&w);
    /* A fused tensor of the wrong height. */
    find(&made.set, "blk.0.ffn_gate_up_exps.weight")->shape[1] /= 2;
    assert_int_equal(weights_resolve(&made.set, &m->config, &names_gguf, &w, &err), OSSO_FORMAT);
    assert_non_null(strstr(err.text, "has the shape"));
    made_free(&made);
    osso_model_free(m);
}

/* Types of GGUF that are known and not read: what it is, and what to take instead. */
static void test_refused_types(void **state)
{
    (void)state;
    static const char *const types[] = {"IQ1_S", "IQ2_XS", "IQ3_S", "TQ1_0", "TQ2_0", "Q1_0", "Q2_0", "Q8_K", "I8"};
    struct osso_model *m = golden("yarn-mxfp4/model.gguf");
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct made made = {.set = copy_table(m)};
        struct weights w;
        struct osso_error err = {""};
        char words[64];
        struct tensor *t = find(&made.set, i % 2 ? "blk.1.ffn_up_exps.weight" : "blk.0.attn_k.weight");
        t->dtype = DT_COUNT;
        t->type = types[i];
        snprintf(words, sizeof words, "unsupported type %s in tensor blk.", types[i]);
        enum osso_status status = weights_resolve(&made.set, &m->config, &names_gguf, &w, &err);
        check_says(status, err, words, types[i]);
        assert_int_equal(status, OSSO_UNSUPPORTED);
        assert_true(strstr(err.text, "Q6_K") && strstr(err.text, "take the model's MXFP4, Q4_0 or Q8_0 file") &&
                    !strstr(err.text, "AFFINE"));
        made_free(&made);
    }
    osso_model_free(m);
}

/* ---- NVFP4 ---------------------------------------------------------------------------------------------- */

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

/* ---- OpenAI's own form ---------------------------------------------------------------------------------- */

static void test_original(void **state)
{
    (void)state;
    struct osso_model *a = golden("yarn-mxfp4"), *b = golden("yarn-mxfp4/original");
    const struct config *c = &a->config, *d = &b->config;
    assert_string_equal(b->names->form, "original");
    assert_true(c->n_layers == d->n_layers && c->hidden == d->hidden && c->intermediate == d->intermediate &&
                c->vocab == d->vocab && c->n_heads == d->n_heads && c->n_kv_heads == d->n_kv_heads &&
                c->head_dim == d->head_dim && c->n_experts == d->n_experts &&
                c->experts_per_token == d->experts_per_token && c->window == d->window);
    assert_true(d->yarn && !d->yarn_truncate && c->yarn_factor == d->yarn_factor &&
                c->yarn_original == d->yarn_original && c->yarn_beta_fast == d->yarn_beta_fast &&
                c->yarn_beta_slow == d->yarn_beta_slow && c->rope_theta == d->rope_theta && c->rms_eps == d->rms_eps &&
                c->swiglu_limit == d->swiglu_limit && !d->tied);
    assert_memory_equal(c->sliding, d->sliding, (size_t)c->n_layers);
    check_weights(a, &b->weights);
    osso_model_free(a);
    osso_model_free(b);
}

static void copy_golden(const char *from, const char *to)
{
    char path[512], *data;
    size_t len;
    struct osso_error err;
    check_ok(file_read(test_path(path, sizeof path, from), 1 << 24, &data, &len, &err), err);
    put_file(to, data, len);
    mem_free(data);
}

/* A repository that was downloaded with include "original" alone, and one that has both. */
static void test_original_below(void **state)
{
    (void)state;
    char *dir = scratch_dir(), *at = mem_strdup(scratch_path(dir, "original"));
    struct osso_model *m;
    struct osso_error err = {""};
    assert_int_equal(mkdir(at, 0700), 0);
    copy_golden("tests/golden/model/yarn-mxfp4/original/config.json", scratch_path(at, "config.json"));
    assert_int_equal(osso_model_open(dir, &m, &err), OSSO_NOTFOUND); /* half a download */
    copy_golden("tests/golden/model/yarn-mxfp4/original/model.safetensors", scratch_path(at, "model.safetensors"));
    check_ok(osso_model_open(dir, &m, &err), err);
    assert_string_equal(m->names->form, "original");
    osso_model_free(m);
    copy_golden("tests/golden/model/yarn-mxfp4/config.json", scratch_path(dir, "config.json"));
    copy_golden("tests/golden/model/yarn-mxfp4/model.safetensors", scratch_path(dir, "model.safetensors"));
    check_ok(osso_model_open(dir, &m, &err), err);
    assert_string_equal(m->names->form, "hf");
    osso_model_free(m);
    /* The configuration of one form over the tensors of another is the same model. */
    copy_golden("tests/golden/model/yarn-mxfp4/config.json", scratch_path(at, "config.json"));
    check_ok(osso_model_open(at, &m, &err), err);
    osso_model_free(m);
    put_file(scratch_path(at, "config.json"), "{\"num_experts\":4,\"rope_scaling_factor\":0.5}", 43);
    assert_int_equal(osso_model_open(at, &m, &err), OSSO_FORMAT);
    assert_non_null(strstr(err.text, "\"num_hidden_layers\" is missing"));
    assert_int_equal(unlink(scratch_path(at, "config.json")), 0);
    assert_int_equal(unlink(scratch_path(at, "model.safetensors")), 0);
    assert_int_equal(rmdir(at), 0);
    mem_free(at);
    scratch_remove(dir);
}

/* ---- MLX ------------------------------------------------------------------------------------------------ */

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
        cmocka_unit_test(test_ollama),           cmocka_unit_test(test_refused_types),
        cmocka_unit_test(test_nvfp4_factors),    cmocka_unit_test(test_nvfp4_refused),
        cmocka_unit_test(test_factor_of_others), cmocka_unit_test(test_both),
        cmocka_unit_test(test_original),         cmocka_unit_test(test_original_below),
        cmocka_unit_test(test_mlx_mxfp4),        cmocka_unit_test(test_mlx_affine),
        cmocka_unit_test(test_mlx_hostile),      cmocka_unit_test(test_mlx_config),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
