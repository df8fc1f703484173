/* test_vulkan_beside.c: engines over one model that compute on one device have one copy of its weights: the same bits
 * as alone, in turns and at once, and either may be the first to end or to fail. Without a device each test is skipped
 * and says why. */
#include "backend/vulkan_calls.h"
#include "vulkan_rig.h"

#include <pthread.h>

static const char SHAPE[] = "base"; /* six layers of eight experts */
enum { LAYERS = 6, TOKENS = 12, CONTEXT = 300 };

static struct osso_engine_options on_device(int host_layers)
{
    struct osso_engine_options o = engine_options(false, CONTEXT);
    o.backend = "vulkan";
    o.isa = device();
    o.host_layers = host_layers;
    return o;
}

/* The model with an engine on the CPU, and what that says of some tokens. */
static struct rig cpu;
static int32_t ids[TOKENS];
static float *want;

static int open_all(void **state)
{
    struct osso_model_dims dims = {.size = sizeof dims};
    struct osso_engine_options o = engine_options(false, CONTEXT);
    (void)state;
    for (int i = 0; i < TOKENS; i++)
        ids[i] = (i * 371 + 5) % 4001;
    check_ok(osso_model_synthesize(SHAPE, 5, &cpu.model, &cpu.err), cpu.err);
    check_ok(osso_engine_create(cpu.model, &o, &cpu.engine, &cpu.err), cpu.err);
    osso_model_dims(cpu.model, &dims);
    cpu.vocab = dims.vocab;
    want = all_logits(&cpu, ids, TOKENS, 0);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    free(want);
    rig_close(&cpu);
    return 0;
}

static struct rig beside(const struct osso_engine_options *o)
{
    struct rig r = {.model = cpu.model, .vocab = cpu.vocab};
    check_ok(osso_engine_create(r.model, o, &r.engine, &r.err), r.err);
    return r;
}

static bool same_bits(struct rig *r, int chunk)
{
    float *have = all_logits(r, ids, TOKENS, chunk);
    bool same = memcmp(want, have, TOKENS * (size_t)r->vocab * sizeof *want) == 0;
    free(have);
    return same;
}

static uint64_t taken(const struct rig *r)
{
    struct osso_engine_stats s = {.size = sizeof s};
    osso_engine_stats(r->engine, &s);
    return s.device_bytes;
}

static struct osso_engine_plan plan_of(const struct osso_engine_options *o)
{
    struct osso_engine_plan p = {.size = sizeof p};
    check_ok(osso_engine_plan(cpu.model, o, &p, &cpu.err), cpu.err);
    return p;
}

/* The second takes K and V and scratch, as it was said, and no weights; what is left when the first has gone is the
 * weights and the second's. */
static void test_memory(void **state)
{
    (void)state;
    need_device();
    struct osso_engine_options o = on_device(0);
    uint64_t weights = plan_of(&o).weight_bytes;
    struct rig a = beside(&o);
    uint64_t one = taken(&a);
    struct osso_engine_plan p = plan_of(&o);
    assert_int_equal(p.weight_bytes, 0);
    assert_int_equal(taken(&a), one); /* asking takes nothing */
    struct rig b = beside(&o);
    uint64_t two = taken(&b), said = p.kv_bytes + p.scratch_bytes;
    print_message("[   NOTE   ] one engine %llu bytes, of which %llu weights; the second %llu, %llu said\n",
                  (unsigned long long)one, (unsigned long long)weights, (unsigned long long)(two - one),
                  (unsigned long long)said);
    assert_int_equal(taken(&a), two);
    assert_in_range(two - one, said - said / 50, said);
    assert_true(one - (two - one) >= weights);
    for (int i = 0; i < 2; i++)
        assert_true(same_bits(&a, 1 + 4 * i) && same_bits(&b, 5 - 4 * i));
    osso_engine_free(a.engine);
    assert_in_range(taken(&b), weights, one);
    assert_true(same_bits(&b, 3));
    struct rig c = beside(&o); /* and a third shares with the second */
    assert_true(taken(&c) <= two);
    osso_engine_free(c.engine);
    assert_true(same_bits(&b, 4));
    osso_engine_free(b.engine);
    assert_int_equal(plan_of(&o).weight_bytes, weights);
}

