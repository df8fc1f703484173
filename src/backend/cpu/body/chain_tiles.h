/* chain_tiles.h: chain__*.c: a tile of T_ROWS rows by T_WIDE vectors of columns stays in registers for up to
 * CHAIN_SUMS sums. b is packed into panels of as many columns. Of a, which gives a tile single values, rows are read
 * where they lie; only what is read down its columns is packed, into tiles [sum][T_ROWS]. The tile begins with what y
 * has, so cuts show in no bit.
 *
 * What a backward pass multiplies lies in memory and not in a cache: rows of a and b are read whole, once, and those
 * that come next are fetched while tiles are computed. */
#include "backend/cpu/body/quad.h"
#include "backend/cpu/tables.h"

#include "backend/cpu/body/chain_panel.h"

enum { QUADS = (T_ROWS + 3) / 4, BLOCK_ROWS = CHAIN_ROWS / T_ROWS * T_ROWS, GAP = 16 };

/* Tiles and panels are a line more than their size apart: by whole KB, all of them would want the same few sets of a
 * cache. */
static int64_t tile_apart(int64_t n)
{
    return n * T_ROWS + GAP;
}

static int64_t panel_apart(int64_t n, int wide)
{
    return n * 16 * wide + GAP;
}
_Static_assert(((int64_t)BLOCK_ROWS * CHAIN_SUMS + BLOCK_ROWS / T_ROWS * GAP + CHAIN_SUMS * CHAIN_COLS +
                CHAIN_COLS / 16 * GAP) *
                       (int64_t)sizeof(float) <=
                   CHAIN_BYTES,
               "both blocks fit the workspace");

/* T_ROWS values from `from` on, of which `count` are there. */
INLINE void pack_values(const float *from, int64_t count, float weight, float *out)
{
    if (count < T_ROWS) {
        for (int64_t r = 0; r < T_ROWS; r++)
            out[r] = r < count ? weight * from[r] : 0;
        return;
    }
    UNROLL
    for (int q = 0; q < QUADS; q++) { /* the last four end with the row */
        const int at = 4 * q + 4 <= T_ROWS ? 4 * q : T_ROWS - 4;
        store4(out + at, load4(from + at) * weight);
    }
}

/* Rows [row, row + n_rows) of y from columns of a, as tiles `apart` from each other, for sums [first, first + n). */
static void pack_down(const struct chain *c, int64_t row, int64_t n_rows, int64_t first, int64_t n, float *out)
{
    const int64_t apart = tile_apart(n);
    for (int64_t s = first; s < first + n; s++) {
        const float *from = c->a + chain_row(&c->a_rows, s) + row;
        float weight = c->weights ? c->weights[c->a_rows.rows[s]] : 1, *to = out + (s - first) * T_ROWS;
        for (int64_t i = 0; i < n_rows; i += T_ROWS, to += apart)
            pack_values(from + i, n_rows - i, weight, to);
    }
}

/* How many vectors of the columns that are left the next panel has: few of one, whose tile is too small to keep FMAs
 * under way. */
INLINE int panel_vectors(int64_t left)
{
    if (T_WIDE == 3)
        return left <= 16 ? 1 : left <= 32 || (left > 48 && left <= 64) ? 2 : 3;
    return left > 16 * (T_WIDE - 1) ? T_WIDE : 1;
}

INLINE void pack_b_across(const struct chain *c, int64_t col, int64_t n_cols, int wide, int64_t first, int64_t n,
                          float *out)
{
    const float *rows[16 * T_WIDE];
    for (int64_t r = 0; r < 16 * wide; r++)
        rows[r] = c->b + chain_row(&c->b_rows, col + (r < n_cols ? r : n_cols - 1)) + first;
    int64_t s = 0;
    for (; s + 4 <= n; s += 4, out += 4 * 16 * wide)
        for (int q = 0; q < 4 * wide; q++) {
            quad turned[4];
            turn4(rows + 4 * q, s, turned);
            UNROLL
            for (int k = 0; k < 4; k++)
                store4(out + k * 16 * wide + 4 * q, turned[k]);
        }
    for (; s < n; s++, out += 16 * wide)
        for (int i = 0; i < 16 * wide; i++)
            out[i] = rows[i][s];
}

