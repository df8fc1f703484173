/* test_rope.c: every spelling of the rope keys gives the inverse frequencies that transformers gives (tests/golden/rope.json,
 * made by tools/golden/golden_rope.py), and the model card's own table; angles at far positions. */
#include "json_test.h"
#include "model_test.h"

#include "checkpoint/config_files.h"
#include "json/jwrite.h"
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

/* The base with the members of one case on top. */
static void put_config(struct buf *b, const struct jval *config)
{
    struct jdoc *base = json_of(BASE, strlen(BASE));
    const struct jval *objects[] = {jdoc_root(base), config};
    buf_clear(b);
    for (int i = 0; i < 2; i++)
        for (const struct jval *v = objects[i]->first; v; v = v->next) {
            if (i == 0 && jval_get(config, v->key.s))
                continue;
            buf_putc(b, b->len ? ',' : '{');
            jwrite_string(b, v->key.s, v->key.len);
            buf_putc(b, ':');
            jwrite_value(b, v, JWRITE_SPELT);
        }
    buf_putc(b, '}');
    jdoc_release(base);
}

static void test_spellings(void **state)
{
    (void)state;
    struct osso_error err = {""};
    struct buf text = {0};
    char path[512];
    struct jdoc *cases;
    check_ok(jdoc_read_file(test_path(path, sizeof path, "tests/golden/rope.json"), 1 << 20, &cases, &err), err);
    assert_true(jdoc_root(cases)->n_children >= 20);
    for (const struct jval *c = jdoc_root(cases)->first; c; c = c->next) {
        const char *name = json_text(c, "name").s;
        struct config config;
        struct rope rope;
        put_config(&text, json_member(c, "config"));
        enum osso_status status = config_from_json(text.data, text.len, name, &config, NULL, &err);
        if (status == OSSO_UNSUPPORTED) {
            print_message("%s: refused (%s)\n", name, err.text);
            continue;
        }
        check_ok(status, err);
        rope_init(&config, &rope);
        const struct jval *w = json_member(c, "w")->first;
        for (int k = 0; k < rope.half; k++, w = w->next) {
            assert_non_null(w);
            if (ulps(rope.frequency[k], (float)jget_real(w)) > 2)
                fail_msg("%s: frequency %d is %.9g, want %.9g", name, k, rope.frequency[k], jget_real(w));
        }
        assert_null(w);
        double scale = jget_real(json_member(c, "scale"));
        if (fabs(rope.concentration - scale) > 1e-6)
            fail_msg("%s: concentration %g, want %g", name, rope.concentration, scale);
    }
    buf_free(&text);
    jdoc_release(cases);
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
