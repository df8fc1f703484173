/* linear_many__avx2.c: many f32 activation rows times 16 rows of f32 weights, with linear_f32__avx2.c's bits.
 *
 * A sum is 16 chains of FMA, one a lane, and a tree of them. There a register has eight lanes of one output, and every
 * output pays for its tree; here it has one lane of eight outputs: the weights are turned once into a panel
 * [lane][step] [16 outputs], a tile of 6 activation rows by 16 outputs stays in registers for a lane, and of two lanes
 * or sums that meet in the tree one waits on a stack. Lanes come in the order in which the tree takes them: 0 8 4 12 2
 * 10 ... */
#include "backend/cpu/avx2/linear_many__avx2.h"

#include "backend/cpu/avx2/vec__avx2.h"
#include "backend/cpu/body/quad.h"

enum { LANES = 16, STEPS = MANY_CHUNK / LANES };

/* Which lane comes when, and when a lane comes. */
static const int8_t order[LANES] = {0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15};

/* Columns [k, end) of n rows, `apart` bytes from each other, as a piece of a panel; rows that are not there: the last
 * one, whose sums nobody takes. */
static void pack(const uint8_t *data, int64_t apart, int64_t n, int64_t k, int64_t end, float *out)
{
    const float *rows[MANY_OUTPUTS];
    int64_t s = 0;
    for (int64_t r = 0; r < MANY_OUTPUTS; r++)
        rows[r] = (const float *)(const void *)(data + (r < n ? r : n - 1) * apart) + k;
    for (; s + 4 <= end - k; s += 4)
        for (int q = 0; q < MANY_OUTPUTS / 4; q++) {
            float *to = out + s / LANES * MANY_OUTPUTS + 4 * q;
            quad turned[4];
            turn4(rows + 4 * q, s, turned);
            UNROLL
            for (int i = 0; i < 4; i++)
                store4(to + order[s % LANES + i] * STEPS * MANY_OUTPUTS, turned[i]);
        }
    for (; s < end - k; s++)
        for (int r = 0; r < MANY_OUTPUTS; r++)
            out[(order[s % LANES] * STEPS + s / LANES) * MANY_OUTPUTS + r] = rows[r][s];
}

/* Sums of MANY_TILE rows: a type, so that they are copied as values. */
struct tile {
    vec16 row[MANY_TILE];
};

/* One lane's products of `steps` columns, LANES apart, from x[r][at] on. */
INLINE void add_lane(const float *panel, const float *const *x, int64_t at, int64_t steps, struct tile *sum)
{
    const float *x0 = x[0] + at, *x1 = x[1] + at, *x2 = x[2] + at, *x3 = x[3] + at, *x4 = x[4] + at, *x5 = x[5] + at;
    UNROLL
    for (int64_t s = 0; s < steps; s++) {
        const vec16 w = load16(panel + s * MANY_OUTPUTS, 16);
        sum->row[0] = fma16_by(w, x0[LANES * s], sum->row[0]);
        sum->row[1] = fma16_by(w, x1[LANES * s], sum->row[1]);
        sum->row[2] = fma16_by(w, x2[LANES * s], sum->row[2]);
        sum->row[3] = fma16_by(w, x3[LANES * s], sum->row[3]);
        sum->row[4] = fma16_by(w, x4[LANES * s], sum->row[4]);
        sum->row[5] = fma16_by(w, x5[LANES * s], sum->row[5]);
    }
}

INLINE void fetch_line(const float *const *x, int64_t at)
{
    UNROLL
    for (int r = 0; r < MANY_TILE; r++)
        __builtin_prefetch(x[r] + at, 0, 2);
}

INLINE void load_tile(const struct tile *from, struct tile *sum)
{
    UNROLL
    for (int r = 0; r < MANY_TILE; r++)
        sum->row[r] = from->row[r];
}

