/* linear_many__avx2.h: many f32 activation rows times a few rows of f32 weights, with linear_f32__avx2.c's bits. */
#ifndef OSSO_BACKEND_LINEAR_MANY_AVX2_H
#define OSSO_BACKEND_LINEAR_MANY_AVX2_H

enum { MANY_TILE = 6, MANY_WIDE = 1, MANY_LANES = 1, MANY_KEPT = 192 * 256 };

#include "backend/cpu/body/many.h"

/* Activation rows turned: many_act_values. */
void many_turn_acts__avx2(const struct gather *in, float *x);
/* Those of many rows at `space`; returns what lies behind. */
static inline float *many_turned(const struct gather *in, float *space)
{
    if (in->n < MANY_FROM)
        return space;
    many_turn_acts__avx2(in, space);
    return space + many_act_values(in);
}
/* y of n activation rows, turned at x; w: f32, at most MANY_OUTPUTS rows. `panel`: room for as many turned. */
void linear_many__avx2(const struct view *w, int n, const float *x, float *y, int64_t y_stride, float *panel);

#endif