INLINE void pack_panel(const struct chain *c, int64_t col, int64_t n_cols, int wide, int64_t first, int64_t n,
                       float *out)
{
    if (c->across) {
        pack_b_across(c, col, n_cols, wide, first, n, out);
        return;
    }
    for (int64_t s = 0; s < n; s++, out += 16 * wide) {
        const float *from = c->b + chain_row(&c->b_rows, first + s) + col;
        UNROLL
        for (int w = 0; w < wide; w++)
            store16(out + 16 * w, 16, load16(from + 16 * w, n_cols - 16 * w));
    }
}

/* Columns [col, col + n_cols) of sums [first, first + n), panel after panel. */
static void pack_b(const struct chain *c, int64_t col, int64_t n_cols, int64_t first, int64_t n, float *out)
{
    for (int64_t at = 0, count; at < n_cols; at += count) {
        const int wide = panel_vectors(n_cols - at);
        count = chain_part(at, n_cols, 16 * wide);
        if (wide == T_WIDE)
            pack_panel(c, col + at, count, T_WIDE, first, n, out);
        else if (wide == 2)
            pack_panel(c, col + at, count, 2, first, n, out);
        else
            pack_panel(c, col + at, count, 1, first, n, out);
        out += panel_apart(n, wide);
    }
}

/* Rows of a and y. */
struct block_rows {
    const float *a[BLOCK_ROWS];
    float *y[BLOCK_ROWS];
    bool down, fresh;
};

INLINE void block_panel(const struct block_rows *rows, int64_t count, int64_t col, int64_t n_cols, int wide, int64_t n,
                        const float *a, const float *b, struct chain_soon *soon)
{
    struct factors f = {rows->a, a, b, tile_apart(n), T_ROWS, 16 * wide, rows->fresh};
    if (rows->down)
        panel(rows->y, count, col, n_cols, wide, n, f, false, soon);
    else
        panel(rows->y, count, col, n_cols, wide, n, f, true, soon);
}

/* A block of rows against packed columns; of `upper` only the rows that reach the diagonal. */
static void block(const struct chain *c, const struct block_rows *rows, int64_t row, int64_t n_rows, int64_t col,
                  int64_t n_cols, int64_t n, const float *a, const float *b, struct chain_soon *soon)
{
    for (int64_t end = col + n_cols, width; col < end; col += width) {
        const int wide = panel_vectors(end - col);
        int64_t count = n_rows;
        width = chain_part(col, end, 16 * wide);
        if (c->upper && count > col + width - row)
            count = col + width - row;
        if (wide == T_WIDE)
            block_panel(rows, count, col, width, T_WIDE, n, a, b, soon);
        else if (wide == 2)
            block_panel(rows, count, col, width, 2, n, a, b, soon);
        else
            block_panel(rows, count, col, width, 1, n, a, b, soon);
        b += panel_apart(n, wide);
    }
}

/* Rows [row, row + n_rows) of y, and of a where they lie, from sum `first` on; rows of a that are not there: another
 * one, whose sums nobody takes. */
static void find_rows(const struct chain *c, int64_t row, int64_t n_rows, int64_t first, struct block_rows *rows)
{
    rows->down = c->down;
    rows->fresh = c->fresh && first == 0;
    for (int64_t i = 0; i < n_rows; i++)
        rows->y[i] = c->y + chain_row(&c->y_rows, row + i);
    for (int64_t i = 0; !c->down && i < (n_rows + T_ROWS - 1) / T_ROWS * T_ROWS; i++)
        rows->a[i] = c->a + chain_row(&c->a_rows, row + (i < n_rows ? i : n_rows - 1)) + first;
}

/* What is packed after this block of rows and columns, which has n_tiles: the next rows of a, or its share of the
 * columns or of the sums that follow. */
static struct chain_soon soon_after(const struct chain *c, int64_t row, int64_t col, int64_t first, int64_t n_tiles)
{
    struct chain_soon soon = {0};
    const int64_t n = chain_part(first, c->n_sums, CHAIN_SUMS), next = row + BLOCK_ROWS, sums = first + CHAIN_SUMS;
    const int64_t n_blocks = (c->n_rows + BLOCK_ROWS - 1) / BLOCK_ROWS, at = row / BLOCK_ROWS;
    const int64_t many = chain_part(sums, c->n_sums, CHAIN_SUMS);
    if (!c->down && next < c->n_rows)
        soon_add(&soon, c->a + first, &c->a_rows, next, next + chain_part(next, c->n_rows, BLOCK_ROWS), n);
    if (col + CHAIN_COLS < c->n_cols) {
        if (!c->across)
            soon_add(&soon, c->b + col + CHAIN_COLS, &c->b_rows, first + n * at / n_blocks,
                     first + n * (at + 1) / n_blocks, chain_part(col + CHAIN_COLS, c->n_cols, CHAIN_COLS));
    } else if (c->down && sums < c->n_sums) {
        int64_t lo = sums + many * at / n_blocks, hi = sums + many * (at + 1) / n_blocks;
        soon_add(&soon, c->a, &c->a_rows, lo, hi, c->n_rows);
        soon_add(&soon, c->b, &c->b_rows, lo, hi, c->across ? 0 : chain_part(0, c->n_cols, CHAIN_COLS));
    }
    soon.each = (soon.lines + n_tiles - 1) / n_tiles;
    return soon;
}

