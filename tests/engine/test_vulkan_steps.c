/* test_vulkan_steps.c: how the steps of a model go to a Vulkan device: what may run at once gives the same bits in any
 * order, whoever forgets that two commands share memory is found, and a step like an earlier one is not recorded again.
 */
#define _POSIX_C_SOURCE 200809L
#include "vulkan_rig.h"

#if __has_include(<vulkan/vulkan.h>)
#include "backend/vulkan/vk_parts.h"

static struct vk *vk_of(const struct rig *r)
{
    return gpu_of(r->engine->backend)->vk;
}

/* Commands between two barriers in this order, and a use (counted from the next one on) that is forgotten. */
static void set_testing(const struct rig *r, uint64_t order, int forget)
{
    vk_of(r)->testing = (struct vk_testing){.order = order, .forget = forget};
    vk_forget_parts(vk_of(r));
}

/* ---- order ------------------------------------------------------------------------------------------------ */

struct way {
    const char *model, *kv_type;
    bool exact;
    int n, chunk, seeds;
};

static void shuffled(const struct way *way)
{
    char path[512];
    int32_t ids[256];
    struct osso_engine_options o = engine_options(way->exact, way->n);
    o.kv_type = way->kv_type;
    struct rig cpu = rig_open(test_path(path, sizeof path, way->model), &o);
    o.backend = "kept";
    o.isa = device();
    struct rig r = rig_open(path, &o);
    for (int i = 0; i < way->n; i++)
        ids[i] = (int32_t)((i * 7 + 3) % r.vocab);
    float *want = all_logits(&cpu, ids, (size_t)way->n, 0);
    for (int seed = VK_BACKWARDS; seed <= way->seeds; seed++) {
        set_testing(&r, (uint64_t)seed, 0);
        float *have = all_logits(&r, ids, (size_t)way->n, way->chunk);
        if (memcmp(have, want, (size_t)way->n * (size_t)r.vocab * sizeof *have) != 0)
            fail_msg("%s, %d rows a step, commands shuffled by %d: other bits", way->model, way->chunk, seed);
        free(have);
    }
    free(want);
    rig_close(&r);
    rig_close(&cpu);
}

static void test_order(void **state)
{
    static const struct way ways[] = {{"tests/golden/model/yarn-mxfp4", NULL, false, 6, 3, 40},
                                      {"tests/golden/model/q8-gguf/model.gguf", "bf16", false, 6, 1, 30},
                                      {"tests/golden/model/bf16-export", "q8_0", true, 6, 6, 20},
                                      {"tests/golden/model/window128-sharded", NULL, false, 140, 70, 3},
                                      {"tests/golden/plain/mixtral", NULL, false, 8, 4, 7}};
    (void)state;
    need_device();
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        shuffled(&ways[i]);
}

/* ---- what is forgotten ------------------------------------------------------------------------------------ */

enum { PROMPT = 3 };

/* The logits of one more token after PROMPT others, whose step forgets a use; how many uses and barriers it had. */
static float *forgetful(struct rig *r, int forget, int *n_uses, uint64_t *barriers)
{
    static uint64_t salt;
    struct osso_session *s;
    check_ok(osso_session_create(r->engine, ++salt, &s, &r->err), r->err);
    set_testing(r, VK_BACKWARDS, 0);
    for (int32_t i = 0; i <= PROMPT; i++) {
        check_ok(osso_session_append(s, (i * 5 + 1) % 50, &r->err), r->err);
        if (i == PROMPT - 1 || i == PROMPT) {
            while (!osso_session_ready(s)) {
                set_testing(r, VK_BACKWARDS, i == PROMPT ? forget : 0);
                *barriers = vk_counts(vk_of(r)).barriers;
                check_ok(osso_step(r->engine, &s, 1, 0, &r->err), r->err);
            }
        }
    }
    *n_uses = vk_of(r)->testing.n_uses;
    *barriers = vk_counts(vk_of(r)).barriers - *barriers;
    float *logits = malloc((size_t)r->vocab * sizeof *logits);
    memcpy(logits, osso_session_logits(s, PROMPT), (size_t)r->vocab * sizeof *logits);
    osso_session_free(s);
    return logits;
}

/* Where a barrier is there only for one use, forgetting that one gives other bits when what it kept apart runs
 * backwards. */
static void test_forgotten(void **state)
{
    int n_uses, wanted = 0, forgotten;
    uint64_t all, barriers;
    struct osso_session *none;
    (void)state;
    need_device();
    struct rig r = device_rig_of("tests/golden/model/q8-gguf/model.gguf", 64, &none);
    float *want = forgetful(&r, 0, &n_uses, &all);
    assert_true(n_uses > 100);
    for (int k = 1; k <= n_uses; k++) {
        float *have = forgetful(&r, k, &forgotten, &barriers);
        bool same = memcmp(have, want, (size_t)r.vocab * sizeof *have) == 0;
        if (barriers < all) {
            wanted++;
            if (same)
                fail_msg("use %d of %d: a barrier less, and nothing shows it", k, n_uses);
        }
        free(have);
    }
    print_message("[   NOTE   ] %d barriers; of %d uses %d are alone in asking for one\n", (int)all, n_uses, wanted);
    assert_true(wanted > 20);
    free(want);
    osso_session_free(none);
    rig_close(&r);
}

/* ---- few commands ----------------------------------------------------------------------------------------- */

/* A token's step of integer products has at most 12 commands a layer, and embed, norm, head and one addition; 11 where
 * no row sees a second page. */
