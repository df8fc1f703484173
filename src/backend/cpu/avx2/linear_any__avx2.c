/* linear_any__avx2.c: y = W x of int8 activations for formats that have no kernel of their own: linear_i8_any.h. */
#include "backend/cpu/avx2/vec__avx2.h"

INLINE __m256i load_i8(const int8_t *p)
{
    return _mm256_cvtepi8_epi16(_mm_loadu_si128((const void *)p));
}

INLINE int32_t lanes_of(__m256i v)
{
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1)));
}

INLINE __m256i products(const int8_t *w, const int8_t *a)
{
    return _mm256_madd_epi16(load_i8(w), load_i8(a));
}

INLINE int32_t dot16(const int8_t *w, const int8_t *a)
{
    return lanes_of(products(w, a));
}

INLINE int32_t dot32(const int8_t *w, const int8_t *a)
{
    return lanes_of(_mm256_add_epi32(products(w, a), products(w + 16, a + 16)));
}

INLINE int32_t sum16(const int8_t *a)
{
    return lanes_of(_mm256_madd_epi16(load_i8(a), _mm256_set1_epi16(1)));
}

#include "backend/cpu/body/linear_i8_any.h"
