/* neon.h: what the files for NEON, dot product and int8 matrix share: 16 lanes as four registers, the fixed tree over
 * them, the exponential and unaligned loads. NEON has no masks: what is left of a row after its last whole vector is
 * copied into a padded one, or done value by value. */
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

/* Scalar's 16 lanes: lane i is q[i / 4][i % 4]. */
struct vec16 {
    float32x4_t q[4];
};

INLINE struct vec16 zero16(void)
{
    float32x4_t zero = vdupq_n_f32(0);
    return (struct vec16){{zero, zero, zero, zero}};
}

INLINE struct vec16 load16(const float *x)
{
    return (struct vec16){{vld1q_f32(x), vld1q_f32(x + 4), vld1q_f32(x + 8), vld1q_f32(x + 12)}};
}

INLINE void store16(float *x, struct vec16 v)
{
    UNROLL
    for (int i = 0; i < 4; i++)
        vst1q_f32(x + 4 * i, v.q[i]);
}

/* The fixed tree: 16 -> 8 -> 4 -> 2 -> 1, lane i with lane i + half, as lanes_sum in scalar.h. */
INLINE float tree_sum(struct vec16 l)
{
    float32x4_t a = vaddq_f32(vaddq_f32(l.q[0], l.q[2]), vaddq_f32(l.q[1], l.q[3]));
    return vpadds_f32(vadd_f32(vget_low_f32(a), vget_high_f32(a)));
}

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

/* 16 int8 codes as floats. */
INLINE struct vec16 codes_to_f32(int8x16_t codes)
{
    int16x8_t front = vmovl_s8(vget_low_s8(codes)), back = vmovl_high_s8(codes);
    return (struct vec16){{vcvtq_f32_s32(vmovl_s16(vget_low_s16(front))), vcvtq_f32_s32(vmovl_high_s16(front)),
                           vcvtq_f32_s32(vmovl_s16(vget_low_s16(back))), vcvtq_f32_s32(vmovl_high_s16(back))}};
}

INLINE struct vec16 load16_f32(const uint8_t *at)
{
    return (struct vec16){{load_f32x4(at), load_f32x4(at + 16), load_f32x4(at + 32), load_f32x4(at + 48)}};
}

INLINE struct vec16 load16_f16(const uint8_t *at)
{
    return (struct vec16){{load_f16x4(at), load_f16x4(at + 8), load_f16x4(at + 16), load_f16x4(at + 24)}};
}

INLINE struct vec16 load16_bf16(const uint8_t *at)
{
    return (struct vec16){{load_bf16x4(at), load_bf16x4(at + 8), load_bf16x4(at + 16), load_bf16x4(at + 24)}};
}

/* E8M0 to 2^(s-128), the scale of the doubled table. s << 23 as a float is 2^(s-127), but zero for s = 0, where 2^-127
 * is put in its place, and infinity for s = 255, which becomes NaN. */
INLINE float32x4_t half_scales(uint32x4_t s)
{
    uint32x4_t bits = vmaxq_u32(vshlq_n_u32(s, 23), vdupq_n_u32(0x00400000));
    float32x4_t half = vmulq_n_f32(vreinterpretq_f32_u32(bits), 0.5f);
    return vreinterpretq_f32_u32(vorrq_u32(vreinterpretq_u32_f32(half), vceqq_u32(s, vdupq_n_u32(255))));
}

INLINE float half_scale(uint8_t s)
{
    uint32_t bits = s >= 2 ? (uint32_t)(s - 1) << 23 : 0x00200000u << s;
    float f;
    bits = s == 255 ? 0x7fc00000u : bits;
    memcpy(&f, &bits, 4);
    return f;
}

/* MXFP4's table, doubled. */
INLINE int8x16_t code_table(void)
{
    static const int8_t doubled[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
    return vld1q_s8(doubled);
}

/* real_exp of scalar.c, 4 at a time, step by step. Lanes below and above its range go the whole way too, and are
 * replaced at the end; NaN stays NaN on the way. */
INLINE float32x4_t exp4(float32x4_t x)
{
    float32x4_t n = vrndnq_f32(vmulq_n_f32(x, 0x1.715476p+0f));
    float32x4_t r = vfmaq_n_f32(x, n, -0x1.62e400p-1f);
    r = vfmaq_n_f32(r, n, -0x1.7f7d1cp-20f);
    float32x4_t p = vdupq_n_f32(0x1.6d113cp-10f);
    p = vfmaq_f32(vdupq_n_f32(0x1.120ba2p-7f), p, r);
    p = vfmaq_f32(vdupq_n_f32(0x1.55551ap-5f), p, r);
    p = vfmaq_f32(vdupq_n_f32(0x1.5554dcp-3f), p, r);
    p = vfmaq_f32(vdupq_n_f32(0x1.0p-1f), p, r);
    p = vfmaq_f32(vdupq_n_f32(1.0f), p, r);
    p = vfmaq_f32(vdupq_n_f32(1.0f), p, r);
    int32x4_t whole = vcvtq_s32_f32(n), half = vshrq_n_s32(whole, 1);
    int32x4_t bias = vdupq_n_s32(127);
    p = vmulq_f32(p, vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(half, bias), 23)));
    p = vmulq_f32(p, vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(vsubq_s32(whole, half), bias), 23)));
    p = vbslq_f32(vcltq_f32(x, vdupq_n_f32(-0x1.5d589ep+6f)), vdupq_n_f32(0), p);
    return vbslq_f32(vcgtq_f32(x, vdupq_n_f32(0x1.62e42ep+6f)), vdupq_n_f32(__builtin_inff()), p);
}

/* The larger one; b where a is NaN. vmaxq would give NaN. */
INLINE float32x4_t larger_of(float32x4_t a, float32x4_t b)
{
    return vbslq_f32(vcgtq_f32(a, b), a, b);
}

INLINE float32x4_t smaller_of(float32x4_t a, float32x4_t b)
{
    return vbslq_f32(vcltq_f32(a, b), a, b);
}

#endif
