/* linear_i8__dotprod.c: the steps of linear_i8_arm.h with SDOT. In a square, a vector of weights is 4 elements of 4 rows
 * and is multiplied by 4 elements of one activation row, picked by lane: sums come out by weight row, with no adding
 * across. */
#include "backend/cpu/arm/squares_i8_arm.h"

INLINE int32x4_t dot32(struct codes w, struct codes a)
{
    return vdotq_s32(vdotq_s32(vdupq_n_s32(0), w.lo, a.lo), w.hi, a.hi);
}

/* Four times 4 elements of 4 rows, 32 bytes apart: a transposition of words. */
INLINE void put_words(int8_t *at, int8x16_t a, int8x16_t b, int8x16_t c, int8x16_t d)
{
    int32x4_t wa = vreinterpretq_s32_s8(a), wb = vreinterpretq_s32_s8(b);
    int32x4_t wc = vreinterpretq_s32_s8(c), wd = vreinterpretq_s32_s8(d);
    int64x2_t ab0 = vreinterpretq_s64_s32(vzip1q_s32(wa, wb)), ab1 = vreinterpretq_s64_s32(vzip2q_s32(wa, wb));
    int64x2_t cd0 = vreinterpretq_s64_s32(vzip1q_s32(wc, wd)), cd1 = vreinterpretq_s64_s32(vzip2q_s32(wc, wd));
    vst1q_s8(at, vreinterpretq_s8_s64(vzip1q_s64(ab0, cd0)));
    vst1q_s8(at + 32, vreinterpretq_s8_s64(vzip2q_s64(ab0, cd0)));
    vst1q_s8(at + 64, vreinterpretq_s8_s64(vzip1q_s64(ab1, cd1)));
    vst1q_s8(at + 96, vreinterpretq_s8_s64(vzip2q_s64(ab1, cd1)));
}

/* Tile: per 4 elements, rows 0..3 and rows 4..7; the 8 scales. */
INLINE void tile_put(uint8_t *tile, int r, const struct codes *w)
{
    int8_t *at = (int8_t *)tile + 4 * r;
    put_words(at, w[0].lo, w[1].lo, w[2].lo, w[3].lo);
    put_words(at + 128, w[0].hi, w[1].hi, w[2].hi, w[3].hi);
}

INLINE void square_step(bool offsets, const uint8_t *tile, const uint8_t *panel, int n, float32x4_t *p)
{
    int32x4_t s[SQUARE_SUMS];
    int8x16_t a[SQUARE_ACTS];
    UNROLL
    for (int i = 0; i < 2 * n; i++)
        s[i] = vdupq_n_s32(0);
    UNROLL
    for (int h = 0; h < 2; h++) {
        const int8_t *w = (const int8_t *)tile + 128 * h;
        UNROLL
        for (int i = 0; i < n; i++)
            a[i] = vld1q_s8((const int8_t *)panel + i * QUANT_BLOCK + 16 * h);
        /* a macro: the lane has to be a constant for every compiler */
#define WORD(k)                                                                                                        \
    UNROLL                                                                                                             \
    for (int i = 0; i < n; i++) {                                                                                      \
        s[2 * i] = vdotq_laneq_s32(s[2 * i], vld1q_s8(w + 32 * k), a[i], k);                                           \
        s[2 * i + 1] = vdotq_laneq_s32(s[2 * i + 1], vld1q_s8(w + 32 * k + 16), a[i], k);                              \
    }
        WORD(0)
        WORD(1)
        WORD(2)
        WORD(3)
#undef WORD
    }
    UNROLL
    for (int i = 0; i < 2 * n; i++)
        square_add(offsets, tile, panel, i / 2, i % 2, s[i], p);
}

LINEAR_I8_KERNELS(dotprod)
