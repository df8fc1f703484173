/* squares_i8_arm.h: what the squares of linear_i8__neon.c and linear_i8__dotprod.c have in common: a panel has activation
 * rows as they are, scales and offsets stand once, and p[2 i + half] is activation row i, weight rows 4 half .. 4 half + 3. */
#ifndef OSSO_BACKEND_SQUARES_I8_ARM_H
#define OSSO_BACKEND_SQUARES_I8_ARM_H

#include "backend/cpu/arm/linear_i8_arm.h"

INLINE void panel_put(uint8_t *panel, const struct codes *a)
{
    UNROLL
    for (int j = 0; j < SQUARE_ACTS; j++) {
        vst1q_s8((int8_t *)panel + j * QUANT_BLOCK, a[j].lo);
        vst1q_s8((int8_t *)panel + j * QUANT_BLOCK + 16, a[j].hi);
    }
}

INLINE void tile_put4(uint8_t *at, int r, const float *values)
{
    memcpy(at + 4 * r, values, 16);
}

INLINE void panel_put4(uint8_t *at, const float *values)
{
    memcpy(at, values, 16);
}

/* Adds a block's exact sums to p[2 i + half], and with offsets the activations' own sums times scale times offset. */
INLINE void square_add(bool offsets, const uint8_t *tile, const uint8_t *panel, int i, int half, int32x4_t sums,
                       float32x4_t *p)
{
    const float *d = (const float *)(panel + PANEL_CODES), *own = (const float *)(panel + PANEL_SUMS);
    float32x4_t scale = vmulq_n_f32(vld1q_f32((const float *)(tile + TILE_CODES) + 4 * half), d[i]);
    p[2 * i + half] = vfmaq_f32(p[2 * i + half], vcvtq_f32_s32(sums), scale);
    if (!offsets)
        return;
    float32x4_t offset = vmulq_n_f32(vld1q_f32((const float *)(tile + TILE_OFFSETS) + 4 * half), d[i]);
    p[2 * i + half] = vfmaq_f32(p[2 * i + half], vdupq_n_f32(own[i]), offset);
}

INLINE void square_out(const float32x4_t *sums, float (*out)[SQUARE_ROWS])
{
    UNROLL
    for (int i = 0; i < SQUARE_SUMS; i++)
        vst1q_f32(out[i / 2] + i % 2 * 4, sums[i]);
}

#endif
