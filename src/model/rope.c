/* rope.c: rotary frequencies and angles. Source: the gpt-oss torch reference (YaRN, arXiv:2309.00071). */
#define _GNU_SOURCE
#include "model/rope.h"

#include <math.h>

/* The dimension (as a real number) whose wavelength makes `rotations` turns over the original context. */
static double yarn_bound(const struct config *c, double rotations)
{
    return c->head_dim / 2.0 * log((double)c->yarn_original / (rotations * 2 * M_PI)) / log(c->rope_theta);
}

void rope_init(const struct config *c, struct rope *rope)
{
    rope->half = c->head_dim / 2;
    bool yarn = c->yarn && c->yarn_factor != 1;
    double low = 0, high = 1;
    if (yarn) {
        low = yarn_bound(c, c->yarn_beta_fast);
        high = yarn_bound(c, c->yarn_beta_slow);
        if (c->yarn_truncate) {
            low = floor(low);
            high = ceil(high);
        }
        low = fmax(low, 0);
        high = fmin(high, c->head_dim - 1);
        if (low == high)
            high += 0.001; /* as the reference does, so that the ramp stays a step */
    }
    for (int i = 0; i < rope->half; i++) {
        double f = pow(c->rope_theta, -2.0 * i / c->head_dim);
        double ramp = yarn ? fmin(fmax((i - low) / (high - low), 0), 1) : 0;
        rope->frequency[i] = (float)(f * (1 - ramp) + (yarn ? f / c->yarn_factor : f) * ramp);
    }
    rope->concentration = yarn && c->yarn_factor > 1 ? (float)(0.1 * log(c->yarn_factor) + 1) : 1;
}

void rope_angles(const struct rope *rope, int32_t position, float *angles)
{
    for (int i = 0; i < rope->half; i++) {
        float angle = (float)position * rope->frequency[i];
        angles[i] = (float)cos((double)angle) * rope->concentration;
        angles[rope->half + i] = (float)sin((double)angle) * rope->concentration;
    }
}
