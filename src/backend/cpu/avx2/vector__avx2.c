/* vector__avx2.c: norm, exponential, SwiGLU, axpy and quantization. */
#include "backend/cpu/avx2/avx2.h"

#include "backend/cpu/tables.h"

#include <math.h>

void norm_f32__avx2(const float *x, const float *gain, float eps, int64_t width, float *y)
{
    struct f32x16 l = zero16();
    for (int64_t i = 0; i < width; i += 16) { /* beyond the end 0 * 0 is added to a sum of squares, which stays itself */
        struct f32x16 v = load16(x + i, width - i);
        l = fma16(v, v, l);
    }
    __m256 r = _mm256_set1_ps(1 / sqrtf(tree_sum(l) / (float)width + eps));
    for (int64_t i = 0; i < width; i += 8) {
        __m256 v = _mm256_mul_ps(load8(x + i, width - i), r);
        store8(y + i, width - i, _mm256_mul_ps(v, load8(gain + i, width - i)));
    }
}

void exp_f32__avx2(const float *x, int64_t n, float *y)
{
    for (int64_t i = 0; i < n; i += 8)
        store8(y + i, n - i, exp8(load8(x + i, n - i)));
}

/* min and max give their second operand when one is NaN, so a NaN passes through. */
void swiglu_f32__avx2(const float *gate, const float *up, int64_t n, float alpha, float limit, float *h)
{
    const __m256 top = _mm256_set1_ps(limit), bottom = _mm256_set1_ps(-limit), one = _mm256_set1_ps(1.0f);
    const __m256 a = _mm256_set1_ps(alpha), sign = _mm256_set1_ps(-0.0f);
    for (int64_t i = 0; i < n; i += 8) {
        __m256 g = _mm256_min_ps(top, load8(gate + i, n - i));
        __m256 u = _mm256_min_ps(top, _mm256_max_ps(bottom, load8(up + i, n - i)));
        __m256 s = _mm256_div_ps(one, _mm256_add_ps(one, exp8(_mm256_xor_ps(_mm256_mul_ps(a, g), sign))));
        store8(h + i, n - i, _mm256_mul_ps(_mm256_mul_ps(g, s), _mm256_add_ps(u, one)));
    }
}

void axpy_f32__avx2(float a, const float *x, int64_t n, float *y)
{
    for (int64_t i = 0; i < n; i += 8)
        store8(y + i, n - i, _mm256_fmadd_ps(_mm256_set1_ps(a), load8(x + i, n - i), load8(y + i, n - i)));
}

INLINE uint32_t largest_u32(__m256i v)
{
    __m128i m = _mm_max_epu32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    m = _mm_max_epu32(m, _mm_shuffle_epi32(m, 0x4e));
    return (uint32_t)_mm_cvtsi128_si32(_mm_max_epu32(m, _mm_shuffle_epi32(m, 0xb1)));
}

INLINE int32_t sum_i32(__m256i v)
{
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1)));
}

/* Four vectors of small integers as 32 bytes in order: packing works by halves, which the permutation puts right. */
INLINE __m256i narrow(const __m256i *v)
{
    __m256i bytes = _mm256_packs_epi16(_mm256_packs_epi32(v[0], v[1]), _mm256_packs_epi32(v[2], v[3]));
    return _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

void quantize_i8_f32__avx2(const float *x, int64_t width, int8_t *q, float *d, int32_t *sum)
{
    const __m256i magnitude = _mm256_set1_epi32(0x7fffffff);
    for (int64_t b = 0; b < width / QUANT_BLOCK; b++, x += QUANT_BLOCK, q += QUANT_BLOCK) {
        __m256i most = _mm256_setzero_si256(), whole[4], total = most;
        UNROLL
        for (int i = 0; i < 4; i++)
            most = _mm256_max_epu32(most, _mm256_and_si256(_mm256_loadu_si256((const void *)(x + 8 * i)), magnitude));
        uint32_t bits = largest_u32(most);
        float amax;
        memcpy(&amax, &bits, 4);
        float inverse = 127.0f / amax;
        d[b] = amax / 127.0f;
        if (bits >= 0x7f800000u || inverse > 0x1.fffffep+127f) {
            d[b] = bits >= 0x7f800000u ? (float)NAN : 0.0f;
            memset(q, 0, QUANT_BLOCK);
            sum[b] = 0;
            continue;
        }
        UNROLL
        for (int i = 0; i < 4; i++) {
            whole[i] = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x + 8 * i), _mm256_set1_ps(inverse)));
            total = _mm256_add_epi32(total, whole[i]);
        }
        _mm256_storeu_si256((void *)q, narrow(whole));
        sum[b] = sum_i32(total);
    }
}
