/* vector.h: the body of vector__*.c: norm, exponential, SwiGLU, axpy and quantization, 16 values at a time. What is
 * left after the whole vectors has a turn of its own, so that their loop knows of no end. */
#include "backend/cpu/kernels.h"
#include "backend/cpu/tables.h"

#include <math.h>

void ISA(norm_f32)(const float *x, const float *gain, float eps, int64_t width, float *y)
{
    vec16 l = zero16();
    int64_t i = 0;
    for (; i + 16 <= width; i += 16) {
        vec16 v = load16(x + i, 16);
        l = fma16(v, v, l);
    }
    if (i < width) { /* beyond the end 0 * 0 is added to a sum of squares, which stays itself */
        vec16 v = load16(x + i, width - i);
        l = fma16(v, v, l);
    }
    const vec16 r = all16(1 / sqrtf(tree_sum(l) / (float)width + eps));
    for (i = 0; i + 16 <= width; i += 16)
        store16(y + i, 16, mul16(mul16(load16(x + i, 16), r), load16(gain + i, 16)));
    if (i < width)
        store16(y + i, width - i, mul16(mul16(load16(x + i, width - i), r), load16(gain + i, width - i)));
}

void ISA(exp_f32)(const float *x, int64_t n, float *y)
{
    int64_t i = 0;
    for (; i + 16 <= n; i += 16)
        store16(y + i, 16, exp16(load16(x + i, 16)));
    if (i < n)
        store16(y + i, n - i, exp16(load16(x + i, n - i)));
}

/* A NaN in gate or up is the second operand of min16 and max16, so it passes through. */
INLINE vec16 swiglu16(vec16 gate, vec16 up, float alpha, float limit)
{
    const vec16 one = all16(1.0f);
    vec16 g = min16(all16(limit), gate), u = min16(all16(limit), max16(all16(-limit), up));
    vec16 s = div16(one, add16(one, exp16(neg16(mul16(all16(alpha), g)))));
    return mul16(mul16(g, s), add16(u, one));
}

void ISA(swiglu_f32)(const float *gate, const float *up, int64_t n, float alpha, float limit, float *h)
{
    int64_t i = 0;
    for (; i + 16 <= n; i += 16)
        store16(h + i, 16, swiglu16(load16(gate + i, 16), load16(up + i, 16), alpha, limit));
    if (i < n)
        store16(h + i, n - i, swiglu16(load16(gate + i, n - i), load16(up + i, n - i), alpha, limit));
}

void ISA(axpy_f32)(float a, const float *x, int64_t n, float *y)
{
    int64_t i = 0;
    for (; i + 16 <= n; i += 16)
        store16(y + i, 16, fma16_by(load16(x + i, 16), a, load16(y + i, 16)));
    if (i < n)
        store16(y + i, n - i, fma16_by(load16(x + i, n - i), a, load16(y + i, n - i)));
}

void ISA(quantize_i8_f32)(const float *x, int64_t width, int8_t *q, float *d, int32_t *sum)
{
    for (int64_t b = 0; b < width / QUANT_BLOCK; b++, x += QUANT_BLOCK, q += QUANT_BLOCK) {
        uint32_t bits = largest_bits(x);
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
        sum[b] = store_codes(x, inverse, q);
    }
}
