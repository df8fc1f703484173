/* test_forms.c: the tensors of a model as other programs lay them out: names, fused tensors, orders of codes. Each form
 * is made of a golden model's tensors here, and must show the same values. */
#include "made_test.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ollama),   cmocka_unit_test(test_both),           cmocka_unit_test(test_refused_types),
        cmocka_unit_test(test_original), cmocka_unit_test(test_original_below),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
