/* vector__neon.c: norm, exponential, SwiGLU, axpy and quantization. */
#include "backend/cpu/arm/neon.h"

#include "backend/cpu/kernels.h"
#include "backend/cpu/tables.h"

#include <math.h>

/* The sum of squares in scalar's 16 lanes. */
static float square_sum(const float *x, int64_t width)
{
    struct vec16 l = zero16();
    float lanes[16];
    int64_t i = 0;
    for (; i + 16 <= width; i += 16) {
        struct vec16 v = load16(x + i);
        UNROLL
        for (int j = 0; j < 4; j++)
            l.q[j] = vfmaq_f32(l.q[j], v.q[j], v.q[j]);
    }
    if (i < width) {
        store16(lanes, l);
        for (int j = 0; i + j < width; j++)
            lanes[j] = fmaf(x[i + j], x[i + j], lanes[j]);
        l = load16(lanes);
    }
    return tree_sum(l);
}

void norm_f32__neon(const float *x, const float *gain, float eps, int64_t width, float *y)
{
    float r = 1 / sqrtf(square_sum(x, width) / (float)width + eps);
    int64_t i = 0;
    for (; i + 4 <= width; i += 4)
        vst1q_f32(y + i, vmulq_f32(vmulq_n_f32(vld1q_f32(x + i), r), vld1q_f32(gain + i)));
    for (; i < width; i++)
        y[i] = (x[i] * r) * gain[i];
}

void exp_f32__neon(const float *x, int64_t n, float *y)
{
    int64_t i = 0;
    for (; i + 4 <= n; i += 4)
        vst1q_f32(y + i, exp4(vld1q_f32(x + i)));
    if (i < n) {
        float space[4] = {0};
        memcpy(space, x + i, (size_t)(n - i) * 4);
        vst1q_f32(space, exp4(vld1q_f32(space)));
        memcpy(y + i, space, (size_t)(n - i) * 4);
    }
}

/* A NaN in gate or up is in the second operand, so it passes through. */
INLINE float32x4_t swiglu4(float32x4_t gate, float32x4_t up, float alpha, float limit)
{
    const float32x4_t top = vdupq_n_f32(limit), bottom = vdupq_n_f32(-limit), one = vdupq_n_f32(1.0f);
    float32x4_t g = smaller_of(top, gate), u = smaller_of(top, larger_of(bottom, up));
    float32x4_t s = vdivq_f32(one, vaddq_f32(one, exp4(vnegq_f32(vmulq_n_f32(g, alpha)))));
    return vmulq_f32(vmulq_f32(g, s), vaddq_f32(u, one));
}

void swiglu_f32__neon(const float *gate, const float *up, int64_t n, float alpha, float limit, float *h)
{
    int64_t i = 0;
    for (; i + 4 <= n; i += 4)
        vst1q_f32(h + i, swiglu4(vld1q_f32(gate + i), vld1q_f32(up + i), alpha, limit));
    if (i < n) {
        float g[4] = {0}, u[4] = {0};
        memcpy(g, gate + i, (size_t)(n - i) * 4);
        memcpy(u, up + i, (size_t)(n - i) * 4);
        vst1q_f32(g, swiglu4(vld1q_f32(g), vld1q_f32(u), alpha, limit));
        memcpy(h + i, g, (size_t)(n - i) * 4);
    }
}

void axpy_f32__neon(float a, const float *x, int64_t n, float *y)
{
    int64_t i = 0;
    for (; i + 4 <= n; i += 4)
        vst1q_f32(y + i, vfmaq_n_f32(vld1q_f32(y + i), vld1q_f32(x + i), a));
    for (; i < n; i++)
        y[i] = fmaf(a, x[i], y[i]);
}

/* The largest magnitude of a block, as bits: as integers NaN > Inf > numbers. */
INLINE uint32_t largest_bits(const float *x)
{
    const uint32x4_t magnitude = vdupq_n_u32(0x7fffffff);
    uint32x4_t top = vdupq_n_u32(0);
    UNROLL
    for (int i = 0; i < QUANT_BLOCK; i += 4)
        top = vmaxq_u32(top, vandq_u32(vreinterpretq_u32_f32(vld1q_f32(x + i)), magnitude));
    return vmaxvq_u32(top);
}

/* 16 codes and, in *sum, four sums of them. */
INLINE int8x16_t quantize16(const float *x, float inverse, int32x4_t *sum)
{
    int32x4_t c[4];
    UNROLL
    for (int i = 0; i < 4; i++) {
        c[i] = vcvtnq_s32_f32(vmulq_n_f32(vld1q_f32(x + 4 * i), inverse));
        *sum = vaddq_s32(*sum, c[i]);
    }
    int16x8_t front = vcombine_s16(vmovn_s32(c[0]), vmovn_s32(c[1])), back = vcombine_s16(vmovn_s32(c[2]), vmovn_s32(c[3]));
    return vcombine_s8(vmovn_s16(front), vmovn_s16(back));
}

void quantize_i8_f32__neon(const float *x, int64_t width, int8_t *q, float *d, int32_t *sum)
{
    for (int64_t b = 0; b < width / QUANT_BLOCK; b++, x += QUANT_BLOCK, q += QUANT_BLOCK) {
        uint32_t bits = largest_bits(x);
        int32x4_t sums = vdupq_n_s32(0);
        float amax;
        memcpy(&amax, &bits, 4);
        float inverse = 127.0f / amax;
        sum[b] = 0;
        if (bits >= 0x7f800000u || inverse > 0x1.fffffep+127f) {
            d[b] = bits >= 0x7f800000u ? (float)NAN : 0.0f;
            memset(q, 0, QUANT_BLOCK);
            continue;
        }
        d[b] = amax / 127.0f;
        vst1q_s8(q, quantize16(x, inverse, &sums));
        vst1q_s8(q + 16, quantize16(x + 16, inverse, &sums));
        sum[b] = vaddvq_s32(sums);
    }
}
