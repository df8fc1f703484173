/* vec__avx2.h: scalar's 16 lanes as two registers, for the bodies in body/. The other ISAs' vec__*.h have the same
 * names, and beside them what linear_f32.h wants: that family stays by hand here (linear_f32__avx2.c says why). */
#ifndef OSSO_BACKEND_VEC_AVX2_H
#define OSSO_BACKEND_VEC_AVX2_H

#include "backend/cpu/avx2/avx2.h"

#define ISA(name) name##__avx2

/* Lanes 0..7 and 8..15. */
typedef struct {
    __m256 lo, hi;
} vec16;

INLINE vec16 all16(float a)
{
    return (vec16){_mm256_set1_ps(a), _mm256_set1_ps(a)};
}

INLINE vec16 zero16(void)
{
    return (vec16){_mm256_setzero_ps(), _mm256_setzero_ps()};
}

/* The first n of 16 values; what is not loaded is 0 and not touched, what is not stored keeps its value. */
INLINE vec16 load16(const void *p, int64_t n)
{
    return (vec16){load8(p, n), load8((const float *)p + 8, n - 8)};
}

INLINE vec16 load16_f16(const uint8_t *p, int64_t n)
{
    return (vec16){_mm256_cvtph_ps(load8_u16(p, n)), _mm256_cvtph_ps(load8_u16(p + 16, n - 8))};
}

INLINE vec16 load16_bf16(const uint8_t *p, int64_t n)
{
    return (vec16){widen_bf16(load8_u16(p, n)), widen_bf16(load8_u16(p + 16, n - 8))};
}

/* 16 int8 codes. */
INLINE vec16 load16_i8(const uint8_t *p)
{
    return (vec16){_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const void *)p))),
                   _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const void *)(p + 8))))};
}

/* One f16 for all lanes. */
INLINE vec16 all16_f16(const uint8_t *p)
{
    uint16_t half;
    memcpy(&half, p, 2);
    return all16(_cvtsh_ss(half));
}

INLINE void store16(float *p, int64_t n, vec16 v)
{
    store8(p, n, v.lo);
    store8(p + 8, n - 8, v.hi);
}

/* As f16, to nearest even. */
INLINE void store16_f16(uint16_t *h, vec16 v)
{
    enum { NEAREST = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC };
    _mm_storeu_si128((void *)h, _mm256_cvtps_ph(v.lo, NEAREST));
    _mm_storeu_si128((void *)(h + 8), _mm256_cvtps_ph(v.hi, NEAREST));
}

INLINE vec16 add16(vec16 a, vec16 b)
{
    return (vec16){_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)};
}

INLINE vec16 sub16(vec16 a, vec16 b)
{
    return (vec16){_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)};
}

INLINE vec16 mul16(vec16 a, vec16 b)
{
    return (vec16){_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)};
}

INLINE vec16 div16(vec16 a, vec16 b)
{
    return (vec16){_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi)};
}

INLINE vec16 neg16(vec16 a)
{
    const __m256 sign = _mm256_set1_ps(-0.0f);
    return (vec16){_mm256_xor_ps(a.lo, sign), _mm256_xor_ps(a.hi, sign)};
}

/* The smaller and the larger one; b where one is NaN. */
INLINE vec16 min16(vec16 a, vec16 b)
{
    return (vec16){_mm256_min_ps(a.lo, b.lo), _mm256_min_ps(a.hi, b.hi)};
}

INLINE vec16 max16(vec16 a, vec16 b)
{
    return (vec16){_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)};
}

/* a * b + c, and the same with one factor for all lanes. */
INLINE vec16 fma16(vec16 a, vec16 b, vec16 c)
{
    return (vec16){_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
}

INLINE vec16 fma16_by(vec16 a, float b, vec16 c)
{
    return fma16(a, all16(b), c);
}

/* Lanes of which some are meant: from lo on, below hi. */
typedef vec16 mask16;

INLINE mask16 lanes16(int lo, int hi)
{
    const __m256i front = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7),
                  back = _mm256_setr_epi32(8, 9, 10, 11, 12, 13, 14, 15);
    const __m256i from = _mm256_set1_epi32(lo), below = _mm256_set1_epi32(hi);
    __m256i a = _mm256_andnot_si256(_mm256_cmpgt_epi32(from, front), _mm256_cmpgt_epi32(below, front));
    __m256i b = _mm256_andnot_si256(_mm256_cmpgt_epi32(from, back), _mm256_cmpgt_epi32(below, back));
    return (mask16){_mm256_castsi256_ps(a), _mm256_castsi256_ps(b)};
}

