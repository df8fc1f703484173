/* linear_many__avx2.h: many f32 activation rows times a few rows of f32 weights, with linear_f32__avx2.c's bits. */
#ifndef OSSO_BACKEND_LINEAR_MANY_AVX2_H
#define OSSO_BACKEND_LINEAR_MANY_AVX2_H

#include "backend/cpu/fetch.h"

enum { MANY_TILE = 6, MANY_WIDE = 1, MANY_CHUNK = 256, MANY_KEPT = 192 * 256 };

#include "backend/cpu/body/many.h"

/* The activation rows of a part (many_part) as linear_many__avx2 wants them, into many_kept_values(width). */
void many_pack__avx2(const struct gather *in, float *out);
/* y of the n packed activation rows; w: f32, at most MANY_OUTPUTS rows; meanwhile some lines are fetched at each tile.
 * `space`: many_panel_values(w->cols). */
void linear_many__avx2(const struct view *w, const float *acts, int n, struct fetch fetch, float *y, int64_t y_stride,
                       float *space);

/* Rows from `first` on that go together, packed at the beginning of the workspace where they are many. */
static inline struct gather packed_part(const struct gather *in, int first, struct act *act, float *workspace)
{
    struct gather part = many_part(in, first, act);
    if (part.n >= MANY_FROM && !many_again(in))
        many_pack__avx2(&part, workspace);
    return part;
}

#endif
