/* immintrin.h of VARIANT=emu512: AVX-512 written out in AVX2, so that the files *__avx512vnni.c run, to the bit, on a
 * CPU without it. It says nothing about speed. Comes first on the include path of those files only (Makefile).
 *
 * A vector is two halves of 256 bits. Where AVX2 has the instruction, a half takes it: rounding, NaNs and signed zeros
 * are the CPU's own, FMA is fused. The rest is written lane by lane after Intel's manual. Masked loads and stores touch
 * no byte whose mask bit is off, aligned ones trap at an address that is not. Only what the kernels use is here: an
 * intrinsic that is missing fails to compile ("implicit declaration"); add it in the fitting section, with the manual's
 * page open. */
#ifndef OSSO_EMULATE_IMMINTRIN_H
#define OSSO_EMULATE_IMMINTRIN_H

/* What the compiler's immintrin.h would include up to AVX2; its parts ask that nobody else does. */
#define _IMMINTRIN_H_INCLUDED /* gcc's name */
#define __IMMINTRIN_H         /* clang's */
#include <nmmintrin.h>

#include <avxintrin.h>

#include <avx2intrin.h>
#include <f16cintrin.h>
#include <fmaintrin.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#define EMU static inline __attribute__((always_inline, unused))
/* What is long: unrolled kernels with it inside take a minute to compile. */
#define EMU_CALL static __attribute__((noinline, unused))

typedef struct {
    __m256 h[2];
} __attribute__((aligned(64))) __m512;
typedef struct {
    __m256i h[2];
} __attribute__((aligned(64))) __m512i;
typedef uint8_t __mmask8;
typedef uint16_t __mmask16;
typedef uint32_t __mmask32;
typedef uint64_t __mmask64;

/* A vector as lanes. */
union emu_lanes {
    __m512 ps;
    __m512i si;
    float f[16];
    uint8_t u8[64];
    uint16_t u16[32];
    uint32_t u32[16];
    int32_t i32[16];
};

/* f of each half. */
#define EMU_PS_1(name, f)                                                                                              \
    EMU __m512 name(__m512 a)                                                                                          \
    {                                                                                                                  \
        return (__m512){{f(a.h[0]), f(a.h[1])}};                                                                       \
    }
#define EMU_PS_2(name, f)                                                                                              \
    EMU __m512 name(__m512 a, __m512 b)                                                                                \
    {                                                                                                                  \
        return (__m512){{f(a.h[0], b.h[0]), f(a.h[1], b.h[1])}};                                                       \
    }
#define EMU_PS_3(name, f)                                                                                              \
    EMU __m512 name(__m512 a, __m512 b, __m512 c)                                                                      \
    {                                                                                                                  \
        return (__m512){{f(a.h[0], b.h[0], c.h[0]), f(a.h[1], b.h[1], c.h[1])}};                                       \
    }
#define EMU_SI_2(name, f)                                                                                              \
    EMU __m512i name(__m512i a, __m512i b)                                                                             \
    {                                                                                                                  \
        return (__m512i){{f(a.h[0], b.h[0]), f(a.h[1], b.h[1])}};                                                      \
    }
#define EMU_SI_SHIFT(name, f)                                                                                          \
    EMU __m512i name(__m512i a, unsigned n)                                                                            \
    {                                                                                                                  \
        return (__m512i){{f(a.h[0], (int)n), f(a.h[1], (int)n)}};                                                      \
    }

/* ---- masks ---------------------------------------------------------------------------------------------- */

/* All ones in each 32-bit lane whose bit is set. */
EMU __m256i emu_wide8(unsigned mask)
{
    const __m256i bits = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    return _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32((int)mask), bits), bits);
}

EMU __m512i emu_wide16(__mmask16 mask)
{
    return (__m512i){{emu_wide8(mask & 0xff), emu_wide8(mask >> 8)}};
}

EMU_CALL __m512 _mm512_mask_mov_ps(__m512 from, __mmask16 mask, __m512 a)
{
    __m512i wide = emu_wide16(mask);
    return (__m512){{_mm256_blendv_ps(from.h[0], a.h[0], _mm256_castsi256_ps(wide.h[0])),
                     _mm256_blendv_ps(from.h[1], a.h[1], _mm256_castsi256_ps(wide.h[1]))}};
}

