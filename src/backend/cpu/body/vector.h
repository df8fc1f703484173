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
INLINE vec16 swiglu16(vec16 gate, vec16 up, struct swiglu w)
{
    const vec16 one = all16(1.0f);
    vec16 g = min16(all16(w.limit), gate), u = min16(all16(w.limit), max16(all16(-w.limit), up));
    vec16 s = div16(one, add16(one, exp16(neg16(mul16(all16(w.alpha), g)))));
    return mul16(mul16(g, s), add16(u, all16(w.shift)));
}

void ISA(swiglu_f32)(const float *gate, const float *up, int64_t n, struct swiglu s, float *h)
{
    int64_t i = 0;
    for (; i + 16 <= n; i += 16)
        store16(h + i, 16, swiglu16(load16(gate + i, 16), load16(up + i, 16), s));
    if (i < n)
        store16(h + i, n - i, swiglu16(load16(gate + i, n - i), load16(up + i, n - i), s));
}

void ISA(axpy_f32)(float a, const float *x, int64_t n, float *y)
{
    int64_t i = 0;
    for (; i + 16 <= n; i += 16)
        store16(y + i, 16, fma16_by(load16(x + i, 16), a, load16(y + i, 16)));
    if (i < n)
        store16(y + i, n - i, fma16_by(load16(x + i, n - i), a, load16(y + i, n - i)));
}

void ISA(narrow_f16)(const float *x, int64_t n, uint16_t *h)
{
    int64_t i = 0;
    for (; i + 16 <= n; i += 16)
        store16_f16(h + i, load16(x + i, 16));
    if (i < n) {
        uint16_t last[16];
        store16_f16(last, load16(x + i, n - i));
        memcpy(h + i, last, (size_t)(n - i) * sizeof *h);
    }
}

float ISA(dot_f32)(const float *a, const float *b, int64_t n)
{
    vec16 l = zero16();
    int64_t i = 0;
    for (; i + 16 <= n; i += 16)
        l = fma16(load16(a + i, 16), load16(b + i, 16), l);
    if (i < n) { /* lanes beyond the end keep what they have */
        vec16 last = fma16(load16(a + i, n - i), load16(b + i, n - i), l);
        float lanes[16];
        store16(lanes, 16, l);
        store16(lanes, n - i, last);
        l = load16(lanes, 16);
    }
    return tree_sum(l);
}

void ISA(fma_f32)(const float *a, const float *b, int64_t n, float *y)
{
    int64_t i = 0;
    for (; i + 16 <= n; i += 16)
        store16(y + i, 16, fma16(load16(a + i, 16), load16(b + i, 16), load16(y + i, 16)));
    if (i < n)
        store16(y + i, n - i, fma16(load16(a + i, n - i), load16(b + i, n - i), load16(y + i, n - i)));
}

/* By h in dh: by gate and, at `d_up`, by up. */
INLINE vec16 swiglu_back16(vec16 gate, vec16 up, vec16 dh, struct swiglu w, vec16 *d_up)
{
    const vec16 one = all16(1.0f), top = all16(w.limit), bottom = all16(-w.limit);
    vec16 g = min16(top, gate), u = min16(top, max16(bottom, up)), bent = mul16(all16(w.alpha), g);
    vec16 s = div16(one, add16(one, exp16(neg16(bent))));
    vec16 slope = mul16(s, add16(one, mul16(bent, sub16(one, s))));
    *d_up = clear16_in(at_least16(bottom, up), clear16_in(at_least16(up, top), mul16(dh, mul16(g, s))));
    return clear16_in(at_least16(gate, top), mul16(mul16(dh, add16(u, all16(w.shift))), slope));
}

void ISA(swiglu_back_f32)(const float *gate, const float *up, int64_t n, struct swiglu s, float *d_gate, float *d_up)
{
    vec16 by_up, by_gate;
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) {
        by_gate = swiglu_back16(load16(gate + i, 16), load16(up + i, 16), load16(d_up + i, 16), s, &by_up);
        store16(d_gate + i, 16, by_gate);
        store16(d_up + i, 16, by_up);
    }
    if (i < n) {
        by_gate = swiglu_back16(load16(gate + i, n - i), load16(up + i, n - i), load16(d_up + i, n - i), s, &by_up);
        store16(d_gate + i, n - i, by_gate);
        store16(d_up + i, n - i, by_up);
    }
}

void ISA(softmax_back_f32)(const struct softmax_back *b, float *score, float *dp)
{
    const vec16 scale = all16(b->scale), lse = all16(b->lse), dot = all16(b->dot);
    for (int64_t i = 0; i < b->n; i += 16) {
        int64_t n = b->n - i;
        mask16 seen = lanes16((int)(b->lo - i), (int)(b->hi - i));
        vec16 p = add16_in(seen, zero16(), exp16(sub16(mul16(load16(score + i, n), scale), lse)));
        vec16 ds = mul16(mul16(p, sub16(load16(dp + i, n), dot)), scale);
        store16(score + i, n, p);
        store16(dp + i, n, add16_in(seen, zero16(), ds));
    }
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
