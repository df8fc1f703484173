/* rows.c: see rows.h. */
#include "convert/rows.h"

#include "backend/view.h"
#include "convert/conversion.h"
#include "quant/quant.h"

#include <math.h>
#include <string.h>

/* 16 bytes of codes whose low and high nibbles are neighbours, as low and high halves of the block, and back. */
static void pairs_to_halves(const uint8_t *in, uint8_t *out)
{
    for (int j = 0; j < 8; j++) {
        out[2 * j] = (uint8_t)((in[j] & 15) | in[j + 8] << 4);
        out[2 * j + 1] = (uint8_t)(in[j] >> 4 | (in[j + 8] & 0xf0));
    }
}

static void halves_to_pairs(const uint8_t *in, uint8_t *out)
{
    for (int j = 0; j < 8; j++) {
        out[j] = (uint8_t)((in[2 * j] & 15) | in[2 * j + 1] << 4);
        out[j + 8] = (uint8_t)(in[2 * j] >> 4 | (in[2 * j + 1] & 0xf0));
    }
}

/* From any of the three layouts into one of the two that are written. */
static void move_mxfp4(const struct view *v, int64_t r, enum dtype to, uint8_t *out, uint8_t *scales)
{
    bool apart = v->dtype == DT_MXFP4_HF, halves = v->dtype == DT_MXFP4;
    for (int64_t b = 0; b < v->cols / QUANT_BLOCK; b++) {
        const uint8_t *in = v->data + r * v->row_stride + b * (apart ? 16 : 17);
        uint8_t scale = apart ? v->side[0].data[r * v->side[0].stride + b] : in[0];
        const uint8_t *codes = apart ? in : in + 1;
        uint8_t *to_codes = to == DT_MXFP4_HF ? out + 16 * b : out + 17 * b + 1;
        if (halves == (to == DT_MXFP4))
            memcpy(to_codes, codes, 16);
        else
            (halves ? halves_to_pairs : pairs_to_halves)(codes, to_codes);
        *(to == DT_MXFP4_HF ? scales + b : out + 17 * b) = scale;
    }
}

void row_move(const struct view *v, int64_t r, enum dtype to, int64_t row_bytes, const int64_t side_row[2],
              uint8_t *out, uint8_t *const side[2])
{
    const struct dtype_info *info = dtype_info(v->dtype);
    const uint8_t *in = v->data + r * v->row_stride;
    if (fates_is_mxfp4(v->dtype)) {
        move_mxfp4(v, r, to, out, side[0]);
        return;
    }
    if (!v->col_stride)
        memcpy(out, in, (size_t)row_bytes);
    for (int64_t k = 0; v->col_stride && k < v->cols; k++)
        memcpy(out + k * info->block_bytes, in + k * v->col_stride, (size_t)info->block_bytes);
    for (int i = 0; i < 2; i++)
        if (side[i])
            memcpy(side[i], v->side[i].data + r * v->side[i].stride, (size_t)side_row[i]);
}

struct row_cost row_cost_of(const float *values, const float *back, int64_t n)
{
    struct row_cost cost = {.worst_errors = -1};
    for (int64_t b = 0; b < n; b += WORST_BLOCK) {
        double squares = 0, errors = 0;
        for (int64_t k = b; k < n && k < b + WORST_BLOCK; k++) {
            double error = fabs((double)back[k] - (double)values[k]);
            if (isnan(error)) /* not finite: the same as before, or lost */
                error = back[k] == values[k] || (isnan(back[k]) && isnan(values[k])) ? 0 : INFINITY;
            squares += (double)values[k] * (double)values[k];
            errors += error * error;
            cost.largest = error > cost.largest ? error : cost.largest;
        }
        cost.squares += squares;
        cost.errors += errors;
        if (errors > cost.worst_errors) {
            cost.worst_errors = errors;
            cost.worst_squares = squares;
            cost.worst_block = b / WORST_BLOCK;
        }
    }
    return cost;
}

struct row_cost row_pack(const struct view *v, int64_t r, const struct plan_choice *to, bool search, float *values,
                         uint8_t *out, uint8_t *const side[2])
{
    const struct quant_row how = {to->dtype, to->group, search};
    const struct sides_out sides = {{side[0], side[1]}, {to->side, to->side}};
    const struct view made = {.dtype = to->dtype,
                              .data = out,
                              .side = {{to->side, side[0], 0}, {to->side, side[1], 0}},
                              .group = to->group,
                              .rows = 1,
                              .cols = v->cols};
    view_values(v, r, 0, v->cols, values);
    quant_pack_row(&how, values, v->cols, out, &sides);
    view_values(&made, 0, 0, v->cols, values + v->cols);
    return row_cost_of(values, values + v->cols, v->cols);
}
