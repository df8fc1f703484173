/* linear_many.h: many f32 activation rows times MANY_OUTPUTS rows of f32 weights, with the bits of linear_f32__*.c.
 *
 * A sum is 16 chains of FMA, one a lane, and a tree of them. There a register has lanes of one output, and every output
 * pays for its tree; here it has one lane of many outputs: the weights are turned once into a panel [lane][step]
 * [MANY_OUTPUTS], a tile of MANY_TILE activation rows by MANY_OUTPUTS outputs stays in registers for a lane, and of two
 * lanes or sums that meet in the tree one waits on a stack. Lanes come in the order in which the tree takes them: 0 8 4
 * 12 2 10 ... */
#include "backend/cpu/body/many.h"
#include "backend/cpu/body/quad.h"
#include "backend/cpu/fetch.h"

enum { LANES = 16 };

/* Which lane comes when, and when a lane comes. */
static const int8_t order[LANES] = {0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15};

/* Columns [k, end) of n rows, `apart` bytes from each other, as a piece of a panel; rows that are not there: the last
 * one, whose sums nobody takes. */
static void pack(const uint8_t *data, int64_t apart, int64_t n, int64_t k, int64_t end, float *out)
{
    const float *rows[MANY_OUTPUTS];
    const int64_t lane = many_steps(end - k) * MANY_OUTPUTS;
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
                store4(to + order[s % LANES + i] * lane, turned[i]);
        }
    for (; s < end - k; s++)
        for (int r = 0; r < MANY_OUTPUTS; r++) /* a file's values may lie anywhere */
            memcpy(out + order[s % LANES] * lane + s / LANES * MANY_OUTPUTS + r, rows[r] + s, sizeof *out);
}

/* Sums of MANY_TILE rows: a type, so that they are copied as values. */
struct tile_sums {
    vec16 row[MANY_TILE][MANY_WIDE];
};

/* Products of `steps` columns, LANES apart, from x[r][at] on, of n_lanes lanes (a constant), which lie `lane` values
 * apart in the panel: a second one is 8 columns further, which is what the tree adds to the first. */
INLINE void add_lanes(const float *panel, int64_t lane, const float *const *x, int64_t at, int64_t steps, int n_lanes,
                      struct tile_sums *sums)
{
    const float *from[MANY_TILE];
    UNROLL
    for (int r = 0; r < MANY_TILE; r++)
        from[r] = x[r] + at;
    _Pragma("GCC unroll 8") for (int64_t s = 0; s < steps; s++)
    {
        UNROLL
        for (int l = 0; l < n_lanes; l++) {
            vec16 w[MANY_WIDE];
            UNROLL
            for (int v = 0; v < MANY_WIDE; v++)
                w[v] = load16(panel + l * lane + s * MANY_OUTPUTS + 16 * v, 16);
            UNROLL
            for (int r = 0; r < MANY_TILE; r++) {
                UNROLL
                for (int v = 0; v < MANY_WIDE; v++)
                    sums[l].row[r][v] = fma16_by(w[v], from[r][LANES * s + 8 * l], sums[l].row[r][v]);
            }
        }
    }
}

INLINE void fetch_line(const float *const *x, int64_t at)
{
    UNROLL
    for (int r = 0; r < MANY_TILE; r++)
        __builtin_prefetch(x[r] + at, 0, 2);
}

INLINE void copy_sums(const struct tile_sums *from, struct tile_sums *sum)
{
    UNROLL
    for (int r = 0; r < MANY_TILE; r++) {
        UNROLL
        for (int v = 0; v < MANY_WIDE; v++)
            sum->row[r][v] = from->row[r][v];
    }
}

INLINE void clear_sums(struct tile_sums *sum)
{
    UNROLL
    for (int r = 0; r < MANY_TILE; r++) {
        UNROLL
        for (int v = 0; v < MANY_WIDE; v++)
            sum->row[r][v] = zero16();
    }
}

INLINE void add_sums(const struct tile_sums *before, struct tile_sums *sum)
{
    UNROLL
    for (int r = 0; r < MANY_TILE; r++) {
        UNROLL
        for (int v = 0; v < MANY_WIDE; v++)
            sum->row[r][v] = add16(before->row[r][v], sum->row[r][v]);
    }
}

