/* linear_many__avx2.h: many f32 activation rows times a few rows of f32 weights, with linear_f32__avx2.c's bits. */
#ifndef OSSO_BACKEND_LINEAR_MANY_AVX2_H
#define OSSO_BACKEND_LINEAR_MANY_AVX2_H

#include "backend/cpu/kernels.h"

enum {
    MANY_ROWS = 48,    /* from here on a panel pays */
    MANY_TILE = 6,     /* activation rows of a tile */
    MANY_OUTPUTS = 16, /* and its outputs */
    MANY_CHUNK = 256   /* columns: a panel and the rows then lie in the first-level cache */
};

static inline int64_t many_panel_values(int64_t cols)
{
    return (cols + MANY_CHUNK - 1) / MANY_CHUNK * MANY_CHUNK * MANY_OUTPUTS;
}

/* y of all activation rows; w: f32, at most MANY_OUTPUTS rows. `space`: many_panel_values(w->cols). */
void linear_many__avx2(const struct view *w, const struct gather *in, float *y, int64_t y_stride, float *space);

/* Activation rows that stay in the second-level cache while all weights pass: a multiple of MANY_TILE. */
static inline int many_rows(int64_t cols)
{
    int64_t rows = 192 * 256 / cols / MANY_TILE * MANY_TILE;
    return rows < 96 ? 96 : rows > 768 ? 768 : (int)rows;
}

/* Rows [first, first + n). */
static inline struct gather many_part(const struct gather *in, int first, struct act *act)
{
    struct gather part = *in;
    int n = many_rows(in->act->width);
    part.n = in->n - first < n ? in->n - first : n;
    *act = *in->act;
    part.act = act;
    if (in->rows)
        part.rows += first;
    else
        act->f += first * act->width;
    return part;
}

#endif
