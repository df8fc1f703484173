/* avx2.h: what the files *__avx2.c share: loads that stop where a row ends. vec__avx2.h builds scalar's 16 lanes on it.
 */
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

#endif
