/* test_vulkan.c: whole models on a Vulkan device have the CPU's bits, however a text is cut and whatever memory the
 * host sees; weights that overlap are found; what fails is one sentence, and the process goes on with the CPU. Without
 * a device each test is skipped and says why. OSSO_TEST_DEVICE names another one than the best. */
#include "vulkan_rig.h"

/* ---- the same bits ---------------------------------------------------------------------------------------- */

/* chunk: rows of a step. */
struct way {
    const char *model;
    bool exact;
    const char *kv_type;
    int n, chunk;
};

static float *logits_on(const char *backend, const char *which, const struct way *way, size_t *bytes_out)
{
    char path[512];
    int32_t ids[256];
    struct osso_engine_options o = engine_options(way->exact, way->n);
    struct rng rng;
    o.backend = backend;
    o.isa = which;
    o.kv_type = way->kv_type;
    o.max_sessions = 1;
    struct rig r = rig_open(test_path(path, sizeof path, way->model), &o);
    rng_seed(&rng, 19);
    for (int i = 0; i < way->n; i++)
        ids[i] = (int32_t)rng_below(&rng, (uint64_t)r.vocab);
    float *logits = all_logits(&r, ids, (size_t)way->n, way->chunk);
    *bytes_out = (size_t)way->n * (size_t)r.vocab * sizeof *logits;
    rig_close(&r);
    return logits;
}

static void check_way(const struct way *way, const char *which)
{
    size_t bytes;
    struct way whole = *way;
    whole.chunk = way->n;
    float *want = logits_on("cpu", NULL, &whole, &bytes), *have = logits_on("kept", which, way, &bytes);
    if (memcmp(want, have, bytes) != 0)
        fail_msg("%s, %s, K and V in %s, %d rows a step: other bits than on the CPU", way->model,
                 way->exact ? "exact" : "fast", way->kv_type ? way->kv_type : "the default", way->chunk);
    free(want);
    free(have);
}

static void test_models(void **state)
{
    static const struct way ways[] = {{"tests/golden/model/yarn-mxfp4", false, NULL, 12, 5},
                                      {"tests/golden/model/yarn-mxfp4/original", true, NULL, 6, 6},
                                      {"tests/golden/model/yarn-mxfp4/model.gguf", false, NULL, 6, 1},
                                      {"tests/golden/model/q8-gguf/model.gguf", false, "bf16", 10, 7},
                                      {"tests/golden/model/f32-gguf/model.gguf", false, "f32", 8, 8},
                                      {"tests/golden/model/bf16-export", true, NULL, 8, 3},
                                      {"tests/golden/model/window128-sharded", false, "q8_0", 140, 128},
                                      {"tests/golden/plain/mixtral", false, NULL, 8, 8},
                                      {"tests/golden/plain/llama", true, NULL, 8, 8}};
    (void)state;
    need_device();
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        check_way(&ways[i], device());
}

/* Memory that the host does not see is reached by copies; the device's number stands behind "apart:". */
static void test_apart(void **state)
{
    (void)state;
    need_device();
    if (!device() || device()[0] != 'a')
        check_way(&(struct way){"tests/golden/model/yarn-mxfp4", false, NULL, 12, 4}, "apart:0");
}

/* Steps until all are ready, then once more for the last token of each, so that all their logits are one step's. */
static void finish(struct rig *r, struct osso_session **sessions, int n, int max_rows)
{
    size_t length;
    for (int i = 0; i < n; i++)
        while (!osso_session_ready(sessions[i]))
            check_ok(osso_step(r->engine, sessions, n, max_rows, &r->err), r->err);
    for (int i = 0; i < n; i++) {
        osso_session_tokens(sessions[i], &length);
        osso_session_want_logits(sessions[i], length - 1);
    }
    check_ok(osso_step(r->engine, sessions, n, 0, &r->err), r->err);
}

