/* linear_i8__neon.c: the steps of linear_i8_arm.h for CPUs without a dot product instruction: products of bytes in 16
 * bits, two of which fit (activations are within +-127: at most 2 * 127 * 128 = 32512), then sums in 32. */
#include "backend/cpu/arm/squares_i8_arm.h"

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

INLINE void square_step(bool offsets, const uint8_t *tile, const uint8_t *panel, int n, float32x4_t *p)
{
    UNROLL
    for (int i = 0; i < n; i++) {
        struct codes a = load_codes(panel + i * QUANT_BLOCK);
        UNROLL
        for (int half = 0; half < 2; half++) {
            const uint8_t *w = tile + 4 * half * QUANT_BLOCK;
            int32x4_t sums = add_across(dot32(load_codes(w), a), dot32(load_codes(w + QUANT_BLOCK), a),
                                        dot32(load_codes(w + 2 * QUANT_BLOCK), a), dot32(load_codes(w + 3 * QUANT_BLOCK), a));
            square_add(offsets, tile, panel, i, half, sums, p);
        }
    }
}

LINEAR_I8_KERNELS(neon)
