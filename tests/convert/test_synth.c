/* test_synth.c: synthetic checkpoints open, hold the same values in both forms, and leave nothing behind when they
 * fail. */
#include "file_test.h"
#include "json_test.h"

#include "token/tokenizer_files.h"
#include "checkpoint/model_open.h"
#include "checkpoint/plan.h"
#include "osso/osso.h"

#include <fcntl.h>
#include <math.h>
#include <sys/file.h>

static const char small_config[] =
    "{\"model_type\":\"gpt_oss\",\"num_hidden_layers\":3,\"hidden_size\":64,\"intermediate_size\":96,\"vocab_size\":300,"
    "\"num_attention_heads\":4,\"num_key_value_heads\":2,\"head_dim\":16,\"num_local_experts\":5,\"num_experts_per_tok\":2,"
    "\"layer_types\":[\"full_attention\",\"sliding_attention\",\"sliding_attention\"],\"sliding_window\":8,\"eos_token_id\":299}";

static struct osso_synth_options options_for(const char *preset, const char *format)
{
    return (struct osso_synth_options){
        .size = sizeof(struct osso_synth_options), .preset = preset, .format = format, .seed = 7};
}

static struct osso_model *open_model(const char *path)
{
    struct osso_model *m;
    struct osso_error err;
    check_ok(osso_model_open(path, &m, &err), err);
    return m;
}

/* Block b of a row of MXFP4, in either layout. */
static void unpack_block(const struct view *v, int64_t row, int64_t b, float *out)
{
    view_values(v, row, b * dtype_info(v->dtype)->block, dtype_info(v->dtype)->block, out);
}

static void check_same_expert(const struct view *a, const struct view *b)
{
    float x[32], y[32];
    assert_true(a->dtype == DT_MXFP4_HF && b->dtype == DT_MXFP4);
    for (int64_t r = 0; r < a->rows; r++)
        for (int64_t k = 0; k < a->cols / 32; k++) {
            unpack_block(a, r, k, x);
            unpack_block(b, r, k, y);
            assert_memory_equal(x, y, sizeof x);
        }
}

/* Which expert is the k-th differs from layer to layer, and every one is one; nothing else changes. */
static void test_skew(void **state)
{
    (void)state;
    char *dir = scratch_dir();
    struct osso_error err;
    put_file(scratch_path(dir, "c.json"), small_config, sizeof small_config - 1);
    struct osso_synth_options o = options_for(scratch_path(dir, "c.json"), "gguf");
    check_ok(osso_synth(scratch_path(dir, "even.gguf"), &o, &err), err);
    o.skew = 8;
    check_ok(osso_synth(scratch_path(dir, "skewed.gguf"), &o, &err), err);
    o.format = "hf";
    check_ok(osso_synth(scratch_path(dir, "hf"), &o, &err), err);
    struct osso_model *even = open_model(scratch_path(dir, "even.gguf")), *hf = open_model(scratch_path(dir, "hf"));
    struct osso_model *skewed = open_model(scratch_path(dir, "skewed.gguf"));
    int first[3];
    for (int l = 0; l < 3; l++) {
        bool there[5] = {false};
        for (int e = 0; e < 5; e++) {
            float plain = even->weights.layers[l].router_bias[e], value = skewed->weights.layers[l].router_bias[e];
            float other = hf->weights.layers[l].router_bias[e];
            assert_true(fabsf(plain) <= 0.1f && fabsf(value - other) < 0.05f);
            int k = (int)lrint(exp(-(double)value / 8) - 1);
            assert_in_range(k, 0, 4);
            assert_false(there[k]);
            there[k] = true;
            if (k == 0)
                first[l] = e;
        }
        assert_memory_equal(even->weights.layers[l].router.data, skewed->weights.layers[l].router.data, 64);
    }
    assert_false(first[0] == first[1] && first[1] == first[2]);
    o.skew = -1;
    o.force = true;
    assert_int_equal(osso_synth(scratch_path(dir, "hf"), &o, &err), OSSO_USAGE);
    osso_model_free(even);
    osso_model_free(skewed);
    osso_model_free(hf);
    scratch_remove(dir);
}

