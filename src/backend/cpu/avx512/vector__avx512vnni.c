/* vector__avx512vnni.c: norm, exponential, SwiGLU, axpy and quantization, 16 values at a time. */
#include "backend/cpu/avx512/avx512.h"

#include "backend/cpu/tables.h"

#include <math.h>

void norm_f32__avx512vnni(const float *x, const float *gain, float eps, int64_t width, float *y)
{
    __m512 l = _mm512_setzero_ps();
    for (int64_t i = 0; i < width; i += 16) {
        __mmask16 mask = first_lanes(width - i);
        __m512 v = _mm512_maskz_loadu_ps(mask, x + i);
        l = _mm512_mask3_fmadd_ps(v, v, l, mask);
    }
    __m512 r = _mm512_set1_ps(1 / sqrtf(tree_sum(l) / (float)width + eps));
    for (int64_t i = 0; i < width; i += 16) {
        __mmask16 mask = first_lanes(width - i);
        __m512 v = _mm512_mul_ps(_mm512_maskz_loadu_ps(mask, x + i), r);
        _mm512_mask_storeu_ps(y + i, mask, _mm512_mul_ps(v, _mm512_maskz_loadu_ps(mask, gain + i)));
    }
}

void exp_f32__avx512vnni(const float *x, int64_t n, float *y)
{
    for (int64_t i = 0; i < n; i += 16) {
        __mmask16 mask = first_lanes(n - i);
        _mm512_mask_storeu_ps(y + i, mask, exp16(_mm512_maskz_loadu_ps(mask, x + i)));
    }
}

/* min and max give their second operand when one is NaN, so a NaN passes through. */
void swiglu_f32__avx512vnni(const float *gate, const float *up, int64_t n, float alpha, float limit, float *h)
{
    const __m512 top = _mm512_set1_ps(limit), bottom = _mm512_set1_ps(-limit), one = _mm512_set1_ps(1.0f);
    const __m512 a = _mm512_set1_ps(alpha), sign = _mm512_set1_ps(-0.0f);
    for (int64_t i = 0; i < n; i += 16) {
        __mmask16 mask = first_lanes(n - i);
        __m512 g = _mm512_min_ps(top, _mm512_maskz_loadu_ps(mask, gate + i));
        __m512 u = _mm512_min_ps(top, _mm512_max_ps(bottom, _mm512_maskz_loadu_ps(mask, up + i)));
        __m512 s = _mm512_div_ps(one, _mm512_add_ps(one, exp16(_mm512_xor_ps(_mm512_mul_ps(a, g), sign))));
        _mm512_mask_storeu_ps(h + i, mask, _mm512_mul_ps(_mm512_mul_ps(g, s), _mm512_add_ps(u, one)));
    }
}

void axpy_f32__avx512vnni(float a, const float *x, int64_t n, float *y)
{
    for (int64_t i = 0; i < n; i += 16) {
        __mmask16 mask = first_lanes(n - i);
        __m512 sum = _mm512_fmadd_ps(_mm512_set1_ps(a), _mm512_maskz_loadu_ps(mask, x + i), _mm512_maskz_loadu_ps(mask, y + i));
        _mm512_mask_storeu_ps(y + i, mask, sum);
    }
}

void quantize_i8_f32__avx512vnni(const float *x, int64_t width, int8_t *q, float *d, int32_t *sum)
{
    const __m512i magnitude = _mm512_set1_epi32(0x7fffffff);
    for (int64_t b = 0; b < width / QUANT_BLOCK; b++, x += QUANT_BLOCK, q += QUANT_BLOCK) {
        __m512 x0 = _mm512_loadu_ps(x), x1 = _mm512_loadu_ps(x + 16);
        uint32_t bits = _mm512_reduce_max_epu32(_mm512_max_epu32(_mm512_and_si512(_mm512_castps_si512(x0), magnitude),
                                                                 _mm512_and_si512(_mm512_castps_si512(x1), magnitude)));
        float amax = _mm512_cvtss_f32(_mm512_castsi512_ps(_mm512_set1_epi32((int)bits)));
        float inverse = 127.0f / amax;
        d[b] = amax / 127.0f;
        if (bits >= 0x7f800000u || inverse > 0x1.fffffep+127f) {
            d[b] = bits >= 0x7f800000u ? (float)NAN : 0.0f;
            inverse = 0;
            x0 = x1 = _mm512_setzero_ps();
        }
        __m512i q0 = _mm512_cvtps_epi32(_mm512_mul_ps(x0, _mm512_set1_ps(inverse)));
        __m512i q1 = _mm512_cvtps_epi32(_mm512_mul_ps(x1, _mm512_set1_ps(inverse)));
        _mm_storeu_si128((void *)q, _mm512_cvtepi32_epi8(q0));
        _mm_storeu_si128((void *)(q + 16), _mm512_cvtepi32_epi8(q1));
        sum[b] = _mm512_reduce_add_epi32(_mm512_add_epi32(q0, q1));
    }
}
