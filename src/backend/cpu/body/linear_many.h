/* linear_many.h: many f32 activation rows times MANY_OUTPUTS rows of f32 weights, with the bits of linear_f32__*.c.
 *
 * A sum is 16 chains of FMA, one a lane, and a tree of them. There a register has lanes of one output, and every output
 * pays for its tree; here it has one lane of many outputs, and a tile of MANY_TILE activation rows by MANY_OUTPUTS
 * outputs stays in registers for MANY_LANES lanes. Weights and activation rows are turned for it: [lane][step][row],
 * lanes that come together side by side. For such lanes a piece of the panel stays in the first-level cache while a
 * group of tiles passes; of two lanes or sums that meet in the tree one waits on a stack, and lanes come in the order
 * in which the tree takes them: 0 8 4 12 2 10 ... */
#include "backend/cpu/body/many.h"
#include "backend/cpu/body/quad.h"

enum { LANES = 16, TURNS = LANES / MANY_LANES, GROUP = 16 /* tiles */, WAITING = MANY_LANES == 2 ? 3 : 4 };

/* Which lane comes when, and when a lane comes: the same numbers. */
static const int8_t order[LANES] = {0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15};

/* What a turn takes of `width` turned rows, in values: a line more than they are, since by whole KB all turns would
 * want the same few sets of a cache. */
INLINE int64_t turn_apart(int64_t cols, int width)
{
    return many_steps(cols) * MANY_LANES * width + MANY_GAP;
}

/* Where step s of lane `lane` lies. */
INLINE int64_t many_at(int64_t lane, int64_t s, int64_t apart, int width)
{
    int64_t when = order[lane];
    return when / MANY_LANES * apart + (s * MANY_LANES + when % MANY_LANES) * width;
}

/* Quad q of a row of `width` values: the last one ends with the row. */
INLINE int many_quad(int q, int width)
{
    return 4 * q + 4 <= width ? 4 * q : width - 4;
}

/* `cols` columns of `width` rows (a constant), turned. */
INLINE void many_turn(const float *const *rows, int64_t cols, int width, float *out)
{
    const int64_t apart = turn_apart(cols, width);
    int64_t k = 0;
    for (; k + LANES <= cols; k += LANES)
        for (int q = 0; q < (width + 3) / 4; q++) {
            float *to = out + k / LANES * MANY_LANES * width + many_quad(q, width);
            UNROLL
            for (int lane = 0; lane < LANES; lane += 4) {
                quad turned[4];
                turn4(rows + many_quad(q, width), k + lane, turned);
                UNROLL
                for (int i = 0; i < 4; i++)
                    store4(to + many_at(lane + i, 0, apart, width), turned[i]);
            }
        }
    for (; k < cols; k++)
        for (int r = 0; r < width; r++)
            out[many_at(k % LANES, k / LANES, apart, width) + r] = rows[r][k];
}

/* The activation rows, tile after tile; rows that are not there: the last one, whose sums nobody takes. */
static void many_turn_acts(const struct gather *in, float *x)
{
    const float *rows[MANY_TILE];
    for (int first = 0; first < in->n; first += MANY_TILE, x += TURNS * turn_apart(in->act->width, MANY_TILE)) {
        for (int r = 0; r < MANY_TILE; r++)
            rows[r] = in->act->f + gather_row(in, first + r < in->n ? first + r : in->n - 1) * in->act->width;
        many_turn(rows, in->act->width, MANY_TILE, x);
    }
}

/* Sums of MANY_TILE rows: a type, so that they are copied as values. */
struct tile_sums {
    vec16 row[MANY_TILE][MANY_WIDE];
};

INLINE void add_sums(const struct tile_sums *before, const struct tile_sums *after, struct tile_sums *sum)
{
    UNROLL
    for (int r = 0; r < MANY_TILE; r++) {
        UNROLL
        for (int v = 0; v < MANY_WIDE; v++)
            sum->row[r][v] = add16(before->row[r][v], after->row[r][v]);
    }
}

/* One column of a lane. */
INLINE void add_column(const float *panel, const float *x, struct tile_sums *sum)
{
    vec16 w[MANY_WIDE];
    UNROLL
    for (int v = 0; v < MANY_WIDE; v++)
        w[v] = load16(panel + 16 * v, 16);
    UNROLL
    for (int r = 0; r < MANY_TILE; r++) {
        UNROLL
        for (int v = 0; v < MANY_WIDE; v++)
            sum->row[r][v] = fma16_by(w[v], x[r], sum->row[r][v]);
    }
}

/* The lanes of a turn, added up: `whole` steps that all lanes have, and one more of those that `last` says. What comes
 * next of x is fetched meanwhile. */
