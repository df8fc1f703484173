/* linear_i8__neon.c: the steps of linear_i8_arm.h for CPUs without a dot product instruction: products of bytes in 16
 * bits, two of which fit (activations are within +-127: at most 2 * 127 * 128 = 32512), then sums in 32. */
#include "backend/cpu/arm/linear_i8_arm.h"

INLINE int32x4_t dot32(struct codes w, struct codes a)
{
    int16x8_t front = vmlal_s8(vmull_s8(vget_low_s8(w.lo), vget_low_s8(a.lo)), vget_low_s8(w.hi), vget_low_s8(a.hi));
    int16x8_t back = vmlal_high_s8(vmull_high_s8(w.lo, a.lo), w.hi, a.hi);
    return vpadalq_s16(vpaddlq_s16(front), back);
}

/* Tile: 8 rows' codes one after another; their scales. */
INLINE void tile_put(uint8_t *tile, int r, const struct codes *w)
{
    UNROLL
    for (int j = 0; j < 4; j++) {
        vst1q_s8((int8_t *)tile + (r + j) * QUANT_BLOCK, w[j].lo);
        vst1q_s8((int8_t *)tile + (r + j) * QUANT_BLOCK + 16, w[j].hi);
    }
}

/* Panel: the same with 4 rows. */
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

/* What offsets add: the activations' own sums times scale times offset. */
INLINE float32x4_t own_step(const uint8_t *tile, const uint8_t *panel, int i, int half, float32x4_t p)
{
    const float *d = (const float *)(panel + PANEL_CODES), *own = (const float *)(panel + PANEL_SUMS);
    float32x4_t offset = vmulq_n_f32(vld1q_f32((const float *)(tile + TILE_OFFSETS) + 4 * half), d[i]);
    return vfmaq_f32(p, vdupq_n_f32(own[i]), offset);
}

/* p[2 i + half]: activation row i, weight rows 4 half .. 4 half + 3. */
INLINE void square_step(bool offsets, const uint8_t *tile, const uint8_t *panel, int n, float32x4_t *p)
{
    const float *dw = (const float *)(tile + TILE_CODES), *da = (const float *)(panel + PANEL_CODES);
    UNROLL
    for (int i = 0; i < n; i++) {
        struct codes a = load_codes(panel + i * QUANT_BLOCK);
        UNROLL
        for (int half = 0; half < 2; half++) {
            const uint8_t *w = tile + 4 * half * QUANT_BLOCK;
            int32x4_t sums = add_across(dot32(load_codes(w), a), dot32(load_codes(w + QUANT_BLOCK), a),
                                        dot32(load_codes(w + 2 * QUANT_BLOCK), a), dot32(load_codes(w + 3 * QUANT_BLOCK), a));
            float32x4_t scale = vmulq_n_f32(vld1q_f32(dw + 4 * half), da[i]);
            p[2 * i + half] = vfmaq_f32(p[2 * i + half], vcvtq_f32_s32(sums), scale);
            if (offsets)
                p[2 * i + half] = own_step(tile, panel, i, half, p[2 * i + half]);
        }
    }
}

INLINE void square_out(const float32x4_t *sums, float (*out)[SQUARE_ROWS])
{
    UNROLL
    for (int i = 0; i < SQUARE_SUMS; i++)
        vst1q_f32(out[i / 2] + i % 2 * 4, sums[i]);
}

LINEAR_I8_KERNELS(neon)
