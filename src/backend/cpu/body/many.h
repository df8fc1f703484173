/* many.h: sizes of body/linear_many.h, for the kernels that call it. An ISA says how large a tile its registers hold:
 * MANY_TILE activation rows by MANY_WIDE vectors of outputs; of how many columns a lane goes on in registers
 * (MANY_CHUNK: a whole number of LANES); and how many values of such rows its caches keep, at most LINEAR_KEPT. */
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

/* A lane of a panel of `wide` rows. Lanes lie a line more than their size apart, else they would share a few sets of
 * the cache. */
static inline int64_t many_lane(int64_t cols, int wide)
{
    return many_steps(cols) * wide + 16;
}

/* Chunks one after another. */
static inline int64_t many_values(int64_t cols, int wide)
{
    return cols / MANY_CHUNK * 16 * many_lane(MANY_CHUNK, wide) + 16 * many_lane(cols % MANY_CHUNK, wide);
}

static inline int64_t many_panel_values(int64_t cols)
{
    return many_values(cols, MANY_OUTPUTS);
}

/* Activation rows that stay in the second-level cache while all weights pass: a multiple of MANY_TILE. */
static inline int many_rows(const struct gather *in)
{
    int64_t rows = linear_kept_rows(MANY_KEPT, in->act->width); /* the bounds are whole tiles */
    return (int)even_part(in->n, rows / MANY_TILE * MANY_TILE, MANY_TILE);
}

/* What many_pack fills for rows of `cols` values, at the beginning of a workspace. */
static inline int64_t many_kept_values(int64_t cols)
{
    return (int64_t)linear_kept_bytes(cols) / (int64_t)sizeof(float);
}

/* Whether a part's rows were packed by the last call with this workspace. */
static inline bool many_again(const struct gather *in)
{
    return in->again && in->n <= many_rows(in);
}
_Static_assert((int)MANY_KEPT <= (int)LINEAR_KEPT && (int)LINEAR_KEPT_LEAST % (int)MANY_TILE == 0 &&
                   (int)LINEAR_KEPT_MOST % (int)MANY_TILE == 0,
               "linear_kept_bytes has room for packed rows");

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
