/* test_config_plain.c: config.json of Mixtral and Llama: what of them is read, what is refused, and what is written. */
#include "config_parse.h"

#include "checkpoint/names.h"

#include <math.h>

#define MIXTRAL "{\"model_type\":\"mixtral\"," SIZES "\"num_local_experts\":8"
#define LLAMA                                                                                                           \
    "{\"model_type\":\"llama\",\"num_hidden_layers\":3,\"hidden_size\":64,\"intermediate_size\":32,\"vocab_size\":100," \
    "\"num_attention_heads\":4"

static void check_plain(const struct config *c)
{
    assert_true(c->plain && !c->yarn && c->swiglu_alpha == 1 && isinf(c->swiglu_limit) && c->swiglu_shift == 0);
    for (int l = 0; l < MAX_LAYERS; l++)
        assert_false(c->sliding[l]);
}

/* What is not there is what transformers takes for it. */
static void test_read(void **state)
{
    (void)state;
    struct config c = parse(MIXTRAL "}", NULL);
    check_plain(&c);
    assert_true(c.n_experts == 8 && c.experts_per_token == 2 && c.head_dim == 16 && c.n_kv_heads == 2 &&
                c.context == 131072);
    assert_true(c.rope_theta == 1e6 && c.rms_eps == 1e-5 && !c.tied);
    c = parse(LLAMA "}", NULL);
    check_plain(&c);
    assert_true(c.n_experts == 1 && c.experts_per_token == 1 && c.head_dim == 16 && c.n_kv_heads == 4 &&
                c.context == 2048);
    assert_true(c.rope_theta == 1e4 && c.rms_eps == 1e-6);
    c = parse(LLAMA ",\"head_dim\":null,\"rope_scaling\":null,\"attention_bias\":false,\"mlp_bias\":false,"
                    "\"hidden_act\":\"silu\",\"rope_theta\":5e5,\"tie_word_embeddings\":true,\"eos_token_id\":[2,3],"
                    "\"layer_types\":[\"full_attention\",\"full_attention\",\"full_attention\"]}",
              NULL);
    assert_true(c.rope_theta == 5e5 && c.tied && c.n_stop_ids == 2);
    c = parse(MIXTRAL ",\"sliding_window\":null,\"head_dim\":32,\"num_experts_per_tok\":3,\"rms_norm_eps\":1e-3,"
                      "\"rope_parameters\":{\"rope_type\":\"default\",\"rope_theta\":20000.0}}",
              NULL);
    assert_true(c.rope_theta == 20000 && c.rms_eps == 1e-3 && c.head_dim == 32 && c.experts_per_token == 3);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *json, *words;
    } cases[] = {
        {LLAMA ",\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8.0}}", "\"rope_scaling\" is not \"default\""},
        {LLAMA ",\"rope_scaling\":{\"type\":\"linear\",\"factor\":2.0}}", "\"rope_scaling\""},
        {LLAMA ",\"rope_scaling\":{\"factor\":2.0}}", "\"rope_scaling\" has a factor"},
        {LLAMA ",\"rope_scaling\":7}", "not an object"},
        {MIXTRAL ",\"rope_parameters\":{\"rope_type\":\"yarn\",\"factor\":2.0}}", "\"rope_parameters\""},
        {MIXTRAL ",\"rope_parameters\":{\"partial_rotary_factor\":0.5}}", "\"partial_rotary_factor\" is not 1"},
        {MIXTRAL ",\"sliding_window\":4096}", "\"sliding_window\" is there"},
        {LLAMA ",\"layer_types\":[\"full_attention\",\"sliding_attention\",\"full_attention\"]}", "\"layer_types\""},
        {LLAMA ",\"attention_bias\":true}", "\"attention_bias\" is there"},
        {LLAMA ",\"mlp_bias\":true}", "\"mlp_bias\" is there"},
        {MIXTRAL ",\"hidden_act\":\"gelu\"}", "\"hidden_act\" is not \"silu\""},
        {MIXTRAL ",\"quantization_config\":{\"quant_method\":\"gptq\"}}", "\"quantization_config\" is there"},
        {"{\"model_type\":\"mixtral\"," SIZES "\"num_local_experts\":1}", "is 1"},
        {"{\"model_type\":\"mixtral\"," SIZES "\"num_local_experts\":0}", "from 1"},
        {"{\"model_type\":\"llama\",\"num_hidden_layers\":3}", "\"hidden_size\" is missing"},
        {MIXTRAL ",\"num_experts_per_tok\":9}", "experts per token"},
        {LLAMA ",\"head_dim\":15}", "odd"},
        {"{\"model_type\":\"mistral\"," SIZES "\"num_local_experts\":8}", "mixtral and llama of the plain form"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        parse(cases[i].json, cases[i].words);
}

/* What is written is read as the same. */
static void test_written(void **state)
{
    (void)state;
    struct osso_error err = {""};
    struct config made, read;
    for (int experts = 1; experts < 5; experts += 3) {
        struct buf b = {0};
        check_ok(config_preset("nano", &made, &err), err);
        config_plain(&made);
        check_plain(&made);
        assert_true(made.rope_theta == 1e4); /* of a model that is made, whatever gpt-oss's is */
        made.n_experts = experts;
        made.experts_per_token = experts > 1 ? 2 : 1;
        made.tied = experts > 1;
        config_write_json(&made, false, DT_F32, &b);
        buf_putc(&b, 0);
        assert_non_null(strstr(b.data, experts > 1 ? "MixtralForCausalLM" : "LlamaForCausalLM"));
        read = parse(b.data, NULL);
        read.window = made.window; /* nobody looks at it, and no file says it */
        assert_memory_equal(&read, &made, sizeof made);
        buf_free(&b);
    }
}

/* The four large presets, as docs/training.md has them. */
static void test_parameters(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double total, active;
    } presets[] = {{"ultra_light", 486.7e6, 62.0e6},
                   {"light", 1369.4e6, 158.3e6},
                   {"standard", 3090.5e6, 259.3e6},
                   {"performance", 6898.9e6, 512.2e6}};
    struct osso_error err = {""};
    struct config c;
    for (size_t i = 0; i < sizeof presets / sizeof presets[0]; i++) {
        check_ok(config_preset(presets[i].name, &c, &err), err);
        config_plain(&c);
        check_ok(config_check(&c, presets[i].name, &err), err);
        assert_true(fabs((double)params_total(&c) - presets[i].total) <= 0.05e6 + 1);
        assert_true(fabs((double)params_active(&c) - presets[i].active) <= 0.05e6 + 1);
    }
    c.n_experts = c.experts_per_token = 1;
    assert_false(params_has(&c, params_of(PARAM_router)) || params_has(&c, params_of(PARAM_sinks)));
    assert_true(params_has(&c, params_of(PARAM_gate)) && params_total(&c) == params_active(&c));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_read), cmocka_unit_test(test_refused),
                                       cmocka_unit_test(test_written), cmocka_unit_test(test_parameters)};
    return cmocka_run_group_tests_name("config of the plain block", tests, NULL, NULL);
}
