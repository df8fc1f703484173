/* vector__avx2.c: body/vector.h, and what quantization wants of integers. */
#include "backend/cpu/avx2/vec__avx2.h"

/* The largest magnitude of 32 values as bits: as integers NaN > Inf > numbers. */
INLINE uint32_t largest_bits(const float *x)
{
    __m256i most = _mm256_setzero_si256();
    UNROLL
    for (int i = 0; i < 4; i++) {
        __m256i v = _mm256_loadu_si256((const void *)(x + 8 * i));
        most = _mm256_max_epu32(most, _mm256_and_si256(v, _mm256_set1_epi32(0x7fffffff)));
    }
    __m128i m = _mm_max_epu32(_mm256_castsi256_si128(most), _mm256_extracti128_si256(most, 1));
    m = _mm_max_epu32(m, _mm_shuffle_epi32(m, 0x4e));
    return (uint32_t)_mm_cvtsi128_si32(_mm_max_epu32(m, _mm_shuffle_epi32(m, 0xb1)));
}

/* Four vectors of small integers as 32 bytes in order: packing works by halves, which the permutation puts right. */
INLINE __m256i narrow(const __m256i *v)
{
    __m256i bytes = _mm256_packs_epi16(_mm256_packs_epi32(v[0], v[1]), _mm256_packs_epi32(v[2], v[3]));
    return _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

/* 32 values as codes, whose sum it returns. */
INLINE int32_t store_codes(const float *x, float inverse, int8_t *q)
{
    __m256i whole[4], total = _mm256_setzero_si256();
    UNROLL
    for (int i = 0; i < 4; i++) {
        whole[i] = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x + 8 * i), _mm256_set1_ps(inverse)));
        total = _mm256_add_epi32(total, whole[i]);
    }
    _mm256_storeu_si256((void *)q, narrow(whole));
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(total), _mm256_extracti128_si256(total, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1)));
}

#include "backend/cpu/body/vector.h"
