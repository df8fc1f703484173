/* linear_i8_tiles, by a device's matrices of int8, and linear_i8_tiles_f16, by those of f16 where the device is made to
 * have no others, against scalar: the same bits, for every format that they do, at rows, outputs and columns that end
 * within a tile, for slots of experts, and for the largest sums that there can be. Without a device that has such
 * matrices each test is skipped and says why (tests/later.sh brings one: Mesa 26). Where a device flushes denormals,
 * which osso does not compute with, values are such that none arises. */
#define _DEFAULT_SOURCE /* anonymous mappings */
#include "vulkan_calls.h"
#include "vulkan_data.h"

static bool as_f16; /* which form this run of the tests is of */

static void need_tiles(void)
{
    need_device();
    if (!vk_facts(vk)->tile.each || vk_facts(vk)->tile.f16 != as_f16)
        skip_test(as_f16 ? "this device has no matrices of f16 with sums in f32 that fit"
                         : "this device has no matrices of int8 that fit (Mesa's driver on the CPU has, from version "
                           "26.1 on)");
}

/* The kernel of this form; groups are as it wants them. */
static void run_tiles(enum dtype t, const struct vk_linear *p, int64_t rows, int64_t n)
{
    struct rows_form form = tiles_form();
    run(form.shader, t, DT_F32, p, UP(rows, form.outputs), UP(n, form.rows));
}

/* W x of n rows; y's rows lie apart. */
static void same_product(struct matrix m, struct act x, int n, struct rng *r)
{
    int64_t rows = m.view.rows, cols = m.view.cols, y_stride = rows + 3;
    enum dtype t = m.view.dtype;
    size_t y_values = (size_t)(y_stride * n);
    float *bias = malloc((size_t)rows * 4), *want = malloc(y_values * 4);
    static const float factor = 1.3f;
    m.view.factor = n % 3 ? NULL : &factor;
    fill(r, bias, (size_t)rows, 1);
    memset(want, 0x55, y_values * 4);
    reference_hand()->backend->linear(reference_hand(), &m.view, n % 2 ? bias : NULL, &x, n, NULL, want, y_stride);
    forget_arrays();
    struct placed w = place(&m);
    struct vk_linear p = linear_args(&m.view);
    p.data = w.data, p.side = w.side[0], p.y_stride = (uint32_t)y_stride;
    p.bias = n % 2 ? there(bias, (size_t)rows * 4) : 0;
    unlisted(&p, there(x.q, (size_t)(cols * n)));
    p.d = there(x.d, (size_t)(cols / QUANT_BLOCK * n) * 4);
    p.y = there(NULL, y_values * 4);
    p.has_factor += 2 * (uint32_t)n;
    run_tiles(t, &p, rows, n);
    char what[128];
    snprintf(what, sizeof what, "%s by matrices, %d x %d, %d rows", dtype_info(t)->name, (int)rows, (int)cols, n);
    assert_same(want, back(p.y), y_values, what);
    matrix_free(&m);
    act_free(&x);
    free(bias);
    free(want);
}

static void one_product(enum dtype t, int64_t rows, int64_t cols, int n, enum fill kind)
{
    struct rng r;
    rng_seed(&r, (uint64_t)(rows * 1000 + cols * 10 + n));
    struct matrix m = matrix_make(t, rows, cols, t == DT_Q8_0 ? 4 : 2, FILL_NORMAL, &r);
    same_product(m, act_make(cols, n, kind, &r), n, &r);
}

static void test_formats(void **state)
{
    int done = 0;
    (void)state;
    need_tiles();
    for (int t = 0; t < DT_U8; t++) {
        int block = dtype_info((enum dtype)t)->block;
        if (!vk_tiles_format((enum dtype)t))
            continue;
        done++;
        one_product((enum dtype)t, 70, block > 32 ? 2 * block : 160, 67, FILL_NORMAL);
    }
    assert_in_range(done, 5, 20);
    assert_true(vk_tiles_format(DT_MXFP4) && vk_tiles_format(DT_MXFP4_HF) && vk_tiles_format(DT_Q8_0));
    assert_false(vk_tiles_format(DT_Q6_K) || vk_tiles_format(DT_Q4_1) || vk_tiles_format(DT_BF16));
}

