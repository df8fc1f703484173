/* test_vulkan_tiled.c: a backend over a device with matrices of int8, and over one that is made to have such of f16
 * alone: products of many rows go through linear_i8_tiles or its form in f16, with the CPU's bits; and a device whose
 * matrices have other bits, or whose driver makes nothing of the kernel, is opened and does without. Without such a
 * device each test is skipped and says why (tests/later.sh brings one). */
#include "backend/vulkan_calls.h"
#include "vulkan_rig.h"

/* What becomes of the probe: the device that has matrices here flushes denormals and would be refused for that. */
static const struct vk_shader *tiles;
static bool as_f16;      /* which form this run of the tests is of */
static int failing_call; /* of those of the kernel's pipeline; 0: none */
#define vk_compiles(...) (calls_fail_at(failing_call), vk_compiles(__VA_ARGS__))
#define gpu_probe real_probe
#define vk_shader_linear_i8_tiles (*tiles)
#define vk_shader_linear_i8_tiles_f16 (*tiles)
enum osso_status real_probe(struct gpu *g, struct osso_error *err);
#include "../../src/backend/vulkan/gpu_probe.c"
#undef gpu_probe
#undef vk_shader_linear_i8_tiles
#undef vk_shader_linear_i8_tiles_f16

static const struct vk_shader *real_tiles(void)
{
    return as_f16 ? &vk_shader_linear_i8_tiles_f16 : &vk_shader_linear_i8_tiles;
}

enum osso_status gpu_probe(struct gpu *g, struct osso_error *err)
{
    enum osso_status status = real_probe(g, err);
    if (status && !vk_facts(g->vk)->keep_denormals)
        status = probe_tile(g, err);
    calls_fail_at(0);
    return status;
}

/* The device, open, or a test that is skipped. */
static const struct backend *open_tiled(void)
{
    const struct backend *backend = NULL;
    struct osso_error err;
    tiles = real_tiles();
    failing_call = 0;
    if (backend_open("vulkan", device(), &backend, &err) != OSSO_OK)
        skip_test(err.text);
    struct vk_tile tile = vk_facts(gpu_of(backend)->vk)->tile;
    if (!tile.each || tile.f16 != as_f16) {
        backend->close(backend);
        skip_test(as_f16 ? "this device has no matrices of f16 with sums in f32 that fit"
                         : "this device has no matrices of int8 that fit (Mesa's driver on the CPU has, from version "
                           "26.1 on)");
    }
    return backend;
}

static void expect_none(const char *what)
{
    const struct backend *backend;
    struct osso_error err;
    check_ok(backend_open("vulkan", device(), &backend, &err), err);
    const struct vk_facts *facts = vk_facts(gpu_of(backend)->vk);
    if (facts->tile.each || strstr(facts->features, "matrices"))
        fail_msg("%s: the device is said to have %s", what, facts->features);
    backend->close(backend);
}

static void test_probe(void **state)
{
    (void)state;
    const struct backend *backend = open_tiled();
    assert_non_null(
        strstr(vk_facts(gpu_of(backend)->vk)->features, as_f16 ? "int8 matrices as f16 (" : "int8 matrices ("));
    backend->close(backend);
    tiles = &vk_shader_linear_i8_rows; /* of whose outputs these groups leave some alone */
    expect_none("other bits");
    tiles = real_tiles();
    for (failing_call = 1; failing_call <= 2; failing_call++) /* its module, its pipeline */
        expect_none("a kernel that cannot be made");
    failing_call = 0;
}

/* The probe's product has the largest sum of a block's, and it is odd. */
static void test_largest(void **state)
{
    static struct tiled t;
    int largest = 0;
    (void)state;
    fill_tiled(&t);
    for (int r = 0; r < TILED_ROWS; r++)
        for (int o = 0; o < TILED_OUTPUTS; o++)
            for (int b = 0; b < TILED_BLOCKS; b++) {
                int sum = 0;
                for (int i = 0; i < QUANT_BLOCK; i++)
                    sum += t.q[r * TILED_COLS + b * QUANT_BLOCK + i] *
                           (int8_t)t.weights[(o * TILED_BLOCKS + b) * Q8_BLOCK + 2 + i];
                largest = abs(sum) > abs(largest) ? sum : largest;
            }
    assert_int_equal(largest, -31 * 128 * 127 - 127 * 127);
}