static void test_forms(void **state)
{
    (void)state;
    char *dir = scratch_dir();
    struct osso_error err;
    put_file(scratch_path(dir, "c.json"), small_config, sizeof small_config - 1);
    struct osso_synth_options o = options_for(scratch_path(dir, "c.json"), "hf");
    check_ok(osso_synth(scratch_path(dir, "hf"), &o, &err), err);
    o.format = "gguf";
    check_ok(osso_synth(scratch_path(dir, "m.gguf"), &o, &err), err);
    struct osso_model *hf = open_model(scratch_path(dir, "hf")), *gg = open_model(scratch_path(dir, "m.gguf")), *mem;
    check_ok(osso_model_synthesize(o.preset, 7, &mem, &err), err);
    const struct config *c = &hf->config;
    assert_true(c->n_stop_ids == 1 && c->stop_ids[0] == 299 && !c->sliding[0] && c->sliding[2] &&
                gg->config.vocab == 300);
    assert_memory_equal(c->sliding, gg->config.sliding, 3);
    for (int l = 0; l < 3; l++)
        for (int e = 0; e < 5; e++) {
            struct expert x, y, z;
            hf->weights.source.get(&hf->weights.source, l, e, &x);
            gg->weights.source.get(&gg->weights.source, l, e, &y);
            mem->weights.source.get(&mem->weights.source, l, e, &z);
            check_same_expert(&x.gate, &y.gate);
            check_same_expert(&x.up, &y.up);
            check_same_expert(&x.down, &y.down);
            assert_memory_equal(y.gate.data, z.gate.data, (size_t)(y.gate.rows * y.gate.row_stride));
            assert_int_not_equal(memcmp(y.gate.data, y.up.data, 34), 0);
        }
    for (int64_t i = 0; i < mem->tensors.n; i++) { /* in memory and in the file: the same bytes */
        const struct tensor *t = tensors_find(&gg->tensors, mem->tensors.list[i].name);
        assert_non_null(t);
        assert_int_equal(t->bytes, mem->tensors.list[i].bytes);
        assert_memory_equal(t->data, mem->tensors.list[i].data, (size_t)t->bytes);
    }
    const struct osso_tokenizer *t;
    assert_int_equal(osso_model_tokenizer(gg, &t, &err), OSSO_NOTFOUND);
    osso_model_free(hf);
    osso_model_free(gg);
    osso_model_free(mem);
    scratch_remove(dir);
}

/* FNV-1a of a file. */
static uint64_t file_hash(const char *path)
{
    struct osso_error err;
    char *data;
    size_t len;
    uint64_t h = 0xcbf29ce484222325;
    check_ok(file_read(path, 1 << 24, &data, &len, &err), err);
    for (size_t i = 0; i < len; i++)
        h = (h ^ (uint8_t)data[i]) * 0x100000001b3;
    mem_free(data);
    return h;
}

/* Published numbers name a seed: its files have had these bytes since the first version. The second configuration has
 * widths that MXFP4 cannot have: dense experts, F16. */
