/* scalar.c: the definition of every kernel that works on plain vectors: plain loops, compiled as float and as double.
 * scalar_linear.c has the matrices, scalar_attend.c attention.
 *
 * One order for every sum (docs/numerics.md has the whole rule):
 *   float dots and sums of squares   16 lanes, lane i takes elements i, i+16, ... by FMA from 0; then the tree
 *                                    16 -> 8 -> 4 -> 2 -> 1 (lanes_sum in scalar.h)
 *   integer dots                     an exact int32 per block of 32; one FMA per block into p[block mod 4];
 *                                    (p0 + p1) + (p2 + p3)
 *   attention                        per absolute page; pages merged in ascending order, the sink first
 *   experts                          ascending expert id, from 0
 * No other order is allowed, on any ISA, for any number of rows or members. FMA only where fma() is written.
 *
 * The way of a token goes on in engine/sampler.c. */
#include "backend/cpu/kernels.h"
#include "backend/cpu/scalar/scalar.h"

#include <string.h>

#ifdef OSSO_DOUBLE
double real_exp_f64(double x)
{
    return exp(x);
}
#else
/* exp(x) = 2^n * exp(r), n = rint(x / ln 2), |r| <= ln 2 / 2: a polynomial of degree 6, error about 1 ulp.
 * Below ln(2^-126) the result is 0 (no denormals), above ln(FLT_MAX) infinity; NaN stays NaN. */
float real_exp(float x)
{
    if (x != x)
        return x;
    if (x < -0x1.5d589ep+6f)
        return 0.0f;
    if (x > 0x1.62e42ep+6f)
        return (float)INFINITY;
    float n = (x * 0x1.715476p+0f + 0x1.8p+23f) - 0x1.8p+23f; /* rounds to nearest even, as the vector units do */
    float r = fmaf(n, -0x1.62e400p-1f, x);
    r = fmaf(n, -0x1.7f7d1cp-20f, r);
    float p = 0x1.6d113cp-10f;
    p = fmaf(p, r, 0x1.120ba2p-7f);
    p = fmaf(p, r, 0x1.55551ap-5f);
    p = fmaf(p, r, 0x1.5554dcp-3f);
    p = fmaf(p, r, 0x1.0p-1f);
    p = fmaf(p, r, 1.0f);
    p = fmaf(p, r, 1.0f);
    /* 2^128 is no float: scale in two exact steps. */
    int whole = (int)n, half = whole >> 1;
    union {
        uint32_t u;
        float f;
    } a = {(uint32_t)(half + 127) << 23}, b = {(uint32_t)(whole - half + 127) << 23};
    return p * a.f * b.f;
}
#endif

void REAL(exp_f32__scalar)(const real *x, int64_t n, real *y)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = REAL(real_exp)(x[i]);
}

void REAL(norm_f32__scalar)(const real *x, const float *gain, float eps, int64_t width, real *y)
{
    real mean = lanes_dot(x, x, width) / (real)width;
    real r = 1 / real_sqrt(mean + (real)eps);
    for (int64_t i = 0; i < width; i++)
        y[i] = (x[i] * r) * (real)gain[i];
}

/* Comparisons are written so that a NaN passes through. */
void REAL(swiglu_f32__scalar)(const real *gate, const real *up, int64_t n, struct swiglu swiglu, real *h)
{
    real top = (real)swiglu.limit, a = (real)swiglu.alpha, shift = (real)swiglu.shift;
    for (int64_t i = 0; i < n; i++) {
        real g = top < gate[i] ? top : gate[i];
        real u = -top > up[i] ? -top : up[i];
        u = top < u ? top : u;
        real s = 1 / (1 + REAL(real_exp)(-(a * g)));
        h[i] = (g * s) * (u + shift);
    }
}

void REAL(axpy_f32__scalar)(real a, const real *x, int64_t n, real *y)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = real_fma(a, x[i], y[i]);
}

void REAL(narrow_f16__scalar)(const real *x, int64_t n, uint16_t *h)
{
    for (int64_t i = 0; i < n; i++)
        h[i] = f16_from_f32((float)x[i]);
}

#ifndef OSSO_DOUBLE
/* d = amax / 127, q = x * (127 / amax) to nearest even. A block whose 127 / amax overflows (all zero, or below 3.7e-37)
 * is zero. A block with a NaN or an infinity gets d = NaN, so that the result shows it. */
void quantize_i8_f32__scalar(const float *x, int64_t width, int8_t *q, float *d, int32_t *sum)
{
    for (int64_t b = 0; b < width / QUANT_BLOCK; b++, x += QUANT_BLOCK, q += QUANT_BLOCK) {
        uint32_t bits = 0;
        for (int i = 0; i < QUANT_BLOCK; i++) {
            uint32_t u;
            memcpy(&u, &x[i], 4);
            u &= 0x7fffffffu; /* as integers NaN > Inf > numbers */
            bits = u > bits ? u : bits;
        }
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
        for (int i = 0; i < QUANT_BLOCK; i++) {
            q[i] = (int8_t)lrintf(x[i] * inverse);
            sum[b] += q[i];
        }
    }
}
#endif
