/* share.h: how rope and kv_append share an n x (units * unit) result among the members: the one rule, so that one of
 * them finds what the last one left to the same member without a sync. No bit depends on it.
 *
 * Outputs are shared by units (heads), each member over all rows. But 16 members and 8 kv heads leave half of the
 * members idle; so where units do not go up and there are many rows, rows are shared instead. */
#ifndef OSSO_BACKEND_SHARE_H
#define OSSO_BACKEND_SHARE_H

#include "base/thread.h"

enum {
    SHARE_ROWS = 64 /* of each member, at least */,
    SHARE_UNITS = 4 /* of each member, at most: beyond, little idles */
};

/* Rows [row, end_row), outputs [lo, hi) of each. */
struct work_share {
    int64_t row, end_row, lo, hi;
};

static inline struct work_share share_of(const struct member *member, int64_t n, int64_t width, int64_t unit)
{
    struct work_share s = {0, n, 0, width};
    int64_t units = (width + unit - 1) / unit;
    if (n >= SHARE_ROWS * (int64_t)member->n && units % member->n != 0 && units < SHARE_UNITS * (int64_t)member->n) {
        member_share(member, n, &s.row, &s.end_row);
        return s;
    }
    member_share(member, units, &s.lo, &s.hi);
    s.lo = s.lo * unit < width ? s.lo * unit : width;
    s.hi = s.hi * unit < width ? s.hi * unit : width;
    return s;
}

#endif
