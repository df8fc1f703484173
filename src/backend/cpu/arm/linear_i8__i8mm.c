/* linear_i8__i8mm.c: the steps of linear_i8_arm.h with SMMLA, which multiplies 8 elements of 2 weight rows by 8 of 2
 * activation rows: [w0 a0, w0 a1, w1 a0, w1 a1]. One row at a time (decode) has no second one: SDOT does that. */
#include "backend/cpu/arm/linear_i8_arm.h"

INLINE int32x4_t dot32(struct codes w, struct codes a)
{
    return vdotq_s32(vdotq_s32(vdupq_n_s32(0), w.lo, a.lo), w.hi, a.hi);
}

/* Four times 8 elements of a pair of rows, `step` bytes apart. */
INLINE void put_pair(int8_t *at, int step, struct codes a, struct codes b)
{
    int64x2_t a_lo = vreinterpretq_s64_s8(a.lo), a_hi = vreinterpretq_s64_s8(a.hi);
    int64x2_t b_lo = vreinterpretq_s64_s8(b.lo), b_hi = vreinterpretq_s64_s8(b.hi);
    vst1q_s8(at, vreinterpretq_s8_s64(vzip1q_s64(a_lo, b_lo)));
    vst1q_s8(at + step, vreinterpretq_s8_s64(vzip2q_s64(a_lo, b_lo)));
    vst1q_s8(at + 2 * step, vreinterpretq_s8_s64(vzip1q_s64(a_hi, b_hi)));
    vst1q_s8(at + 3 * step, vreinterpretq_s8_s64(vzip2q_s64(a_hi, b_hi)));
}

/* Tile: per 8 elements, 4 pairs of rows; per pair the scales [s0 s0 s1 s1]. */
INLINE void tile_put(uint8_t *tile, int r, const struct codes *w)
{
    int8_t *at = (int8_t *)tile + 8 * r;
    put_pair(at, 64, w[0], w[1]);
    put_pair(at + 16, 64, w[2], w[3]);
}

INLINE void tile_put4(uint8_t *at, int r, const float *values)
{
    float32x4_t s = vld1q_f32(values);
    vst1q_f32((float *)(at + 8 * r), vzip1q_f32(s, s));
    vst1q_f32((float *)(at + 8 * r + 16), vzip2q_f32(s, s));
}

/* Panel: per 8 elements, 2 pairs of rows; per pair the scales [d0 d1 d0 d1]. */
INLINE void panel_put(uint8_t *panel, const struct codes *a)
{
    put_pair((int8_t *)panel, 32, a[0], a[1]);
    put_pair((int8_t *)panel + 16, 32, a[2], a[3]);
}

INLINE void panel_put4(uint8_t *at, const float *values)
{
    float32x4_t s = vld1q_f32(values);
    vst1q_f32((float *)at, vcombine_f32(vget_low_f32(s), vget_low_f32(s)));
    vst1q_f32((float *)(at + 16), vcombine_f32(vget_high_f32(s), vget_high_f32(s)));
}

/* p[4 j + r]: pair j of activation rows, pair r of weight rows. */
INLINE void square_step(bool offsets, const uint8_t *tile, const uint8_t *panel, int n, float32x4_t *p)
{
    const float *dw = (const float *)(tile + TILE_CODES), *da = (const float *)(panel + PANEL_CODES);
    const int n_pairs = (n + 1) / 2;
    int32x4_t s[SQUARE_SUMS];
    UNROLL
    for (int i = 0; i < 4 * n_pairs; i++)
        s[i] = vdupq_n_s32(0);
    UNROLL
    for (int k = 0; k < 4; k++) {
        int8x16_t w[4];
        UNROLL
        for (int r = 0; r < 4; r++)
            w[r] = vld1q_s8((const int8_t *)tile + 64 * k + 16 * r);
        UNROLL
        for (int j = 0; j < n_pairs; j++) {
            int8x16_t a = vld1q_s8((const int8_t *)panel + 32 * k + 16 * j);
            UNROLL
            for (int r = 0; r < 4; r++)
                s[4 * j + r] = vmmlaq_s32(s[4 * j + r], w[r], a);
        }
    }
    UNROLL
    for (int i = 0; i < 4 * n_pairs; i++) {
        float32x4_t scale = vmulq_f32(vld1q_f32(dw + i % 4 * 4), vld1q_f32(da + i / 4 * 4));
        p[i] = vfmaq_f32(p[i], vcvtq_f32_s32(s[i]), scale);
        if (offsets) {
            const float *mw = (const float *)(tile + TILE_OFFSETS), *own = (const float *)(panel + PANEL_SUMS);
            float32x4_t offset = vmulq_f32(vld1q_f32(mw + i % 4 * 4), vld1q_f32(da + i / 4 * 4));
            p[i] = vfmaq_f32(p[i], vld1q_f32(own + i / 4 * 4), offset);
        }
    }
}

INLINE void square_out(const float32x4_t *sums, float (*out)[SQUARE_ROWS])
{
    UNROLL
    for (int i = 0; i < SQUARE_SUMS; i++) {
        float (*pair)[SQUARE_ROWS] = out + i / 4 * 2;
        vst1_f32(pair[0] + i % 4 * 2, vget_low_f32(vuzp1q_f32(sums[i], sums[i])));
        vst1_f32(pair[1] + i % 4 * 2, vget_low_f32(vuzp2q_f32(sums[i], sums[i])));
    }
}

LINEAR_I8_KERNELS(i8mm)
