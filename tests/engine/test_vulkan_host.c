/* test_vulkan_host.c: what a step costs on the host: the CPU time of the thread that submits it, with kernels that are
 * empty; and that a token allocates nothing, on the host or on the device, once every size has been there. */
#define _POSIX_C_SOURCE 200809L
#include "alloc_count.h"
#include "backend/vulkan_calls.h"
#include "file_test.h"
#include "vulkan_rig.h"

#include <time.h>

#if __has_include(<vulkan/vulkan.h>)
#include "backend/vulkan/vk_parts.h"

/* As many layers, experts and choices as the 20b has, each as small as can be. */
static const char config[] =
    "{\"model_type\":\"gpt_oss\",\"num_hidden_layers\":24,\"hidden_size\":64,\"intermediate_size\":64,\"vocab_size\":"
    "300,\"num_attention_heads\":4,\"num_key_value_heads\":2,\"head_dim\":32,\"num_local_experts\":32,\"num_experts_"
    "per_tok\":4,\"sliding_window\":128,\"max_position_embeddings\":1024,\"eos_token_id\":299}";

static struct rig layers_rig(struct osso_session **session)
{
    struct osso_engine_options o = engine_options(false, 512);
    struct rig r = {.vocab = 300};
    char *dir = scratch_dir();
    put_file(scratch_path(dir, "c.json"), config, sizeof config - 1);
    check_ok(osso_model_synthesize(scratch_path(dir, "c.json"), 5, &r.model, &r.err), r.err);
    scratch_remove(dir);
    o.backend = "vulkan";
    o.isa = device();
    check_ok(osso_engine_create(r.model, &o, &r.engine, &r.err), r.err);
    check_ok(osso_session_create(r.engine, 0, session, &r.err), r.err);
    return r;
}

static double submitted;
static PFN_vkQueueSubmit submit;

static double cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static VKAPI_ATTR VkResult VKAPI_CALL timed(VkQueue queue, uint32_t n, const VkSubmitInfo *submits, VkFence fence)
{
    VkResult result = submit(queue, n, submits, fence);
    submitted = cpu_us();
    return result;
}

static VKAPI_ATTR void VKAPI_CALL nothing(VkCommandBuffer buffer, uint32_t x, uint32_t y, uint32_t z)
{
    (void)buffer, (void)x, (void)y, (void)z;
}

/* From the call of osso_step until the device has all of it, the least of many. */
static void test_time(void **state)
{
    enum { TOKENS = 120, MOST_US = 100 };
    struct osso_session *s;
    (void)state;
    need_device();
    struct rig r = layers_rig(&s);
    struct vk *vk = gpu_of(r.engine->backend)->vk;
    double least = 1e9;
    uint64_t commands = 0;
    submit = vk->fn.QueueSubmit;
    vk->fn.QueueSubmit = timed;
    vk->fn.CmdDispatch = nothing;
    for (int32_t i = 0; i < TOKENS; i++) {
        commands = vk_counts(vk).commands;
        check_ok(osso_session_append(s, i, &r.err), r.err);
        double from = cpu_us();
        check_ok(osso_step(r.engine, &s, 1, 0, &r.err), r.err);
        least = submitted - from < least ? submitted - from : least;
        commands = vk_counts(vk).commands - commands;
    }
    print_message("[   NOTE   ] a step of 24 layers, %d commands: %.0f us of CPU time\n", (int)commands, least);
    if (!test_quick() && least >= MOST_US)
        fail_msg("a replayed step costs the host %.0f us of CPU time", least);
    osso_session_free(s);
    rig_close(&r);
}

/* ---- memory ----------------------------------------------------------------------------------------------- */

/* What the driver does in a call is its own affair. */
static void leave_out(bool begins)
{
#if ALLOC_COUNTED
    static long long before;
    before = begins ? alloc_calls_here : before;
    alloc_calls_here = before;
#else
    (void)begins;
#endif
}

static long long allocations(void)
{
#if ALLOC_COUNTED
    return alloc_calls_here;
#else
    return alloc_count();
#endif
}

/* Two pages are there, and begun with, before it counts; then only submitted and waited. */
static void test_memory(void **state)
{
    static const char *const allowed[] = {"QueueSubmit", "WaitForFences", "ResetFences"};
    enum { FIRST = 150, TOKENS = 200 };
    struct osso_session *s;
    long long before = 0;
    (void)state;
    need_device();
    struct rig r = layers_rig(&s);
    gpu_of(r.engine->backend)->vk->fn.CmdDispatch = nothing;
    calls_around(leave_out);
    for (int32_t i = 0; i < TOKENS; i++) {
        if (i == FIRST) {
            calls_fail_at(0);
            before = allocations();
        }
        check_ok(osso_session_append(s, i, &r.err), r.err);
        check_ok(osso_step(r.engine, &s, 1, 0, &r.err), r.err);
        assert_non_null(osso_session_logits(s, (size_t)i));
    }
    calls_around(NULL);
    assert_int_equal(allocations() - before, 0);
    assert_in_range(calls_made(), 3 * (TOKENS - FIRST), 6 * (TOKENS - FIRST));
    for (int i = 1; i <= calls_made(); i++)
        if (strcmp(calls_name(i), allowed[0]) != 0 && strcmp(calls_name(i), allowed[1]) != 0 &&
            strcmp(calls_name(i), allowed[2]) != 0)
            fail_msg("a token calls %s", calls_name(i));
    osso_session_free(s);
    rig_close(&r);
}
#else
static void test_time(void **state)
{
    (void)state;
    skip_test("Vulkan's headers are not here (Debian: libvulkan-dev)");
}

static void test_memory(void **state)
{
    test_time(state);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_time), cmocka_unit_test(test_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