/* Do the logits behind the session's last token have the bits of the same tokens alone on the CPU? Ready, and of the
 * last step. */
static void expect_alone(struct rig *cpu, const struct rig *r, const struct osso_session *s, const char *what)
{
    size_t n;
    const int32_t *tokens = osso_session_tokens(s, &n);
    const float *have = osso_session_logits(s, n - 1);
    assert_non_null(have);
    float *want = all_logits(cpu, tokens, n, 0);
    if (memcmp(have, want + (n - 1) * (size_t)r->vocab, (size_t)r->vocab * sizeof *have) != 0)
        fail_msg("%s: other bits than alone on the CPU", what);
    free(want);
}

/* Sessions together, of which one is forked in the middle of a page (a copy of it), one rewound. */
static void test_company(void **state)
{
    char path[512];
    int32_t ids[20];
    struct osso_engine_options o = engine_options(false, 40);
    struct osso_session *s[3];
    (void)state;
    need_device();
    struct rig cpu = rig_open(test_path(path, sizeof path, "tests/golden/model/yarn-mxfp4"), &o);
    o.backend = "kept";
    o.isa = device();
    struct rig r = rig_open(path, &o);
    for (int i = 0; i < 20; i++)
        ids[i] = (i * 7 + 3) % 50;
    for (int i = 0; i < 2; i++) {
        check_ok(osso_session_create(r.engine, 0, &s[i], &r.err), r.err);
        check_ok(osso_session_sync(s[i], ids + i, i ? 5 : 11, &r.err), r.err);
    }
    finish(&r, s, 2, 4);
    expect_alone(&cpu, &r, s[0], "the longer of two");
    check_ok(osso_session_fork(s[0], &s[2], &r.err), r.err);
    check_ok(osso_session_rewind(s[1], 2, &r.err), r.err);
    for (int i = 0; i < 3; i++)
        check_ok(osso_session_append(s[i], ids[12 + i], &r.err), r.err);
    finish(&r, s, 3, 0);
    expect_alone(&cpu, &r, s[0], "forked");
    expect_alone(&cpu, &r, s[1], "rewound");
    expect_alone(&cpu, &r, s[2], "the fork");
    for (int i = 0; i < 3; i++)
        osso_session_free(s[i]);
    rig_close(&r);
    rig_close(&cpu);
}

/* Once every size has been there, a token allocates nothing. */
static void test_no_allocation(void **state)
{
    struct osso_session *s;
    uint64_t calls = 0;
    (void)state;
    need_device();
    struct rig r = device_rig(64, &s);
    for (int32_t i = 0; i < 6; i++) {
        check_ok(osso_session_append(s, i, &r.err), r.err);
        calls = i == 2 ? mem_count() : calls;
        check_ok(osso_step(r.engine, &s, 1, 0, &r.err), r.err);
        assert_non_null(osso_session_logits(s, (size_t)i));
    }
    assert_int_equal(mem_count(), calls);
    osso_session_free(s);
    rig_close(&r);
}

static int gets;
static void (*get_expert)(const struct expert_source *source, int layer, int expert, struct expert *out);

static void counted(const struct expert_source *source, int layer, int expert, struct expert *out)
{
    gets++;
    get_expert(source, layer, expert, out);
}

/* Experts are asked for in the first step, and in the first one after the weights have been told again; the first of a
 * layer twice, to see whether the layer is the device's. */
static void test_experts_found_once(void **state)
{
    struct osso_session *s;
    (void)state;
    need_device();
    struct rig r = device_rig(64, &s);
    struct forward *f = &r.engine->forward;
    struct expert_source *source = (struct expert_source *)(uintptr_t)&f->weights->source;
    get_expert = source->get;
    source->get = counted;
    for (int32_t i = 0; i < 6; i++) {
        gets = 0;
        if (i == 3)
            check_ok(forward_learn(f, &r.err), r.err);
        check_ok(osso_session_append(s, i, &r.err), r.err);
        check_ok(osso_step(r.engine, &s, 1, 0, &r.err), r.err);
        assert_int_equal(gets, i % 3 ? 0 : f->config->n_layers * (f->config->n_experts + 1));
    }
    source->get = get_expert;
    osso_session_free(s);
    rig_close(&r);
}

