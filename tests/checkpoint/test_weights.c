/* test_weights.c: views of all file forms show the same values; what is missing or wrong is named; what is no model is
 * told what to do. */
#include "fault_test.h"
#include "file_test.h"
#include "weights_test.h"

#include "checkpoint/unused.h"
#include "osso/engine.h"

static void check_same(const char *folder, const char *file)
{
    struct osso_model *a = golden(folder), *b = golden(file);
    const struct config *c = &a->config, *d = &b->config;
    assert_true(c->n_layers == d->n_layers && c->experts_per_token == d->experts_per_token && c->window == d->window);
    assert_true(c->yarn == d->yarn && c->yarn_truncate == d->yarn_truncate && (float)c->rms_eps == (float)d->rms_eps);
    assert_memory_equal(c->sliding, d->sliding, (size_t)c->n_layers);
    check_view(&a->weights.embed, &b->weights.embed, "embed");
    check_view(&a->weights.head, &b->weights.head, "head");
    check_floats(a->weights.final_norm, b->weights.final_norm, c->hidden, "final_norm");
    for (int l = 0; l < c->n_layers; l++)
        check_layer(a, b, l);
    osso_model_free(a);
    osso_model_free(b);
}

static void test_forms(void **state)
{
    (void)state;
    check_same("yarn-mxfp4", "yarn-mxfp4/model.gguf"); /* blocks and scales, interleaved; BF16 */
    check_same("f32-gguf", "f32-gguf/model.gguf");     /* dense, transposed, interleaved */
    check_same("q8-gguf", "q8-gguf/model.gguf");
}

static void test_tied(void **state)
{
    (void)state;
    struct osso_model *m = golden("tied-full-first");
    assert_ptr_equal(m->weights.head.data, m->weights.embed.data);
    assert_true(params_total(&m->config) > 0 && m->config.tied);
    osso_model_free(m);
}

/* ---- the same tensors, laid out otherwise --------------------------------------------------------------- */

/* q, k and v of layer 1 as one tensor. */
static uint8_t *fuse(struct tensors *set, const char *kind)
{
    char name[64];
    struct osso_error err;
    struct tensor t = {0};
    uint8_t *data = NULL;
    for (const char *c = "qkv"; *c; c++) {
        snprintf(name, sizeof name, "blk.1.attn_%c.%s", *c, kind);
        const struct tensor *part = find(set, name);
        data = realloc(data, (size_t)(t.bytes + part->bytes));
        memcpy(data + t.bytes, part->data, (size_t)part->bytes);
        int64_t rows = t.shape[0] + part->shape[0];
        uint64_t bytes = t.bytes + part->bytes;
        t = *part;
        t.shape[0] = rows;
        t.bytes = bytes;
        rename_tensor(set, name, strcmp(kind, "bias") == 0 ? (char[]){'x', *c, 'b', 0} : (char[]){'x', *c, 'w', 0});
    }
    snprintf(name, sizeof name, "blk.1.attn_qkv.%s", kind);
    t.name = name;
    t.data = data;
    check_ok(tensors_add(set, &t, &err), err);
    check_ok(tensors_sort(set, &err), err);
    return data;
}

