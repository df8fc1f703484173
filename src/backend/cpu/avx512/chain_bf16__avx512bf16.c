/* chain_bf16__avx512bf16.c: body/chain_bf16.h with VDPBF16PS, 12 rows by 32 columns. The instruction takes
 * the second bf16 of a word first: so there lies the earlier one of two sums of a chain. */
#include "backend/cpu/avx512/vec__avx512vnni.h"

#undef ISA
#define ISA(name) name##__avx512bf16

#include "backend/cpu/body/quad.h"

enum { T_ROWS = 12, T_WIDE = 2, FOUR_WORDS = 2, WORDS_FROM = 8 };

/* Eight sums of a row: words of 2 and 0, 3 and 1, 6 and 4, 7 and 5. */
INLINE quad words_along(const float *p)
{
    const __m128i order = _mm_setr_epi8(4, 5, 0, 1, 6, 7, 2, 3, 12, 13, 8, 9, 14, 15, 10, 11);
    return (quad)_mm_shuffle_epi8((__m128i)_mm256_cvtneps_pbh(_mm256_loadu_ps(p)), order);
}

/* Words of two: those of `later` below. */
INLINE quad both(quad earlier, quad later)
{
    __m128i halves = (__m128i)_mm_cvtne2ps_pbh((__m128)earlier, (__m128)later);
    return (quad)_mm_unpacklo_epi16(halves, _mm_unpackhi_epi64(halves, halves));
}

INLINE void four_words(const quad *four, quad *out)
{
    out[0] = both(four[0], four[2]);
    out[1] = both(four[1], four[3]);
}

INLINE __m512bh pairs16(__m512i words)
{
    __m512bh pairs;
    memcpy(&pairs, &words, sizeof pairs);
    return pairs;
}

INLINE vec16 add_words16(vec16 sum, vec16 b, const float *a)
{
    int word;
    memcpy(&word, a, sizeof word);
    return _mm512_dpbf16_ps(sum, pairs16(_mm512_set1_epi32(word)), pairs16(_mm512_castps_si512(b)));
}

#include "backend/cpu/body/chain_bf16.h"
