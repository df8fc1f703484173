/* row_parts.h: into how many parts many rows are cut, so that what is made of one is still in a cache when it is read
 * again. No bit depends on it. */
#ifndef OSSO_BACKEND_ROW_PARTS_H
#define OSSO_BACKEND_ROW_PARTS_H

#include <stdint.h>

/* How many of n rows go together, so that parts of at most `most` (which is whole units) are about equal: a short one
 * would take its share of packing as a long one does. */
static inline int64_t even_part(int64_t n, int64_t most, int64_t unit)
{
    int64_t parts = (n + most - 1) / most, each = parts ? (n + parts - 1) / parts : most;
    return (each + unit - 1) / unit * unit;
}

/* Rows of f32 that what comes next still finds in the second-level cache, of n rows of `width` values. */
static inline int64_t rows_kept(int64_t n, int64_t width)
{
    enum { VALUES = 1024 * 256, UNIT = 12, LEAST = 96, MOST = 504 };
    int64_t rows = VALUES / width / UNIT * UNIT;
    return even_part(n, rows < LEAST ? LEAST : rows > MOST ? MOST : rows, UNIT);
}

#endif
