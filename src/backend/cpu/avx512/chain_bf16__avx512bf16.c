/* chain_bf16__avx512bf16.c: body/chain_bf16.h with VDPBF16PS, 12 rows by 32 columns: a pair of sums is a word of two
 * bf16, which the instruction takes odd first; small numbers are 0 to it whatever the CPU has been told. */
#include "backend/cpu/avx512/vec__avx512vnni.h"

#undef ISA
#define ISA(name) name##__avx512bf16

#include "backend/cpu/body/quad.h"

enum { T_ROWS = 12, T_WIDE = 2, PAIR_WORDS = 1, WORDS_FROM = 8 };

/* Eight sums of a row are four words as VCVTNEPS2BF16 leaves them. */
INLINE quad words_along(const float *p)
{
    return (quad)_mm256_cvtneps_pbh(_mm256_loadu_ps(p));
}

INLINE void pair_quads(quad even, quad odd, quad *out)
{
    __m128i both = (__m128i)_mm_cvtne2ps_pbh((__m128)odd, (__m128)even); /* the even ones below */
    out[0] = (quad)_mm_unpacklo_epi16(both, _mm_unpackhi_epi64(both, both));
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

INLINE unsigned small_numbers_off(void)
{
    return 0;
}

INLINE void small_numbers_back(unsigned before)
{
    (void)before;
}

#include "backend/cpu/body/chain_bf16.h"
