/* vec__neon.h: scalar's 16 lanes as four registers, for the bodies in body/. The other ISAs' vec__*.h have the same
 * names. NEON has no masks: what is left of a row after its last whole vector is copied into a padded one. */
#ifndef OSSO_BACKEND_VEC_NEON_H
#define OSSO_BACKEND_VEC_NEON_H

#include "backend/cpu/arm/neon.h"

#define ISA(name) name##__neon

/* Lane i is q[i / 4][i % 4]. */
typedef struct {
    float32x4_t q[4];
} vec16;

/* All four by one function of a quarter. */
#define EACH4(e0, e1, e2, e3) ((vec16){{e0, e1, e2, e3}})
#define BY4_1(f, a) EACH4(f(a.q[0]), f(a.q[1]), f(a.q[2]), f(a.q[3]))
#define BY4_2(f, a, b) EACH4(f(a.q[0], b.q[0]), f(a.q[1], b.q[1]), f(a.q[2], b.q[2]), f(a.q[3], b.q[3]))

INLINE vec16 all16(float a)
{
    float32x4_t all = vdupq_n_f32(a);
    return (vec16){{all, all, all, all}};
}

INLINE vec16 all16_bits(uint32_t bits)
{
    float32x4_t all = vreinterpretq_f32_u32(vdupq_n_u32(bits));
    return (vec16){{all, all, all, all}};
}

INLINE vec16 zero16(void)
{
    return all16(0);
}

/* The first n of 16 values; what is not loaded is 0 and not touched, what is not stored keeps its value. */
INLINE vec16 load16(const void *p, int64_t n)
{
    uint8_t space[64] = {0};
    const uint8_t *at = p;
    if (n < 16)
        at = memcpy(space, p, (size_t)n * 4);
    return (vec16){{load_f32x4(at), load_f32x4(at + 16), load_f32x4(at + 32), load_f32x4(at + 48)}};
}

INLINE vec16 load16_f16(const uint8_t *at, int64_t n)
{
    uint8_t space[32] = {0};
    if (n < 16)
        at = memcpy(space, at, (size_t)n * 2);
    return (vec16){{load_f16x4(at), load_f16x4(at + 8), load_f16x4(at + 16), load_f16x4(at + 24)}};
}

INLINE vec16 load16_bf16(const uint8_t *at, int64_t n)
{
    uint8_t space[32] = {0};
    if (n < 16)
        at = memcpy(space, at, (size_t)n * 2);
    return (vec16){{load_bf16x4(at), load_bf16x4(at + 8), load_bf16x4(at + 16), load_bf16x4(at + 24)}};
}

/* 16 int8 codes. */
INLINE vec16 codes_to_f32(int8x16_t codes)
{
    int16x8_t front = vmovl_s8(vget_low_s8(codes)), back = vmovl_high_s8(codes);
    return (vec16){{vcvtq_f32_s32(vmovl_s16(vget_low_s16(front))), vcvtq_f32_s32(vmovl_high_s16(front)),
                    vcvtq_f32_s32(vmovl_s16(vget_low_s16(back))), vcvtq_f32_s32(vmovl_high_s16(back))}};
}

INLINE vec16 load16_i8(const uint8_t *p)
{
    return codes_to_f32(vreinterpretq_s8_u8(vld1q_u8(p)));
}

/* Doubled values of the 16 codes in the low (or high) halves of 16 bytes, and of those in 8 bytes, low half first. */
INLINE vec16 load16_halves(const uint8_t *p, bool high)
{
    uint8x16_t codes = vshlq_u8(vld1q_u8(p), vdupq_n_s8(high ? -4 : 0));
    return codes_to_f32(vqtbl1q_s8(code_table(), vandq_u8(codes, vdupq_n_u8(15))));
}

INLINE vec16 load16_pairs(const uint8_t *p)
{
    uint8x8_t bytes = vld1_u8(p), low = vand_u8(bytes, vdup_n_u8(15)), high = vshr_n_u8(bytes, 4);
    return codes_to_f32(vqtbl1q_s8(code_table(), vcombine_u8(vzip1_u8(low, high), vzip2_u8(low, high))));
}