static void test_shapes(void **state)
{
    static const int rows[] = {1, 8, 63, 64, 65, 130}, n[] = {1, 2, 9, 64, 66, 129}, cols[] = {32, 64, 128, 160, 1056};
    (void)state;
    need_tiles();
    for (int i = 0; i < 6; i++)
        for (int c = 0; c < 5; c++)
            one_product(i % 2 ? DT_MXFP4 : DT_Q8_0, rows[i], cols[c], n[(i + c) % 6], FILL_NORMAL);
    for (int kind = 0; kind < FILL_COUNT; kind++)
        if (kind_fits((enum fill)kind))
            one_product(DT_MXFP4, 66, 288, 65, (enum fill)kind);
}

/* Every product and every sum as far from 0 as codes can be: 32 * 128 * 127, which f32 has exactly and f16 has not; and
 * one less, which shows what is lost. */
static void test_largest(void **state)
{
    struct rng r;
    (void)state;
    need_tiles();
    rng_seed(&r, 11);
    struct matrix m = matrix_make(DT_Q8_0, 64, 128, 0, FILL_NORMAL, &r);
    struct act x = act_make(128, 64, FILL_NORMAL, &r);
    for (int64_t o = 0; o < 64; o++)
        for (int64_t i = 0; i < 128; i++)
            ((int8_t *)(uintptr_t)m.view.data)[o * m.view.row_stride + i / 32 * 34 + 2 + i % 32] =
                (int8_t)(i % 32 == o % 32 ? -127 : -128);
    for (int i = 0; i < 64 * 128; i++)
        x.q[i] = (int8_t)(i / 128 % 2 ? -127 : 127);
    same_product(m, x, 64, &r);
}

enum { EXPERTS = 6, OUT = 70, COLS = 192, SLOTS = 150 };

/* Slots by expert, of some of which a tile has several and some have more than one; the last expert is not this
 * engine's, the one before it is all zeros and has no bias. */
static void test_experts(void **state)
{
    static const int counts[EXPERTS] = {3, 80, 1, 40, 17, 9};
    struct rng r;
    struct matrix m[EXPERTS];
    struct vk_matrix list[EXPERTS];
    static float want[SLOTS * OUT], bias[OUT];
    int32_t ids[SLOTS], slots[SLOTS];
    (void)state;
    need_tiles();
    rng_seed(&r, 7);
    forget_arrays();
    fill(&r, bias, OUT, 1);
    struct act x = act_make(COLS, SLOTS, FILL_NORMAL, &r);
    memset(want, 0x55, sizeof want);
    for (int e = 0, at = 0; e < EXPERTS; e++) {
        m[e] = matrix_make(DT_MXFP4, OUT, COLS, 0, FILL_NORMAL, &r);
        list[e] = (struct vk_matrix){.data = place(&m[e]).data, .bias = there(bias, sizeof bias)};
        if (e == EXPERTS - 2)
            list[e] = (struct vk_matrix){0};
        for (int i = 0; i < counts[e]; i++, at++) {
            slots[at] = at * 7 % SLOTS; /* 7 and 150 have no factor in common: each once */
            ids[slots[at]] = e;
        }
    }
    for (int s = 0; s < SLOTS; s++) {
        struct act one = x;
        one.q += s * COLS, one.d += s * COLS / QUANT_BLOCK, one.sum += s * COLS / QUANT_BLOCK;
        if (ids[s] < EXPERTS - 2)
            reference_hand()->backend->linear(reference_hand(), &m[ids[s]].view, bias, &one, 1, NULL, want + s * OUT,
                                              OUT);
        else if (ids[s] == EXPERTS - 2)
            memset(want + s * OUT, 0, OUT * sizeof *want);
    }
    struct vk_linear p = linear_args(&m[0].view);
    p.matrices = there(list, sizeof list), p.ids = there(ids, sizeof ids), p.data = there(slots, sizeof slots);
    p.end = EXPERTS - 1, p.y_stride = OUT, p.has_factor = 2 * SLOTS;
    p.x = there(x.q, SLOTS * COLS), p.d = there(x.d, SLOTS * COLS / QUANT_BLOCK * 4);
    p.y = there(NULL, sizeof want);
    run_tiles(DT_MXFP4, &p, OUT, SLOTS);
    assert_same(want, back(p.y), SLOTS * OUT, "experts' products by matrices");
    for (int e = 0; e < EXPERTS; e++)
        matrix_free(&m[e]);
    act_free(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formats),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_largest),
        cmocka_unit_test(test_experts),
    };
    int failed = cmocka_run_group_tests_name("matrices of int8", tests, NULL, NULL);
    close_device();
    as_f16 = true;
    calls_hide_int8(true);
    failed += cmocka_run_group_tests_name("matrices of f16", tests, NULL, NULL);
    close_device();
    return failed;
}
