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

/* One stored number of a layer, at a position of page 0, 1, ...: K of dimension 0, V likewise. Returns what it was. */
static uint16_t poke(struct rig *r, const struct osso_session *s, int layer, bool value, size_t pos, uint16_t bits)
{
    struct osso_engine *e = r->engine;
    struct kv_pool *kv = &e->kv;
    enum kv_group_id g = (enum kv_group_id)kv->layer_group[layer];
    uint8_t *part = kv_page_at(kv, s->kv.page[g][pos / KV_PAGE]) + kv->layer_off[layer];
    uint8_t *there = e->backend->host(e->backend, part, kv->layer_bytes);
    size_t at = value ? kv->layer_bytes / (size_t)kv->layout.n_kv_heads / 2 +
                            pos % KV_PAGE * (size_t)kv->layout.head_dim * 2
                      : pos % KV_PAGE * 2;
    uint16_t was;
    memcpy(&was, there + at, 2);
    memcpy(there + at, &bits, 2);
    e->backend->put(e->backend, part, there, kv->layer_bytes);
    return was;
}

static void says(const struct osso_session *s, size_t pos, const char *words, const char * not )
{
    struct osso_error err = {""};
    assert_int_equal(engine_not_finite(s, pos, &err), OSSO_NUMERIC);
    if (!strstr(err.text, words) || (not &&strstr(err.text, not )))
        fail_msg("\"%s\" does not say \"%s\", or says \"%s\"", err.text, words, not ? not : "");
}

/* Why logits are not finite: the first layer whose K or V are not, at the positions that they come from and no others.
 */
static void test_faults(void **state)
{
    (void)state;
    enum { N = 300, INFINITE = 0x7c00, NOT_A_NUMBER = 0x7e00 };
    static const size_t places[] = {0, 130, N - 1};
    char path[512], words[64];
    struct osso_engine_options o = {.size = sizeof o, .backend = test_backend(), .threads = 1, .context = 700};
    struct rig r = rig_open(test_path(path, sizeof path, "tests/golden/model/window128-sharded"), &o);
    struct osso_session *s;
    int32_t ids[N];
    for (int i = 0; i < N; i++)
        ids[i] = i % 7;
    check_ok(osso_session_create(r.engine, 0, &s, &r.err), r.err);
    check_ok(osso_session_sync(s, ids, N, &r.err), r.err);
    while (!osso_session_ready(s))
        check_ok(osso_step(r.engine, &s, 1, 0, &r.err), r.err);
    check_ok(osso_session_check_logits(s, N - 1, &r.err), r.err);
    assert_int_equal(osso_session_check_logits(s, 3, &r.err), OSSO_USAGE);
    says(s, N - 1, "may be damaged", "layer");
    for (int layer = 0; layer < r.engine->config.n_layers; layer++)
        for (int i = 0; i < 3; i++)
            for (int value = 0; value < 2; value++) {
                uint16_t was = poke(&r, s, layer, value, places[i], INFINITE);
                snprintf(words, sizeof words, "the %s of layer %d are too large", value ? "values" : "keys", layer);
                says(s, N - 1, words, "damaged");
                if (places[i] > 0)
                    says(s, places[i] - 1, "not finite", "layer");
                poke(&r, s, layer, value, places[i], NOT_A_NUMBER);
                snprintf(words, sizeof words, "from the %s of layer %d on", value ? "values" : "keys", layer);
                says(s, N - 1, words, "too large to");
                poke(&r, s, layer, value, places[i], was);
            }
    poke(&r, s, 0, true, N + 5, INFINITE); /* what nobody has written yet */
    says(s, N - 1, "not finite", "layer");
    osso_session_free(s);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_memory), cmocka_unit_test(test_refused),
                                       cmocka_unit_test(test_faults)};
    return cmocka_run_group_tests_name("kv_types", tests, NULL, NULL);
}
