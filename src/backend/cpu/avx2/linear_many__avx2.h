/* linear_many__avx2.h: many f32 activation rows times a few rows of f32 weights, with linear_f32__avx2.c's bits. */
#ifndef OSSO_BACKEND_LINEAR_MANY_AVX2_H
#define OSSO_BACKEND_LINEAR_MANY_AVX2_H

#include "backend/cpu/fetch.h"

enum { MANY_TILE = 6, MANY_WIDE = 1, MANY_LANES = 1, MANY_CHUNK = 256, MANY_KEPT = 192 * 256 };

#include "backend/cpu/body/many.h"

/* y of all activation rows; w: f32, at most MANY_OUTPUTS rows; meanwhile some lines are fetched at each tile. `space`:
 * many_panel_values(w->cols). */
void linear_many__avx2(const struct view *w, const struct gather *in, struct fetch fetch, float *y, int64_t y_stride,
                       float *space);

#endif