static void test_alternatives(void **state)
{
    (void)state;
    struct osso_model *m = golden("q8-gguf/model.gguf");
    struct tensors set = copy_table(m);
    struct weights w;
    struct osso_error err;
    uint8_t *weight = fuse(&set, "weight"), *bias = fuse(&set, "bias");
    rename_tensor(&set, "blk.0.post_attention_norm.weight", "blk.0.ffn_norm.weight");
    check_ok(weights_resolve(&set, &m->config, &names_gguf, &w, &err), err);
    check_weights(m, &w);
    assert_ptr_equal(w.layers[1].q.data, weight);
    assert_ptr_equal(w.layers[1].q_bias, bias); /* f32: where it lies, as k's and v's behind it */
    weights_free(&w);
    rename_tensor(&set, "blk.1.attn_qkv.weight", "y");
    assert_int_equal(weights_resolve(&set, &m->config, &names_gguf, &w, &err), OSSO_FORMAT);
    assert_non_null(strstr(err.text, "tensor blk.1.attn_q.weight is missing")); /* the last of the alternatives */
    rename_tensor(&set, "blk.0.ffn_norm.weight", "z");
    assert_int_equal(weights_resolve(&set, &m->config, &names_gguf, &w, &err), OSSO_FORMAT);
    assert_non_null(strstr(err.text, "tensor blk.0.ffn_norm.weight is missing"));
    tensors_close(&set);
    free(weight);
    free(bias);
    osso_model_free(m);
}

/* llama.cpp drops dimensions of 1 in front; nobody else does. */
static void test_one_expert(void **state)
{
    (void)state;
    struct osso_model *m = golden("f32-gguf/model.gguf");
    struct tensors set = copy_table(m);
    struct config c = m->config;
    struct names strict = names_gguf;
    struct weights w;
    struct osso_error err;
    for (int64_t i = 0; i < set.n; i++) {
        struct tensor *t = &set.list[i];
        if (strstr(t->name, "_exps.")) {
            memmove(t->shape, t->shape + 1, (size_t)--t->rank * sizeof *t->shape);
            t->bytes /= (uint64_t)c.n_experts;
        } else if (strstr(t->name, "ffn_gate_inp.")) {
            t->bytes /= (uint64_t)c.n_experts;
            t->shape[0] = 1;
        }
    }
    c.n_experts = c.experts_per_token = 1;
    check_ok(weights_resolve(&set, &c, &names_gguf, &w, &err), err);
    struct expert a, b;
    w.source.get(&w.source, 1, 0, &a);
    m->weights.source.get(&m->weights.source, 1, 0, &b);
    check_view(&a.down, &b.down, "down");
    check_vec(&a.up_bias, &b.up_bias, "up_bias");
    weights_free(&w);
    strict.drops_ones = false;
    assert_int_equal(weights_resolve(&set, &c, &strict, &w, &err), OSSO_FORMAT);
    assert_non_null(strstr(err.text, "has the shape"));
    tensors_close(&set);
    osso_model_free(m);
}

/* ---- broken copies of a good model ---------------------------------------------------------------------- */

/* Copies golden/name/file to dir, with `from` replaced by `to` (as long) at its first place after `after`. */
static void put_changed(const char *dir, const char *name, const char *file, const char *after, const char *from,
                        const char *to)
{
    char path[512], relative[128], *data;
    size_t len;
    struct osso_error err;
    snprintf(relative, sizeof relative, "tests/golden/model/%s/%s", name, file);
    check_ok(file_read(test_path(path, sizeof path, relative), 1 << 24, &data, &len, &err), err);
    if (from) {
        char *p = data, *end = data + len;
        assert_int_equal(strlen(from), strlen(to));
        while (p + strlen(after) < end && memcmp(p, after, strlen(after)) != 0)
            p++;
        while (p + strlen(from) < end && memcmp(p, from, strlen(from)) != 0)
            p++;
        assert_true(p + strlen(from) < end);
        memcpy(p, to, strlen(to));
    }
    put_file(scratch_path(dir, file), data, len);
    mem_free(data);
}