/* max16(a, b), a maximum so far, in those lanes; b in the others. */
INLINE vec16 max16_in(mask16 mask, vec16 a, vec16 b)
{
    const __m256 lowest = _mm256_set1_ps(-__builtin_inff());
    return max16((vec16){_mm256_blendv_ps(lowest, a.lo, mask.lo), _mm256_blendv_ps(lowest, a.hi, mask.hi)}, b);
}

/* a + b, a sum that began at 0, in those lanes; a in the others. */
INLINE vec16 add16_in(mask16 mask, vec16 a, vec16 b)
{
    return add16(a, (vec16){_mm256_and_ps(b.lo, mask.lo), _mm256_and_ps(b.hi, mask.hi)});
}

/* Lanes where a >= b; none where one is NaN. And 0 in such lanes. */
INLINE mask16 at_least16(vec16 a, vec16 b)
{
    return (mask16){_mm256_cmp_ps(a.lo, b.lo, _CMP_GE_OQ), _mm256_cmp_ps(a.hi, b.hi, _CMP_GE_OQ)};
}

INLINE vec16 clear16_in(mask16 mask, vec16 a)
{
    return (vec16){_mm256_andnot_ps(mask.lo, a.lo), _mm256_andnot_ps(mask.hi, a.hi)};
}

/* The largest lane where none is NaN; of two zeros either. */
INLINE float largest16(vec16 v)
{
    __m256 a = _mm256_max_ps(v.lo, v.hi);
    __m128 m = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    m = _mm_max_ps(m, _mm_movehl_ps(m, m));
    return _mm_cvtss_f32(_mm_max_ss(m, _mm_movehdup_ps(m)));
}

/* Two values as lanes 0 and 1, and back. */
INLINE vec16 pair16(float a, float b)
{
    return (vec16){_mm256_setr_ps(a, b, 0, 0, 0, 0, 0, 0), _mm256_setzero_ps()};
}

INLINE float lane0(vec16 v)
{
    return _mm256_cvtss_f32(v.lo);
}

INLINE float lane1(vec16 v)
{
    return _mm_cvtss_f32(_mm_movehdup_ps(_mm256_castps256_ps128(v.lo)));
}

/* The fixed tree: 16 -> 8 -> 4 -> 2 -> 1, lane i with lane i + half, as lanes_sum in scalar.h. */
INLINE float tree_sum(vec16 l)
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

INLINE vec16 exp16(vec16 x)
{
    return (vec16){exp8(x.lo), exp8(x.hi)};
}

/* Every second one of 16 from `at` on, of f32, f16 and bf16. What lies behind the last of them is read too. */
enum { EVEN_BEHIND = 1 };

INLINE __m256 even8_f32(const uint8_t *at)
{
    __m256 even = _mm256_shuffle_ps(_mm256_loadu_ps((const void *)at), _mm256_loadu_ps((const void *)(at + 32)), 0x88);
    return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(even), 0xd8));
}

INLINE vec16 even16_f32(const uint8_t *at)
{
    return (vec16){even8_f32(at), even8_f32(at + 64)};
}

INLINE __m256 even8_f16(const uint8_t *at)
{
    __m256i even = _mm256_and_si256(_mm256_loadu_si256((const void *)at), _mm256_set1_epi32(0xffff));
    even = _mm256_packus_epi32(even, _mm256_setzero_si256());
    return _mm256_cvtph_ps(_mm256_castsi256_si128(_mm256_permute4x64_epi64(even, 0xd8)));
}

INLINE vec16 even16_f16(const uint8_t *at)
{
    return (vec16){even8_f16(at), even8_f16(at + 32)};
}

INLINE __m256 even8_bf16(const uint8_t *at)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_loadu_si256((const void *)at), 16));
}

INLINE vec16 even16_bf16(const uint8_t *at)
{
    return (vec16){even8_bf16(at), even8_bf16(at + 32)};
}

#endif