#define _mm512_cmp_ps_mask(a, b, how)                                                                                  \
    ((__mmask16)(_mm256_movemask_ps(_mm256_cmp_ps((a).h[0], (b).h[0], how)) |                                          \
                 _mm256_movemask_ps(_mm256_cmp_ps((a).h[1], (b).h[1], how)) << 8))

EMU __mmask32 _mm256_cmpneq_epi8_mask(__m256i a, __m256i b)
{
    return ~(__mmask32)_mm256_movemask_epi8(_mm256_cmpeq_epi8(a, b));
}

/* ---- casts, constants, parts ---------------------------------------------------------------------------- */

EMU __m512 _mm512_castsi512_ps(__m512i a)
{
    return (__m512){{_mm256_castsi256_ps(a.h[0]), _mm256_castsi256_ps(a.h[1])}};
}

EMU __m512i _mm512_castps_si512(__m512 a)
{
    return (__m512i){{_mm256_castps_si256(a.h[0]), _mm256_castps_si256(a.h[1])}};
}

EMU __m128 _mm512_castps512_ps128(__m512 a)
{
    return _mm256_castps256_ps128(a.h[0]);
}

EMU __m256 _mm512_castps512_ps256(__m512 a)
{
    return a.h[0];
}

EMU float _mm512_cvtss_f32(__m512 a)
{
    return _mm_cvtss_f32(_mm256_castps256_ps128(a.h[0]));
}

EMU __m512 _mm512_set1_ps(float a)
{
    return (__m512){{_mm256_set1_ps(a), _mm256_set1_ps(a)}};
}

EMU __m512 _mm512_setzero_ps(void)
{
    return (__m512){{_mm256_setzero_ps(), _mm256_setzero_ps()}};
}

EMU __m512i _mm512_set1_epi32(int a)
{
    return (__m512i){{_mm256_set1_epi32(a), _mm256_set1_epi32(a)}};
}

EMU __m512i _mm512_set1_epi8(char a)
{
    return (__m512i){{_mm256_set1_epi8(a), _mm256_set1_epi8(a)}};
}

EMU __m512i _mm512_setzero_si512(void)
{
    return (__m512i){{_mm256_setzero_si256(), _mm256_setzero_si256()}};
}

#define _mm512_setr_ps(a, b, c, d, e, f, g, h, ...)                                                                    \
    ((__m512){{_mm256_setr_ps(a, b, c, d, e, f, g, h), _mm256_setr_ps(__VA_ARGS__)}})
#define _mm512_setr_epi32(a, b, c, d, e, f, g, h, ...)                                                                 \
    ((__m512i){{_mm256_setr_epi32(a, b, c, d, e, f, g, h), _mm256_setr_epi32(__VA_ARGS__)}})

EMU __m512i _mm512_zextsi128_si512(__m128i a)
{
    return (__m512i){{_mm256_inserti128_si256(_mm256_setzero_si256(), a, 0), _mm256_setzero_si256()}};
}

EMU __m512 _mm512_zextps128_ps512(__m128 a)
{
    return (__m512){{_mm256_insertf128_ps(_mm256_setzero_ps(), a, 0), _mm256_setzero_ps()}};
}

/* What a cast leaves undefined is rubbish here, so that nobody builds on zeros. */
EMU __m512i _mm512_castsi128_si512(__m128i a)
{
    __m512i rubbish = _mm512_set1_epi8(0x5a);
    return (__m512i){{_mm256_inserti128_si256(rubbish.h[0], a, 0), rubbish.h[1]}};
}

EMU __m512i _mm512_castsi256_si512(__m256i a)
{
    return (__m512i){{a, _mm256_set1_epi8(0x5a)}};
}

EMU __m512i _mm512_inserti64x4(__m512i a, __m256i b, int half)
{
    a.h[half] = b;
    return a;
}

EMU __m256 _mm512_extractf32x8_ps(__m512 a, int half)
{
    return a.h[half];
}

EMU __m128 _mm512_extractf32x4_ps(__m512 a, int quarter)
{
    return quarter & 1 ? _mm256_extractf128_ps(a.h[quarter >> 1], 1) : _mm256_castps256_ps128(a.h[quarter >> 1]);
}