static void test_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *format, *file;
        uint64_t hash;
    } want[] = {
        {"\"hidden_size\":64", "\"hidden_size\":64", "hf", "/model.safetensors", 0x82055131d6038c75},
        {"\"hidden_size\":64", "\"hidden_size\":64", "gguf", "", 0xcc6a494491cf0cad},
        {"\"hidden_size\":64", "\"hidden_size\":48", "hf", "/model.safetensors", 0xa4231f2ddccf571f},
        {"\"hidden_size\":64", "\"hidden_size\":48", "gguf", "", 0xf8a6eff23bf59212},
    };
    struct osso_error err;
    for (int i = 0; i < 4; i++) {
        char *dir = scratch_dir(), config[sizeof small_config], path[512];
        memcpy(config, small_config, sizeof config);
        memcpy(strstr(config, want[i].from), want[i].to, strlen(want[i].to));
        put_file(scratch_path(dir, "c.json"), config, sizeof config - 1);
        struct osso_synth_options o = options_for(scratch_path(dir, "c.json"), want[i].format);
        o.layers = 2;
        check_ok(osso_synth(scratch_path(dir, "out"), &o, &err), err);
        snprintf(path, sizeof path, "%s%s", scratch_path(dir, "out"), want[i].file);
        if (file_hash(path) != want[i].hash)
            fail_msg("case %d: 0x%016llx", i, (unsigned long long)file_hash(path));
        scratch_remove(dir);
    }
}

/* Greedy ids move, and are numbers: the scale of the weights is sane. */
static void test_runs(void **state)
{
    (void)state;
    char *dir = scratch_dir();
    struct osso_error err;
    struct osso_model *m;
    struct osso_engine *engine;
    struct osso_session *session;
    struct osso_sampler *sampler;
    struct osso_engine_options o = {.size = sizeof o, .threads = 1};
    struct osso_sampling s;
    put_file(scratch_path(dir, "c.json"), small_config, sizeof small_config - 1);
    check_ok(osso_model_synthesize(scratch_path(dir, "c.json"), 1, &m, &err), err);
    check_ok(osso_engine_create(m, &o, &engine, &err), err);
    check_ok(osso_session_create(engine, 0, &session, &err), err);
    osso_sampling_defaults(&s);
    s.temperature = 0;
    check_ok(osso_sampler_create(&s, 300, &sampler, &err), err);
    check_ok(osso_session_sync(session, (int32_t[]){1, 2, 3}, 3, &err), err);
    bool seen[300] = {false};
    int n_different = 0;
    for (int i = 0; i < 40; i++) {
        struct osso_choice choice;
        while (!osso_session_ready(session))
            check_ok(osso_step(engine, &session, 1, 0, &err), err);
        check_ok(osso_sample(sampler, session, &choice, NULL, 0, &err), err);
        assert_true(choice.logprob < 0 && choice.logprob > -12);
        n_different += !seen[choice.id];
        seen[choice.id] = true;
        check_ok(osso_session_append(session, choice.id, &err), err);
    }
    assert_true(n_different > 8);
    osso_sampler_free(sampler);
    osso_session_free(session);
    osso_engine_free(engine);
    osso_model_free(m);
    scratch_remove(dir);
}

static void test_o200k(void **state)
{
    (void)state;
    char *dir = scratch_dir(), *text = NULL;
    struct osso_error err;
    struct osso_tokenizer *builtin;
    struct vocab_export e;
    struct buf token = {0};
    check_ok(osso_tokenizer_builtin(&builtin, &err), err);
    check_ok(vocab_export_create(builtin, 201088, &e, &err), err);
    assert_int_equal(e.n_merges, 446189);
    assert_int_equal(vocab_export_token(&e, 290, &token), TOKEN_NORMAL);
    assert_string_equal(token.data, "\xc4\xa0the");
    buf_clear(&token);
    assert_int_equal(vocab_export_token(&e, 200018, &token), TOKEN_CONTROL);
    assert_string_equal(token.data, "<|endofprompt|>");
    buf_clear(&token);
    assert_int_equal(vocab_export_token(&e, 200019, &token), TOKEN_UNUSED);
    assert_string_equal(token.data, "[PAD200019]");
    buf_clear(&token);
    tokenizer_write_json(&e, &token);
    struct jdoc *doc = json_of(token.data, token.len);
    const struct jval *model = json_member(jdoc_root(doc), "model"), *merges = json_member(model, "merges");
    assert_int_equal(json_member(model, "vocab")->n_children, 199998);
    assert_int_equal(merges->n_children, 446189);
    assert_int_equal(json_member(jdoc_root(doc), "added_tokens")->n_children, 21);
    assert_string_equal(merges->first->next->last->text.s, "\xc4\xa0\xc4\xa0\xc4\xa0"); /* [1] of [1] */
    jdoc_release(doc);
    put_file(scratch_path(dir, "tokenizer.json"), token.data, token.len);
    struct osso_tokenizer *again;
    check_ok(osso_tokenizer_open(dir, &again, &err), err);
    assert_true(osso_tokenizer_is_o200k(again));
    osso_tokenizer_free(again);
    assert_int_equal(vocab_export_create(builtin, 300, &(struct vocab_export){0}, &err), OSSO_USAGE);
    vocab_export_free(&e);
    osso_tokenizer_free(builtin);
    buf_free(&token);
    osso_free(text);
    scratch_remove(dir);
}

