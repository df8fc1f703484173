/* test_rope.c: every spelling of the rope keys gives the inverse frequencies that transformers gives (tests/golden/rope.json,
 * made by tools/golden/golden_rope.py), and the model card's own table; angles at far positions. */
#include "model_test.h"

#include "base/json.h"
#include "checkpoint/config_files.h"
#include "model/rope.h"

static const char BASE[] =
    "{\"model_type\":\"gpt_oss\",\"num_hidden_layers\":2,\"hidden_size\":64,\"intermediate_size\":64,\"vocab_size\":64,"
    "\"num_attention_heads\":2,\"num_key_value_heads\":1,\"num_local_experts\":4,\"num_experts_per_tok\":2,"
    "\"sliding_window\":128,\"rms_norm_eps\":1e-5}";

static int64_t ulps(float a, float b)
{
    int32_t x, y;
    memcpy(&x, &a, 4);
    memcpy(&y, &b, 4);
    return llabs((int64_t)x - y);
}

static void test_spellings(void **state)
{
    (void)state;
    struct osso_error err = {""};
    char path[512];
    json_t *cases, *base;
    check_ok(json_read_file(test_path(path, sizeof path, "tests/golden/rope.json"), 1 << 20, &cases, &err), err);
    check_ok(json_read(BASE, strlen(BASE), "base", &base, &err), err);
    assert_true(json_array_size(cases) >= 20);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *c = json_array_get(cases, i), *w = json_object_get(c, "w");
        const char *name = json_string_value(json_object_get(c, "name"));
        json_t *whole = json_deep_copy(base);
        json_object_update(whole, json_object_get(c, "config"));
        char *text = json_dumps(whole, 0);
        struct config config;
        struct rope rope;
        enum osso_status status = config_from_json(text, strlen(text), name, &config, &err);
        if (status == OSSO_UNSUPPORTED) {
            print_message("%s: refused (%s)\n", name, err.text);
        } else {
            check_ok(status, err);
            rope_init(&config, &rope);
            assert_int_equal(rope.half, json_array_size(w));
            for (int k = 0; k < rope.half; k++)
                if (ulps(rope.frequency[k], (float)json_number_value(json_array_get(w, (size_t)k))) > 2)
                    fail_msg("%s: frequency %d is %.9g, want %.9g", name, k, rope.frequency[k],
                             json_number_value(json_array_get(w, (size_t)k)));
            double scale = json_number_value(json_object_get(c, "scale"));
            if (fabs(rope.concentration - scale) > 1e-6)
                fail_msg("%s: concentration %g, want %g", name, rope.concentration, scale);
        }
        free(text);
        json_decref(whole);
    }
    json_decref(cases);
    json_decref(base);
}

static void test_model_card(void **state)
{
    (void)state;
    struct osso_error err = {""};
    struct config c;
    struct rope rope;
    float angles[64];
    check_ok(config_preset("20b", &c, &err), err);
    rope_init(&c, &rope);
    assert_true(fabs(rope.frequency[12] - 6.794959490e-03) < 1e-9); /* rounded bounds would give 7.0157e-03 */
    assert_true(fabs(rope.frequency[17] - 1.293187012e-04) < 1e-10);
    assert_true(fabs(rope.frequency[31] - 3.023511428e-07) < 1e-13);
    assert_true(fabs(rope.concentration - 1.3465735902799727) < 1e-6);
    rope_angles(&rope, 131071, angles);
    float angle = 131071.0f * rope.frequency[5]; /* the f32 product */
    assert_true(fabs(angles[5] - cos((double)angle) * 1.3465735902799727) < 1e-6);
    assert_true(fabs(angles[32 + 5] - sin((double)angle) * 1.3465735902799727) < 1e-6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_spellings), cmocka_unit_test(test_model_card)};
    return cmocka_run_group_tests_name("rope", tests, NULL, NULL);
}
