/* capture_put.c: values of a step on their way into the file: those of wanted rows, once, in its type. */
#include "inspect/capture.h"

#include "quant/quant.h"

#include <math.h>
#include <string.h>

static void put(struct capture *c, size_t sheet, int64_t outer, int64_t row, int64_t n, const void *values)
{
    if (!c->status)
        c->status = sheets_put(&c->sheets, &c->sheets.list[sheet], outer, row, n, values, c->err);
}

/* n values as the file has them, in place. */
static void convert(enum sheet_type type, float *values, int64_t n)
{
    uint16_t *to = (uint16_t *)(void *)values;
    for (int64_t i = 0; i < n && (type == SHEET_F16 || type == SHEET_BF16); i++) {
        float f;
        memcpy(&f, (const char *)values + i * 4, sizeof f); /* 16 bits never overtake 32 */
        uint16_t h = type == SHEET_F16 ? f16_from_f32(f) : bf16_from_f32(f);
        memcpy(to + i, &h, sizeof h);
    }
}

/* The `kept` largest of n values, largest first, the lower place first where they are equal; NaN comes last. */
static void largest(const float *values, int64_t n, int64_t kept, float *top, int32_t *places)
{
    int64_t have = 0;
    for (int64_t i = 0; i < n; i++) {
        float v = values[i];
        if (have == kept && !(v > top[have - 1]) && !(isnan(top[have - 1]) && !isnan(v)))
            continue;
        int64_t at = have < kept ? have++ : kept - 1;
        for (; at > 0 && (v > top[at - 1] || (isnan(top[at - 1]) && !isnan(v))); at--) {
            top[at] = top[at - 1];
            places[at] = places[at - 1];
        }
        top[at] = v;
        places[at] = (int32_t)i;
    }
}

/* What lies in c->space, n rows of `groups` groups of col->last values, into rows [row, row + n). */
static void put_space(struct capture *c, const struct column *col, int64_t outer, int64_t row, int64_t n,
                      int64_t groups, bool ids)
{
    float *values = (float *)(void *)c->space;
    if (col->kept < col->last) {
        int32_t *places = (int32_t *)(void *)(c->space + c->space_bytes / 2);
        float *top = (float *)(void *)(c->space + c->space_bytes);
        for (int64_t g = 0; g < n * groups; g++) { /* what is kept of a group never reaches the next */
            largest(values + g * col->last, col->last, col->kept, top, places + g * col->kept);
            memcpy(values + g * col->kept, top, (size_t)col->kept * sizeof *top);
        }
        put(c, col->places, outer, row, n, places);
    }
    if (!ids)
        convert(c->type, values, n * groups * col->kept);
    put(c, col->values, outer, row, n, values);
}

/* Rows [first, first + n) of a value, which go to rows from `row` on. */
static void put_rows(struct capture *c, size_t index, const struct osso_hook_value *v, int first, int n, int64_t row)
{
    const struct column *col = &c->columns[index];
    const struct sheet *t = &c->sheets.list[col->values];
    enum hook_form form = c->hooks->list[index].row->form;
    const char *from = v->values ? (const char *)v->values : (const char *)v->ids;
    if (t->row_axis == 0) { /* a row of the file is one of the value's */
        memcpy(c->space, from + (int64_t)first * v->width * 4, (size_t)(n * v->width) * 4);
        put_space(c, col, 0, row, n, col->groups, v->ids != NULL);
        return;
    }
    int64_t keys = form == HOOK_ATTENTION ? v->n_keys : 1;
    float none = c->hooks->list[index].row->tap == OSSO_TAP_ATTN_SCORES ? -INFINITY : 0;
    for (int64_t h = 0; h < t->outer; h++) {
        float *to = (float *)(void *)c->space;
        for (int r = 0; r < n; r++, to += col->last) {
            memcpy(to, v->values + (first + r) * v->width + h * keys, (size_t)keys * sizeof *to);
            for (int64_t j = keys; j < col->last; j++)
                to[j] = none;
        }
        put_space(c, col, h, row, n, 1, false);
    }
}

static void put_routed(struct capture *c, size_t index, const struct osso_hook_value *v, int r)
{
    struct column *col = &c->columns[index];
    int32_t position = v->positions[r], row = (int32_t)c->row_of[position];
    put_rows(c, index, v, r, 1, col->count);
    put(c, col->positions, 0, col->count, 1, &position);
    put(c, col->rows, 0, col->count, 1, &row);
    col->count++;
}

static bool wanted(const struct capture *c, const struct osso_hook_value *v, int r)
{
    return !v->replayed[r] && c->row_of[v->positions[r]] >= 0;
}

int capture_put(void *user, const struct osso_hook_value *v)
{
    struct capture *c = user;
    const struct column *col = &c->columns[v->index];
    int64_t most = (int64_t)c->space_bytes / (col->groups * col->last * 2 * (int64_t)sizeof(float));
    for (int r = 0; r < v->n_rows && !c->status; r++) {
        if (!wanted(c, v, r))
            continue;
        if (col->rows != SIZE_MAX) {
            put_routed(c, v->index, v, r);
            continue;
        }
        int64_t row = c->row_of[v->positions[r]];
        int n = 1;
        while (n < most && r + n < v->n_rows && wanted(c, v, r + n) && c->row_of[v->positions[r + n]] == row + n)
            n++;
        put_rows(c, v->index, v, r, n, row);
        r += n - 1;
    }
    return c->status != OSSO_OK;
}
