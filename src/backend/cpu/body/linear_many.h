/* linear_many.h: many f32 activation rows times MANY_OUTPUTS rows of f32 weights, with the bits of linear_f32__*.c.
 *
 * A sum is 16 chains of FMA, one a lane, and a tree of them. There a register has lanes of one output, and every output
 * pays for its tree; here it has one lane of many outputs: the weights are turned once into a panel [lane][step]
 * [MANY_OUTPUTS], and the activation rows, once for all weights, into panels [lane][step][MANY_TILE]. A tile of
 * MANY_TILE rows by MANY_OUTPUTS outputs stays in registers for a lane and reads two streams; sums that meet in the
 * tree wait on a stack. Lanes come in the order in which the tree takes them: 0 8 4 12 2 10 ... */
#include "backend/cpu/body/many.h"
#include "backend/cpu/body/quad.h"
#include "backend/cpu/fetch.h"

enum { LANES = 16 };

/* Which lane comes when, and when a lane comes. */
static const int8_t order[LANES] = {0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15};

/* Columns k .. k + 3 of four rows, which are lanes `at` and more (a constant), to where lane 0 has the first row. */
INLINE void pack_quad(const float *const *rows, int64_t k, int at, int64_t lane, float *to)
{
    quad turned[4];
    turn4(rows, k, turned);
    UNROLL
    for (int i = 0; i < 4; i++)
        store4(to + order[at + i] * lane, turned[i]);
}

/* Columns k .. end - 1, at most LANES, of rows [r, wide), one by one: a file's values may lie anywhere. */
INLINE void pack_single(const float *const *rows, int r, int wide, int64_t k, int64_t end, int64_t lane, float *to)
{
    for (; r < wide; r++)
        for (int64_t i = k; i < end; i++)
            memcpy(to + order[i - k] * lane + r, rows[r] + i, sizeof *to);
}

/* Columns [k, end) of `wide` rows (a constant) as a piece of a panel. A line of four rows at a time: lines of all of
 * them and of all lanes would be more than a set of the first-level cache holds. */
INLINE void pack(const float *const *rows, int wide, int64_t k, int64_t end, float *out)
{
    const int64_t lane = many_lane(end - k, wide);
    for (; k + LANES <= end; k += LANES, out += wide) {
        for (int r = 0; r + 4 <= wide; r += 4) {
            UNROLL
            for (int at = 0; at < LANES; at += 4)
                pack_quad(rows + r, k + at, at, lane, out + r);
        }
        pack_single(rows, wide / 4 * 4, wide, k, k + LANES, lane, out);
    }
    pack_single(rows, 0, wide, k, end, lane, out);
}

/* All columns, MANY_CHUNK after MANY_CHUNK. */
INLINE void pack_chunks(const float *const *rows, int wide, int64_t cols, float *out)
{
    for (int64_t k = 0; k < cols; k += MANY_CHUNK, out += LANES * many_lane(MANY_CHUNK, wide))
        pack(rows, wide, k, cols - k < MANY_CHUNK ? cols : k + MANY_CHUNK, out);
}

/* The activation rows of a part (many_part), which many_tile meets a panel of weights with; rows that are not there:
 * the last one, whose sums nobody takes. */
static void many_pack(const struct gather *in, float *out)
{
    const int64_t cols = in->act->width;
    const float *rows[MANY_TILE];
    for (int first = 0; first < in->n; first += MANY_TILE, out += many_values(cols, MANY_TILE)) {
        for (int r = 0; r < MANY_TILE; r++)
            rows[r] = in->act->f + gather_row(in, first + r < in->n ? first + r : in->n - 1) * cols;
        pack_chunks(rows, MANY_TILE, cols, out);
    }
}

/* Sums of MANY_TILE rows: a type, so that they are copied as values. */
struct tile_sums {
    vec16 row[MANY_TILE][MANY_WIDE];
};

