/* test_vulkan_failures.c: each call of Vulkan that can fail fails once, from opening the device to closing it: a status
 * and a sentence, nothing that was made is left, and an engine on the CPU goes on with the same tokens. A function that
 * the library lacks is the same. */
#include "backend/vulkan_calls.h"
#include "file_test.h"
#include "vulkan_rig.h"

#if __has_include(<vulkan/vulkan.h>)
#include "backend/vulkan/vk_parts.h"

enum { PROMPT = 5, MORE = 4, TOKENS = PROMPT + MORE };

static struct osso_model *model;
static size_t vocab;

/* The most likely token after the session's last one, appended. Logits that could not be fetched are NaN, and the next
 * step says why. */
static enum osso_status next(struct osso_engine *e, struct osso_session *s, struct osso_error *err)
{
    size_t n, best = 0;
    enum osso_status status = OSSO_OK;
    while (!status && !osso_session_ready(s))
        status = osso_step(e, &s, 1, 3, err);
    if (status)
        return status;
    osso_session_tokens(s, &n);
    const float *l = osso_session_logits(s, n - 1);
    assert_non_null(l);
    for (size_t i = 1; i < vocab; i++)
        best = l[i] > l[best] ? i : best;
    bool lost = isnan(l[0]);
    status = osso_session_append(s, (int32_t)best, err);
    return !status && lost ? osso_step(e, &s, 1, 0, err) : status;
}

/* An engine's whole life: it answers the first n tokens of `tokens`, up to TOKENS; how many there are then. */
static enum osso_status live(const char *backend, const char *which, int32_t tokens[TOKENS], size_t *n,
                             struct osso_error *err)
{
    struct osso_engine_options o = engine_options(false, 64);
    struct osso_engine *e = NULL;
    struct osso_session *s = NULL;
    o.backend = backend;
    o.isa = which;
    enum osso_status status = osso_engine_create(model, &o, &e, err);
    if (!status)
        status = osso_session_create(e, 0, &s, err);
    if (!status)
        status = osso_session_sync(s, tokens, *n, err);
    while (!status && *n < TOKENS) {
        status = next(e, s, err);
        if (!status)
            memcpy(tokens, osso_session_tokens(s, n), *n * sizeof *tokens);
    }
    if (s)
        osso_session_free(s);
    osso_engine_free(e);
    return status;
}

static int32_t want[TOKENS];

static void open_model(void)
{
    char path[512];
    struct osso_model_dims dims = {.size = sizeof dims};
    struct osso_error err;
    size_t n = PROMPT;
    check_ok(osso_model_open(test_path(path, sizeof path, "tests/golden/model/yarn-mxfp4"), &model, &err), err);
    osso_model_dims(model, &dims);
    vocab = (size_t)dims.vocab;
    for (int32_t i = 0; i < PROMPT; i++)
        want[i] = 3 * i + 1;
    check_ok(live("cpu", NULL, want, &n, &err), err);
}

/* The n-th call fails; true: it was noticed. */
static bool one_fails(const char *which, int n)
{
    int32_t tokens[TOKENS];
    size_t length = PROMPT;
    struct osso_error err = {""};
    memcpy(tokens, want, sizeof want);
    calls_fail_at(n);
    enum osso_status status = live("vulkan", which, tokens, &length, &err);
    const char *name = calls_failed();
    calls_fail_at(0);
    if (!name)
        fail_msg("call %d: there was none", n);
    if (status && strlen(err.text) < 20)
        fail_msg("call %d, %s: no sentence, but \"%s\"", n, name, err.text);
    if (calls_held() != 0)
        fail_msg("call %d, %s: %d objects are left", n, name, calls_held());
    if (status)
        check_ok(live("cpu", NULL, tokens, &length, &err), err);
    if (length != TOKENS || memcmp(tokens, want, sizeof want) != 0)
        fail_msg("call %d, %s: other tokens", n, name);
    return status != OSSO_OK;
}

/* Failures that nobody needs to hear of: osso does without, or (memory that is handed out piece by piece) asks for
 * less.
 */
static bool may_be_missed(const char *name)
{
    static const char *const names[] = {"EnumerateDeviceExtensionProperties",
                                        "EnumerateInstanceExtensionProperties",
                                        "GetPipelineCacheData",
                                        "DeviceWaitIdle",
                                        "CreateBuffer",
                                        "AllocateMemory",
                                        "BindBufferMemory",
                                        "MapMemory"};
    bool found = false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        found = found || strcmp(name, names[i]) == 0;
    return found;
}