enum { IN = 96, OUT = 80, MOST = 70 };

/* y = W x of n rows, by its int8 form; tiled: was it the kernel of matrices that made it? */
static void product(const struct backend *be, const uint8_t *w, const float *x, int n, float *y_out, bool *tiled)
{
    const struct dtype_info *q8 = dtype_info(DT_Q8_0);
    int64_t row = IN / q8->block * q8->block_bytes;
    struct backend_tensor weights = {.data = w,
                                     .bytes = (size_t)(OUT * row),
                                     .dtype = DT_Q8_0,
                                     .stack = 1,
                                     .rows = OUT,
                                     .columns = IN,
                                     .row_stride = row};
    struct view view = {.dtype = DT_Q8_0, .data = w, .rows = OUT, .cols = IN, .row_stride = row};
    struct member alone = {.id = 0, .n = 1};
    struct batch none = {0}, staged;
    struct osso_error err;
    size_t values = (size_t)n * IN, blocks = values / QUANT_BLOCK, n_times, out_bytes = (size_t)n * OUT * sizeof *x;
    if (be->learn)
        check_ok(be->learn(be, &weights, &err), err);
    size_t work = be->workspace_bytes(MOST, IN, OUT, 1, IN);
    struct hand h = {be, &alone, be->alloc(be, work)};
    struct act in = {.width = IN, .f = be->alloc(be, values * 4), .q = be->alloc(be, values)};
    in.d = be->alloc(be, blocks * 4);
    in.sum = be->alloc(be, blocks * 4);
    float *y = be->alloc(be, out_bytes);
    struct vk *vk = tiled ? gpu_of(be)->vk : NULL;
    assert_true(!vk || vk_watch(vk, true));
    be->put(be, in.f, x, values * 4);
    check_ok(be->begin(be, &none, &staged, &err), err);
    be->quantize(&h, &in, n);
    be->linear(&h, &view, NULL, &in, n, NULL, y, OUT);
    check_ok(be->end(be, &err), err);
    memcpy(y_out, be->host(be, y, out_bytes), out_bytes);
    const struct vk_time *times = vk ? vk_times(vk, &n_times) : NULL;
    for (size_t i = 0; times && i < n_times; i++)
        *tiled = *tiled || times[i].shader == real_tiles();
    be->free(be, h.workspace, work);
    be->free(be, in.f, values * 4), be->free(be, in.q, values);
    be->free(be, in.d, blocks * 4), be->free(be, in.sum, blocks * 4), be->free(be, y, out_bytes);
}

/* From GPU_TILED_ROWS rows on, with the CPU's bits. */
static void test_products(void **state)
{
    static float values[OUT * IN], x[MOST * IN], want[MOST * OUT], have[MOST * OUT];
    static uint8_t w[OUT * IN / 32 * 34];
    static const int rows[] = {GPU_TILED_ROWS - 1, GPU_TILED_ROWS, MOST};
    const struct backend *cpu, *be = open_tiled();
    struct osso_error err;
    struct rng rng;
    (void)state;
    rng_seed(&rng, 3);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        values[i] = (float)rng_below(&rng, 20001) / 10000 - 1;
    for (size_t i = 0; i < sizeof x / sizeof *x; i++)
        x[i] = (float)rng_below(&rng, 20001) / 10000 - 1;
    for (int b = 0; b < OUT * IN / 32; b++)
        dtype_info(DT_Q8_0)->pack(values + 32 * b, w + 34 * b, NULL);
    check_ok(backend_open("cpu", "scalar", &cpu, &err), err);
    for (int i = 0; i < 3; i++) {
        bool tiled = false;
        product(cpu, w, x, rows[i], want, NULL);
        product(be, w, x, rows[i], have, &tiled);
        assert_int_equal(tiled, rows[i] >= GPU_TILED_ROWS);
        assert_memory_equal(have, want, (size_t)rows[i] * OUT * sizeof *want);
    }
    cpu->close(cpu);
    be->close(be);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_largest),
        cmocka_unit_test(test_probe),
        cmocka_unit_test(test_products),
    };
    int failed = cmocka_run_group_tests_name("matrices of int8", tests, NULL, NULL);
    as_f16 = true;
    calls_hide_int8(true);
    return failed + cmocka_run_group_tests_name("matrices of f16", tests, NULL, NULL);
}
