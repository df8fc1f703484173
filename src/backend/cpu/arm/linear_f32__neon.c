/* linear_f32__neon.c: f32 activations times the exact values of any format. Four registers are scalar's 16 lanes: lane i
 * takes elements i, i + 16, ...; 4 rows of weights, or 2 by 2 activation rows, keep enough FMAs under way. */
#include "backend/cpu/arm/vec__neon.h"

#include "backend/cpu/kernels.h"
#include "backend/cpu/fetch.h"
#include "backend/cpu/tables.h"

#include <math.h>

/* The 16 values from element k (a multiple of 16) of a row. */
typedef vec16 values16_fn(const uint8_t *row, const uint8_t *scales, int64_t k);

INLINE vec16 values16_f32(const uint8_t *row, const uint8_t *scales, int64_t k)
{
    (void)scales;
    return load16(row + 4 * k, 16);
}

INLINE vec16 values16_f16(const uint8_t *row, const uint8_t *scales, int64_t k)
{
    (void)scales;
    return load16_f16(row + 2 * k, 16);
}

INLINE vec16 values16_bf16(const uint8_t *row, const uint8_t *scales, int64_t k)
{
    (void)scales;
    return load16_bf16(row + 2 * k, 16);
}

INLINE vec16 codes_to_values(int8x16_t codes, float scale)
{
    vec16 v = codes_to_f32(codes);
    UNROLL
    for (int i = 0; i < 4; i++)
        v.q[i] = vmulq_n_f32(v.q[i], scale);
    return v;
}

INLINE vec16 values16_q8_0(const uint8_t *row, const uint8_t *scales, int64_t k)
{
    const uint8_t *block = row + k / 32 * 34;
    (void)scales;
    return codes_to_values(vreinterpretq_s8_u8(vld1q_u8(block + 2 + k % 32)), f16_at(block));
}

/* The low half of each byte for the front of a block, the high half for its back. */
INLINE vec16 values16_mxfp4(const uint8_t *row, const uint8_t *scales, int64_t k)
{
    const uint8_t *block = row + k / 32 * 17;
    uint8x16_t codes = vshlq_u8(vld1q_u8(block + 1), vdupq_n_s8(k % 32 ? -4 : 0));
    (void)scales;
    return codes_to_values(vqtbl1q_s8(code_table(), vandq_u8(codes, vdupq_n_u8(15))), half_scale(block[0]));
}

INLINE vec16 values16_mxfp4_hf(const uint8_t *row, const uint8_t *scales, int64_t k)
{
    uint8x8_t bytes = vld1_u8(row + k / 2), low = vand_u8(bytes, vdup_n_u8(15)), high = vshr_n_u8(bytes, 4);
    uint8x16_t codes = vcombine_u8(vzip1_u8(low, high), vzip2_u8(low, high));
    return codes_to_values(vqtbl1q_s8(code_table(), codes), half_scale(scales[k / 32]));
}

/* Rows o, o + 1, ... of a matrix. */
struct rows {
    const uint8_t *data, *scales;
    int64_t stride, scale_stride;
};

/* One activation row waits for memory: its neighbouring rows are fetched as one linear stream, FETCH_AHEAD bytes
 * ahead. */
enum { WEIGHT_ROWS = 4 };

/* Elements k .. k + 15 of n_rows weight rows times n_acts activation rows, both constants. */
INLINE void tile_step(values16_fn *values16, const struct rows *w, int64_t k, const float *const *x, int n_rows, int n_acts,
                      vec16 *l)
{
    vec16 values[4];
    UNROLL
    for (int r = 0; r < n_rows; r++)
        values[r] = values16(w->data + r * w->stride, w->scales + r * w->scale_stride, k);
    UNROLL
    for (int i = 0; i < n_acts; i++)
        UNROLL
        for (int c = 0; c < 4; c++) {
            float32x4_t xi = vld1q_f32(x[i] + k + 4 * c);
            UNROLL
            for (int r = 0; r < n_rows; r++)
                l[i * n_rows + r].q[c] = vfmaq_f32(l[i * n_rows + r].q[c], values[r].q[c], xi);
        }
}