EMU __m512i _mm512_inserti32x4(__m512i a, __m128i b, int quarter)
{
    __m256i old = a.h[quarter >> 1];
    a.h[quarter >> 1] = quarter & 1 ? _mm256_inserti128_si256(old, b, 1) : _mm256_inserti128_si256(old, b, 0);
    return a;
}

EMU __m512i _mm512_broadcast_i32x4(__m128i a)
{
    return (__m512i){{_mm256_broadcastsi128_si256(a), _mm256_broadcastsi128_si256(a)}};
}

EMU_CALL __m512i _mm512_mask_broadcast_i32x4(__m512i from, __mmask16 mask, __m128i a)
{
    return _mm512_castps_si512(
        _mm512_mask_mov_ps(_mm512_castsi512_ps(from), mask, _mm512_castsi512_ps(_mm512_broadcast_i32x4(a))));
}

EMU_CALL __m128i _mm_maskz_set1_epi8(__mmask16 mask, char a)
{
    union {
        __m128i si;
        char c[16];
    } r;
    for (int i = 0; i < 16; i++)
        r.c[i] = mask >> i & 1 ? a : 0;
    return r.si;
}

/* ---- loads and stores ----------------------------------------------------------------------------------- */

EMU const void *emu_aligned(const void *at)
{
    if ((uintptr_t)at % 64)
        __builtin_trap();
    return at;
}

EMU __m512 _mm512_loadu_ps(const void *at)
{
    const float *f = at;
    return (__m512){{_mm256_loadu_ps(f), _mm256_loadu_ps(f + 8)}};
}

EMU __m512i _mm512_loadu_si512(const void *at)
{
    const __m256i *i = at;
    return (__m512i){{_mm256_loadu_si256(i), _mm256_loadu_si256(i + 1)}};
}

EMU __m512 _mm512_load_ps(const void *at)
{
    return _mm512_loadu_ps(emu_aligned(at));
}

EMU __m512i _mm512_load_si512(const void *at)
{
    return _mm512_loadu_si512(emu_aligned(at));
}

EMU void _mm512_storeu_ps(void *at, __m512 a)
{
    float *f = at;
    _mm256_storeu_ps(f, a.h[0]);
    _mm256_storeu_ps(f + 8, a.h[1]);
}

EMU void _mm512_storeu_si512(void *at, __m512i a)
{
    _mm512_storeu_ps(at, _mm512_castsi512_ps(a));
}

EMU void _mm512_store_ps(void *at, __m512 a)
{
    emu_aligned(at);
    _mm512_storeu_ps(at, a);
}

EMU void _mm512_store_si512(void *at, __m512i a)
{
    emu_aligned(at);
    _mm512_storeu_si512(at, a);
}

EMU __m512 _mm512_maskz_loadu_ps(__mmask16 mask, const void *at)
{
    const float *f = at;
    __m512i wide = emu_wide16(mask);
    return (__m512){{_mm256_maskload_ps(f, wide.h[0]), _mm256_maskload_ps(f + 8, wide.h[1])}};
}

EMU __m512i _mm512_maskz_load_epi32(__mmask16 mask, const void *at)
{
    return _mm512_castps_si512(_mm512_maskz_loadu_ps(mask, emu_aligned(at)));
}

EMU void _mm512_mask_storeu_ps(void *at, __mmask16 mask, __m512 a)
{
    float *f = at;
    __m512i wide = emu_wide16(mask);
    _mm256_maskstore_ps(f, wide.h[0], a.h[0]);
    _mm256_maskstore_ps(f + 8, wide.h[1], a.h[1]);
}

EMU void _mm_mask_storeu_ps(void *at, __mmask8 mask, __m128 a)
{
    _mm_maskstore_ps(at, _mm256_castsi256_si128(emu_wide8(mask & 15)), a);
}

/* Lanes of 8 or 16 bits: AVX2 has no masked load for them. */
EMU_CALL void emu_maskz_load(uint64_t mask, int lane_bytes, int n_lanes, const void *at, uint8_t *to)
{
    memset(to, 0, (size_t)(n_lanes * lane_bytes));
    for (int i = 0; i < n_lanes; i++)
        if (mask >> i & 1)
            memcpy(to + i * lane_bytes, (const uint8_t *)at + i * lane_bytes, (size_t)lane_bytes);
}