static void test_few_commands(void **state)
{
    struct osso_session *s;
    uint64_t before = 0;
    (void)state;
    need_device();
    struct rig r = device_rig_of("tests/golden/model/q8-gguf/model.gguf", 2 * KV_PAGE, &s);
    uint64_t n_layers = (uint64_t)r.engine->forward.config->n_layers;
    for (int i = 0; i < KV_PAGE + 2; i++) {
        check_ok(osso_session_append(s, i % 50, &r.err), r.err);
        if (i == 2 || i > KV_PAGE) {
            before = vk_counts(vk_of(&r)).commands;
            check_ok(osso_step(r.engine, &s, 1, 0, &r.err), r.err);
            assert_in_range(vk_counts(vk_of(&r)).commands - before, 1, (i == 2 ? 11 : 12) * n_layers + 4);
        } else if (i == 1 || i == KV_PAGE) {
            while (!osso_session_ready(s))
                check_ok(osso_step(r.engine, &s, 1, 0, &r.err), r.err);
        }
    }
    osso_session_free(s);
    rig_close(&r);
}

/* The logits of the third token, whose step has so many commands. */
static float *third(struct rig *r, struct osso_session *s, uint64_t *commands)
{
    float *logits = malloc((size_t)r->vocab * sizeof *logits);
    for (int32_t i = 0; i < 3; i++) {
        *commands = vk_counts(vk_of(r)).commands;
        check_ok(osso_session_append(s, 3 * i + 1, &r->err), r->err);
        check_ok(osso_step(r->engine, &s, 1, 0, &r->err), r->err);
    }
    *commands = vk_counts(vk_of(r)).commands - *commands;
    memcpy(logits, osso_session_logits(s, 2), (size_t)r->vocab * sizeof *logits);
    return logits;
}

static bool compiled(const struct vk *vk, const struct vk_shader *shader)
{
    for (size_t i = 0; i < vk->shared->n_pipelines; i++)
        if (vk->shared->pipelines[i].shader == shader)
            return true;
    return false;
}

/* Where Vulkan lies on top of Metal, whose compilers know no atomics at an address, a row's router is one group's, and
 * nothing else changes. */
static void test_layered(void **state)
{
    struct osso_session *s[2];
    uint64_t commands[2];
    float *logits[2];
    (void)state;
    need_device();
    for (int i = 0; i < 2; i++) {
        struct rig r = device_rig_of("tests/golden/model/q8-gguf/model.gguf", 64, &s[i]);
        vk_of(&r)->facts.layered = i == 1;
        logits[i] = third(&r, s[i], &commands[i]);
        assert_int_equal(compiled(vk_of(&r), &vk_shader_router_alone), i == 1);
        if (i == 1) {
            assert_memory_equal(logits[0], logits[1], (size_t)r.vocab * sizeof *logits[0]);
            assert_int_equal(commands[0], commands[1]);
        }
        osso_session_free(s[i]);
        rig_close(&r);
    }
    free(logits[0]);
    free(logits[1]);
}

/* ---- replay ----------------------------------------------------------------------------------------------- */

/* Token by token over two borders of pages: steps are recorded where they are of a new kind, and each is submitted
 * once; and the bits are the CPU's, which computes the text at once. */
static void test_replay(void **state)
{
    enum { TOKENS = 2 * KV_PAGE + 20, KINDS = 8 };
    static int32_t ids[TOKENS];
    char path[512];
    struct osso_session *s;
    struct osso_engine_options o = engine_options(false, 300);
    (void)state;
    need_device();
    struct rig cpu = rig_open(test_path(path, sizeof path, "tests/golden/model/window128-sharded"), &o);
    o.backend = "kept";
    o.isa = device();
    struct rig r = rig_open(path, &o);
    for (int i = 0; i < TOKENS; i++)
        ids[i] = (int32_t)((i * 11 + 5) % r.vocab);
    float *want = all_logits(&cpu, ids, TOKENS, 0);
    check_ok(osso_session_create(r.engine, 0, &s, &r.err), r.err);
    bool seen = gpu_of(r.engine->backend)->blocks[0].host != NULL;
    struct vk_counts start = vk_counts(vk_of(&r)), before, after = start;
    for (int i = 0; i < TOKENS; i++) {
        before = after;
        check_ok(osso_session_append(s, ids[i], &r.err), r.err);
        check_ok(osso_step(r.engine, &s, 1, 0, &r.err), r.err);
        assert_memory_equal(osso_session_logits(s, (size_t)i), want + i * r.vocab, (size_t)r.vocab * sizeof *want);
        after = vk_counts(vk_of(&r));
        assert_int_equal(after.submits - before.submits, seen ? 1 : 2); /* logits that must be fetched go apart */
    }
    print_message("[   NOTE   ] %d steps of %d commands, %d recorded\n", TOKENS,
                  (int)(after.commands - before.commands), (int)(after.recorded - start.recorded));
    assert_in_range(after.recorded - start.recorded, 1, KINDS);
    assert_int_equal(after.recorded - start.recorded > 0, after.barriers > start.barriers);
    free(want);
    osso_session_free(s);
    rig_close(&r);
    rig_close(&cpu);
}
#else
static void test_order(void **state)
{
    (void)state;
    skip_test("Vulkan's headers are not here (Debian: libvulkan-dev)");
}

static void test_forgotten(void **state)
{
    test_order(state);
}

static void test_few_commands(void **state)
{
    test_order(state);
}

static void test_layered(void **state)
{
    test_order(state);
}

static void test_replay(void **state)
{
    test_order(state);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_order), cmocka_unit_test(test_forgotten),
                                       cmocka_unit_test(test_few_commands), cmocka_unit_test(test_layered),
                                       cmocka_unit_test(test_replay)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