/* The `count` (1..15) elements from k on that are no whole step; only formats without blocks have them. */
INLINE void tile_rest(values16_fn *values16, int bytes, const struct rows *w, int64_t k, int count, const float *const *x,
                      int n_rows, int n_acts, vec16 *l)
{
    UNROLL
    for (int r = 0; r < n_rows; r++) {
        uint8_t space[64] = {0};
        float values[16], lanes[16];
        memcpy(space, w->data + r * w->stride + k * bytes, (size_t)(count * bytes));
        store16(values, 16, values16(space, NULL, 0));
        UNROLL
        for (int i = 0; i < n_acts; i++) {
            store16(lanes, 16, l[i * n_rows + r]);
            for (int j = 0; j < count; j++)
                lanes[j] = fmaf(values[j], x[i][k + j], lanes[j]);
            l[i * n_rows + r] = load16(lanes, 16);
        }
    }
}

/* bytes16: what 16 values of a row take. */
INLINE void tile_dot(values16_fn *values16, int bytes16, const struct view *v, int64_t o, const float *const *x, int n_rows,
                     int n_acts, float *y, int64_t y_stride)
{
    struct rows w = {v->data + o * v->row_stride, v->side[0].data ? v->side[0].data + o * v->side[0].stride : v->data, v->row_stride,
                     v->side[0].stride};
    vec16 l[4];
    UNROLL
    for (int i = 0; i < n_rows * n_acts; i++)
        l[i] = zero16();
    int64_t k = 0;
    for (; k + 16 <= v->cols; k += 16) {
        if (n_acts == 1)
            fetch_ahead(&(struct ahead){.far = w.data + FETCH_AHEAD}, k / 16 * bytes16 * WEIGHT_ROWS, bytes16 * WEIGHT_ROWS, false);
        tile_step(values16, &w, k, x, n_rows, n_acts, l);
    }
    if (bytes16 % 16 == 0 && k < v->cols)
        tile_rest(values16, bytes16 / 16, &w, k, (int)(v->cols - k), x, n_rows, n_acts, l);
    UNROLL
    for (int i = 0; i < n_acts; i++)
        UNROLL
        for (int r = 0; r < n_rows; r++)
            y[i * y_stride + r] = tree_sum(l[i * n_rows + r]);
}

/* n_rows weight rows (a constant, 1 or 4) times all activation rows: the weights stay in the first-level cache. */
INLINE void rows_dots(values16_fn *values16, int bytes16, const struct view *w, int64_t o, const float *const *x, int n_rows,
                      int n, float *y, int64_t y_stride)
{
    const int at_once = n_rows < 2 ? n_rows : 2;
    int i = 0;
    for (; i + 2 <= n; i += 2)
        for (int r = 0; r < n_rows; r += at_once)
            tile_dot(values16, bytes16, w, o + r, x + i, at_once, 2, y + i * y_stride + r, y_stride);
    if (i < n)
        tile_dot(values16, bytes16, w, o, x + i, n_rows, 1, y + i * y_stride, y_stride);
}

INLINE void linear_f32(values16_fn *values16, int bytes16, const struct view *w, int64_t lo, int64_t hi,
                       const struct gather *in, float *y, int64_t y_stride)
{
    for (int first = 0; first < in->n; first += LINEAR_ACTS) {
        const float *x[LINEAR_ACTS];
        float *out = y + first * y_stride;
        int n = in->n - first < LINEAR_ACTS ? in->n - first : LINEAR_ACTS;
        int64_t o = lo;
        for (int i = 0; i < n; i++)
            x[i] = in->act->f + gather_row(in, first + i) * in->act->width;
        for (; o + WEIGHT_ROWS <= hi; o += WEIGHT_ROWS)
            rows_dots(values16, bytes16, w, o, x, WEIGHT_ROWS, n, out + (o - lo), y_stride);
        for (; o < hi; o++)
            rows_dots(values16, bytes16, w, o, x, 1, n, out + (o - lo), y_stride);
    }
}

#define LINEAR(name, values16, bytes16)                                                                                    \
    void name##__neon(const struct view *w, int64_t lo, int64_t hi, const struct gather *in, float *y,                 \
                      int64_t y_stride, void *scratch)                                                                 \
    {                                                                                                                  \
        (void)scratch;                                                                                                 \
        linear_f32(values16, bytes16, w, lo, hi, in, y, y_stride);                                                         \
    }
LINEAR(linear_f32_f32, values16_f32, 64)
LINEAR(linear_f32_f16, values16_f16, 32)
LINEAR(linear_f32_bf16, values16_bf16, 32)
LINEAR(linear_f32_q8_0, values16_q8_0, 17)
LINEAR(linear_f32_mxfp4, values16_mxfp4, 9)
LINEAR(linear_f32_mxfp4_hf, values16_mxfp4_hf, 8)
