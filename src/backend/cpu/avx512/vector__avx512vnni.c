/* vector__avx512vnni.c: body/vector.h, and what quantization wants of integers. */
#include "backend/cpu/avx512/vec__avx512vnni.h"

/* The largest magnitude of 32 values as bits: as integers NaN > Inf > numbers. */
INLINE uint32_t largest_bits(const float *x)
{
    const __m512i magnitude = _mm512_set1_epi32(0x7fffffff);
    return _mm512_reduce_max_epu32(_mm512_max_epu32(_mm512_and_si512(_mm512_loadu_si512(x), magnitude),
                                                    _mm512_and_si512(_mm512_loadu_si512(x + 16), magnitude)));
}

/* 32 values as codes, whose sum it returns. */
INLINE int32_t store_codes(const float *x, float inverse, int8_t *q)
{
    __m512i front = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(x), _mm512_set1_ps(inverse)));
    __m512i back = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(x + 16), _mm512_set1_ps(inverse)));
    _mm_storeu_si128((void *)q, _mm512_cvtepi32_epi8(front));
    _mm_storeu_si128((void *)(q + 16), _mm512_cvtepi32_epi8(back));
    return _mm512_reduce_add_epi32(_mm512_add_epi32(front, back));
}

#include "backend/cpu/body/vector.h"