EMU_CALL __m512i _mm512_maskz_loadu_epi8(__mmask64 mask, const void *at)
{
    union emu_lanes r;
    emu_maskz_load(mask, 1, 64, at, r.u8);
    return r.si;
}

EMU_CALL __m512i _mm512_maskz_loadu_epi16(__mmask32 mask, const void *at)
{
    union emu_lanes r;
    emu_maskz_load(mask, 2, 32, at, r.u8);
    return r.si;
}

EMU __m256i _mm256_maskz_loadu_epi16(__mmask16 mask, const void *at)
{
    __m256i r;
    if (mask == 0xffff)
        return _mm256_loadu_si256(at);
    emu_maskz_load(mask, 2, 16, at, (uint8_t *)&r);
    return r;
}

/* ---- arithmetic ----------------------------------------------------------------------------------------- */

EMU_PS_2(_mm512_add_ps, _mm256_add_ps)
EMU_PS_2(_mm512_sub_ps, _mm256_sub_ps)
EMU_PS_2(_mm512_mul_ps, _mm256_mul_ps)
EMU_PS_2(_mm512_div_ps, _mm256_div_ps)
EMU_PS_2(_mm512_min_ps, _mm256_min_ps)
EMU_PS_2(_mm512_max_ps, _mm256_max_ps)
EMU_PS_2(_mm512_xor_ps, _mm256_xor_ps)
EMU_PS_3(_mm512_fmadd_ps, _mm256_fmadd_ps)
EMU_SI_2(_mm512_add_epi8, _mm256_add_epi8)
EMU_SI_2(_mm512_add_epi32, _mm256_add_epi32)
EMU_SI_2(_mm512_min_epu32, _mm256_min_epu32)
EMU_SI_2(_mm512_max_epu32, _mm256_max_epu32)
EMU_SI_2(_mm512_and_si512, _mm256_and_si256)
EMU_SI_2(_mm512_or_si512, _mm256_or_si256)
EMU_SI_2(_mm512_xor_si512, _mm256_xor_si256)
EMU_SI_SHIFT(_mm512_slli_epi32, _mm256_slli_epi32)
EMU_SI_SHIFT(_mm512_slli_epi64, _mm256_slli_epi64)
EMU_SI_SHIFT(_mm512_srli_epi16, _mm256_srli_epi16)
EMU_SI_SHIFT(_mm512_srli_epi32, _mm256_srli_epi32)

EMU __m512 _mm512_mask_add_ps(__m512 from, __mmask16 mask, __m512 a, __m512 b)
{
    return _mm512_mask_mov_ps(from, mask, _mm512_add_ps(a, b));
}

EMU __m512 _mm512_mask_max_ps(__m512 from, __mmask16 mask, __m512 a, __m512 b)
{
    return _mm512_mask_mov_ps(from, mask, _mm512_max_ps(a, b));
}

EMU __m512 _mm512_mask3_fmadd_ps(__m512 a, __m512 b, __m512 c, __mmask16 mask)
{
    return _mm512_mask_mov_ps(c, mask, _mm512_fmadd_ps(a, b, c));
}

/* To a whole number. A scale in the upper half of `how`, which nobody uses, would not compile. */
#define _mm512_roundscale_ps(a, how)                                                                                   \
    ((__m512){{_mm256_round_ps((a).h[0], (how) / ((how) < 16)), _mm256_round_ps((a).h[1], (how) / ((how) < 16))}})

/* a 2^floor(b), rounded once: as a double it is exact for every exponent that a float can feel. */
EMU float emu_scalef(float a, float b)
{
    union {
        float f;
        uint32_t u;
    } bits = {a};
    union {
        uint64_t u;
        double d;
    } power;
    if (isnan(a)) /* a quiet one gives way to an infinity */
        return isinf(b) && bits.u & 0x400000 ? (b > 0 ? INFINITY : 0.0f) : a + b;
    if (isnan(b))
        return b + b;
    if (isinf(b) && (b > 0 ? a == 0 : isinf(a)))
        return -(float)NAN; /* the sign of x86's own */
    if (isinf(b))
        return copysignf(b > 0 ? INFINITY : 0.0f, a);
    double n = floor((double)b);
    power.u = (uint64_t)(1023 + (int64_t)(n < -400 ? -400 : n > 400 ? 400 : n)) << 52;
    return (float)((double)a * power.d);
}

