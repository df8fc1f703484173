/* immintrin.h of VARIANT=emu512: AVX-512 written out in AVX2, and AMX in C, so that the files *__avx512*.c and *__amx.c
 * run, to the bit, on a CPU without them. It says nothing about speed. Comes first on the include path of those files
 * only (Makefile).
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

EMU_CALL __m512i _mm512_mask_set1_epi32(__m512i from, __mmask16 mask, int a)
{
    union emu_lanes r = {.si = from};
    for (int i = 0; i < 16; i++)
        if (mask >> i & 1)
            r.i32[i] = a;
    return r.si;
}

/* Of each 64 bits, byte j is the eight that begin at bit `at[j]`, over the end to the beginning. */
EMU_CALL __m512i _mm512_multishift_epi64_epi8(__m512i at, __m512i a)
{
    union emu_lanes r = {.si = at};
    uint64_t words[8];
    memcpy(words, &a, sizeof words);
    for (int i = 0; i < 64; i++) {
        int by = r.u8[i] & 63;
        r.u8[i] = (uint8_t)(words[i / 8] >> by | words[i / 8] << (64 - by) % 64);
    }
    return r.si;
}

/* Bit by bit entry 4 a + 2 b + c of the table. */
EMU_CALL __m512i _mm512_ternarylogic_epi32(__m512i a, __m512i b, __m512i c, int table)
{
    union emu_lanes x = {.si = a}, y = {.si = b}, z = {.si = c};
    for (int i = 0; i < 16; i++) {
        uint32_t r = 0;
        for (int k = 0; k < 8; k++)
            if (table >> k & 1)
                r |= (k & 4 ? x.u32[i] : ~x.u32[i]) & (k & 2 ? y.u32[i] : ~y.u32[i]) & (k & 1 ? z.u32[i] : ~z.u32[i]);
        x.u32[i] = r;
    }
    return x.si;
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

#include "emu_values.h"

#include "emu_tiles.h"

#endif
