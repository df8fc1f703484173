/* test_memory.c: what `osso info` and osso_engine_memory say of an engine's memory is what mem.c hands out for it. */
#include "json_test.h"
#include "model_test.h"

#include "engine/engine_parts.h"

static void check_close(const char *what, uint64_t said, uint64_t taken)
{
    double off = ((double)said - (double)taken) / (double)taken;
    print_message("%s: %llu bytes said, %llu taken (%+.2f %%)\n", what, (unsigned long long)said,
                  (unsigned long long)taken, 100 * off);
    if (fabs(off) > 0.02)
        fail_msg("%s: %llu bytes said, %llu taken", what, (unsigned long long)said, (unsigned long long)taken);
}

/* The engine of these options and all the sessions that it is made for: bytes that mem.c was asked for. */
static uint64_t taken_by(struct osso_model *model, const struct osso_engine_options *o)
{
    struct osso_error err = {""};
    struct osso_engine *e;
    struct osso_session *s[8];
    uint64_t before = mem_bytes(), taken;
    check_ok(osso_engine_create(model, o, &e, &err), err);
    for (int i = 0; i < o->max_sessions; i++)
        check_ok(osso_session_create(e, 0, &s[i], &err), err);
    taken = mem_bytes() - before;
    struct osso_engine_stats stats = {.size = sizeof stats};
    osso_engine_stats(e, &stats);
    check_close("stats", stats.kv_bytes + stats.activation_bytes, taken);
    for (int i = 0; i < o->max_sessions; i++)
        osso_session_free(s[i]);
    osso_engine_free(e);
    return taken;
}

static uint64_t said_of(const struct osso_model *model, const struct osso_engine_options *o)
{
    struct osso_error err = {""};
    uint64_t kv, rest;
    check_ok(osso_engine_memory(model, o, &kv, &rest, &err), err);
    return kv + rest;
}

/* `osso info` of the model that ships with osso. */
static void test_bundled(void **state)
{
    (void)state;
    char path[512], *text;
    struct osso_error err = {""};
    struct osso_model *m;
    test_path(path, sizeof path, "models/osso-small");
    for (int64_t context = 256; context <= 2048; context *= 8) {
        check_ok(osso_info_json(path, NULL, context, NULL, false, &text, &err), err);
        struct jdoc *doc = json_of(text, strlen(text));
        uint64_t said = (uint64_t)json_int(json_member(json_member(jdoc_root(doc), "memory"), "total"));
        jdoc_release(doc);
        osso_free(text);
        check_ok(osso_model_open(path, &m, &err), err);
        struct osso_engine_options o = {.size = sizeof o, .context = context, .max_sessions = 1};
        struct osso_model_dims dims = {.size = sizeof dims};
        osso_model_dims(m, &dims);
        check_close("osso-small", said, dims.file_bytes + taken_by(m, &o));
        osso_model_free(m);
    }
}

/* One layer of 20b's widths: only its numbers, since the CPU copies no weights. */
static void test_wide(void **state)
{
    (void)state;
    struct osso_error err = {""};
    struct osso_model m = {0};
    struct layer_weights layer = {0};
    check_ok(config_preset("20b", &m.config, &err), err);
    m.config.n_layers = 1;
    m.weights.layers = &layer;
    for (int i = 0; i < 6; i++) {
        struct osso_engine_options o = {.size = sizeof o,
                                        .threads = 1 + i,
                                        .context = i % 2 ? 4096 : 131072,
                                        .max_sessions = i < 3 ? 1 : 8,
                                        .max_rows = i == 4 ? 64 : 0,
                                        .exact = i == 5,
                                        .kv_type = i == 2 ? "q8_0" : NULL};
        check_close("one layer of 20b", said_of(&m, &o), taken_by(&m, &o));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_bundled), cmocka_unit_test(test_wide)};
    return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
