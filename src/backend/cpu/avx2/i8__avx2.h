/* i8__avx2.h: what decode (linear_i8__avx2.c) and prefill (gemm_i8__avx2.c) share.
 *
 * VPMADDUBSW multiplies unsigned by signed bytes and adds neighbours in int16, with saturation. MXFP4's doubled codes get
 * +12 (from the table): two products are at most 2 * 24 * 127 = 6096. A block's 32 products fall into two int16 (values
 * 0, 1, 4, 5, ... and 2, 3, 6, 7, ...), 16 products each, up to 48768 and so beyond int16; but additions of int16 wrap,
 * and what remains once 12 times the activations is taken off again is at most 16 * 12 * 127 = 24384. So an activation
 * block carries its two corrections, the sums are exact, and only finished ones are widened. */
#ifndef OSSO_BACKEND_I8_AVX2_H
#define OSSO_BACKEND_I8_AVX2_H

#include "backend/cpu/avx2/avx2.h"

/* The doubled table plus 12. */
INLINE __m256i code_values(__m256i codes)
{
    const __m128i table = _mm_setr_epi8(12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0);
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(table), _mm256_and_si256(codes, _mm256_set1_epi8(15)));
}

/* 8 E8M0 bytes s to 2^(s-128), exactly: that has the bits (s - 1) << 23, except where it is a denormal (s < 2) or NaN
 * (s = 255). No model has such scales, and looking for them takes no vector unit. */
INLINE __m256 half_scales(uint64_t s)
{
    const uint64_t ones = 0x0101010101010101u;
    uint64_t odd = (((s - 2 * ones) & ~s) | ((~s - ones) & s)) & ones << 7; /* the top bit where a byte is 0, 1 or 255 */
    if (__builtin_expect(odd == 0, true))
        return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu8_epi32(_mm_cvtsi64_si128((int64_t)(s - ones))), 23));
    __m256i whole = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128((int64_t)s));
    __m256i bits = _mm256_max_epi32(_mm256_slli_epi32(whole, 23), _mm256_set1_epi32(0x00400000)); /* 2^-127 */
    bits = _mm256_or_si256(bits, _mm256_cmpeq_epi32(whole, _mm256_set1_epi32(255)));
    return _mm256_mul_ps(_mm256_castsi256_ps(bits), _mm256_set1_ps(0.5f));
}

/* A block of activations in the order in which weights unpack: MXFP4_HF's low halves are the even values. */
INLINE __m256i ordered_block(const int8_t *q, bool pairs)
{
    const __m128i even_odd = _mm_setr_epi8(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15);
    __m256i v = _mm256_loadu_si256((const void *)q);
    if (!pairs)
        return v;
    return _mm256_permute4x64_epi64(_mm256_shuffle_epi8(v, _mm256_broadcastsi128_si256(even_odd)), 0xd8);
}

/* -`offset` times the two sums of an ordered block, as two int16 in the low 32 bits. */
INLINE int32_t corrections(__m256i block, int offset)
{
    __m256i pairs = _mm256_maddubs_epi16(_mm256_set1_epi8((char)offset), block);
    __m128i sum = _mm_add_epi16(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256(pairs, 1));
    sum = _mm_add_epi16(sum, _mm_shuffle_epi32(sum, 0x4e));
    sum = _mm_add_epi16(sum, _mm_shuffle_epi32(sum, 0xb1));
    return _mm_cvtsi128_si32(_mm_sub_epi16(_mm_setzero_si128(), sum));
}

/* A constant wherever it is asked for: each format has its own code. */
enum format { FORMAT_Q8_0, FORMAT_MXFP4, FORMAT_MXFP4_HF };

/* linear_i8_* for more than a few activation rows; same arguments, same bits as for few. */
linear_fn gemm_i8_q8_0__avx2, gemm_i8_mxfp4__avx2, gemm_i8_mxfp4_hf__avx2;

#endif
