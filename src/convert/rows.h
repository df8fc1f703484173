/* rows.h: one row of a tensor: moved bit for bit into another layout, or made anew in another type, and what that cost.
 */
#ifndef OSSO_CONVERT_ROWS_H
#define OSSO_CONVERT_ROWS_H

#include "checkpoint/plan.h"

/* What a row's new values cost; the worst of its blocks of WORST_BLOCK values by its errors. */
enum { WORST_BLOCK = 32 };
struct row_cost {
    double squares, errors, worst_errors, worst_squares, largest;
    int64_t worst_block;
};
/* What became of `values` in `back`. */
struct row_cost row_cost_of(const float *values, const float *back, int64_t n);

/* Row r as it is, from any layout of its type into `to`'s. side: what lies apart from the codes, of side_row bytes;
 * NULL: nothing does. */
void row_move(const struct view *v, int64_t r, enum dtype to, int64_t row_bytes, const int64_t side_row[2],
              uint8_t *out, uint8_t *const side[2]);
/* values: space for two rows. search: osso_quantize's. */
struct row_cost row_pack(const struct view *v, int64_t r, const struct plan_choice *to, bool search, float *values,
                         uint8_t *out, uint8_t *const side[2]);

#endif
