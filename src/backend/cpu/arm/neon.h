/* neon.h: what the files for NEON, dot product and int8 matrix share: unaligned loads and MXFP4. vec__neon.h builds
 * scalar's 16 lanes on it. */
#ifndef OSSO_BACKEND_NEON_H
#define OSSO_BACKEND_NEON_H

#include <arm_neon.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
/* Before a loop over registers: -O2 alone would keep the array in memory. */
#define UNROLL _Pragma("GCC unroll 16")

/* Weights lie at any address: as bytes, so that no alignment is promised. */
INLINE float32x4_t load_f32x4(const uint8_t *at)
{
    return vreinterpretq_f32_u8(vld1q_u8(at));
}

INLINE float32x4_t f16_to_f32x4(uint8x8_t h)
{
    return vcvt_f32_f16(vreinterpret_f16_u8(h));
}

INLINE float32x4_t bf16_to_f32x4(uint8x8_t h)
{
    return vreinterpretq_f32_u32(vshll_n_u16(vreinterpret_u16_u8(h), 16));
}

INLINE float32x4_t load_f16x4(const uint8_t *at)
{
    return f16_to_f32x4(vld1_u8(at));
}

INLINE float32x4_t load_bf16x4(const uint8_t *at)
{
    return bf16_to_f32x4(vld1_u8(at));
}

INLINE uint16_t u16_at(const uint8_t *at)
{
    uint16_t h;
    memcpy(&h, at, 2);
    return h;
}

INLINE float f16_at(const uint8_t *at)
{
    return vgetq_lane_f32(vcvt_f32_f16(vreinterpret_f16_u16(vdup_n_u16(u16_at(at)))), 0);
}

/* E8M0 to 2^(s-128), the scale of the doubled table. s << 23 as a float is 2^(s-127), but zero for s = 0, where 2^-127
 * is put in its place, and infinity for s = 255, which becomes NaN. */
INLINE float32x4_t half_scales(uint32x4_t s)
{
    uint32x4_t bits = vmaxq_u32(vshlq_n_u32(s, 23), vdupq_n_u32(0x00400000));
    float32x4_t half = vmulq_n_f32(vreinterpretq_f32_u32(bits), 0.5f);
    return vreinterpretq_f32_u32(vorrq_u32(vreinterpretq_u32_f32(half), vceqq_u32(s, vdupq_n_u32(255))));
}

/* MXFP4's table, doubled. */
INLINE int8x16_t code_table(void)
{
    static const int8_t doubled[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
    return vld1q_s8(doubled);
}

#endif
