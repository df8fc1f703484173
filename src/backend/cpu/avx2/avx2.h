/* avx2.h: what the files *__avx2.c share: scalar's 16 lanes as two registers, loads that stop where a row ends, the fixed
 * tree, the exponential, and fetching ahead. */
#ifndef OSSO_BACKEND_AVX2_H
#define OSSO_BACKEND_AVX2_H

#include "backend/cpu/kernels.h"

#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
/* Before a loop over registers: -O2 alone would keep the array in memory. */
#define UNROLL _Pragma("GCC unroll 16")

/* Lanes 0..7 and 8..15. */
struct f32x16 {
    __m256 lo, hi;
};

INLINE struct f32x16 zero16(void)
{
    return (struct f32x16){_mm256_setzero_ps(), _mm256_setzero_ps()};
}

INLINE struct f32x16 add16(struct f32x16 a, struct f32x16 b)
{
    return (struct f32x16){_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)};
}

INLINE struct f32x16 mul16(struct f32x16 a, struct f32x16 b)
{
    return (struct f32x16){_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)};
}

INLINE struct f32x16 fma16(struct f32x16 a, struct f32x16 b, struct f32x16 c)
{
    return (struct f32x16){_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
}

/* Which of 8 lanes are meant: the first n (n may be more, or less than none). */
INLINE __m256i first_lanes(int64_t n)
{
    int count = n >= 8 ? 8 : n <= 0 ? 0 : (int)n;
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/* The first n of 8 floats; what is not loaded is 0 and not touched, what is not stored keeps its value. */
INLINE __m256 load8(const void *p, int64_t n)
{
    return n >= 8 ? _mm256_loadu_ps(p) : _mm256_maskload_ps(p, first_lanes(n));
}

INLINE void store8(float *p, int64_t n, __m256 v)
{
    if (n >= 8)
        _mm256_storeu_ps(p, v);
    else
        _mm256_maskstore_ps(p, first_lanes(n), v);
}

/* The first n of 8 two-byte values. AVX2 has no mask for those: a short row goes through memory. */
INLINE __m128i load8_u16(const uint8_t *p, int64_t n)
{
    uint16_t space[8] = {0};
    if (n >= 8)
        return _mm_loadu_si128((const void *)p);
    if (n > 0)
        memcpy(space, p, (size_t)n * 2);
    return _mm_loadu_si128((const void *)space);
}

INLINE __m256 widen_bf16(__m128i v)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(v), 16));
}

INLINE struct f32x16 load16(const void *p, int64_t n)
{
    return (struct f32x16){load8(p, n), load8((const float *)p + 8, n - 8)};
}

/* The fixed tree: 16 -> 8 -> 4 -> 2 -> 1, lane i with lane i + half, as lanes_sum in scalar.h. */
INLINE float tree_sum(struct f32x16 l)
{
    __m256 a = _mm256_add_ps(l.lo, l.hi);
    __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    __m128 c = _mm_add_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_add_ss(c, _mm_movehdup_ps(c)));
}

/* 2^n for whole n in -126..127. */
INLINE __m256 power_of_two(__m256i n)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n, _mm256_set1_epi32(127)), 23));
}

/* real_exp of scalar.c, 8 at a time, step by step. */
INLINE __m256 exp8(__m256 x)
{
    enum { NEAREST = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC };
    __m256 n = _mm256_round_ps(_mm256_mul_ps(x, _mm256_set1_ps(0x1.715476p+0f)), NEAREST);
    __m256 r = _mm256_fmadd_ps(n, _mm256_set1_ps(-0x1.62e400p-1f), x);
    r = _mm256_fmadd_ps(n, _mm256_set1_ps(-0x1.7f7d1cp-20f), r);
    __m256 p = _mm256_set1_ps(0x1.6d113cp-10f);
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(0x1.120ba2p-7f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(0x1.55551ap-5f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(0x1.5554dcp-3f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(0x1.0p-1f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f));
    __m256i whole = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(whole, 1);
    p = _mm256_mul_ps(_mm256_mul_ps(p, power_of_two(half)), power_of_two(_mm256_sub_epi32(whole, half)));
    __m256 under = _mm256_cmp_ps(x, _mm256_set1_ps(-0x1.5d589ep+6f), _CMP_LT_OQ);
    __m256 over = _mm256_cmp_ps(x, _mm256_set1_ps(0x1.62e42ep+6f), _CMP_GT_OQ);
    p = _mm256_andnot_ps(under, p);
    return _mm256_blendv_ps(p, _mm256_set1_ps(__builtin_inff()), over);
}

#endif
