/* many.h: sizes of body/linear_many.h, for the kernels that call it. An ISA says how large a tile its registers hold:
 * MANY_TILE activation rows by MANY_WIDE vectors of outputs by MANY_LANES, 1 or 2; of how many columns a lane goes on
 * in registers (MANY_CHUNK: a whole number of LANES); and how many values of such rows its caches keep. */
#ifndef OSSO_BACKEND_MANY_H
#define OSSO_BACKEND_MANY_H

#include "backend/cpu/kernels.h"
#include "backend/cpu/row_parts.h"

enum {
    MANY_OUTPUTS = 16 * MANY_WIDE,
    MANY_FROM = 48 /* activation rows: from here on a panel pays */
};

/* Of each of the 16 lanes in so many columns. */
static inline int64_t many_steps(int64_t cols)
{
    return (cols + 15) / 16;
}

static inline int64_t many_panel_values(int64_t cols)
{
    return many_steps(cols) * 16 * MANY_OUTPUTS;
}

/* Activation rows that stay in the second-level cache while all weights pass: a multiple of MANY_TILE. */
static inline int many_rows(const struct gather *in)
{
    int64_t rows = MANY_KEPT / in->act->width / MANY_TILE * MANY_TILE;
    return (int)even_part(in->n, rows < 96 ? 96 : rows > 768 ? 768 : rows, MANY_TILE);
}

/* Rows [first, first + n). */
static inline struct gather many_part(const struct gather *in, int first, struct act *act)
{
    struct gather part = *in;
    int n = many_rows(in);
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