/* A small vocabulary goes through GGUF and tokenizer.json unchanged. */
static void test_small_vocabulary(void **state)
{
    (void)state;
    char *dir = scratch_dir(), path[512];
    struct osso_error err;
    const struct osso_tokenizer *original;
    struct osso_model *golden = open_model(test_path(path, sizeof path, "tests/golden/model/yarn-mxfp4/model.gguf")),
                      *made;
    struct vocab_export e;
    struct buf json = {0};
    check_ok(osso_model_tokenizer(golden, &original, &err), err);
    check_ok(vocab_export_create(original, 300, &e, &err), err);
    tokenizer_write_json(&e, &json);
    assert_int_equal(mkdir(scratch_path(dir, "tok"), 0700), 0);
    put_file(scratch_path(dir, "tok/tokenizer.json"), json.data, json.len);
    put_file(scratch_path(dir, "c.json"), small_config, sizeof small_config - 1);
    struct osso_synth_options o = options_for(scratch_path(dir, "c.json"), "gguf");
    o.tokenizer = scratch_path(dir, "tok");
    check_ok(osso_synth(scratch_path(dir, "m.gguf"), &o, &err), err);
    made = open_model(scratch_path(dir, "m.gguf"));
    const struct osso_tokenizer *t;
    struct osso_ids a = {0}, b = {0};
    static const char sample[] = "the thin man in the rain, then <|end|>\n";
    check_ok(osso_model_tokenizer(made, &t, &err), err);
    check_ok(osso_tokenizer_encode(original, sample, sizeof sample - 1, OSSO_ENCODE_SPECIAL, &a, &err), err);
    check_ok(osso_tokenizer_encode(t, sample, sizeof sample - 1, OSSO_ENCODE_SPECIAL, &b, &err), err);
    assert_true(a.len == b.len && a.len < sizeof sample - 1);
    assert_memory_equal(a.data, b.data, a.len * sizeof *a.data);
    osso_ids_free(&a);
    osso_ids_free(&b);
    vocab_export_free(&e);
    buf_free(&json);
    osso_model_free(golden);
    osso_model_free(made);
    scratch_remove(dir);
}

static int cancel_later(void *user, uint64_t done, uint64_t total)
{
    uint64_t *limit = user;
    return done > *limit && done <= total;
}

static int count_files(const char *dir)
{
    int n = 0;
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));)
        n += e->d_name[0] != '.';
    if (d)
        closedir(d);
    return n;
}

/* What a killed run left is known by its mark, and goes; what synth never writes is somebody's, and a mark that is
 * locked is a living run's. */
