/* vec__avx512vnni.h: scalar's 16 lanes as one register, for the bodies in body/. The other ISAs' vec__*.h have the same
 * names. */
#ifndef OSSO_BACKEND_VEC_AVX512VNNI_H
#define OSSO_BACKEND_VEC_AVX512VNNI_H

#include "backend/cpu/avx512/avx512.h"

#include <stdbool.h>
#include <string.h>

#define ISA(name) name##__avx512vnni

typedef __m512 vec16;

INLINE vec16 all16(float a)
{
    return _mm512_set1_ps(a);
}

INLINE vec16 all16_bits(uint32_t bits)
{
    return _mm512_castsi512_ps(_mm512_set1_epi32((int)bits));
}

INLINE vec16 zero16(void)
{
    return _mm512_setzero_ps();
}

/* The first n of 16 values; what is not loaded is 0 and not touched, what is not stored keeps its value. */
INLINE vec16 load16(const void *p, int64_t n)
{
    return n >= 16 ? _mm512_loadu_ps(p) : _mm512_maskz_loadu_ps(first_lanes(n), p);
}

INLINE __m256i load16_u16(const uint8_t *p, int64_t n)
{
    return n >= 16 ? _mm256_loadu_si256((const void *)p) : _mm256_maskz_loadu_epi16(first_lanes(n), p);
}

INLINE vec16 load16_f16(const uint8_t *p, int64_t n)
{
    return _mm512_cvtph_ps(load16_u16(p, n));
}

INLINE vec16 load16_bf16(const uint8_t *p, int64_t n)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(load16_u16(p, n)), 16));
}

/* 16 int8 codes. */
INLINE vec16 load16_i8(const uint8_t *p)
{
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const void *)p)));
}

/* Doubled values of the 16 codes in the low (or high) halves of 16 bytes, and of those in 8 bytes, low half first.
 * VPERMPS looks at 4 bits of an index. */
INLINE vec16 doubled(__m512i codes)
{
    return _mm512_permutexvar_ps(codes, _mm512_setr_ps(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12));
}

INLINE vec16 load16_halves(const uint8_t *p, bool high)
{
    __m512i codes = _mm512_cvtepu8_epi32(_mm_loadu_si128((const void *)p));
    return doubled(high ? _mm512_srli_epi32(codes, 4) : codes);
}

INLINE vec16 load16_pairs(const uint8_t *p)
{
    /* 8 bytes to 8 pairs of codes: the second of a pair is 4 bits up in the byte, 32 up in the vector. */
    __m512i bytes = _mm512_cvtepu8_epi64(_mm_loadl_epi64((const void *)p));
    return doubled(_mm512_or_si512(bytes, _mm512_slli_epi64(bytes, 28)));
}

/* One f16 for all lanes. */
INLINE vec16 all16_f16(const uint8_t *p)
{
    int16_t half;
    memcpy(&half, p, 2);
    return _mm512_cvtph_ps(_mm256_set1_epi16(half));
}

INLINE void store16(float *p, int64_t n, vec16 v)
{
    if (n >= 16)
        _mm512_storeu_ps(p, v);
    else
        _mm512_mask_storeu_ps(p, first_lanes(n), v);
}