/* The lanes of columns before k, which begin at 0. */
INLINE void begin_lanes(const struct tile_sums *lanes, int64_t k, struct tile_sums *sums)
{
    UNROLL
    for (int l = 0; l < MANY_LANES; l++)
        if (k == 0)
            clear_sums(&sums[l]);
        else
            copy_sums(&lanes[l], &sums[l]);
}

/* A chunk that is not the last one: lanes go on and wait in memory. */
INLINE void add_chunk(const float *panel, const float *const *x, int64_t k, struct tile_sums *lanes)
{
    const int64_t steps = many_steps(MANY_CHUNK), lane = steps * MANY_OUTPUTS;
    for (int i = 0; i < LANES; i += MANY_LANES, panel += MANY_LANES * lane) {
        struct tile_sums sums[MANY_LANES];
        begin_lanes(&lanes[i], k, sums);
        UNROLL
        for (int l = 0; l < MANY_LANES; l++)
            fetch_line(x, k + MANY_CHUNK + 16 * (i + l));
        add_lanes(panel, lane, x, k + order[i], steps, MANY_LANES, sums);
        UNROLL
        for (int l = 0; l < MANY_LANES; l++)
            copy_sums(&sums[l], &lanes[i + l]);
    }
}

/* The last n columns, and the tree. */
INLINE void last_chunk(const float *panel, const float *const *x, const float *const *next, int64_t k, int64_t n,
                       const struct tile_sums *lanes, struct tile_sums *result)
{
    struct tile_sums waiting[4], sums[MANY_LANES];
    const int64_t whole = n / LANES, lane = many_steps(n) * MANY_OUTPUTS;
    int n_waiting = 0;
    for (int i = 0; i < LANES; i += MANY_LANES, panel += MANY_LANES * lane) {
        begin_lanes(&lanes[i], k, sums);
        UNROLL
        for (int l = 0; l < MANY_LANES; l++)
            fetch_line(next, 16 * (i + l));
        add_lanes(panel, lane, x, k + order[i], whole, MANY_LANES, sums);
        UNROLL
        for (int l = 0; l < MANY_LANES; l++)
            if (order[i + l] < n % LANES)
                add_lanes(panel + l * lane + whole * MANY_OUTPUTS, 0, x, k + order[i + l] + whole * LANES, 1, 1,
                          &sums[l]);
        if (MANY_LANES == 2)
            add_sums(&sums[MANY_LANES - 1], &sums[0]);
        for (int odd = i / MANY_LANES; odd & 1; odd >>= 1) /* the one before it waits for this one */
            add_sums(&waiting[--n_waiting], &sums[0]);
        if (i < LANES - MANY_LANES)
            copy_sums(&sums[0], &waiting[n_waiting++]);
    }
    copy_sums(&sums[0], result);
}

/* MANY_TILE rows x against a panel of `cols` columns; `next`: the rows that come then. */
static void many_tile(const float *panel, const float *const *x, const float *const *next, int64_t cols,
                      int64_t n_outputs, float *const *y)
{
    struct tile_sums lanes[LANES], sum;
    int64_t k = 0;
    UNROLL
    for (int r = 0; r < MANY_TILE; r++) {
        UNROLL
        for (int v = 0; v < MANY_WIDE; v++)
            __builtin_prefetch(y[r] + 16 * v, 1);
    }
    for (; k + MANY_CHUNK < cols; k += MANY_CHUNK, panel += MANY_CHUNK * MANY_OUTPUTS)
        add_chunk(panel, x, k, lanes);
    last_chunk(panel, x, next, k, cols - k, lanes, &sum);
    UNROLL
    for (int r = 0; r < MANY_TILE; r++) {
        UNROLL
        for (int v = 0; v < MANY_WIDE; v++)
            store16(y[r] + 16 * v, n_outputs - 16 * v, sum.row[r][v]);
    }
}

/* y of all activation rows; w: f32, at most MANY_OUTPUTS rows; meanwhile some lines are fetched at each tile. `space`:
 * many_panel_values(w->cols). */
static void linear_many(const struct view *w, const struct gather *in, struct fetch fetch, float *y, int64_t y_stride,
                        float *space)
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
        fetch_some(&fetch);
        if (first >= 0)
            many_tile(space, rows[turn], rows[!turn], w->cols, w->rows, to);
    }
}