static void test_killed(const char *dir, struct osso_synth_options *o)
{
    struct osso_error err;
    const char *out = scratch_path(dir, "hf");
    static const char *const left[] = {"model.safetensors.tmp.0", "model-00000-of-00003.safetensors",
                                       "model-00001-of-00003.safetensors.tmp.1", "config.json", "tokenizer.json"};
    put_file(scratch_path(dir, "hf/.osso-unfinished"), "", 0);
    put_file(scratch_path(dir, "hf/model.safetensors"), "x", 1);
    o->progress = NULL;
    assert_int_equal(osso_synth(out, o, &err), OSSO_USAGE); /* precious */
    assert_non_null(strstr(err.text, "not empty"));
    assert_true(file_exists(scratch_path(dir, "hf/precious")) && count_files(out) == 1);
    unlink(scratch_path(dir, "hf/precious"));
    put_file(scratch_path(dir, "hf/.osso-unfinished"), "", 0);
    for (int i = 0; i < 5; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", out, left[i]);
        put_file(path, "x", 1);
    }
    int fd = open(scratch_path(dir, "hf/.osso-unfinished"), O_RDONLY);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_int_equal(osso_synth(out, o, &err), OSSO_USAGE);
    assert_non_null(strstr(err.text, "another run"));
    assert_int_equal(count_files(out), 5);
    close(fd);
    check_ok(osso_synth(out, o, &err), err);
    assert_int_equal(count_files(out), 3); /* configurations and weights */
    assert_false(file_exists(scratch_path(dir, "hf/.osso-unfinished")));
    osso_model_free(open_model(out));
}

static void test_nothing_left(void **state)
{
    (void)state;
    char *dir = scratch_dir();
    struct osso_error err;
    uint64_t limit = 100000;
    put_file(scratch_path(dir, "c.json"), small_config, sizeof small_config - 1);
    char *preset = strdup(scratch_path(dir, "c.json"));
    struct osso_synth_options o = options_for(preset, "gguf");
    o.progress = cancel_later;
    o.user = &limit;
    assert_int_equal(osso_synth(scratch_path(dir, "m.gguf"), &o, &err), OSSO_CANCELLED);
    o.format = "hf";
    assert_int_equal(osso_synth(scratch_path(dir, "hf"), &o, &err), OSSO_CANCELLED);
    assert_int_equal(count_files(dir), 1);
    assert_int_equal(mkdir(scratch_path(dir, "hf"), 0700), 0);
    assert_int_equal(osso_synth(scratch_path(dir, "hf"), &o, &err), OSSO_CANCELLED);
    assert_true(file_is_dir(scratch_path(dir, "hf")) &&
                count_files(scratch_path(dir, "hf")) == 0); /* it was there before */
    put_file(scratch_path(dir, "hf/precious"), "x", 1);
    assert_int_equal(osso_synth(scratch_path(dir, "hf"), &o, &err), OSSO_USAGE);
    assert_non_null(strstr(err.text, "not empty"));
    assert_int_equal(count_files(scratch_path(dir, "hf")), 1);
    test_killed(dir, &o);
    assert_int_equal(osso_synth(scratch_path(dir, "hf"), &o, &err), OSSO_USAGE); /* a whole one */
    /* Nothing that is there is written over unasked, in either form. */
    o.format = "gguf";
    put_file(scratch_path(dir, "there"), "precious", 8);
    assert_int_equal(osso_synth(scratch_path(dir, "there"), &o, &err), OSSO_USAGE);
    assert_non_null(strstr(err.text, "--force"));
    o.force = true;
    check_ok(osso_synth(scratch_path(dir, "there"), &o, &err), err);
    o.format = "hf";
    put_file(scratch_path(dir, "hf/mine"), "x", 1);
    check_ok(osso_synth(scratch_path(dir, "hf"), &o, &err), err);
    assert_true(file_exists(scratch_path(dir, "hf/mine")));
    o.force = false;
    o.layers = 4;
    assert_int_equal(osso_synth(scratch_path(dir, "m.gguf"), &o, &err), OSSO_USAGE);
    o.layers = 0;
    o.format = "zip";
    assert_int_equal(osso_synth(scratch_path(dir, "m.gguf"), &o, &err), OSSO_USAGE);
    o.format = "gguf";
    o.preset = "19b";
    assert_int_equal(osso_synth(scratch_path(dir, "m.gguf"), &o, &err), OSSO_USAGE);
    /* No disk holds this. */
    static const char huge[] =
        "{\"model_type\":\"gpt_oss\",\"num_hidden_layers\":500,\"hidden_size\":65536,\"intermediate_size\":65536,\"vocab_size\":300,"
        "\"num_attention_heads\":4,\"num_key_value_heads\":2,\"num_local_experts\":4096}";
    put_file(scratch_path(dir, "huge.json"), huge, sizeof huge - 1);
    o.preset = scratch_path(dir, "huge.json");
    assert_int_equal(osso_synth(scratch_path(dir, "m.gguf"), &o, &err), OSSO_IO);
    assert_non_null(strstr(err.text, "are free there"));
    assert_non_null(strstr(err.text, "estimated"));
    struct osso_model *m;
    assert_int_equal(osso_model_synthesize(o.preset, 0, &m, &err), OSSO_NOMEM);
    assert_false(file_exists(scratch_path(dir, "m.gguf")));
    free(preset);
    scratch_remove(dir);
}

