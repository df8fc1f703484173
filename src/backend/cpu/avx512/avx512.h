/* avx512.h: what the files *__avx512vnni.c share: the intrinsics, masks and MXFP4. vec__avx512vnni.h builds scalar's 16
 * lanes on it. */
#ifndef OSSO_BACKEND_AVX512_H
#define OSSO_BACKEND_AVX512_H

#include <immintrin.h>
#include <stdint.h>

#define INLINE static inline __attribute__((always_inline))
/* Before a loop over registers: -O2 alone would keep the array in memory. */
#define UNROLL _Pragma("GCC unroll 16")

/* The first n of 16 lanes (n may be more, or less than none). */
INLINE __mmask16 first_lanes(int64_t n)
{
    return (__mmask16)(n >= 16 ? 0xffff : n <= 0 ? 0 : (1u << n) - 1);
}

/* E8M0 bytes in bits 24..31 to 2^(s-128), exactly. s << 23 as a float is 2^(s-127), but 0 for s = 0 and infinity for
 * s = 255: the fix-up's table turns a zero into 2^-128, an infinity into NaN, and passes everything else. */
INLINE __m512 mxfp4_scales(__m512i s24)
{
    __m512 half = _mm512_mul_ps(_mm512_castsi512_ps(_mm512_srli_epi32(s24, 1)), _mm512_set1_ps(0.5f));
    return _mm512_fixupimm_ps(_mm512_set1_ps(0x1p-128f), half, _mm512_set1_epi32(0x11311011), 0);
}

/* The doubled table plus 12. VPERMB looks at 6 bits of an index; with the table four times over it sees 4. */
INLINE __m512i mxfp4_table(void)
{
    return _mm512_broadcast_i32x4(_mm_setr_epi8(12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0));
}

#endif