/* One f16 for all lanes. */
INLINE vec16 all16_f16(const uint8_t *p)
{
    float32x4_t all = vcvt_f32_f16(vreinterpret_f16_u16(vdup_n_u16(u16_at(p))));
    return EACH4(all, all, all, all);
}

INLINE void store16(float *p, int64_t n, vec16 v)
{
    float space[16], *at = n < 16 ? space : p;
    UNROLL
    for (int i = 0; i < 4; i++)
        vst1q_f32(at + 4 * i, v.q[i]);
    if (n < 16)
        memcpy(p, space, (size_t)n * 4);
}

/* As f16, to nearest even. */
INLINE void store16_f16(uint16_t *h, vec16 v)
{
    UNROLL
    for (int i = 0; i < 4; i++)
        vst1_u16(h + 4 * i, vreinterpret_u16_f16(vcvt_f16_f32(v.q[i])));
}

INLINE vec16 add16(vec16 a, vec16 b)
{
    return BY4_2(vaddq_f32, a, b);
}

INLINE vec16 sub16(vec16 a, vec16 b)
{
    return BY4_2(vsubq_f32, a, b);
}

INLINE vec16 mul16(vec16 a, vec16 b)
{
    return BY4_2(vmulq_f32, a, b);
}

INLINE vec16 div16(vec16 a, vec16 b)
{
    return BY4_2(vdivq_f32, a, b);
}

INLINE vec16 neg16(vec16 a)
{
    return BY4_1(vnegq_f32, a);
}

/* The smaller and the larger one; b where one is NaN. vmaxq would give NaN. */
INLINE float32x4_t larger_of(float32x4_t a, float32x4_t b)
{
    return vbslq_f32(vcgtq_f32(a, b), a, b);
}

INLINE float32x4_t smaller_of(float32x4_t a, float32x4_t b)
{
    return vbslq_f32(vcltq_f32(a, b), a, b);
}

INLINE vec16 min16(vec16 a, vec16 b)
{
    return BY4_2(smaller_of, a, b);
}

INLINE vec16 max16(vec16 a, vec16 b)
{
    return BY4_2(larger_of, a, b);
}

/* a * b + c, and the same with one factor for all lanes. */
INLINE vec16 fma16(vec16 a, vec16 b, vec16 c)
{
    UNROLL
    for (int i = 0; i < 4; i++)
        c.q[i] = vfmaq_f32(c.q[i], a.q[i], b.q[i]);
    return c;
}

INLINE vec16 fma16_by(vec16 a, float b, vec16 c)
{
    UNROLL
    for (int i = 0; i < 4; i++)
        c.q[i] = vfmaq_n_f32(c.q[i], a.q[i], b);
    return c;
}

/* Lanes of which some are meant: from lo on, below hi. */
typedef struct {
    uint32x4_t q[4];
} mask16;

INLINE mask16 lanes16(int lo, int hi)
{
    static const int32_t steps[4] = {0, 1, 2, 3};
    mask16 mask;
    UNROLL
    for (int i = 0; i < 4; i++) {
        int32x4_t at = vaddq_s32(vdupq_n_s32(4 * i), vld1q_s32(steps));
        mask.q[i] = vandq_u32(vcgeq_s32(at, vdupq_n_s32(lo)), vcltq_s32(at, vdupq_n_s32(hi)));
    }
    return mask;
}

/* max16(a, b), a maximum so far, in those lanes; b in the others. */
INLINE vec16 max16_in(mask16 mask, vec16 a, vec16 b)
{
    UNROLL
    for (int i = 0; i < 4; i++)
        b.q[i] = larger_of(vbslq_f32(mask.q[i], a.q[i], vdupq_n_f32(-__builtin_inff())), b.q[i]);
    return b;
}

/* a + b, a sum that began at 0, in those lanes; a in the others. */
INLINE vec16 add16_in(mask16 mask, vec16 a, vec16 b)
{
    UNROLL
    for (int i = 0; i < 4; i++)
        a.q[i] = vbslq_f32(mask.q[i], vaddq_f32(a.q[i], b.q[i]), a.q[i]);
    return a;
}

