/* test_config.c: every spelling of a configuration means what transformers and llama.cpp take it for. */
#include "config_parse.h"

#include "format/tensors.h"
#include "format/write.h"
#include "model/params.h"
#include "checkpoint/config_files.h"

#include <math.h>

static void test_defaults(void **state)
{
    (void)state;
    struct config c = parse(BASE "}", NULL);
    assert_true(c.n_layers == 3 && c.hidden == 64 && c.intermediate == 32 && c.vocab == 100);
    assert_true(c.n_heads == 4 && c.n_kv_heads == 2 && c.head_dim == 64 && c.n_experts == 8 &&
                c.experts_per_token == 4);
    assert_true(c.window == 128 && c.context == 131072 && c.rms_eps == 1e-5 && c.rope_theta == 150000);
    assert_true(c.swiglu_alpha == 1.702 && c.swiglu_limit == 7.0 && !c.tied);
    assert_true(c.sliding[0] && !c.sliding[1] && c.sliding[2]);
    assert_true(c.n_stop_ids == 0 && c.temperature < 0 && c.top_p == 1 && c.top_k == 0 && c.min_p == 0 &&
                c.repetition_penalty == 1);
}

static void test_members(void **state)
{
    (void)state;
    struct config c = parse(
        BASE ",\"head_dim\":16,\"num_experts_per_tok\":2,\"experts_per_token\":3,\"sliding_window\":5,"
             "\"max_position_embeddings\":512.0,\"rms_norm_eps\":0.001,\"swiglu_alpha\":1.3,\"swiglu_limit\":2.5,"
             "\"tie_word_embeddings\":true,\"eos_token_id\":7}",
        NULL);
    assert_true(c.head_dim == 16 && c.experts_per_token == 2 && c.window == 5 && c.context == 512 &&
                c.rms_eps == 0.001);
    assert_true(c.swiglu_alpha == 1.3 && c.swiglu_limit == 2.5 && c.tied && c.n_stop_ids == 1 && c.stop_ids[0] == 7);
    assert_int_equal(parse(BASE ",\"experts_per_token\":3}", NULL).experts_per_token, 3);
    assert_int_equal(parse("{" SIZES "\"num_experts\":9}", NULL).n_experts, 9);
    c = parse(BASE
              ",\"layer_types\":[\"full_attention\",\"full_attention\",\"sliding_attention\"],\"eos_token_id\":[1,99]}",
              NULL);
    assert_true(!c.sliding[0] && !c.sliding[1] && c.sliding[2] && c.n_stop_ids == 2 && c.stop_ids[1] == 99);
}

