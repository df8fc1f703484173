/* vector__neon.c: body/vector.h, and what quantization wants of integers. */
#include "backend/cpu/arm/vec__neon.h"

#include "backend/cpu/kernels.h"

/* The largest magnitude of 32 values as bits: as integers NaN > Inf > numbers. */
INLINE uint32_t largest_bits(const float *x)
{
    const uint32x4_t magnitude = vdupq_n_u32(0x7fffffff);
    uint32x4_t top = vdupq_n_u32(0);
    UNROLL
    for (int i = 0; i < QUANT_BLOCK; i += 4)
        top = vmaxq_u32(top, vandq_u32(vreinterpretq_u32_f32(vld1q_f32(x + i)), magnitude));
    return vmaxvq_u32(top);
}

/* 16 codes and, in *sum, four sums of them. */
INLINE int8x16_t codes16(const float *x, float inverse, int32x4_t *sum)
{
    int32x4_t c[4];
    UNROLL
    for (int i = 0; i < 4; i++) {
        c[i] = vcvtnq_s32_f32(vmulq_n_f32(vld1q_f32(x + 4 * i), inverse));
        *sum = vaddq_s32(*sum, c[i]);
    }
    int16x8_t front = vcombine_s16(vmovn_s32(c[0]), vmovn_s32(c[1])),
              back = vcombine_s16(vmovn_s32(c[2]), vmovn_s32(c[3]));
    return vcombine_s8(vmovn_s16(front), vmovn_s16(back));
}

/* 32 values as codes, whose sum it returns. */
INLINE int32_t store_codes(const float *x, float inverse, int8_t *q)
{
    int32x4_t sums = vdupq_n_s32(0);
    vst1q_s8(q, codes16(x, inverse, &sums));
    vst1q_s8(q + 16, codes16(x + 16, inverse, &sums));
    return vaddvq_s32(sums);
}

#include "backend/cpu/body/vector.h"
