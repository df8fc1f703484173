/* avx512.h: what the files *__avx512vnni.c share: the intrinsics, the fixed tree over 16 lanes and the exponential. */
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
    return n >= 16 ? 0xffff : n <= 0 ? 0 : (__mmask16)((1u << n) - 1);
}

/* The fixed tree: 16 -> 8 -> 4 -> 2 -> 1, lane i with lane i + half, as lanes_sum in scalar.h. */
INLINE float tree_sum(__m512 l)
{
    __m256 a = _mm256_add_ps(_mm512_castps512_ps256(l), _mm512_extractf32x8_ps(l, 1));
    __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    __m128 c = _mm_add_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_add_ss(c, _mm_movehdup_ps(c)));
}

/* real_exp of scalar.c, 16 at a time, step by step. */
INLINE __m512 exp16(__m512 x)
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