static const struct {
    const char *after, *from, *to, *words;
} hf_changes[] = {
    {"", "1.self_attn.sinks", "1.self_attn.sinkz", "tensor model.layers.1.self_attn.sinks is missing"},
    {"", "lm_head.weight", "lm_head.weighs", "tensor lm_head.weight is missing"},
    {"", "0.mlp.experts.down_proj_bias", "0.mlp.experts.down_proj_bios", "down_proj_bias is missing"},
    {"", "0.mlp.experts.gate_up_proj_blocks", "0.mlp.experts.gate_up_proj_blocky", "gate_up_proj is missing"},
    {"", "0.mlp.experts.gate_up_proj_scales", "0.mlp.experts.gate_up_proj_scalar", "gate_up_proj_scales is missing"},
    {"model.layers.0.self_attn.q_proj.weight", "\"BF16\"", "\"I16\" ",
     "unsupported type I16 in tensor model.layers.0.self_attn.q_proj.weight"},
    {"model.layers.1.input_layernorm.weight", "\"BF16\"", "\"I16\" ", "unsupported type I16"},
    {"model.layers.0.mlp.experts.down_proj_blocks", "\"U8\"", "\"I8\"", "must be U8"},
    {"model.layers.0.self_attn.o_proj.weight", "\"shape\":[32,128]", "\"shape\":[128,32]",
     "has the shape [128, 32]; this model's configuration asks for [32, 128]"},
    {"model.layers.0.self_attn.sinks", "\"shape\":[8]", "\"shape\": 8 ", "expected '['"},
};

static const struct {
    const char *after, *from, *to, *words;
} gguf_changes[] = {
    {"", "blk.1.attn_sinks.weight", "blk.1.attn_sinkz.weight", "tensor blk.1.attn_sinks.weight is missing"},
    {"", "output_norm.weight", "output_narm.weight", "tensor output_norm.weight is missing"},
    {"", "blk.0.ffn_up_exps.bias", "blk.0.ffn_op_exps.bias", "tensor blk.0.ffn_up_exps.bias is missing"},
    {"", "blk.2.attn_q.weight", "blk.7.attn_q.weight", "tensor blk.2.attn_q.weight is missing"},
    {"blk.0.attn_norm.weight", "\x20\0\0\0", "\x20\0\0\0", NULL},
};

static void check_open(const char *path, const char *words)
{
    struct osso_model *m;
    struct osso_error err = {""};
    enum osso_status status = osso_model_open(path, &m, &err);
    check_says(status, err, words, path);
    assert_true((m != NULL) == !status);
    osso_model_free(m);
}

static void test_changes(void **state)
{
    (void)state;
    char *dir = scratch_dir();
    put_changed(dir, "yarn-mxfp4", "config.json", "", NULL, NULL);
    for (size_t i = 0; i < sizeof hf_changes / sizeof hf_changes[0]; i++) {
        put_changed(dir, "yarn-mxfp4", "model.safetensors", hf_changes[i].after, hf_changes[i].from, hf_changes[i].to);
        check_open(dir, hf_changes[i].words);
    }
    for (size_t i = 0; i < sizeof gguf_changes / sizeof gguf_changes[0]; i++) {
        put_changed(dir, "yarn-mxfp4", "model.gguf", gguf_changes[i].after, gguf_changes[i].from, gguf_changes[i].to);
        check_open(scratch_path(dir, "model.gguf"), gguf_changes[i].words);
    }
    /* The configuration of another model over these tensors. */
    put_changed(dir, "yarn-mxfp4", "model.safetensors", "", NULL, NULL);
    put_changed(dir, "q8-gguf", "config.json", "", NULL, NULL);
    check_open(dir, "has the shape");
    put_changed(dir, "full-yarn8", "config.json", "\"num_hidden_layers\": ", "2", "3");
    check_open(dir, "\"layer_types\" must list 3 layers");
    scratch_remove(dir);
}