/* ---- weights ---------------------------------------------------------------------------------------------- */

enum { COLS = 8, TABLE_ROWS = 6 };

/* Rows `first`, first + step, ... of x, as a tensor. */
static void learn(const struct backend *be, const float *x, int first, int step)
{
    struct osso_error err;
    int n = (TABLE_ROWS - first + step - 1) / step;
    size_t row = COLS * sizeof *x, bytes = (size_t)(n - 1) * (size_t)step * row + row;
    struct backend_tensor t = {.data = (const uint8_t *)(x + first * COLS),
                               .bytes = bytes,
                               .dtype = DT_F32,
                               .stack = 1,
                               .rows = n,
                               .columns = COLS,
                               .stack_stride = (int64_t)(row * TABLE_ROWS),
                               .row_stride = (int64_t)row * step};
    check_ok(be->learn(be, &t, &err), err);
}

/* All rows of x as the device has them, each found by its own address, are those of `want`. */
static void expect_rows_of(const struct backend *be, const float *x, const float *want)
{
    static const int32_t ids[TABLE_ROWS], seq[TABLE_ROWS], *tables[1];
    struct batch
        b = {.n = TABLE_ROWS, .n_seqs = 0, .head_dim = 0, .token = ids, .pos = ids, .seq = seq, .tables = {tables}},
        staged;
    struct view table = {
        .dtype = DT_F32, .data = (const uint8_t *)x, .rows = 1, .cols = COLS, .row_stride = COLS * sizeof *x};
    struct member alone = {.id = 0, .n = 1};
    struct hand h = {be, &alone, NULL};
    struct osso_error err;
    float *there = be->alloc(be, TABLE_ROWS * COLS * sizeof *there);
    assert_non_null(there);
    check_ok(be->begin(be, &b, &staged, &err), err);
    for (int r = 0; r < TABLE_ROWS; r++, table.data += table.row_stride)
        be->embed(&h, &table, staged.token, 1, there + r * COLS);
    check_ok(be->end(be, &err), err);
    const float *got = be->host(be, there, TABLE_ROWS * COLS * sizeof *there);
    for (int r = 0; r < TABLE_ROWS; r++)
        assert_memory_equal(got + r * COLS, want + r * COLS, COLS * sizeof *got);
    be->free(be, there, TABLE_ROWS * COLS * sizeof *there);
}

static void expect_rows(const struct backend *be, const float *x)
{
    expect_rows_of(be, x, x);
}

static void test_weights(void **state)
{
    static const int orders[][3] = {{0, 2, 1}, {1, 2, 0}}; /* first row of one, step, first row of the other */
    const struct backend *be;
    struct osso_error err;
    (void)state;
    need_device();
    check_ok(backend_open("vulkan", device(), &be, &err), err);
    for (int i = 0; i < 2; i++) {
        float *x = malloc(2 * TABLE_ROWS * COLS * sizeof *x);
        for (int k = 0; k < 2 * TABLE_ROWS * COLS; k++)
            x[k] = (float)(k + 1000 * i);
        learn(be, x + TABLE_ROWS * COLS, 0, 1); /* a neighbour: nobody's room */
        learn(be, x, orders[i][0], orders[i][1]);
        learn(be, x, orders[i][2], orders[i][1]);
        expect_rows(be, x);
        expect_rows(be, x + TABLE_ROWS * COLS);
        for (int k = 0; k < TABLE_ROWS * COLS; k++)
            x[k] = -x[k];
        learn(be, x, 0, 2);
        learn(be, x, 1, 2); /* new values of the same */
        expect_rows(be, x);
        free(x);
    }
    be->close(be);
}