/* Of calls of one name the first ones, the last and some between are tried, unless all are asked for. */
static bool is_tried(const char *const *names, int n, int all)
{
    int before = 0, behind = 0;
    for (int i = 0; i < n; i++)
        before += strcmp(names[i], names[n]) == 0;
    for (int i = n + 1; i < all; i++)
        behind += strcmp(names[i], names[n]) == 0;
    return getenv("OSSO_TEST_ALL") || before < 1 || behind < 1 || before % 31 == 11;
}

static void sweep(const char *which)
{
    int32_t tokens[TOKENS];
    size_t length = PROMPT;
    struct osso_error err;
    memcpy(tokens, want, sizeof want);
    calls_fail_at(0);
    check_ok(live("vulkan", which, tokens, &length, &err), err);
    assert_memory_equal(tokens, want, sizeof want);
    assert_int_equal(calls_held(), 0);
    int all = calls_made(), tried = 0, noticed = 0;
    const char **names = calloc((size_t)all, sizeof *names);
    for (int i = 0; i < all; i++)
        names[i] = calls_name(i + 1);
    for (int i = 0; i < all; i++)
        if (is_tried(names, i, all)) {
            bool said = one_fails(which, i + 1);
            tried++;
            noticed += said;
            if (!said && !may_be_missed(names[i]))
                fail_msg("call %d, %s, fails, and nobody says so", i + 1, names[i]);
        }
    print_message("[   NOTE   ] %d of %d calls failed once, %d of them to be heard of\n", tried, all, noticed);
    free(names);
}

static void test_calls(void **state)
{
    (void)state;
    need_device();
    open_model();
    sweep(device());
    if (!device() && getenv("OSSO_TEST_ALL"))
        sweep("apart:0"); /* one or two calls more, in half a thousand */
    osso_model_free(model);
}

/* ---- a file that shrinks ---------------------------------------------------------------------------------- */

static const char *shrinks;
static int calls_until;

static void shrink(bool begins)
{
    if (begins && --calls_until == 0)
        assert_int_equal(truncate(shrinks, 4096), 0);
}

/* While the weights are on their way: a sentence that names the file. */
static void test_shrinks(void **state)
{
    char path[512], *dir = scratch_dir(), *data;
    struct osso_error err;
    struct osso_engine_options o = engine_options(false, 64);
    size_t n;
    (void)state;
    need_device();
    o.backend = "vulkan";
    o.isa = device();
    check_ok(file_read(test_path(path, sizeof path, "tests/golden/model/q8-gguf/model.gguf"), 1 << 24, &data, &n, &err),
             err);
    for (int i = 0; i < 4; i++) {
        struct osso_model *m;
        struct osso_engine *e;
        put_file(scratch_path(dir, "m.gguf"), data, n);
        shrinks = scratch_path(dir, "m.gguf");
        check_ok(osso_model_open(shrinks, &m, &err), err);
        calls_until = i == 0 ? 1 : 100 + 50 * i;
        calls_around(shrink);
        enum osso_status status = osso_engine_create(m, &o, &e, &err);
        calls_around(NULL);
        assert_true(calls_until <= 0);
        assert_int_equal(status, OSSO_IO);
        assert_non_null(strstr(err.text, "m.gguf"));
        assert_int_equal(calls_held(), 0);
        osso_model_free(m);
    }
    mem_free(data);
    scratch_remove(dir);
}

static void test_missing(void **state)
{
#define NAME(name) #name,
    static const char *const names[] = {VK_GLOBAL_FUNCTIONS(NAME) VK_INSTANCE_FUNCTIONS(NAME)
                                            VK_DEVICE_FUNCTIONS(NAME)};
    const struct backend *be;
    struct osso_error err;
    (void)state;
    need_device();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        calls_hide(names[i]);
        assert_int_equal(backend_open("vulkan", device(), &be, &err), OSSO_UNSUPPORTED);
        if (!strstr(err.text, "lacks functions of Vulkan 1.2"))
            fail_msg("without %s: \"%s\"", names[i], err.text);
    }
    calls_hide(NULL);
}
#else
static void test_calls(void **state)
{
    (void)state;
    skip_test("Vulkan's headers are not here (Debian: libvulkan-dev)");
}

static void test_shrinks(void **state)
{
    test_calls(state);
}

static void test_missing(void **state)
{
    test_calls(state);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_calls), cmocka_unit_test(test_shrinks),
                                       cmocka_unit_test(test_missing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