#define SIZES_ORIGINAL                                                                                                 \
    "\"hidden_size\":64,\"intermediate_size\":32,\"vocab_size\":100,\"num_attention_heads\":4,"                        \
    "\"num_key_value_heads\":2,\"num_experts\":8,\"rope_scaling_factor\":1.0"

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *json, *words;
    } cases[] = {
        {"", "line 1"},
        {"[]", "not a JSON object"},
        {"{", "line 1"},
        {"{}", "\"num_hidden_layers\" is missing"},
        {BASE ",\"hidden_size\":64}", "duplicate"},
        {"{\"model_type\":\"qwen3\"}", "model_type is \"qwen3\""},
        {"{\"model_type\":7}", "must be a string"},
        {"{\"num_hidden_layers\":24,\"num_experts\":32,\"rope_scaling_factor\":32.0}", "\"hidden_size\" is missing"},
        {"{\"num_hidden_layers\":600," SIZES_ORIGINAL "}", "600 layers"},
        {"{\"num_hidden_layers\":2,\"rope_ntk_alpha\":\"1\"," SIZES_ORIGINAL "}", "rope_ntk_alpha"},
        {"{\"num_hidden_layers\":2,\"head_dim\":3," SIZES_ORIGINAL "}", "odd"},
        {"{\"num_hidden_layers\":0}", "from 1"},
        {"{\"num_hidden_layers\":-1}", "from 1"},
        {"{\"num_hidden_layers\":2147483648}", "from 1"},
        {"{\"num_hidden_layers\":9223372036854775808}", "line 1"},
        {"{\"num_hidden_layers\":1.5}", "an integer"},
        {"{\"num_hidden_layers\":\"3\"}", "an integer"},
        {"{\"num_hidden_layers\":513,"
         "\"hidden_size\":64,\"intermediate_size\":32,\"vocab_size\":100,\"num_attention_heads\":4,\"num_key_value_heads\":2,\"num_local_experts\":8}",
         "513 layers"},
        {BASE ",\"head_dim\":15}", "odd"},
        {BASE ",\"head_dim\":2048}", "head_dim"},
        {"{"
         "\"num_hidden_layers\":3,\"hidden_size\":64,\"intermediate_size\":32,\"vocab_size\":100,\"num_attention_heads\":4,\"num_key_value_heads\":3,\"num_local_experts\":8}",
         "do not divide"},
        {"{"
         "\"num_hidden_layers\":3,\"hidden_size\":2147483647,\"intermediate_size\":32,\"vocab_size\":100,\"num_attention_heads\":4,\"num_key_value_heads\":2,\"num_local_experts\":8}",
         "hidden size"},
        {BASE ",\"num_experts_per_tok\":9}", "experts per token"},
        {BASE ",\"sliding_window\":0}", "from 1"},
        {BASE ",\"rms_norm_eps\":0}", "epsilon"},
        {BASE ",\"rms_norm_eps\":1e400}", "line 1"},
        {BASE ",\"swiglu_limit\":-1}", "swiglu_limit"},
        {BASE ",\"tie_word_embeddings\":1}", "true or false"},
        {BASE ",\"attention_bias\":false}", "attention_bias"},
        {BASE ",\"layer_types\":[\"full_attention\"]}", "must list 3 layers"},
        {BASE ",\"layer_types\":[\"full_attention\",\"full_attention\",\"x\"]}", "[2] must be"},
        {BASE ",\"layer_types\":[\"full_attention\",\"full_attention\",1]}", "[2] must be"},
        {BASE ",\"eos_token_id\":[1,\"2\"]}", "a token id"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        parse(cases[i].json, cases[i].words);
}

/* Hints never stop a model: what makes no sense is a note of these words. */
static void generation(const char *json, struct config *c, const char *words)
{
    struct osso_error err = {""};
    struct notes notes = {0};
    check_ok(config_add_generation(json, strlen(json), "generation_config.json", c, &notes, &err), err);
    assert_int_equal(notes.n, words ? 1 : 0);
    if (words)
        assert_non_null(strstr(notes.text[0], words));
}

/* Ids that no token has end nothing; a list that is too long is cut. */
static void test_stop_ids(void **state)
{
    (void)state;
    assert_int_equal(parse(BASE ",\"eos_token_id\":100}", NULL).n_stop_ids, 0);
    assert_int_equal(parse(BASE ",\"eos_token_id\":-1}", NULL).n_stop_ids, 0);
    struct config c = parse(BASE ",\"eos_token_id\":[1,5000000000,2]}", NULL);
    assert_true(c.n_stop_ids == 2 && c.stop_ids[0] == 1 && c.stop_ids[1] == 2);
    assert_int_equal(parse(BASE ",\"eos_token_id\":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}", NULL).n_stop_ids, 16);
}

static void test_generation(void **state)
{
    (void)state;
    struct config c = parse(BASE ",\"eos_token_id\":5}", NULL);
    generation(
        "{\"do_sample\":true,\"temperature\":0.7,\"top_p\":0.9,\"top_k\":40,\"min_p\":0.05,\"repetition_penalty\":1.1,\"eos_token_id\":[9,8]}",
        &c, NULL);
    assert_true(c.temperature == 0.7 && c.top_p == 0.9 && c.top_k == 40 && c.min_p == 0.05 &&
                c.repetition_penalty == 1.1);
    assert_true(c.n_stop_ids == 2 && c.stop_ids[0] == 9);
    generation("{\"do_sample\":false}", &c, NULL);
    assert_true(c.temperature == 0 && c.top_p == 0.9 && c.n_stop_ids == 2);
    struct config before = c;
    static const char *const bad[] = {"{\"temperature\":-0.5}",
                                      "{\"temperature\":1e9}",
                                      "{\"top_p\":1.5}",
                                      "{\"min_p\":-1}",
                                      "{\"top_k\":-2}",
                                      "{\"repetition_penalty\":0}",
                                      "{\"eos_token_id\":[9,8,100]}",
                                      "{\"eos_token_id\":[9,8,-7]}",
                                      "{\"eos_token_id\":\"end\"}",
                                      "{\"temperature\":\"hot\"}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        generation(bad[i], &c, "generation_config.json");
        assert_memory_equal(&c, &before, sizeof c);
    }
    generation("{\"top_k\":-1,\"top_p\":0}", &c, NULL); /* both off */
    assert_true(c.top_k == 0 && c.top_p == 1);
    generation("{\"eos_token_id\":[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]}", &c, "more than 16");
    assert_true(c.n_stop_ids == 16 && c.stop_ids[15] == 15);
    struct osso_error err = {""};
    assert_int_equal(config_add_generation("[]", 2, "generation_config.json", &c, NULL, &err), OSSO_FORMAT);
}

static void test_presets(void **state)
{
    (void)state;
    struct config c;
    struct osso_error err;
    check_ok(config_preset("20b", &c, &err), err);
    assert_true(params_total(&c) == 20914757184 && params_active(&c) == 3608307264);
    assert_true(c.n_stop_ids == 3 && c.stop_ids[0] == 200002);
    check_ok(config_preset("120b", &c, &err), err);
    assert_true(params_total(&c) == 116829156672 && params_active(&c) == 5132849472);
    assert_int_equal(config_preset("21b", &c, &err), OSSO_NOTFOUND);
    /* Tied: the one table is used by every token. */
    c = parse("{" SIZES "\"num_local_experts\":4,\"tie_word_embeddings\":true}", NULL);
    assert_true(params_total(&c) == params_active(&c));
}

/* ---- GGUF ----------------------------------------------------------------------------------------------- */

/* The keys as written for `c`; `change` may add or replace (by a file of its own). */
static struct config through_gguf(const struct config *c, void (*change)(struct gguf_keys *), const char *words)
{
    char *dir = scratch_dir();
    const char *path = scratch_path(dir, "x.gguf");
    struct gguf_keys keys = {0};
    struct tensors set = {0};
    struct gguf *g = NULL;
    struct config out;
    struct osso_error err = {""};
    struct save *save;
    if (c)
        config_write_gguf(c, "test", &keys);
    if (change)
        change(&keys);
    check_ok(save_open(path, &save, &err), err);
    check_ok(gguf_write_header(save, &keys, NULL, 0, &err), err);
    check_ok(save_commit(save, &err), err);
    check_ok(gguf_open(path, &set, &g, &err), err);
    enum osso_status status = config_from_gguf(g, &set, "x.gguf", &out, NULL, &err);
    check_says(status, err, words, words ? words : "the keys of a GGUF file");
    gguf_free(g);
    tensors_close(&set);
    buf_free(&keys.bytes);
    scratch_remove(dir);
    return out;
}

static void vocab(struct gguf_keys *k)
{
    gguf_put_u32(k, "gpt-oss.vocab_size", 100);
}

static void tokens(struct gguf_keys *k)
{
    gguf_put_array(k, "tokenizer.ggml.tokens", GGUF_STRING, 7);
    for (int i = 0; i < 7; i++)
        gguf_add_str(k, "x", 1);
    gguf_put_u32(k, "tokenizer.ggml.eos_token_id", 6);
    gguf_put_u32(k, "tokenizer.ggml.eot_token_id", 7); /* no such id: not a reason to refuse the file */
    gguf_put_array(k, "tokenizer.ggml.eos_token_ids", GGUF_I32, 3);
    gguf_add_u32(k, 6), gguf_add_u32(k, 2), gguf_add_u32(k, 0xffffffff);
}

static void period(struct gguf_keys *k)
{
    vocab(k);
    gguf_put_u32(k, "gpt-oss.attention.sliding_window_pattern", 3);
}

static void short_pattern(struct gguf_keys *k)
{
    vocab(k);
    gguf_put_array(k, "gpt-oss.attention.sliding_window_pattern", GGUF_BOOL, 2);
    gguf_add_u8(k, 1), gguf_add_u8(k, 1);
}

static void other_theta(struct gguf_keys *k)
{
    vocab(k);
    gguf_put_f32(k, "gpt-oss.rope.freq_base_swa", 1e4f);
}

static void ollama(struct gguf_keys *k)
{
    static const char *const ones[] = {"block_count",       "embedding_length",         "expert_count",
                                       "expert_used_count", "attention.sliding_window", "context_length"};
    char key[64];
    gguf_put_str(k, "general.architecture", "gptoss");
    for (int i = 0; i < 6; i++) {
        snprintf(key, sizeof key, "gptoss.%s", ones[i]);
        gguf_put_u32(k, key, i == 0 ? 3 : 8);
    }
    gguf_put_u32(k, "gptoss.attention.head_count", 4);
    gguf_put_u32(k, "gptoss.attention.key_length", 16);
    gguf_put_u32(k, "gptoss.feed_forward_length", 24);
    gguf_put_u32(k, "gptoss.vocab_size", 100);
    gguf_put_u32(k, "gptoss.attention.sliding_window_pattern", 3);
    gguf_put_f32(k, "gptoss.rope.scaling.factor", 4);
    gguf_put_u32(k, "gptoss.rope.scaling.original_context_length", 2);
}

static void llama(struct gguf_keys *k)
{
    gguf_put_str(k, "general.architecture", "llama");
}

/* All that is needed, little by little: heads per layer, and the scaling that llama.cpp would take for linear. */
static void by_hand(struct gguf_keys *k, bool heads_differ, bool scaled)
{
    static const char *const ones[] = {"block_count",       "embedding_length",         "expert_count",
                                       "expert_used_count", "attention.sliding_window", "context_length"};
    char key[64];
    gguf_put_str(k, "general.architecture", "gpt-oss");
    for (int i = 0; i < 6; i++) {
        snprintf(key, sizeof key, "gpt-oss.%s", ones[i]);
        gguf_put_u32(k, key, i == 0 ? 2 : 8);
    }
    gguf_put_array(k, "gpt-oss.attention.head_count", GGUF_U32, 2);
    gguf_add_u32(k, 4), gguf_add_u32(k, heads_differ ? 2 : 4);
    gguf_put_u32(k, "gpt-oss.attention.key_length", 16);
    gguf_put_u32(k, "gpt-oss.expert_feed_forward_length", 24);
    if (scaled)
        gguf_put_f32(k, "gpt-oss.rope.scaling.factor", 4);
    vocab(k);
}

static void plain_by_hand(struct gguf_keys *k)
{
    by_hand(k, false, false);
}

static void heads_differ(struct gguf_keys *k)
{
    by_hand(k, true, false);
}

static void scaled(struct gguf_keys *k)
{
    by_hand(k, false, true);
}

static void test_gguf(void **state)
{
    (void)state;
    struct config c = parse(
        BASE
        ",\"head_dim\":16,\"num_experts_per_tok\":2,\"sliding_window\":5,\"max_position_embeddings\":512,\"rms_norm_eps\":0.001,"
        "\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":8,\"original_max_position_embeddings\":64,\"truncate\":true}}",
        NULL);
    struct config g = through_gguf(&c, vocab, NULL);
    assert_true(g.n_layers == 3 && g.hidden == 64 && g.intermediate == 32 && g.vocab == 100 && g.n_heads == 4 &&
                g.n_kv_heads == 2);
    assert_true(g.head_dim == 16 && g.n_experts == 8 && g.experts_per_token == 2 && g.window == 5 && g.context == 512);
    assert_true((float)g.rms_eps == 0.001f && g.rope_theta == 150000 && g.yarn && g.yarn_factor == 8 &&
                g.yarn_original == 64);
    assert_false(g.yarn_truncate); /* GGUF has no word for it, and OpenAI's bounds are not rounded */
    assert_true(g.swiglu_alpha == 1.702 && g.swiglu_limit == 7 && g.sliding[0] && !g.sliding[1]);
    c.yarn = false;
    c.sliding[0] = false, c.sliding[1] = true, c.sliding[2] = false;
    g = through_gguf(&c, tokens, NULL);
    assert_true(!g.yarn && !g.sliding[0] && g.sliding[1] && !g.sliding[2] && g.vocab == 7);
    assert_true(g.n_stop_ids == 2 && g.stop_ids[0] == 6 && g.stop_ids[1] == 2);
    c.sliding[0] = true, c.sliding[1] = false, c.sliding[2] = true;
    g = through_gguf(&c, period, NULL);
    assert_true(g.sliding[0] && g.sliding[1] && !g.sliding[2]);
    through_gguf(&c, NULL, "gpt-oss.vocab_size is missing");
    through_gguf(&c, short_pattern, "one element for each layer");
    through_gguf(&c, other_theta, "freq_base_swa");
    g = through_gguf(NULL, ollama, NULL); /* no word of the kind of scaling, nor of the experts' width */
    assert_true(g.n_layers == 3 && g.n_heads == 4 && g.intermediate == 24 && g.vocab == 100 && g.yarn &&
                !g.yarn_truncate && g.yarn_factor == 4 && g.yarn_original == 2 && g.sliding[1] && !g.sliding[2]);
    through_gguf(NULL, llama, "architecture is \"llama\"");
    through_gguf(NULL, NULL, "architecture is \"\"");
    g = through_gguf(NULL, plain_by_hand, NULL);
    assert_true(g.n_heads == 4 && g.n_kv_heads == 4 && g.intermediate == 24 && !g.yarn);
    through_gguf(NULL, heads_differ, "from layer to layer");
    through_gguf(NULL, scaled, "\"linear\"");
}

/* What is written is read as the same. */
static void test_write(void **state)
{
    (void)state;
    static const char *const sources[] = {
        BASE
        ",\"head_dim\":16,\"sliding_window\":5,\"eos_token_id\":[3,4],\"rms_norm_eps\":3e-7,\"swiglu_limit\":2.25,\"tie_word_embeddings\":true,\"rope_theta\":12345.678}",
        BASE
        ",\"layer_types\":[\"full_attention\",\"full_attention\",\"sliding_attention\"],\"rope_scaling\":{\"rope_type\":\"default\"},\"eos_token_id\":3}",
        BASE ",\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":3.7,\"beta_slow\":0.3}}",
    };
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        struct buf text = {0};
        struct config c = parse(sources[i], NULL);
        c.temperature = i ? 0.6 : -1;
        c.top_k = (int64_t)i;
        config_write_json(&c, true, DT_BF16, &text);
        struct config again = parse(text.data, NULL);
        buf_clear(&text);
        config_write_generation(&c, &text);
        generation(text.data, &again, NULL);
        memcpy(again.stop_from, c.stop_from, sizeof c.stop_from); /* the other file says it now */
        assert_memory_equal(&c, &again, sizeof c);
        buf_free(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),   cmocka_unit_test(test_members),  cmocka_unit_test(test_refused),
        cmocka_unit_test(test_generation), cmocka_unit_test(test_stop_ids), cmocka_unit_test(test_presets),
        cmocka_unit_test(test_gguf),       cmocka_unit_test(test_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
