/* test_config_rope.c: what config.json says of rotation and window is read as transformers reads it, or refused. */
#include "config_parse.h"

static void test_rope(void **state)
{
    (void)state;
    /* No word about it: gpt-oss's own. */
    static const char *const silent[] = {BASE "}", BASE ",\"rope_scaling\":null}", BASE ",\"rope_parameters\":null}",
                                         BASE ",\"rope_scaling\":{}}"};
    for (int i = 0; i < 4; i++) {
        struct config c = parse(silent[i], NULL);
        assert_true(c.yarn && c.yarn_factor == 32 && c.yarn_beta_fast == 32 && c.yarn_beta_slow == 1 &&
                    c.yarn_original == 4096 && !c.yarn_truncate);
    }
    assert_false(parse(BASE ",\"rope_scaling\":{\"rope_type\":\"default\"}}", NULL).yarn);
    assert_false(parse(BASE ",\"rope_parameters\":{\"rope_theta\":10000}}", NULL).yarn);
    assert_true(parse(BASE ",\"rope_parameters\":{\"rope_theta\":10000}}", NULL).rope_theta == 10000);
    assert_true(parse(BASE ",\"rope_theta\":500.5}", NULL).rope_theta == 500.5);
    struct config c = parse(
        BASE ",\"rope_scaling\":{\"type\":\"yarn\",\"factor\":8,\"original_max_position_embeddings\":64}}", NULL);
    assert_true(c.yarn && c.yarn_factor == 8 && c.yarn_original == 64 && c.yarn_truncate && c.yarn_beta_fast == 32);
    c = parse(
        BASE
        ",\"max_position_embeddings\":999,\"rope_parameters\":{\"rope_type\":\"yarn\",\"factor\":2,\"truncate\":false,\"beta_fast\":16.5,\"beta_slow\":2,\"rope_theta\":7e4}}",
        NULL);
    assert_true(c.yarn && !c.yarn_truncate && c.yarn_beta_fast == 16.5 && c.yarn_beta_slow == 2 &&
                c.yarn_original == 999 && c.rope_theta == 7e4);
    assert_true(
        parse(BASE ",\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":2,\"truncate\":true}}", NULL).yarn_truncate);
    /* transformers takes rope_scaling first where both are there. */
    c = parse(
        BASE ",\"rope_scaling\":{\"rope_type\":\"default\"},\"rope_parameters\":{\"rope_type\":\"yarn\",\"factor\":2}}",
        NULL);
    assert_false(c.yarn);
    parse(BASE ",\"rope_scaling\":{\"rope_type\":\"yarn\"}}", "no \"factor\"");
    parse(BASE ",\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":2}}", "rope_type \"llama3\"");
    parse(BASE ",\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":2,\"attention_factor\":3}}", "attention_factor");
    parse(BASE ",\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":2,\"mscale\":1}}", "mscale");
    parse(BASE ",\"rope_scaling\":[1]}", "not an object");
    parse(BASE ",\"rope_theta\":1}", "rope_theta");
    parse(BASE ",\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":-1}}", "YaRN factor");
}

#define YARN "\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":8"
#define ORIGINAL "\"original_max_position_embeddings\":"

/* What would compute other numbers than the reference is read as the reference reads it, or refused. */
static void test_rope_spellings(void **state)
{
    (void)state;
    static const struct {
        const char *json, *words;
    } refused[] = {
        {BASE "," YARN "," ORIGINAL "null}}", "is null"},
        {BASE "," ORIGINAL "null," YARN "," ORIGINAL "64}}", "is null"},
        {BASE ",\"rope_scaling\":{\"rope_type\":null,\"factor\":8}}", "\"rope_type\" is null"},
        {BASE ",\"rope_scaling\":{\"type\":null,\"factor\":8}}", "\"type\" is null"},
        {BASE ",\"rope_scaling\":{\"factor\":8}}", "no \"rope_type\""},
        {BASE ",\"rope_parameters\":{\"full_attention\":{\"rope_type\":\"yarn\",\"factor\":8}}}", "no \"rope_type\""},
        {BASE ",\"rope_parameters\":{\"rope_type\":\"default\",\"rope_theta\":null}}", "\"rope_theta\" is null"},
        {BASE ",\"partial_rotary_factor\":0.5}", "partial_rotary_factor"},
        {BASE ",\"sliding_window\":null}", "\"sliding_window\" is null"},
        {BASE ",\"rms_norm_eps\":null}", "\"rms_norm_eps\" is null"},
        {BASE ",\"head_dim\":null}", "\"head_dim\" is null"},
        {BASE ",\"rope_theta\":null}", "\"rope_theta\" is null"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        parse(refused[i].json, refused[i].words);
    assert_true(parse(BASE "," ORIGINAL "256," YARN "}}", NULL).yarn_original == 256);
    assert_true(parse(BASE "," ORIGINAL "256," YARN "," ORIGINAL "64}}", NULL).yarn_original == 256);
    assert_false(parse(BASE "," YARN ",\"truncate\":null}}", NULL).yarn_truncate);
    assert_true(parse(BASE "," YARN ",\"beta_fast\":null,\"attention_factor\":null}}", NULL).yarn_beta_fast == 32);
    parse(BASE ",\"partial_rotary_factor\":1.0}", NULL);
    parse(BASE ",\"sliding_window\":null,\"layer_types\":[\"full_attention\",\"full_attention\",\"full_attention\"]}",
          NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rope), cmocka_unit_test(test_rope_spellings)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