/* What one of two that share weights is told later is its own. */
static void test_shared_weights(void **state)
{
    float x[TABLE_ROWS * COLS], first[TABLE_ROWS * COLS];
    const struct backend *be[2];
    struct osso_error err;
    (void)state;
    need_device();
    for (int who = 0; who < 2; who++) {
        for (int k = 0; k < TABLE_ROWS * COLS; k++)
            first[k] = x[k] = (float)(k + 1);
        check_ok(backend_open("vulkan", device(), &be[0], &err), err);
        learn(be[0], x, 0, 1);
        check_ok(be[0]->share(be[0], &be[1], &err), err);
        expect_rows(be[1], x);
        for (int k = 0; k < TABLE_ROWS * COLS; k++)
            x[k] = -x[k];
        learn(be[who], x, 0, 2);
        learn(be[who], x, 1, 2);
        expect_rows(be[who], x);
        expect_rows_of(be[!who], x, first);
        be[who]->close(be[who]);
        expect_rows_of(be[!who], x, first);
        be[!who]->close(be[!who]);
    }
}

/* ---- adapters --------------------------------------------------------------------------------------------- */

enum { IN = 64, OUT = 10, RANK = 3, N = 2 };

static struct backend_tensor tensor(const float *x, int rows, int columns)
{
    return (struct backend_tensor){.data = (const uint8_t *)x,
                                   .bytes = (size_t)(rows * columns) * sizeof *x,
                                   .dtype = DT_F32,
                                   .stack = 1,
                                   .rows = rows,
                                   .columns = columns,
                                   .row_stride = columns * (int64_t)sizeof *x};
}

/* y = W x + bias and what an adapter adds; the weights are x, W, bias, A and B one after the other. */
static void adapted(const struct backend *be, const float *values, float *y_out)
{
    const float *x = values, *w = x + N * IN, *bias = w + OUT * IN, *a = bias + OUT, *b = a + RANK * IN;
    struct backend_tensor tensors[] = {tensor(w, OUT, IN), tensor(bias, 1, OUT), tensor(a, RANK, IN),
                                       tensor(b, OUT, RANK)};
    struct lowrank lowrank = {RANK, 0.3f, a, b};
    struct view view = {.dtype = DT_F32,
                        .data = (const uint8_t *)w,
                        .rows = OUT,
                        .cols = IN,
                        .row_stride = IN * sizeof *w,
                        .lowrank = &lowrank};
    struct member alone = {.id = 0, .n = 1};
    struct batch none = {0}, staged;
    struct osso_error err;
    for (int i = 0; be->learn && i < 4; i++)
        check_ok(be->learn(be, &tensors[i], &err), err);
    size_t work = be->workspace_bytes(N, IN, OUT, 1, IN), in_bytes = N * IN * sizeof *x,
           out_bytes = N * OUT * sizeof *x;
    struct hand h = {be, &alone, be->alloc(be, work)};
    struct act in = {.width = IN, .f = be->alloc(be, in_bytes)};
    float *y = be->alloc(be, out_bytes);
    be->put(be, in.f, x, in_bytes);
    check_ok(be->begin(be, &none, &staged, &err), err);
    be->linear(&h, &view, bias, &in, N, NULL, y, OUT);
    check_ok(be->end(be, &err), err);
    memcpy(y_out, be->host(be, y, out_bytes), out_bytes);
    be->free(be, h.workspace, work);
    be->free(be, in.f, in_bytes);
    be->free(be, y, out_bytes);
    be->close(be);
}