INLINE struct tile_sums turn_sums(const float *panel, const float *x, const float *next, int64_t whole,
                                  const bool *last)
{
    struct tile_sums sums[MANY_LANES];
    UNROLL
    for (int l = 0; l < MANY_LANES; l++) {
        UNROLL
        for (int r = 0; r < MANY_TILE; r++) {
            UNROLL
            for (int v = 0; v < MANY_WIDE; v++)
                sums[l].row[r][v] = zero16();
        }
    }
    _Pragma("GCC unroll 4") for (int64_t s = 0; s < whole; s++)
    {
        __builtin_prefetch(next + s * MANY_LANES * MANY_TILE);
        UNROLL
        for (int l = 0; l < MANY_LANES; l++)
            add_column(panel + (s * MANY_LANES + l) * MANY_OUTPUTS, x + (s * MANY_LANES + l) * MANY_TILE, &sums[l]);
    }
    UNROLL
    for (int l = 0; l < MANY_LANES; l++)
        if (last[l])
            add_column(panel + (whole * MANY_LANES + l) * MANY_OUTPUTS, x + (whole * MANY_LANES + l) * MANY_TILE,
                       &sums[l]);
    if (MANY_LANES == 2)
        add_sums(&sums[0], &sums[MANY_LANES - 1], &sums[0]);
    return sums[0];
}

/* y of MANY_TILE rows; rows that are not there: nowhere. */
struct tile_rows {
    float *y[MANY_TILE];
};

INLINE void store_sums(const struct tile_sums *sum, const struct tile_rows *to, int64_t n_outputs)
{
    UNROLL
    for (int r = 0; r < MANY_TILE; r++) {
        UNROLL
        for (int v = 0; v < MANY_WIDE; v++)
            store16(to->y[r] + 16 * v, n_outputs - 16 * v, sum->row[r][v]);
    }
}

/* Up to GROUP tiles against a panel. After turn i as many sums of each tile wait as i + 1 has bits. */
static void many_group(const float *panel, const float *x, int64_t cols, int n_tiles, int64_t n_outputs,
                       const struct tile_rows *to)
{
    const int64_t whole = cols / LANES, apart = turn_apart(cols, MANY_TILE);
    struct tile_sums waiting[WAITING][GROUP];
    for (int i = 0, n_waiting = 0; i < TURNS; i++, panel += turn_apart(cols, MANY_OUTPUTS)) {
        bool last[MANY_LANES];
        for (int l = 0; l < MANY_LANES; l++)
            last[l] = order[i * MANY_LANES + l] < cols % LANES;
        int n_met = 0;
        while (i >> n_met & 1)
            n_met++;
        for (int t = 0; t < n_tiles; t++) {
            const float *at = x + (t * TURNS + i) * apart;
            struct tile_sums sum = turn_sums(panel, at, at + TURNS * apart, whole, last);
            for (int m = 1; m <= n_met; m++) /* the one before it waited for this one */
                add_sums(&waiting[n_waiting - m][t], &sum, &sum);
            if (i == TURNS - 1)
                store_sums(&sum, &to[t], n_outputs);
            else
                waiting[n_waiting - n_met][t] = sum;
        }
        n_waiting += 1 - n_met;
    }
}

/* y of all activation rows, which lie turned at x; w: f32, at most MANY_OUTPUTS rows. `panel`: many_panel_values. */
static void linear_many(const struct view *w, int n, const float *x, float *y, int64_t y_stride, float *panel)
{
    const int64_t tile_values = TURNS * turn_apart(w->cols, MANY_TILE);
    const float *rows[MANY_OUTPUTS];
    float nowhere[MANY_OUTPUTS];
    for (int64_t r = 0; r < MANY_OUTPUTS; r++) /* rows that are not there: the last one, whose sums nobody takes */
        rows[r] = (const float *)(const void *)(w->data + (r < w->rows ? r : w->rows - 1) * w->row_stride);
    many_turn(rows, w->cols, MANY_OUTPUTS, panel);
    for (int first = 0; first < n; first += GROUP * MANY_TILE, x += GROUP * tile_values) {
        struct tile_rows to[GROUP];
        int n_tiles = 0;
        for (int row = first; row < n && n_tiles < GROUP; n_tiles++)
            for (int r = 0; r < MANY_TILE; r++, row++) {
                to[n_tiles].y[r] = row < n ? y + row * y_stride : nowhere;
                for (int v = 0; v < MANY_WIDE; v++)
                    __builtin_prefetch(to[n_tiles].y[r] + 16 * v, 1);
            }
        many_group(panel, x, w->cols, n_tiles, w->rows, to);
    }
}
