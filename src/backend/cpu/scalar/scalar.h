/* scalar.h: the arithmetic that scalar kernels share, over `real`. */
#ifndef OSSO_BACKEND_SCALAR_H
#define OSSO_BACKEND_SCALAR_H

#include "backend/real.h"

#include <math.h>
#include <stdint.h>

enum { LANES = 16 };

#ifdef OSSO_DOUBLE
#define real_fma fma
#define real_sqrt sqrt
#define real_log log
#define real_abs fabs
#define real_of_double(x) (x)
#define real_rint rint
#else
#define real_fma fmaf
#define real_sqrt sqrtf
#define real_log logf
#define real_abs fabsf
#define real_of_double(x) ((float)(x))
#define real_rint rintf
#endif

/* The fixed tree over 16 lanes: 16 -> 8 -> 4 -> 2 -> 1. Destroys l. */
static inline real lanes_sum(real *l)
{
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            l[i] = l[i] + l[i + half];
    return l[0];
}

/* sum a[k] * b[k]: lane k mod 16, ascending, by FMA from 0, then the tree. */
static inline real lanes_dot(const real *a, const real *b, int64_t n)
{
    real l[LANES] = {0};
    for (int64_t k = 0; k < n; k++)
        l[k % LANES] = real_fma(a[k], b[k], l[k % LANES]);
    return lanes_sum(l);
}

/* The engine's own exponential: one polynomial that every ISA repeats step by step (scalar.c says how). */
real REAL(real_exp)(real x);

struct page_slice;
/* Attention of one head over one page whose scores somebody else says ([lo, hi) of them are read), as attend_page's. */
void REAL(attend_scored__scalar)(const struct page_slice *page, const real *score, real *m_out, real *l_out, real *acc);
/* acc[d] = FMA over j ascending, from acc[d], of weights[j] * v[j][d]. */
void REAL(attend_values__scalar)(const struct page_slice *page, const real *weights, real *acc);

#endif