EMU_CALL __m512 _mm512_scalef_ps(__m512 a, __m512 b)
{
    union emu_lanes r, x = {a}, y = {b};
    for (int i = 0; i < 16; i++)
        r.f[i] = emu_scalef(x.f[i], y.f[i]);
    return r.ps;
}

/* What kind of number b is picks a nibble of c, which picks the result: a, b or a constant. No flags, so `flags` is 0.
 */
EMU uint32_t emu_fixup(uint32_t a, uint32_t b, uint32_t c)
{
    static const uint32_t constants[] = {0xffc00000u, 0xff800000u, 0x7f800000u, 0,           0x80000000u,
                                         0,           0xbf800000u, 0x3f800000u, 0x3f000000u, 0x42b40000u,
                                         0x3fc90fdbu, 0x7f7fffffu, 0xff7fffffu};
    uint32_t magnitude = b & 0x7fffffffu;
    int kind = magnitude > 0x7f800000u ? (b & 0x400000u ? 0 : 1) /* quiet NaN, signalling NaN */
               : magnitude == 0        ? 2
               : b == 0x3f800000u      ? 3
               : b == 0xff800000u      ? 4
               : b == 0x7f800000u      ? 5
               : b >> 31               ? 6
                                       : 7;
    uint32_t pick = c >> (4 * kind) & 15;
    switch (pick) {
    case 0: return a;
    case 1: return b;
    case 2: return b | 0x7fc00000u;
    case 6: return (b & 0x80000000u) | 0x7f800000u;
    default: return constants[pick - 3];
    }
}

EMU_CALL __m512 _mm512_fixupimm_ps(__m512 a, __m512 b, __m512i c, int flags)
{
    union emu_lanes r, x = {a}, y = {b}, z = {.si = c};
    (void)flags;
    for (int i = 0; i < 16; i++)
        r.u32[i] = emu_fixup(x.u32[i], y.u32[i], z.u32[i]);
    return r.ps;
}

/* Unsigned bytes of a times signed ones of b. Even and odd bytes by themselves: two products fit 32 bits, and no sum of
 * 16 bits can saturate, as it would in VPMADDUBSW. */
EMU __m256i emu_dpbusd(__m256i sum, __m256i a, __m256i b)
{
    __m256i even = _mm256_madd_epi16(_mm256_and_si256(a, _mm256_set1_epi16(0xff)),
                                     _mm256_srai_epi16(_mm256_slli_epi16(b, 8), 8));
    __m256i odd = _mm256_madd_epi16(_mm256_srli_epi16(a, 8), _mm256_srai_epi16(b, 8));
    return _mm256_add_epi32(sum, _mm256_add_epi32(even, odd));
}

EMU_CALL __m512i _mm512_dpbusd_epi32(__m512i sum, __m512i a, __m512i b)
{
    return (__m512i){{emu_dpbusd(sum.h[0], a.h[0], b.h[0]), emu_dpbusd(sum.h[1], a.h[1], b.h[1])}};
}

/* ---- sums and extremes over all lanes: halves, as gcc and clang fold them ---------------------------------- */

EMU float _mm512_reduce_max_ps(__m512 a)
{
    __m256 b = _mm256_max_ps(a.h[1], a.h[0]);
    __m128 c = _mm_max_ps(_mm256_extractf128_ps(b, 1), _mm256_castps256_ps128(b));
    c = _mm_max_ps(c, _mm_movehl_ps(c, c));
    return _mm_cvtss_f32(_mm_max_ss(c, _mm_movehdup_ps(c)));
}

EMU_CALL uint32_t _mm512_reduce_max_epu32(__m512i a)
{
    union emu_lanes x = {.si = a};
    uint32_t r = 0;
    for (int i = 0; i < 16; i++)
        r = x.u32[i] > r ? x.u32[i] : r;
    return r;
}