INLINE void clear_tile(struct tile *sum)
{
    UNROLL
    for (int r = 0; r < MANY_TILE; r++)
        sum->row[r] = zero16();
}

INLINE void add_tile(const struct tile *before, struct tile *sum)
{
    UNROLL
    for (int r = 0; r < MANY_TILE; r++)
        sum->row[r] = add16(before->row[r], sum->row[r]);
}

/* A chunk that is not the last one: lanes go on and wait in memory. */
INLINE void add_chunk(const float *panel, const float *const *x, int64_t k, bool first, struct tile *lanes)
{
    for (int i = 0; i < LANES; i++, panel += STEPS * MANY_OUTPUTS) {
        struct tile sum;
        if (first)
            clear_tile(&sum);
        else
            load_tile(&lanes[i], &sum);
        fetch_line(x, k + MANY_CHUNK + 16 * i);
        add_lane(panel, x, k + order[i], STEPS, &sum);
        load_tile(&sum, &lanes[i]);
    }
}

/* The last n columns, and the tree. */
INLINE void last_chunk(const float *panel, const float *const *x, const float *const *next, int64_t k, int64_t n,
                       const struct tile *lanes, struct tile *result)
{
    struct tile waiting[4], sum;
    int n_waiting = 0;
    for (int i = 0; i < LANES; i++, panel += STEPS * MANY_OUTPUTS) {
        if (k == 0)
            clear_tile(&sum);
        else
            load_tile(&lanes[i], &sum);
        fetch_line(next, 16 * i);
        if (n == MANY_CHUNK)
            add_lane(panel, x, k + order[i], STEPS, &sum);
        else
            for (int64_t s = 0; s < (n - order[i] + LANES - 1) / LANES; s++)
                add_lane(panel + s * MANY_OUTPUTS, x, k + order[i] + s * LANES, 1, &sum);
        for (int odd = i; odd & 1; odd >>= 1) /* the one before it waits for this one */
            add_tile(&waiting[--n_waiting], &sum);
        if (i < LANES - 1)
            load_tile(&sum, &waiting[n_waiting++]);
    }
    load_tile(&sum, result);
}

/* MANY_TILE rows x against a panel of `cols` columns; `next`: the rows that come then. */
static void many_tile(const float *panel, const float *const *x, const float *const *next, int64_t cols,
                      int64_t n_outputs, float *const *y)
{
    struct tile lanes[LANES], sum;
    int64_t k = 0;
    for (; k + MANY_CHUNK < cols; k += MANY_CHUNK, panel += MANY_CHUNK * MANY_OUTPUTS)
        add_chunk(panel, x, k, k == 0, lanes);
    last_chunk(panel, x, next, k, cols - k, lanes, &sum);
    UNROLL
    for (int r = 0; r < MANY_TILE; r++)
        store16(y[r], n_outputs, sum.row[r]);
}

void linear_many__avx2(const struct view *w, const struct gather *in, float *y, int64_t y_stride, float *space)
{
    float nowhere[MANY_OUTPUTS], *to[MANY_TILE];
    const float *rows[2][MANY_TILE];
    for (int64_t k = 0; k < w->cols; k += MANY_CHUNK)
        pack(w->data, w->row_stride, w->rows, k, w->cols - k < MANY_CHUNK ? w->cols : k + MANY_CHUNK,
             space + k * MANY_OUTPUTS);
    for (int first = -MANY_TILE, turn = 0; first < in->n; first += MANY_TILE, turn = !turn) {
        for (int r = 0; r < MANY_TILE; r++) { /* rows that are not there: the last one */
            int row = first + MANY_TILE + r < in->n ? first + MANY_TILE + r : in->n - 1;
            rows[!turn][r] = in->act->f + gather_row(in, row) * in->act->width;
            to[r] = first + r < in->n ? y + (first + r) * y_stride : nowhere;
        }
        if (first >= 0)
            many_tile(space, rows[turn], rows[!turn], w->cols, w->rows, to);
    }
}