static void test_adapter(void **state)
{
    float values[(N + OUT + RANK) * IN + OUT + OUT * RANK], want[N * OUT], have[N * OUT];
    const struct backend *be;
    struct osso_error err;
    struct rng rng;
    (void)state;
    need_device();
    rng_seed(&rng, 3);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        values[i] = (float)rng_below(&rng, 20001) / 10000 - 1;
    check_ok(backend_open("cpu", NULL, &be, &err), err);
    adapted(be, values, want);
    check_ok(backend_open("vulkan", device(), &be, &err), err);
    adapted(be, values, have);
    assert_memory_equal(have, want, sizeof want);
}

/* ---- what fails ------------------------------------------------------------------------------------------- */

static void test_names(void **state)
{
    const struct backend *be;
    struct osso_error err;
    (void)state;
    need_device();
    assert_int_equal(backend_open("vulkan", "63", &be, &err), OSSO_NOTFOUND);
    assert_null(be);
    assert_non_null(strstr(err.text, "there is no device 63"));
    assert_int_equal(backend_open("vulkan", "no such card", &be, &err), OSSO_NOTFOUND);
    assert_non_null(strstr(err.text, "no device of this machine has \"no such card\" in its name"));
}

#if __has_include(<vulkan/vulkan.h>)
#include "backend/vulkan/vk_parts.h"

static VKAPI_ATTR VkResult VKAPI_CALL lose(VkQueue queue, uint32_t n, const VkSubmitInfo *submits, VkFence fence)
{
    (void)queue, (void)n, (void)submits, (void)fence;
    return VK_ERROR_DEVICE_LOST;
}

static VKAPI_ATTR VkResult VKAPI_CALL full(VkDevice device, const VkMemoryAllocateInfo *info,
                                           const VkAllocationCallbacks *callbacks, VkDeviceMemory *memory)
{
    (void)device, (void)info, (void)callbacks, (void)memory;
    return VK_ERROR_OUT_OF_DEVICE_MEMORY;
}

/* A device that is lost in a step: a sentence, then the engine is dead, and another one on the CPU goes on. */
static void test_lost(void **state)
{
    static const int32_t ids[] = {1, 2, 3, 4};
    struct osso_engine_options o = engine_options(false, 16);
    struct osso_session *s;
    (void)state;
    need_device();
    struct rig r = device_rig(16, &s);
    check_ok(osso_session_sync(s, ids, 4, &r.err), r.err);
    gpu_of(r.engine->backend)->vk->fn.QueueSubmit = lose;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(osso_step(r.engine, &s, 1, 0, &r.err), OSSO_DEVICE);
        assert_non_null(strstr(r.err.text, "the device is lost"));
    }
    osso_session_free(s);
    osso_engine_free(r.engine);
    check_ok(osso_engine_create(r.model, &o, &r.engine, &r.err), r.err);
    free(all_logits(&r, ids, 4, 0));
    rig_close(&r);
}

static void test_full(void **state)
{
    static float x[COLS];
    struct backend_tensor t = {.data = (const uint8_t *)x, .bytes = sizeof x, .dtype = DT_F32};
    const struct backend *be;
    struct osso_error err;
    (void)state;
    need_device();
    check_ok(backend_open("vulkan", device(), &be, &err), err);
    gpu_of(be)->vk->fn.AllocateMemory = full;
    assert_null(be->alloc(be, 4096));
    assert_int_equal(be->learn(be, &t, &err), OSSO_NOMEM);
    be->close(be);
}
#else
static void test_lost(void **state)
{
    (void)state;
    skip_test("Vulkan's headers are not here (Debian: libvulkan-dev)");
}

static void test_full(void **state)
{
    test_lost(state);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_models),
                                       cmocka_unit_test(test_apart),
                                       cmocka_unit_test(test_company),
                                       cmocka_unit_test(test_no_allocation),
                                       cmocka_unit_test(test_experts_found_once),
                                       cmocka_unit_test(test_weights),
                                       cmocka_unit_test(test_shared_weights),
                                       cmocka_unit_test(test_adapter),
                                       cmocka_unit_test(test_names),
                                       cmocka_unit_test(test_lost),
                                       cmocka_unit_test(test_full)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