EMU_CALL uint32_t _mm512_reduce_min_epu32(__m512i a)
{
    union emu_lanes x = {.si = a};
    uint32_t r = UINT32_MAX;
    for (int i = 0; i < 16; i++)
        r = x.u32[i] < r ? x.u32[i] : r;
    return r;
}

EMU_CALL int _mm512_reduce_add_epi32(__m512i a)
{
    union emu_lanes x = {.si = a};
    uint32_t r = 0;
    for (int i = 0; i < 16; i++)
        r += x.u32[i];
    return (int)r;
}

/* ---- conversions ---------------------------------------------------------------------------------------- */

EMU __m512 _mm512_cvtepi32_ps(__m512i a)
{
    return (__m512){{_mm256_cvtepi32_ps(a.h[0]), _mm256_cvtepi32_ps(a.h[1])}};
}

EMU __m512i _mm512_cvtps_epi32(__m512 a)
{
    return (__m512i){{_mm256_cvtps_epi32(a.h[0]), _mm256_cvtps_epi32(a.h[1])}};
}

EMU __m512 _mm512_cvtph_ps(__m256i a)
{
    return (__m512){{_mm256_cvtph_ps(_mm256_castsi256_si128(a)), _mm256_cvtph_ps(_mm256_extracti128_si256(a, 1))}};
}

EMU __m512i _mm512_cvtepi8_epi32(__m128i a)
{
    return (__m512i){{_mm256_cvtepi8_epi32(a), _mm256_cvtepi8_epi32(_mm_srli_si128(a, 8))}};
}

EMU __m512i _mm512_cvtepu8_epi32(__m128i a)
{
    return (__m512i){{_mm256_cvtepu8_epi32(a), _mm256_cvtepu8_epi32(_mm_srli_si128(a, 8))}};
}

EMU __m512i _mm512_cvtepu8_epi64(__m128i a)
{
    return (__m512i){{_mm256_cvtepu8_epi64(a), _mm256_cvtepu8_epi64(_mm_srli_si128(a, 4))}};
}

EMU __m512i _mm512_cvtepu16_epi32(__m256i a)
{
    return (__m512i){
        {_mm256_cvtepu16_epi32(_mm256_castsi256_si128(a)), _mm256_cvtepu16_epi32(_mm256_extracti128_si256(a, 1))}};
}

/* The lower bits of each lane. */
EMU_CALL __m128i _mm512_cvtepi32_epi8(__m512i a)
{
    union emu_lanes x = {.si = a}, r;
    for (int i = 0; i < 16; i++)
        r.u8[i] = (uint8_t)x.u32[i];
    return _mm256_castsi256_si128(r.si.h[0]);
}

EMU_CALL __m256i _mm512_cvtepi32_epi16(__m512i a)
{
    union emu_lanes x = {.si = a}, r;
    for (int i = 0; i < 16; i++)
        r.u16[i] = (uint16_t)x.u32[i];
    return r.si.h[0];
}

/* ---- lanes that move ------------------------------------------------------------------------------------ */

EMU_SI_2(_mm512_unpacklo_epi8, _mm256_unpacklo_epi8)
EMU_SI_2(_mm512_unpackhi_epi8, _mm256_unpackhi_epi8)
EMU_SI_2(_mm512_unpacklo_epi32, _mm256_unpacklo_epi32)
EMU_SI_2(_mm512_unpackhi_epi32, _mm256_unpackhi_epi32)
EMU_SI_2(_mm512_unpacklo_epi64, _mm256_unpacklo_epi64)
EMU_SI_2(_mm512_unpackhi_epi64, _mm256_unpackhi_epi64)

#define _mm512_permute_ps(a, how) ((__m512){{_mm256_permute_ps((a).h[0], how), _mm256_permute_ps((a).h[1], how)}})

EMU_CALL __m512 _mm512_permutexvar_ps(__m512i where, __m512 a)
{
    union emu_lanes r, x = {a}, at = {.si = where};
    for (int i = 0; i < 16; i++)
        r.f[i] = x.f[at.u32[i] & 15];
    return r.ps;
}