/* Experts lie where the first has them, unless more are to stay with the host. */
static void test_placed(void **state)
{
    (void)state;
    need_device();
    struct osso_engine_options few = on_device(3), all = on_device(0), fewer = on_device(LAYERS);
    struct rig a = beside(&few);
    assert_int_equal(plan_of(&all).weight_bytes, 0);
    assert_int_equal(plan_of(&all).host_layers, 3);
    assert_true(plan_of(&fewer).weight_bytes > 0);
    struct osso_engine_options on_cpu = engine_options(false, CONTEXT), apart = all;
    on_cpu.backend = "cpu";
    apart.isa = "apart:0";
    assert_true(plan_of(&apart).weight_bytes > 0);
    struct rig b = beside(&all), c = beside(&fewer), d = beside(&on_cpu);
    assert_true(same_bits(&a, 5) && same_bits(&b, 1) && same_bits(&c, 5) && same_bits(&d, 5));
    osso_engine_free(b.engine);
    osso_engine_free(d.engine);
    osso_engine_free(a.engine);
    assert_true(same_bits(&c, 1));
    osso_engine_free(c.engine);
}

static void *work(void *user)
{
    struct rig *r = user;
    bool same = true;
    for (int i = 0; i < 3; i++)
        same = same_bits(r, 1 + 5 * i) && same;
    return same ? r : NULL;
}

/* A third begins and ends while two compute. */
static void test_at_once(void **state)
{
    pthread_t threads[2];
    (void)state;
    need_device();
    struct osso_engine_options o = on_device(0);
    struct rig r[2] = {beside(&o), beside(&o)};
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, &r[i]), 0);
    struct rig third = beside(&o);
    assert_true(same_bits(&third, 7));
    osso_engine_free(third.engine);
    for (int i = 0; i < 2; i++) {
        void *same;
        pthread_join(threads[i], &same);
        assert_non_null(same);
        osso_engine_free(r[i].engine);
    }
}

#if __has_include(<vulkan/vulkan.h>)
#include "backend/vulkan/vk_parts.h"

static VKAPI_ATTR VkResult VKAPI_CALL lose(VkQueue queue, uint32_t n, const VkSubmitInfo *submits, VkFence fence)
{
    (void)queue, (void)n, (void)submits, (void)fence;
    return VK_ERROR_DEVICE_LOST;
}

/* Nobody begins beside an engine that has failed. */
static void test_lost(void **state)
{
    struct osso_session *s;
    (void)state;
    need_device();
    struct osso_engine_options o = on_device(0);
    struct rig a = beside(&o), b = beside(&o);
    check_ok(osso_session_create(a.engine, 0, &s, &a.err), a.err);
    check_ok(osso_session_sync(s, ids, 4, &a.err), a.err);
    gpu_of(a.engine->backend)->vk->fn.QueueSubmit = lose;
    assert_int_equal(osso_step(a.engine, &s, 1, 0, &a.err), OSSO_DEVICE);
    osso_session_free(s);
    assert_true(same_bits(&b, 5)); /* its queue has not been lost */
    osso_engine_free(b.engine);
    assert_true(plan_of(&o).weight_bytes > 0);
    struct rig c = beside(&o);
    assert_true(same_bits(&c, 5));
    osso_engine_free(a.engine);
    assert_true(same_bits(&c, 1));
    osso_engine_free(c.engine);
}

/* Each call that a second engine makes fails once (a choice of them; all with OSSO_TEST_ALL): it says so, the first one
 * goes on, and nothing is left of either. */
static void test_calls(void **state)
{
    int all, said = 0;
    (void)state;
    need_device();
    struct osso_engine_options o = on_device(0);
    struct rig a = beside(&o), b;
    calls_fail_at(0);
    b = beside(&o);
    assert_true(same_bits(&b, 5));
    osso_engine_free(b.engine);
    all = calls_made();
    for (int i = 1; i <= all; i += getenv("OSSO_TEST_ALL") ? 1 : 1 + all / 7) {
        struct osso_session *s = NULL;
        b = (struct rig){.model = cpu.model, .vocab = cpu.vocab};
        calls_fail_at(i);
        enum osso_status status = osso_engine_create(b.model, &o, &b.engine, &b.err);
        if (!status)
            status = osso_session_create(b.engine, 0, &s, &b.err);
        if (!status)
            status = osso_session_sync(s, ids, TOKENS, &b.err);
        while (!status && !osso_session_ready(s))
            status = osso_step(b.engine, &s, 1, 5, &b.err);
        if (s)
            osso_session_free(s);
        osso_engine_free(b.engine);
        calls_fail_at(0);
        said += status != OSSO_OK;
        assert_true(!status || strlen(b.err.text) > 20);
        assert_true(same_bits(&a, 5));
    }
    assert_true(said > 0);
    osso_engine_free(a.engine);
    assert_int_equal(calls_held(), 0);
}
#else
static void test_lost(void **state)
{
    (void)state;
    skip_test("Vulkan's headers are not here (Debian: libvulkan-dev)");
}

static void test_calls(void **state)
{
    test_lost(state);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_memory), cmocka_unit_test(test_placed),
                                       cmocka_unit_test(test_at_once), cmocka_unit_test(test_lost),
                                       cmocka_unit_test(test_calls)};
    return cmocka_run_group_tests(tests, open_all, close_all);
}
