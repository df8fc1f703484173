/* linear_any__neon.c: linear_i8_any (linear_i8_any.h) and linear_f32_any: every format that has no kernel of its own
 * here. */
#include "backend/cpu/arm/vec__neon.h"

/* Two products fit 16 bits: activations are within +-127, so 2 * 127 * 128 at most. */
INLINE int32_t dot16(const int8_t *w, const int8_t *a)
{
    int8x16_t x = vld1q_s8(w), y = vld1q_s8(a);
    return vaddlvq_s16(vmlal_high_s8(vmull_s8(vget_low_s8(x), vget_low_s8(y)), x, y));
}

INLINE int32_t dot32(const int8_t *w, const int8_t *a)
{
    return dot16(w, a) + dot16(w + 16, a + 16);
}

INLINE int32_t sum16(const int8_t *a)
{
    return vaddlvq_s8(vld1q_s8(a));
}

#include "backend/cpu/body/linear_i8_any.h"

/* One output by exact values, of row-major and transposed views. */
static void output_f32(const struct view *w, int64_t o, const struct gather *in, int first, int group, float *y,
                       int64_t y_stride)
{
    enum { PIECE = DTYPE_MAX_BLOCK /* whole blocks of every format, whole turns of the lanes */ };
    vec16 lanes[GROUP];
    for (int i = 0; i < group; i++)
        lanes[i] = zero16();
    for (int64_t k = 0; k < w->cols; k += PIECE) {
        float values[PIECE];
        int count = w->cols - k < PIECE ? (int)(w->cols - k) : PIECE;
        view_values(w, o, k, count, values);
        for (int i = 0; i < group; i++) {
            const float *x = in->act->f + gather_row(in, first + i) * in->act->width + k;
            int j = 0;
            for (; j + 16 <= count; j += 16)
                lanes[i] = fma16(load16(values + j, 16), load16(x + j, 16), lanes[i]);
            if (j < count) /* the lanes beyond keep what they have: even adding 0 would turn -0 into 0 */
                lanes[i] = fma16_in(lanes16(0, count - j), load16(values + j, count - j), load16(x + j, count - j),
                                    lanes[i]);
        }
    }
    for (int i = 0; i < group; i++)
        y[(first + i) * y_stride] = tree_sum(lanes[i]);
}

void linear_f32_any__neon(const struct view *w, int64_t lo, int64_t hi, const struct gather *in, float *y,
                          int64_t y_stride, void *workspace)
{
    (void)workspace;
    each_output(output_f32, w, lo, hi, in, y, y_stride);
}
