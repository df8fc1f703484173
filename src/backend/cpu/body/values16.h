/* values16.h: 16 values of a row of weights in any format, exactly, for linear_f32__*.c; and what is left of a row. */
#include "backend/cpu/body/values16_plain.h"

/* The low half of each byte for the front of a block, the high half for its back. */
INLINE vec16 values16_mxfp4(const uint8_t *row, const uint8_t *scales, int64_t k, int64_t n)
{
    (void)scales, (void)n;
    const uint8_t *block = row + k / 32 * 17;
    vec16 codes = load16_halves(block + 1, k % 32);
    return mul16(codes, all16_bits(e8m0_half_bits(block[0])));
}

INLINE vec16 values16_mxfp4_hf(const uint8_t *row, const uint8_t *scales, int64_t k, int64_t n)
{
    (void)n;
    vec16 codes = load16_pairs(row + k / 2);
    return mul16(codes, all16_bits(e8m0_half_bits(scales[k / 32])));
}

/* Rows o, o + 1, ... of a matrix. */
struct rows {
    const uint8_t *data, *scales;
    int64_t stride, scale_stride;
};

INLINE struct rows rows_from(const struct view *w, int64_t o)
{
    const struct side *side = &w->side[0];
    return (struct rows){w->data + o * w->row_stride, side->data ? side->data + o * side->stride : w->data,
                         w->row_stride, side->stride};
}

INLINE vec16 row_values(values16_fn *values16, const struct rows *w, int r, int64_t k, int64_t n)
{
    return values16(w->data + r * w->stride, w->scales + r * w->scale_stride, k, n);
}

/* The last n elements of n_rows weight rows times n_acts activation rows, both constants. The lanes beyond keep what
 * they have: even adding 0 would turn -0 into 0. */
INLINE void tile_rest(values16_fn *values16, const struct rows *w, int64_t k, int64_t n, const float *const *x,
                      int n_rows, int n_acts, vec16 *l)
{
    const mask16 mask = lanes16(0, (int)n);
    UNROLL
    for (int i = 0; i < n_acts; i++) {
        vec16 xi = load16(x[i] + k, n);
        UNROLL
        for (int r = 0; r < n_rows; r++)
            l[i * n_rows + r] = fma16_in(mask, row_values(values16, w, r, k, n), xi, l[i * n_rows + r]);
    }
}

/* Every linear_f32 kernel by linear_f32 of the file. bytes16: what 16 values take (rounded up). */
#define LINEAR_OF(name, values16, bytes16)                                                                             \
    void ISA(name)(const struct view *w, int64_t lo, int64_t hi, const struct gather *in, float *y, int64_t y_stride,  \
                   void *workspace)                                                                                    \
    {                                                                                                                  \
        linear_f32(values16, bytes16, w, lo, hi, in, y, y_stride, workspace);                                          \
    }
#define LINEAR_KERNELS                                                                                                 \
    LINEAR_OF(linear_f32_f32, values16_f32, 64)                                                                        \
    LINEAR_OF(linear_f32_f16, values16_f16, 32)                                                                        \
    LINEAR_OF(linear_f32_bf16, values16_bf16, 32)                                                                      \
    LINEAR_OF(linear_f32_q8_0, values16_q8_0, 17)                                                                      \
    LINEAR_OF(linear_f32_mxfp4, values16_mxfp4, 9)                                                                     \
    LINEAR_OF(linear_f32_mxfp4_hf, values16_mxfp4_hf, 8)
