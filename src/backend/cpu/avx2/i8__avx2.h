/* i8__avx2.h: what decode (linear_i8__avx2.c) and prefill (gemm_i8__avx2.c) share.
 *
 * VPMADDUBSW multiplies unsigned by signed bytes and adds neighbours in int16, with saturation. MXFP4's doubled codes get
 * +12 (from the table): two products are at most 2 * 24 * 127 = 6096. A block's 32 products fall into two int16 (values
 * 0, 1, 4, 5, ... and 2, 3, 6, 7, ...), 16 products each, up to 48768 and so beyond int16; but additions of int16 wrap,
 * and what remains once 12 times the activations is taken off again is at most 16 * 12 * 127 = 24384. So an activation
 * block carries its two corrections, the sums are exact, and only finished ones are widened. Other formats of small codes
 * have a bias of their own (codes__avx2.h); where there are offsets, what it has taken off is added again in int32. */
#ifndef OSSO_BACKEND_I8_AVX2_H
#define OSSO_BACKEND_I8_AVX2_H

#include "backend/cpu/avx2/avx2.h"
#include "backend/cpu/avx2/scales__avx2.h"

/* A block of activations in the order in which weights unpack: MXFP4_HF's low halves are the even values. */
INLINE __m256i ordered_block(const int8_t *q, bool pairs)
{
    const __m128i even_odd = _mm_setr_epi8(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15);
    __m256i v = _mm256_loadu_si256((const void *)q);
    if (!pairs)
        return v;
    return _mm256_permute4x64_epi64(_mm256_shuffle_epi8(v, _mm256_broadcastsi128_si256(even_odd)), 0xd8);
}

/* -`bias` times the two sums of 16 bytes, as two int16 in the low 32 bits. */
INLINE int32_t correction_of(__m128i sum)
{
    sum = _mm_add_epi16(sum, _mm_shuffle_epi32(sum, 0x4e));
    sum = _mm_add_epi16(sum, _mm_shuffle_epi32(sum, 0xb1));
    return _mm_cvtsi128_si32(_mm_sub_epi16(_mm_setzero_si128(), sum));
}

/* Those of an ordered block's first and last 16 values; in [0] of all 32 unless they are RUNS. */
INLINE void corrections(bool runs, __m256i block, int bias, int32_t out[2])
{
    __m256i pairs = _mm256_maddubs_epi16(_mm256_set1_epi8((char)bias), block);
    __m128i first = _mm256_castsi256_si128(pairs), last = _mm256_extracti128_si256(pairs, 1);
    out[0] = correction_of(runs ? first : _mm_add_epi16(first, last));
    out[1] = runs ? correction_of(last) : 0;
}

/* The sums of the activations themselves that go with offsets: of 32, which is known, or of 16 each. */
INLINE void own_sums(bool runs, __m256i block, int32_t known, int32_t out[2])
{
    __m256i pairs = _mm256_madd_epi16(_mm256_maddubs_epi16(_mm256_set1_epi8(1), block), _mm256_set1_epi16(1));
    __m128i last = _mm256_extracti128_si256(pairs, 1);
    last = _mm_add_epi32(last, _mm_shuffle_epi32(last, 0x4e));
    last = _mm_add_epi32(last, _mm_shuffle_epi32(last, 0xb1));
    out[1] = runs ? _mm_cvtsi128_si32(last) : 0;
    out[0] = known - out[1];
}

/* linear_i8_* for more than a few activation rows; same arguments, same bits as for few. */
#define GEMM_DECLARE(name, format) gemm_i8_##name##__avx2,
linear_fn CODED_BY_32(GEMM_DECLARE) CODED_OTHERS(GEMM_DECLARE) gemm_i8_q8_0__avx2, gemm_i8_mxfp4__avx2,
    gemm_i8_mxfp4_hf__avx2;
#undef GEMM_DECLARE

#endif