/* ---- b so small, and its rows so close together, that it is read where it lies --------------------------------- */

enum { CLOSE = 64 /* values from row to row */ };

static bool close_together(const struct chain *c)
{
    return !c->across && !c->upper && !c->b_rows.rows && c->b_rows.stride <= CLOSE && c->n_cols % 16 == 0 &&
           c->n_sums <= CHAIN_SUMS;
}

/* A tile of a's columns is read beyond the last one of them where it is not whole. */
static bool a_lies(const struct chain *c)
{
    return c->down && !c->weights && !c->a_rows.rows && c->a_rows.stride <= CLOSE && c->n_rows % T_ROWS == 0;
}

INLINE void close_panel(const struct block_rows *rows, int64_t n_rows, int64_t col, int wide, int64_t n,
                        struct factors f)
{
    struct chain_soon soon = {0};
    if (rows->down)
        panel(rows->y, n_rows, col, 16 * wide, wide, n, f, false, &soon);
    else
        panel(rows->y, n_rows, col, 16 * wide, wide, n, f, true, &soon);
}

static void chain_close(const struct chain *c, float *space)
{
    const int64_t n = c->n_sums;
    struct block_rows rows;
    for (int64_t row = 0, n_rows; row < c->n_rows; row += BLOCK_ROWS) {
        n_rows = chain_part(row, c->n_rows, BLOCK_ROWS);
        struct factors f = {rows.a, space, c->b, tile_apart(n), T_ROWS, c->b_rows.stride, c->fresh};
        find_rows(c, row, n_rows, 0, &rows);
        if (a_lies(c))
            f.a = c->a + row, f.apart = T_ROWS, f.a_step = c->a_rows.stride;
        else if (c->down)
            pack_down(c, row, n_rows, 0, n, space);
        for (int64_t col = 0, wide; col < c->n_cols; col += 16 * wide, f.b += 16 * wide) {
            wide = panel_vectors(c->n_cols - col);
            if (wide == T_WIDE)
                close_panel(&rows, n_rows, col, T_WIDE, n, f);
            else if (wide == 2)
                close_panel(&rows, n_rows, col, 2, n, f);
            else
                close_panel(&rows, n_rows, col, 1, n, f);
        }
    }
}

void ISA(chain)(const struct chain *c, void *workspace)
{
    if (close_together(c)) {
        chain_close(c, workspace);
        return;
    }
    float *a = workspace, *b = a + BLOCK_ROWS / T_ROWS * tile_apart(CHAIN_SUMS);
    struct block_rows rows;
    for (int64_t first = 0; first < c->n_sums; first += CHAIN_SUMS)
        for (int64_t col = 0; col < c->n_cols; col += CHAIN_COLS) {
            const int64_t n = chain_part(first, c->n_sums, CHAIN_SUMS), n_cols = chain_part(col, c->n_cols, CHAIN_COLS);
            pack_b(c, col, n_cols, first, n, b);
            for (int64_t row = 0; row < c->n_rows; row += BLOCK_ROWS) {
                int64_t n_rows = chain_part(row, c->n_rows, BLOCK_ROWS);
                int64_t n_tiles = (n_rows + T_ROWS - 1) / T_ROWS * ((n_cols + 16 * T_WIDE - 1) / (16 * T_WIDE));
                struct chain_soon soon = soon_after(c, row, col, first, n_tiles);
                if (c->upper && row >= col + n_cols)
                    break;
                if (c->down)
                    pack_down(c, row, n_rows, first, n, a);
                find_rows(c, row, n_rows, first, &rows);
                block(c, &rows, row, n_rows, col, n_cols, n, a, b, &soon);
            }
        }
}
