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

INLINE void store16(float *p, int64_t n, vec16 v)
{
    if (n >= 16)
        _mm512_storeu_ps(p, v);
    else
        _mm512_mask_storeu_ps(p, first_lanes(n), v);
}

INLINE vec16 add16(vec16 a, vec16 b)
{
    return _mm512_add_ps(a, b);
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