EMU_CALL __m512 _mm512_permutex2var_ps(__m512 a, __m512i where, __m512 b)
{
    union emu_lanes r, x = {a}, y = {b}, at = {.si = where};
    for (int i = 0; i < 16; i++)
        r.f[i] = at.u32[i] & 16 ? y.f[at.u32[i] & 15] : x.f[at.u32[i] & 15];
    return r.ps;
}

/* r with those bytes from quarter number `quarter` whose indices point there. */
EMU __m256i emu_pick(__m256i r, __m256i where, __m128i from, int quarter)
{
    __m256i here = _mm256_cmpeq_epi8(_mm256_and_si256(where, _mm256_set1_epi8(0x30)),
                                     _mm256_set1_epi8((char)(quarter << 4)));
    __m256i at = _mm256_and_si256(where, _mm256_set1_epi8(15));
    return _mm256_blendv_epi8(r, _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(from), at), here);
}

EMU __m256i emu_permute_bytes(__m256i where, __m512i a)
{
    __m256i r = emu_pick(_mm256_setzero_si256(), where, _mm256_castsi256_si128(a.h[0]), 0);
    r = emu_pick(r, where, _mm256_extracti128_si256(a.h[0], 1), 1);
    r = emu_pick(r, where, _mm256_castsi256_si128(a.h[1]), 2);
    return emu_pick(r, where, _mm256_extracti128_si256(a.h[1], 1), 3);
}

EMU_CALL __m512i _mm512_permutexvar_epi8(__m512i where, __m512i a)
{
    return (__m512i){{emu_permute_bytes(where.h[0], a), emu_permute_bytes(where.h[1], a)}};
}

/* Five bits of an index count: the upper half is the lower one again. */
EMU __m256i _mm256_permutexvar_epi8(__m256i where, __m256i a)
{
    return emu_permute_bytes(where, (__m512i){{a, a}});
}

EMU_CALL __m512i _mm512_mask_permutexvar_epi8(__m512i from, __mmask64 mask, __m512i where, __m512i a)
{
    union emu_lanes r = {.si = from}, x = {.si = _mm512_permutexvar_epi8(where, a)};
    for (int i = 0; i < 64; i++)
        r.u8[i] = mask >> i & 1 ? x.u8[i] : r.u8[i];
    return r.si;
}

/* ---- BF16: small numbers are 0, results are rounded to nearest even, whatever the CPU has been told ---------- */

typedef __m512i __m512bh;
typedef __m128i __m128bh;

static inline float emu_flushed(float x)
{
    return fabsf(x) < 0x1p-126f ? copysignf(0, x) : x;
}

static inline uint16_t emu_bf16(float x)
{
    uint32_t u;
    memcpy(&u, &x, 4);
    if (x != x)
        return (uint16_t)(u >> 16 | 0x40);
    if ((u & 0x7f800000) == 0)
        return (uint16_t)(u >> 16 & 0x8000);
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

static inline float emu_widened(uint16_t h)
{
    uint32_t u = (uint32_t)h << 16;
    float x;
    memcpy(&x, &u, 4);
    return emu_flushed(x);
}

EMU_CALL __m128bh _mm256_cvtneps_pbh(__m256 a)
{
    float f[8];
    uint16_t h[8];
    __m128i out;
    memcpy(f, &a, sizeof f);
    for (int i = 0; i < 8; i++)
        h[i] = emu_bf16(f[i]);
    memcpy(&out, h, sizeof out);
    return out;
}

EMU __m128bh _mm_cvtne2ps_pbh(__m128 a, __m128 b)
{
    return _mm256_cvtneps_pbh(_mm256_insertf128_ps(_mm256_castps128_ps256(b), a, 1));
}

EMU_CALL __m512 _mm512_dpbf16_ps(__m512 sum, __m512bh a, __m512bh b)
{
    union emu_lanes s = {.ps = sum}, x = {.si = a}, y = {.si = b};
    for (int i = 0; i < 16; i++) {
        float t = fmaf(emu_widened(x.u16[2 * i + 1]), emu_widened(y.u16[2 * i + 1]), emu_flushed(s.f[i]));
        s.f[i] = emu_flushed(fmaf(emu_widened(x.u16[2 * i]), emu_widened(y.u16[2 * i]), emu_flushed(t)));
    }
    return s.ps;
}

#endif
