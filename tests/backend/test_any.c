/* The generic linear kernels, which serve every format that no ISA has a kernel for, on every ISA: against doubles and
 * against the order of docs/numerics.md written out again, over blocks whose values somebody else has read: blocks of
 * 32, 64 and 256, scales per 32 and per 16, with and without offsets, and scales and offsets apart for groups of 32, 64
 * and 128 values that the view names. Shards and alternating rows of the same matrices show the same values. */
#define _DEFAULT_SOURCE /* anonymous mappings */
#include "backend/cpu/pick.h"
#include "kernel_data.h"
#include "quant/formats.h"
#include "quant_golden.h"

typedef void linear_f64_fn(const struct view *w, int64_t lo, int64_t hi, const struct gather *in, double *y,
                           int64_t y_stride, void *workspace);
linear_f64_fn linear_f32_any__scalar_f64;

enum { ROWS = 5, COLS = 512, N = 11 /* more than share one unpacking */ };

/* A matrix of golden blocks drawn at random, with the values that the file says; each part ends at an unreadable page.
 */
struct known {
    struct matrix m;
    double values[ROWS][COLS];
};

static void known_blocks(struct known *k, enum dtype t, struct rng *r)
{
    const struct dtype_info *info = dtype_info(t);
    struct golden g = golden_open(info->name);
    int64_t stride = COLS / info->block * info->block_bytes;
    k->m = (struct matrix){.view = {.dtype = t, .rows = ROWS, .cols = COLS, .row_stride = stride},
                           .data = guarded_make((size_t)(ROWS * stride))};
    k->m.view.data = k->m.data.data;
    for (int o = 0; o < ROWS; o++)
        for (int at = 0; at < COLS; at += info->block) {
            uint32_t b;
            bool large; /* scales of all sizes are there: sums must stay finite */
            do {
                b = (uint32_t)rng_below(r, g.n);
                large = false;
                for (uint32_t i = 0; i < g.block; i++)
                    large |= fabsf(g.values[b * g.block + i]) > 1e30f;
            } while (large);
            memcpy(k->m.data.data + o * stride + at / info->block * info->block_bytes, g.blocks + b * g.block_bytes,
                   g.block_bytes);
            for (int i = 0; i < info->block; i++)
                k->values[o][at + i] = (double)g.values[b * g.block + (uint32_t)i];
        }
    golden_free(&g);
}

/* Code i of a row: one stream of bits, low bits first. */
static int stream_code(const uint8_t *row, int bits, int i)
{
    int code = 0;
    for (int b = 0; b < bits; b++)
        code |= (row[(i * bits + b) / 8] >> ((i * bits + b) % 8) & 1) << b;
    return code;
}

static void known_affine(struct known *k, enum dtype t, int group, struct rng *r)
{
    const int bits = dtype_info(t)->block_bytes / 4, row_bytes = COLS / 8 * bits;
    struct matrix *m = &k->m;
    *m = (struct matrix){.view = {.dtype = t, .rows = ROWS, .cols = COLS, .group = group, .row_stride = row_bytes}};
    m->data = guarded_make((size_t)(ROWS * row_bytes));
    m->view.data = m->data.data;
    for (int i = 0; i < 2; i++)
        matrix_side(m, i, PLACE_ANY, COLS / group, i);
    for (int o = 0; o < ROWS; o++) {
        for (int i = 0; i < COLS / group * 2;
             i++) /* scales and offsets of all sizes, the second byte sign and exponent */
            for (int side = 0; side < 2; side++)
                m->side[side].data[o * m->view.side[side].stride + i] = (uint8_t)(i % 2 ? 0x3d + rng_below(r, 3) +
                                                                                              128 * rng_below(r, 2)
                                                                                        : rng_below(r, 256));
        for (int i = 0; i < row_bytes; i++)
            m->data.data[o * row_bytes + i] = (uint8_t)rng_below(r, 256);
        for (int i = 0; i < COLS; i++) {
            const uint8_t *scale = m->side[0].data + o * m->view.side[0].stride + i / group * 2;
            const uint8_t *offset = m->side[1].data + o * m->view.side[1].stride + i / group * 2;
            int code = stream_code(m->data.data + o * row_bytes, bits, i);
            k->values[o][i] = (float)((double)bf16_to_f32(load_u16(scale)) * code +
                                      (double)bf16_to_f32(load_u16(offset)));
        }
    }
}

/* In doubles, from the values and the given form of the activations: the sum and what rounding it may cost. */
static void check_output(const char *what, const struct known *k, int o, const double *x, double got, double each)
{
    double truth = 0, magnitude = 0;
    for (int i = 0; i < COLS; i++) {
        truth += k->values[o][i] * x[i];
        magnitude += fabs(k->values[o][i] * x[i]);
    }
    if (!(fabs(got - truth) <= each * magnitude))
        fail_msg("%s, group %d: output %d is %.9g, expected %.9g", what, (int)k->m.view.group, o, got, truth);
}

/* docs/numerics.md again: per 32 values, or twice 16, the dot's FMA, then, with offsets, the activations' sum's. */
static float in_order(const struct known *k, int o, const struct act *a, int row)
{
    const struct dtype_info *info = dtype_info(k->m.view.dtype);
    int n = info->per_scale ? info->per_scale : info->block, run = n < 32 ? n : 32;
    float p[4] = {0}, scales[16], offsets[16];
    int8_t codes[256];
    for (int at = 0; at < COLS; at += run) {
        if (at % info->block == 0)
            view_codes(&k->m.view, o, at / info->block, codes, scales, offsets);
        int32_t dot = 0, sum = 0;
        for (int i = 0; i < run; i++) {
            dot += codes[at % info->block + i] * a->q[row * COLS + at + i];
            sum += a->q[row * COLS + at + i];
        }
        float d = a->d[row * COLS / 32 + at / 32], *to = &p[at / 32 % 4];
        *to = fmaf((float)dot, d * scales[at % info->block / n], *to);
        if (info->offsets)
            *to = fmaf((float)sum, d * offsets[at % info->block / n], *to);
    }
    return (p[0] + p[1]) + (p[2] + p[3]);
}

