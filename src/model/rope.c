/* rope.c: rotary frequencies and angles. Source: the gpt-oss torch reference (YaRN, arXiv:2309.00071). */
#define _GNU_SOURCE
#include "model/rope.h"

#include <math.h>

/* The dimension (as a real number) whose wavelength makes `rotations` turns over the original context. */
static double yarn_bound(const struct config *c, double rotations)
{
    return c->head_dim / 2.0 * log((double)c->yarn_original / (rotations * 2 * M_PI)) / log(c->rope_theta);
}

/* The ramp between the two bounds: where it starts and how long it is. */
static void yarn_ramp(const struct config *c, float *low_out, float *length_out)
{
    double low = yarn_bound(c, c->yarn_beta_fast), high = yarn_bound(c, c->yarn_beta_slow);
    if (c->yarn_truncate) {
        low = floor(low);
        high = ceil(high);
    }
    low = fmax(low, 0);
    high = fmin(high, c->head_dim - 1);
    if (low == high)
        high += 0.001; /* as the reference does: the ramp stays a step */
    *low_out = (float)low;
    *length_out = (float)(high - low);
}

void rope_init(const struct config *c, struct rope *rope)
{
    rope->half = c->head_dim / 2;
    bool yarn = c->yarn && c->yarn_factor != 1;
    float low = 0, length = 1, factor = yarn ? (float)c->yarn_factor : 1;
    if (yarn)
        yarn_ramp(c, &low, &length);
    /* Each step rounded to f32, as the reference computes them: at position 4,000 the difference to f64 shows. */
    for (int i = 0; i < rope->half; i++) {
        float exponent = (float)(2 * i) / (float)c->head_dim;
        float wavelength = (float)pow(c->rope_theta, exponent);
        float keep = 1.0f / wavelength, stretch = 1.0f / (factor * wavelength);
        float ramp = ((float)i - low) / length;
        ramp = yarn ? fminf(fmaxf(ramp, 0), 1) : 0;
        float share = 1.0f - ramp;
        rope->frequency[i] = stretch * (1.0f - share) + keep * share;
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
