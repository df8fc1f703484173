/* scalar_chain.c: the products of a backward pass, by their definition (chain.h), and what else of it has sums or
 * exponentials. */
#include "backend/cpu/kernels.h"
#include "backend/cpu/scalar/scalar.h"

static real factor(const struct chain *c, int64_t i, int64_t s)
{
    if (!c->down)
        return c->a[chain_row(&c->a_rows, i) + s];
    real value = c->a[chain_row(&c->a_rows, s) + i];
    return c->weights ? c->weights[c->a_rows.rows[s]] * value : value;
}

static real factor_b(const struct chain *c, int64_t s, int64_t col)
{
    return c->across ? c->b[chain_row(&c->b_rows, col) + s] : c->b[chain_row(&c->b_rows, s) + col];
}

void REAL(chain__scalar)(const struct chain *c, void *workspace)
{
    (void)workspace;
    for (int64_t i = 0; c->fresh && i < c->n_rows; i++)
        memset(c->y + chain_row(&c->y_rows, i), 0, (size_t)c->n_cols * sizeof *c->y);
    for (int64_t i = 0; i < c->n_rows; i++)
        for (int64_t s = 0; s < c->n_sums; s++) {
            const real a = factor(c, i, s);
            real *y = c->y + chain_row(&c->y_rows, i);
            for (int64_t col = c->upper ? i : 0; col < c->n_cols; col++)
                y[col] = real_fma(a, factor_b(c, s, col), y[col]);
        }
}

#ifndef OSSO_DOUBLE
static float flushed(float x)
{
    return fabsf(x) < 0x1p-126f ? copysignf(0, x) : x;
}

/* A result is flushed when 24 bits of it are below 2^-126, though as a number with fewer bits it be rounded up to that.
 */
static float fma_flushed(float a, float b, float y)
{
    float sum = fmaf(a, b, y);
    bool small = fabsf(sum) <= 0x1p-126f && fabsf(fmaf(a * 0x1p24f, b, y * 0x1p24f)) < 0x1p-102f;
    return small ? copysignf(0, sum) : sum;
}

/* Sums s, s + 2 .. of the block that ends at `end`. */
static float every_second(const struct chain *c, int64_t i, int64_t col, int64_t s, int64_t end)
{
    float sum = 0;
    for (; s < end; s += 2) {
        bool there = s < c->n_sums;
        float a = there ? chain_bf16_value(factor(c, i, s)) : 0;
        float b = there ? chain_bf16_value(factor_b(c, s, col)) : 0;
        sum = fma_flushed(a, b, sum);
    }
    return sum;
}

void chain_bf16__scalar(const struct chain *c, void *workspace)
{
    (void)workspace;
    for (int64_t i = 0; i < c->n_rows; i++)
        for (int64_t col = 0; col < c->n_cols; col++) {
            float *y = c->y + chain_row(&c->y_rows, i) + col;
            for (int64_t s = 0, end = CHAIN_BLOCK; s < c->n_sums; s = end, end += CHAIN_BLOCK) {
                float even = every_second(c, i, col, s, end), odd = every_second(c, i, col, s + 1, end);
                *y = flushed(flushed(*y) + flushed(even + odd)); /* sums of two are exact where they are small */
            }
        }
}
#endif

real REAL(dot_f32__scalar)(const real *a, const real *b, int64_t n)
{
    return lanes_dot(a, b, n);
}

void REAL(fma_f32__scalar)(const real *a, const real *b, int64_t n, real *y)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = real_fma(a[i], b[i], y[i]);
}

/* h = g s (u + shift), s = sigmoid(alpha g), of the clamped g and u: 0 at a clamp and beyond. A NaN passes through. */
void REAL(swiglu_back_f32__scalar)(const real *gate, const real *up, int64_t n, struct swiglu swiglu, real *d_gate,
                                   real *d_up)
{
    real top = (real)swiglu.limit, alpha = (real)swiglu.alpha, shift = (real)swiglu.shift;
    for (int64_t i = 0; i < n; i++) {
        real g = top < gate[i] ? top : gate[i], u = -top > up[i] ? -top : up[i], dh = d_up[i];
        u = top < u ? top : u;
        real s = 1 / (1 + REAL(real_exp)(-(alpha * g)));
        real slope = s * (1 + alpha * g * (1 - s));
        d_gate[i] = gate[i] >= top ? 0 : dh * (u + shift) * slope;
        d_up[i] = up[i] >= top || up[i] <= -top ? 0 : dh * (g * s);
    }
}

/* p = exp(score * scale - lse), and ds = p (dp - dot) scale, where a row sees the key: [lo, hi); elsewhere both are 0.
 */
void REAL(softmax_back_f32__scalar)(const struct softmax_back *b, real *score, real *dp)
{
    real scale = (real)b->scale;
    for (int64_t i = 0; i < b->n; i++) {
        bool seen = i >= b->lo && i < b->hi;
        real p = seen ? REAL(real_exp)(score[i] * scale - b->lse) : 0;
        dp[i] = seen ? 0 + p * (dp[i] - b->dot) * scale : 0; /* no -0 */
        score[i] = p;
    }
}