/* Products of `steps` columns of a lane. */
INLINE void add_lane(const float *panel, const float *acts, int64_t steps, struct tile_sums *sums)
{
    _Pragma("GCC unroll 4") for (int64_t s = 0; s < steps; s++, panel += MANY_OUTPUTS, acts += MANY_TILE)
    {
        vec16 w[MANY_WIDE];
        UNROLL
        for (int v = 0; v < MANY_WIDE; v++)
            w[v] = load16(panel + 16 * v, 16);
        UNROLL
        for (int r = 0; r < MANY_TILE; r++) {
            UNROLL
            for (int v = 0; v < MANY_WIDE; v++)
                sums->row[r][v] = fma16_by(w[v], acts[r], sums->row[r][v]);
        }
    }
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

/* A lane of columns before k, which begins at 0. */
INLINE void begin_lane(const struct tile_sums *lane, int64_t k, struct tile_sums *sums)
{
    if (k == 0)
        clear_sums(sums);
    else
        copy_sums(lane, sums);
}

/* A chunk that is not the last one: lanes go on and wait in memory. */
INLINE void add_chunk(const float *panel, const float *acts, int64_t k, struct tile_sums *lanes)
{
    const int64_t steps = many_steps(MANY_CHUNK);
    for (int i = 0; i < LANES; i++) {
        struct tile_sums sums;
        begin_lane(&lanes[i], k, &sums);
        add_lane(panel + i * many_lane(MANY_CHUNK, MANY_OUTPUTS), acts + i * many_lane(MANY_CHUNK, MANY_TILE), steps,
                 &sums);
        copy_sums(&sums, &lanes[i]);
    }
}

/* The last n columns, and the tree. */
INLINE void last_chunk(const float *panel, const float *acts, int64_t k, int64_t n, const struct tile_sums *lanes,
                       struct tile_sums *result)
{
    struct tile_sums waiting[4], sums;
    int n_waiting = 0;
    for (int i = 0; i < LANES; i++, panel += many_lane(n, MANY_OUTPUTS), acts += many_lane(n, MANY_TILE)) {
        begin_lane(&lanes[i], k, &sums);
        add_lane(panel, acts, n / LANES + (order[i] < n % LANES), &sums);
        for (int odd = i; odd & 1; odd >>= 1) /* the one before it waits for this one */
            add_sums(&waiting[--n_waiting], &sums);
        if (i < LANES - 1)
            copy_sums(&sums, &waiting[n_waiting++]);
    }
    copy_sums(&sums, result);
}

/* MANY_TILE rows against a panel of `cols` columns. */
static void many_tile(const float *panel, const float *acts, int64_t cols, int64_t n_outputs, float *const *y)
{
    struct tile_sums lanes[LANES], sum;
    int64_t k = 0;
    UNROLL
    for (int r = 0; r < MANY_TILE; r++) {
        UNROLL
        for (int v = 0; v < MANY_WIDE; v++)
            __builtin_prefetch(y[r] + 16 * v, 1);
    }
    for (; k + MANY_CHUNK < cols; k += MANY_CHUNK) {
        add_chunk(panel, acts, k, lanes);
        panel += LANES * many_lane(MANY_CHUNK, MANY_OUTPUTS);
        acts += LANES * many_lane(MANY_CHUNK, MANY_TILE);
    }
    last_chunk(panel, acts, k, cols - k, lanes, &sum);
    UNROLL
    for (int r = 0; r < MANY_TILE; r++) {
        UNROLL
        for (int v = 0; v < MANY_WIDE; v++)
            store16(y[r] + 16 * v, n_outputs - 16 * v, sum.row[r][v]);
    }
}

/* y of the n activation rows that many_pack took; w: f32, at most MANY_OUTPUTS rows; meanwhile some lines are fetched
 * at each tile. `space`: many_panel_values(w->cols). */
static void linear_many(const struct view *w, const float *acts, int n, struct fetch fetch, float *y, int64_t y_stride,
                        float *space)
{
    float nowhere[MANY_OUTPUTS], *to[MANY_TILE];
    const float *rows[MANY_OUTPUTS];
    for (int r = 0; r < MANY_OUTPUTS; r++) /* rows that are not there: the last one */
        rows[r] = (const float *)(const void *)(w->data + (r < w->rows ? r : w->rows - 1) * w->row_stride);
    pack_chunks(rows, MANY_OUTPUTS, w->cols, space);
    for (int first = 0; first < n; first += MANY_TILE, acts += many_values(w->cols, MANY_TILE)) {
        for (int r = 0; r < MANY_TILE; r++)
            to[r] = first + r < n ? y + (first + r) * y_stride : nowhere;
        fetch_some(&fetch);
        many_tile(space, acts, w->cols, w->rows, to);
    }
}