/* Lanes where a >= b; none where one is NaN. And 0 in such lanes. */
INLINE mask16 at_least16(vec16 a, vec16 b)
{
    mask16 mask;
    UNROLL
    for (int i = 0; i < 4; i++)
        mask.q[i] = vcgeq_f32(a.q[i], b.q[i]);
    return mask;
}

INLINE vec16 clear16_in(mask16 mask, vec16 a)
{
    UNROLL
    for (int i = 0; i < 4; i++)
        a.q[i] = vbslq_f32(mask.q[i], vdupq_n_f32(0), a.q[i]);
    return a;
}

/* fma16(a, b, c) in those lanes; c in the others. */
INLINE vec16 fma16_in(mask16 mask, vec16 a, vec16 b, vec16 c)
{
    UNROLL
    for (int i = 0; i < 4; i++)
        c.q[i] = vbslq_f32(mask.q[i], vfmaq_f32(c.q[i], a.q[i], b.q[i]), c.q[i]);
    return c;
}

/* The largest lane where none is NaN; of two zeros either. */
INLINE float largest16(vec16 v)
{
    return vmaxvq_f32(vmaxq_f32(vmaxq_f32(v.q[0], v.q[1]), vmaxq_f32(v.q[2], v.q[3])));
}

/* Two values as lanes 0 and 1, and back. */
INLINE vec16 pair16(float a, float b)
{
    return (vec16){{(float32x4_t){a, b, 0, 0}}};
}

INLINE float lane0(vec16 v)
{
    return vgetq_lane_f32(v.q[0], 0);
}

INLINE float lane1(vec16 v)
{
    return vgetq_lane_f32(v.q[0], 1);
}

/* The fixed tree: 16 -> 8 -> 4 -> 2 -> 1, lane i with lane i + half, as lanes_sum in scalar.h. */
INLINE float tree_sum(vec16 l)
{
    float32x4_t a = vaddq_f32(vaddq_f32(l.q[0], l.q[2]), vaddq_f32(l.q[1], l.q[3]));
    return vpadds_f32(vadd_f32(vget_low_f32(a), vget_high_f32(a)));
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

INLINE vec16 exp16(vec16 x)
{
    return BY4_1(exp4, x);
}

/* Every second one of 16 from `at` on, of f32, f16 and bf16; of each four as two loads that end with the last of
 * them. */
enum { EVEN_BEHIND = 0 };

INLINE float32x4_t even4_f32(const uint8_t *at)
{
    float32x4_t a = load_f32x4(at), b = load_f32x4(at + 12);
    return vcombine_f32(vget_low_f32(vuzp1q_f32(a, a)), vget_low_f32(vuzp2q_f32(b, b)));
}

INLINE uint8x8_t even4_u16(const uint8_t *at)
{
    uint16x4_t a = vreinterpret_u16_u8(vld1_u8(at)), b = vreinterpret_u16_u8(vld1_u8(at + 6));
    uint32x2_t front = vreinterpret_u32_u16(vuzp1_u16(a, a)), back = vreinterpret_u32_u16(vuzp2_u16(b, b));
    return vreinterpret_u8_u32(vzip1_u32(front, back));
}

INLINE vec16 even16_f32(const uint8_t *at)
{
    return EACH4(even4_f32(at), even4_f32(at + 32), even4_f32(at + 64), even4_f32(at + 96));
}

INLINE vec16 even16_f16(const uint8_t *at)
{
    return EACH4(f16_to_f32x4(even4_u16(at)), f16_to_f32x4(even4_u16(at + 16)), f16_to_f32x4(even4_u16(at + 32)),
                 f16_to_f32x4(even4_u16(at + 48)));
}

INLINE vec16 even16_bf16(const uint8_t *at)
{
    return EACH4(bf16_to_f32x4(even4_u16(at)), bf16_to_f32x4(even4_u16(at + 16)), bf16_to_f32x4(even4_u16(at + 32)),
                 bf16_to_f32x4(even4_u16(at + 48)));
}

#endif