/* As f16, to nearest even. */
INLINE void store16_f16(uint16_t *h, vec16 v)
{
    _mm256_storeu_si256((void *)h, _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

INLINE vec16 add16(vec16 a, vec16 b)
{
    return _mm512_add_ps(a, b);
}

INLINE vec16 sub16(vec16 a, vec16 b)
{
    return _mm512_sub_ps(a, b);
}

INLINE vec16 mul16(vec16 a, vec16 b)
{
    return _mm512_mul_ps(a, b);
}

INLINE vec16 div16(vec16 a, vec16 b)
{
    return _mm512_div_ps(a, b);
}

INLINE vec16 neg16(vec16 a)
{
    return _mm512_xor_ps(a, _mm512_set1_ps(-0.0f));
}

/* The smaller and the larger one; b where one is NaN. */
INLINE vec16 min16(vec16 a, vec16 b)
{
    return _mm512_min_ps(a, b);
}

INLINE vec16 max16(vec16 a, vec16 b)
{
    return _mm512_max_ps(a, b);
}

/* a * b + c, and the same with one factor for all lanes. */
INLINE vec16 fma16(vec16 a, vec16 b, vec16 c)
{
    return _mm512_fmadd_ps(a, b, c);
}

INLINE vec16 fma16_by(vec16 a, float b, vec16 c)
{
    return _mm512_fmadd_ps(a, _mm512_set1_ps(b), c);
}

/* Lanes of which some are meant: from lo on, below hi. */
typedef __mmask16 mask16;

INLINE mask16 lanes16(int lo, int hi)
{
    return first_lanes(hi) & (__mmask16)~first_lanes(lo);
}

/* max16(a, b), a maximum so far, in those lanes; b in the others. */
INLINE vec16 max16_in(mask16 mask, vec16 a, vec16 b)
{
    return _mm512_mask_max_ps(b, mask, a, b);
}

/* a + b, a sum that began at 0, in those lanes; a in the others. */
INLINE vec16 add16_in(mask16 mask, vec16 a, vec16 b)
{
    return _mm512_mask_add_ps(a, mask, a, b);
}

/* Lanes where a >= b; none where one is NaN. And 0 in such lanes. */
INLINE mask16 at_least16(vec16 a, vec16 b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_GE_OQ);
}

INLINE vec16 clear16_in(mask16 mask, vec16 a)
{
    return _mm512_mask_mov_ps(a, mask, _mm512_setzero_ps());
}

/* fma16(a, b, c) in those lanes; c in the others. */
INLINE vec16 fma16_in(mask16 mask, vec16 a, vec16 b, vec16 c)
{
    return _mm512_mask3_fmadd_ps(a, b, c, mask);
}

/* The largest lane where none is NaN; of two zeros either. */
INLINE float largest16(vec16 v)
{
    return _mm512_reduce_max_ps(v);
}

/* Two values as lanes 0 and 1, and back. */
INLINE vec16 pair16(float a, float b)
{
    return _mm512_zextps128_ps512(_mm_setr_ps(a, b, 0, 0));
}

INLINE float lane0(vec16 v)
{
    return _mm512_cvtss_f32(v);
}

INLINE float lane1(vec16 v)
{
    return _mm_cvtss_f32(_mm_movehdup_ps(_mm512_castps512_ps128(v)));
}

/* The fixed tree: 16 -> 8 -> 4 -> 2 -> 1, lane i with lane i + half, as lanes_sum in scalar.h. */
INLINE float tree_sum(vec16 l)
{
    __m256 a = _mm256_add_ps(_mm512_castps512_ps256(l), _mm512_extractf32x8_ps(l, 1));
    __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    __m128 c = _mm_add_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_add_ss(c, _mm_movehdup_ps(c)));
}

/* real_exp of scalar.c, 16 at a time, step by step. */
INLINE vec16 exp16(vec16 x)
{
    enum { NEAREST = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC };
    __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(0x1.715476p+0f)), NEAREST);
    __m512 r = _mm512_fmadd_ps(n, _mm512_set1_ps(-0x1.62e400p-1f), x);
    r = _mm512_fmadd_ps(n, _mm512_set1_ps(-0x1.7f7d1cp-20f), r);
    __m512 p = _mm512_set1_ps(0x1.6d113cp-10f);
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0x1.120ba2p-7f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0x1.55551ap-5f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0x1.5554dcp-3f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0x1.0p-1f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
    p = _mm512_scalef_ps(p, n);
    __mmask16 under = _mm512_cmp_ps_mask(x, _mm512_set1_ps(-0x1.5d589ep+6f), _CMP_LT_OQ);
    __mmask16 over = _mm512_cmp_ps_mask(x, _mm512_set1_ps(0x1.62e42ep+6f), _CMP_GT_OQ);
    p = _mm512_mask_mov_ps(p, under, _mm512_setzero_ps());
    return _mm512_mask_mov_ps(p, over, _mm512_set1_ps(__builtin_inff()));
}

/* Every second one of 16 from `at` on, of f32, f16 and bf16. What lies between and behind them is not touched. */
enum { EVEN_BEHIND = 0 };

INLINE vec16 even16_f32(const uint8_t *at)
{
    const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    return _mm512_permutex2var_ps(_mm512_maskz_loadu_ps(0x5555, at), even, _mm512_maskz_loadu_ps(0x5555, at + 64));
}

INLINE vec16 even16_f16(const uint8_t *at)
{
    return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(_mm512_maskz_loadu_epi16(0x55555555, at)));
}

INLINE vec16 even16_bf16(const uint8_t *at)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_maskz_loadu_epi16(0x55555555, at), 16));
}

#endif