static void check_known(const struct known *k, struct rng *r)
{
    const char *name = dtype_info(k->m.view.dtype)->name;
    void *workspace;
    assert_int_equal(posix_memalign(&workspace, 64, linear_workspace_bytes(COLS)), 0);
    struct act a = act_make(COLS, N, FILL_NORMAL, r);
    float f32[N * ROWS], i8[N * ROWS], again[N * ROWS];
    double xd[N * COLS], xq[N * COLS], f64[N * ROWS];
    for (int i = 0; i < N * COLS; i++) {
        xd[i] = (double)a.f[i];
        xq[i] = a.q[i] * (double)a.d[i / 32];
    }
    struct gather in = {.act = &a, .divide = 1, .n = N};
    struct act wide = {.width = COLS, .f = (float *)(void *)xd};
    struct gather in_wide = {.act = &wide, .divide = 1, .n = N};
    linear_f32_any__scalar_f64(&k->m.view, 0, ROWS, &in_wide, f64, ROWS, NULL);
    for (int isa = 0; backend_cpu_isa(isa); isa++) {
        const struct kernels *kernels = kernels_cpu(backend_cpu_isa(isa));
        if (!kernels)
            continue;
        pick_linear(kernels, &k->m.view, false)(&k->m.view, 0, ROWS, &in, isa ? again : f32, ROWS, workspace);
        assert_same(f32, isa ? again : f32, N * ROWS, name);
        pick_linear(kernels, &k->m.view, true)(&k->m.view, 0, ROWS, &in, isa ? again : i8, ROWS, workspace);
        assert_same(i8, isa ? again : i8, N * ROWS, name);
        for (int n = 1; n < N; n = 2 * n + 1) { /* few rows may go another way */
            struct gather few = {.act = &a, .divide = 1, .n = n};
            pick_linear(kernels, &k->m.view, false)(&k->m.view, 0, ROWS, &few, again, ROWS, workspace);
            assert_same(f32, again, (size_t)n * ROWS, name);
            pick_linear(kernels, &k->m.view, true)(&k->m.view, 0, ROWS, &few, again, ROWS, workspace);
            assert_same(i8, again, (size_t)n * ROWS, name);
        }
    }
    for (int row = 0; row < N; row++)
        for (int o = 0; o < ROWS; o++) {
            float want = in_order(k, o, &a, row);
            assert_same(&want, &i8[row * ROWS + o], 1, name);
            check_output(name, k, o, xd + row * COLS, (double)f32[row * ROWS + o], (COLS / 16 + 4) * 0x1p-24);
            check_output(name, k, o, xd + row * COLS, f64[row * ROWS + o], 1e-13);
            /* dot and offset may cancel: their own sizes bound the rounding, a few times the values' */
            check_output(name, k, o, xq + row * COLS, (double)i8[row * ROWS + o], 64 * (COLS / 32 + 4) * 0x1p-24);
        }
    act_free(&a);
    free(workspace);
}

/* A shard's columns and rows, and two matrices whose rows alternate, show the values of the whole. */
static void check_parts(const struct known *k)
{
    const struct view *v = &k->m.view;
    int64_t whole = v->group ? v->group : dtype_info(v->dtype)->block, bytes = 0;
    float values[COLS];
    struct view part = view_rows(view_cols(*v, whole, COLS - whole), 1, ROWS - 1);
    for (int o = 1; o < ROWS; o++) {
        view_values(&part, o - 1, 0, COLS - whole, values);
        for (int64_t i = 0; i < COLS - whole; i++)
            assert_true((double)values[i] == k->values[o][whole + i]);
    }
    for (int i = 0; i < 2; i++)
        bytes += v->side[i].data ? COLS / whole * 2 : 0;
    assert_int_equal(view_bytes(v), ROWS * (v->row_stride + bytes));
    struct view first = *v, second;
    first.rows = ROWS / 2;
    first.row_stride *= 2;
    for (int i = 0; i < 2; i++)
        first.side[i].stride *= 2;
    second = first;
    second.data += v->row_stride;
    for (int i = 0; i < 2; i++)
        if (second.side[i].data)
            second.side[i].data += v->side[i].stride;
    assert_true(view_alternates(&first, &second) && !view_alternates(&second, &first));
    struct view both = view_merged(&first);
    assert_true(both.rows == ROWS / 2 * 2 && both.row_stride == v->row_stride &&
                both.side[1].stride == v->side[1].stride);
    second.side[1].data += second.side[1].data ? 2 : 0;
    assert_true(view_alternates(&first, &second) == !second.side[1].data);
}

static void test_linear(void **state)
{
    (void)state;
    static struct known k;
    struct rng r;
    rng_seed(&r, 17);
    for (enum dtype t = 0; t < DT_U8; t++) {
        const struct dtype_info *info = dtype_info(t);
        if (!dtype_has_i8(info) || info->scales == PLACE_U8)
            continue;
        for (int group = 32; group <= (info->per_scale ? 32 : 128); group *= 2) {
            if (info->per_scale)
                known_blocks(&k, t, &r);
            else
                known_affine(&k, t, group, &r);
            check_known(&k, &r);
            check_parts(&k);
            matrix_free(&k.m);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