/* Sizes as the published files have them, and what `info` says. */
static void test_info(void **state)
{
    (void)state;
    struct osso_error err;
    char *text, path[512];
    static const struct {
        const char *preset;
        int64_t parameters, active, hf, gguf, kv_full;
    } want[] = {
        {"20b", 20914757184, 3608307264, 13761264768, 12096558336, 24576},
        {"120b", 116829156672, 5132849472, 65248815744, 63374323968, 36864},
    };
    for (int i = 0; i < 2; i++) {
        check_ok(osso_info_json(NULL, want[i].preset, 8192, NULL, true, &text, &err), err);
        assert_null(strchr(text, '\n'));
        struct jdoc *doc = json_of(text, strlen(text));
        const struct jval *j = jdoc_root(doc), *p = json_member(j, "parameters"), *b = json_member(j, "bytes"),
                          *m = json_member(j, "memory");
        assert_int_equal(json_int(json_member(p, "total")), want[i].parameters);
        assert_int_equal(json_int(json_member(p, "active")), want[i].active);
        assert_int_equal(json_int(json_member(json_member(b, "hf"), "total")), want[i].hf);
        assert_int_equal(json_int(json_member(json_member(b, "gguf"), "total")), want[i].gguf);
        /* One spare page beside the 64 that 8192 positions fill. */
        assert_int_equal(json_int(json_member(m, "kv_full_layers")), want[i].kv_full * 128 * 65);
        assert_int_equal(json_member(j, "tensors")->n_children, i ? 36 * 19 + 3 : 24 * 19 + 3);
        jdoc_release(doc);
        osso_free(text);
    }
    test_path(path, sizeof path, "tests/golden/model/full-yarn8");
    check_ok(osso_info_json(path, NULL, 0, "f32", false, &text, &err), err);
    assert_non_null(strstr(text, "\"by_type\":{\"BF16\":188640,\"MXFP4\":52224}"));
    osso_free(text);
    assert_int_equal(osso_info_json(path, "20b", 0, NULL, false, &text, &err), OSSO_USAGE);
    assert_int_equal(osso_info_json(NULL, NULL, 0, NULL, false, &text, &err), OSSO_USAGE);
    assert_int_equal(osso_info_json(path, NULL, 0, "q4", false, &text, &err), OSSO_USAGE);
    assert_int_equal(osso_info_json(path, NULL, 0, "q8_0", false, &text, &err),
                     OSSO_UNSUPPORTED); /* heads of 16 dims */
    assert_non_null(strstr(err.text, "heads have 16; use f16"));
    assert_int_equal(osso_info_json(path, NULL, 513, NULL, false, &text, &err), OSSO_USAGE);
    assert_null(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),        cmocka_unit_test(test_skew),  cmocka_unit_test(test_runs),
        cmocka_unit_test(test_o200k),        cmocka_unit_test(test_bytes), cmocka_unit_test(test_small_vocabulary),
        cmocka_unit_test(test_nothing_left), cmocka_unit_test(test_info),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
