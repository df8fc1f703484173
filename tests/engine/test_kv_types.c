/* test_kv_types.c: what each KV type takes: `osso info`, the engine's estimate, the pool itself and the bench's cost of
 * a token all say the same. */
#include "json_test.h"
#include "model_test.h"

#include "engine/engine_parts.h"
#include "osso/bench.h"

static const struct {
    const char *name;
    int bytes32; /* of 32 values */
} types[] = {{"f16", 64}, {"bf16", 64}, {"f32", 128}, {"q8_0", 34}};

static uint64_t info_kv(const char *path, int64_t context, const char *type)
{
    struct osso_error err;
    char *text;
    check_ok(osso_info_json(path, NULL, context, type, false, &text, &err), err);
    struct jdoc *doc = json_of(text, strlen(text));
    const struct jval *memory = json_member(jdoc_root(doc), "memory");
    assert_string_equal(json_text(memory, "kv_type").s, type);
    uint64_t kv = (uint64_t)json_int(json_member(memory, "kv"));
    jdoc_release(doc);
    osso_free(text);
    return kv;
}

static void check_type(const char *path, int t)
{
    struct osso_engine_options o = {
        .size = sizeof o, .backend = test_backend(), .threads = 1, .context = 700, .kv_type = types[t].name};
    struct rig r = rig_open(path, &o);
    const struct config *c = &r.engine->config;
    struct osso_engine_stats stats = {.size = sizeof stats};
    struct osso_token_cost cost = {.size = sizeof cost};
    uint64_t kv, workspace, pool, layer = 2u * (uint64_t)(c->n_kv_heads * c->head_dim * types[t].bytes32 / 32),
                                  keys = 0;
    int full = r.engine->kv.group[KV_FULL].n_layers, sliding = r.engine->kv.group[KV_SLIDING].n_layers;
    assert_int_equal(r.engine->kv.page_bytes, (uint64_t)(full > sliding ? full : sliding) * layer * KV_PAGE);
    pool = (uint64_t)r.engine->kv.n_pages * r.engine->kv.page_bytes;
    check_ok(osso_engine_memory(r.model, &o, &kv, &workspace, &r.err), r.err);
    osso_engine_stats(r.engine, &stats);
    assert_int_equal(kv, pool);
    assert_int_equal(stats.kv_bytes, pool);
    assert_int_equal(info_kv(path, 700, types[t].name), pool);
    check_ok(osso_bench_token_cost(r.model, &o, 299, &cost, &r.err), r.err);
    for (int l = 0; l < c->n_layers; l++)
        keys += c->sliding[l] && c->window < 300 ? (uint64_t)c->window : 300;
    assert_int_equal(cost.kv_bytes, keys * layer);
    o.size = offsetof(struct osso_engine_options, kv_type); /* a caller that knows no more: the rest is the default */
    o.kv_type = o.isa = o.backend = "never looked at";
    check_ok(osso_bench_token_cost(r.model, &o, 299, &cost, &r.err), r.err);
    assert_int_equal(cost.kv_bytes, keys * 2u * (uint64_t)(c->n_kv_heads * c->head_dim * 2));
    rig_close(&r);
}

static void test_memory(void **state)
{
    (void)state;
    static const char *const models[] = {"window128-sharded", "q8-gguf/model.gguf"};
    char relative[128], path[512];
    for (int m = 0; m < 2; m++)
        for (int t = 0; t < 4; t++) {
            snprintf(relative, sizeof relative, "tests/golden/model/%s", models[m]);
            check_type(test_path(path, sizeof path, relative), t);
        }
}

/* Heads whose width is no multiple of 32: a sentence that says what to do, before anything is allocated. */
static void test_refused(void **state)
{
    (void)state;
    char path[512];
    struct osso_error err = {""};
    struct osso_model *model;
    struct osso_engine *engine;
    struct osso_engine_options o = {.size = sizeof o, .backend = test_backend(), .threads = 1, .kv_type = "q8_0"};
    uint64_t kv, workspace;
    check_ok(osso_model_open(test_path(path, sizeof path, "tests/golden/model/tied-full-first"), &model, &err), err);
    assert_int_equal(osso_engine_create(model, &o, &engine, &err), OSSO_UNSUPPORTED);
    assert_null(engine);
    assert_string_equal(err.text, "KV type q8_0 packs 32 dimensions together, and this model's heads have 80; use f16");
    assert_int_equal(osso_engine_memory(model, &o, &kv, &workspace, &err), OSSO_UNSUPPORTED);
    osso_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_memory), cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests_name("kv_types", tests, NULL, NULL);
}