/* The file's sinks under another layer's or another kind's name: beside a model that lacks nothing. */
static void test_unused(void **state)
{
    (void)state;
    static const struct {
        const char *name, *words; /* NULL: a warning */
    } cases[] = {{"model.layers.9.mlp.x", "layers that the configuration does not count"},
                 {"model.layers.0.q.lora_A", "LoRA weights"},
                 {"model.layers.0.q_norm.w", "norms that gpt-oss"},
                 {"model.layers.0.q.weight_scale", "scales of quantized"},
                 {"model.layers.0.extra", "no part of gpt-oss"},
                 {"model.layers.0.inv_freq", NULL},
                 {"model.layers.2.eh_proj", NULL}, /* MTP, which nobody else reads either */
                 {"mtp.fc.weight", NULL},
                 {"model.layers.0.k_scale", NULL},
                 {"score.weight", NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t values[4] = {1, 2, 3, 4};
        struct tensor t = {
            .name = (char *)cases[i].name, .dtype = DT_U8, .rank = 1, .shape = {4}, .data = values, .bytes = 4};
        struct tensors set = {.list = &t, .n = 1};
        struct config config = {.n_layers = 2};
        for (int ignore = 0; ignore < 2; ignore++) {
            struct notes notes = {0};
            struct osso_error err = {""};
            enum osso_status status = unused_check(&set, &config, ignore, &notes, &err);
            check_says(status, err, ignore ? NULL : cases[i].words, cases[i].name);
            assert_int_equal(notes.n, status ? 0 : 1);
        }
        t.used = true;
        struct osso_error err = {""};
        check_ok(unused_check(&set, &config, false, NULL, &err), err);
    }
}

static void test_what_to_do(void **state)
{
    (void)state;
    char *dir = scratch_dir(), path[512];
    check_open(scratch_path(dir, "none"), "No such file");
    check_open(dir, "it has no config.json");
    check_open("/dev/null", "not a regular file");
    assert_int_equal(mkfifo(scratch_path(dir, "fifo"), 0600), 0);
    check_open(scratch_path(dir, "fifo"), "FIFO"); /* without waiting for a writer */
    check_open(test_path(path, sizeof path, "tests/golden/model/yarn-mxfp4/model.safetensors"), "name the folder");
    check_open(test_path(path, sizeof path, "tests/golden/model/yarn-mxfp4/config.json"), "name the folder");
    check_open(test_path(path, sizeof path, "tests/golden/model/yarn-mxfp4/original"), NULL);
    put_changed(dir, "yarn-mxfp4", "model.safetensors", "", NULL, NULL);
    check_open(dir, "holds weights but no config.json");
    put_changed(dir, "yarn-mxfp4", "model.gguf", "", NULL, NULL);
    check_open(dir, "name the .gguf file itself");
    assert_int_equal(rename(scratch_path(dir, "model.gguf"), scratch_path(dir, "blob")), 0);
    check_open(scratch_path(dir, "blob"), NULL); /* by its contents, not its name */
    put_file(scratch_path(dir, "model.bin"), "GPT-OSS v1.0\0\0\0\0", 16);
    check_open(scratch_path(dir, "model.bin"), "metal/");
    put_file(scratch_path(dir, "text.gguf"), "hello", 5);
    check_open(scratch_path(dir, "text.gguf"), "no GGUF file");
    put_file(scratch_path(dir, "empty"), "", 0);
    check_open(scratch_path(dir, "empty"), "no GGUF file");
    scratch_clear(dir);
    put_changed(dir, "yarn-mxfp4", "config.json", "", NULL, NULL);
    check_open(dir, "is the download complete?");
    put_file(scratch_path(dir, "x.gguf"), "GGUF", 4);
    check_open(dir, "name the .gguf file itself");
    put_file(scratch_path(dir, "model.safetensors"), "version https://git-lfs.github.com/spec/v1", 42);
    check_open(dir, "Git LFS pointer");
    put_file(scratch_path(dir, "model.safetensors"), "<html>Sign in</html>", 20);
    check_open(dir, "web page");
    put_file(scratch_path(dir, "model.safetensors"), "", 0);
    check_open(dir, "is empty");
    assert_int_equal(unlink(scratch_path(dir, "model.safetensors")), 0);
    assert_int_equal(mkfifo(scratch_path(dir, "model.safetensors"), 0600), 0);
    check_open(dir, "FIFO");
    scratch_remove(dir);
}

static void test_truncated_later(void **state)
{
    (void)state;
    char *dir = scratch_dir();
    struct osso_model *m;
    struct osso_error err;
    put_changed(dir, "yarn-mxfp4", "model.gguf", "", NULL, NULL);
    const char *path = scratch_path(dir, "model.gguf");
    check_ok(osso_model_open(path, &m, &err), err);
    check_ok(model_check(m, &err), err);
    assert_int_equal(truncate(path, 100000), 0);
    assert_int_equal(model_check(m, &err), OSSO_IO);
    assert_non_null(strstr(err.text, "truncated while in use"));
    osso_model_free(m);
    scratch_remove(dir);
}

static void test_questions(void **state)
{
    (void)state;
    struct osso_model *m = golden("yarn-mxfp4/model.gguf");
    struct osso_model_dims d = {.size = sizeof d}, old = {.size = offsetof(struct osso_model_dims, vocab)};
    struct osso_sampling s;
    int32_t ids[4] = {-1, -1, -1, -1};
    osso_model_dims(m, &d);
    assert_true(d.n_layers == 4 && d.hidden == 32 && d.vocab == 272 && d.n_heads == 8 && d.n_kv_heads == 1 &&
                d.parameters == 157792);
    old.vocab = 77;
    osso_model_dims(m, &old); /* a caller that knows fewer members */
    assert_true(old.intermediate == d.intermediate && old.vocab == 77);
    osso_model_sampling(m, &s);
    assert_true(s.size == sizeof s && s.temperature == 1 && s.top_p == 1 && s.top_k == 0 && s.repetition_penalty == 1 &&
                s.n_bias == 0);
    /* The file lists <|return|> alone; harmony knows of two more, wherever this vocabulary has them. */
    assert_int_equal(osso_model_stop_ids(m, ids, 0), 3);
    assert_int_equal(ids[0], -1);
    assert_int_equal(osso_model_stop_ids(m, ids, 4), 3);
    const struct osso_tokenizer *t;
    struct osso_error err = {""};
    check_ok(osso_model_tokenizer(m, &t, &err), err);
    assert_true(ids[0] == 265 && ids[0] == osso_tokenizer_special(t, "<|return|>"));
    assert_true(ids[1] == osso_tokenizer_special(t, "<|call|>") &&
                ids[2] == osso_tokenizer_special(t, "<|endoftext|>"));
    assert_int_equal(ids[3], -1);
    /* <|end|> ends a message: a file that lists it is not believed. */
    m->config.stop_ids[0] = osso_tokenizer_special(t, "<|end|>");
    assert_int_equal(osso_model_stop_ids(m, ids, 4), 3);
    for (int i = 0; i < 3; i++)
        assert_int_not_equal(ids[i], osso_tokenizer_special(t, "<|end|>"));
    osso_model_free(m);
}

static enum osso_status open_golden(void *name, struct osso_error *err)
{
    char path[512], relative[128];
    struct osso_model *m;
    snprintf(relative, sizeof relative, "tests/golden/model/%s", (const char *)name);
    enum osso_status status = osso_model_open(test_path(path, sizeof path, relative), &m, err);
    assert_int_equal(m == NULL, status != OSSO_OK);
    osso_model_free(m);
    return status;
}

static void test_no_memory(void **state)
{
    (void)state;
    assert_true(fault_each(open_golden, "yarn-mxfp4/model.gguf", false) > 49);
    assert_true(fault_each(open_golden, "window128-sharded", false) > 49);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),      cmocka_unit_test(test_tied),       cmocka_unit_test(test_changes),
        cmocka_unit_test(test_unused),     cmocka_unit_test(test_what_to_do), cmocka_unit_test(test_truncated_later),
        cmocka_unit_test(test_questions),  cmocka_unit_test(test_no_memory),  cmocka_unit_test(test_alternatives),
        cmocka_unit_test(test_one_expert),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
