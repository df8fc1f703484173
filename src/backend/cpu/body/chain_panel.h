/* chain_panel.h: packed rows of a against a packed panel of b's columns, for the bodies of chains. A tile of T_ROWS
 * rows by up to T_WIDE vectors of columns stays in registers; what a word is, and what two of them add, says the body:
 *
 *   add_words16   16 sums += words of b times one word of a */
#include "backend/cpu/kernels.h"

enum { SOON_LINES = 8 };

/* y[r][0 .. n_cols) of T_ROWS rows. */
INLINE void tile(const float *a, const float *b, int64_t n_words, int wide, int64_t n_cols, float *const *y)
{
    vec16 sum[T_ROWS][T_WIDE];
    UNROLL
    for (int r = 0; r < T_ROWS; r++) {
        UNROLL
        for (int w = 0; w < wide; w++)
            sum[r][w] = load16(y[r] + 16 * w, n_cols - 16 * w);
    }
    _Pragma("GCC unroll 4") for (int64_t s = 0; s < n_words; s++, a += T_ROWS, b += 16 * wide)
    {
        vec16 v[T_WIDE];
        UNROLL
        for (int w = 0; w < wide; w++)
            v[w] = load16(b + 16 * w, 16);
        UNROLL
        for (int r = 0; r < T_ROWS; r++) {
            UNROLL
            for (int w = 0; w < wide; w++)
                sum[r][w] = add_words16(sum[r][w], v[w], a + r);
        }
    }
    UNROLL
    for (int r = 0; r < T_ROWS; r++) {
        UNROLL
        for (int w = 0; w < wide; w++)
            store16(y[r] + 16 * w, n_cols - 16 * w, sum[r][w]);
    }
}

/* Rows of memory that are needed soon, to be fetched line by line meanwhile. */
struct chain_soon {
    struct soon_rows {
        const float *values;
        const struct chain_rows *rows;
        int64_t row, end, width, at;
    } list[2];
    int n;
};

/* Values [0, width) of rows [row, end). */
static inline void soon_add(struct chain_soon *soon, const float *values, const struct chain_rows *rows, int64_t row,
                            int64_t end, int64_t width)
{
    if (width > 0 && row < end)
        soon->list[soon->n++] = (struct soon_rows){values, rows, row, end, width, 0};
}

/* The next lines: about as many as come from memory while a tile is computed. */
static inline void soon_some(struct chain_soon *soon)
{
    for (int i = 0; i < SOON_LINES && soon->n > 0; i++) {
        struct soon_rows *r = &soon->list[soon->n - 1];
        __builtin_prefetch(r->values + chain_row(r->rows, r->row) + r->at, 0, 2);
        r->at += 16;
        if (r->at >= r->width) {
            r->at = 0;
            r->row++;
            soon->n -= r->row == r->end;
        }
    }
}

/* Columns [col, col + n_cols), at most `wide` vectors (a constant), of a packed block of rows, whose tiles are `apart`
 * values from each other. */
INLINE void panel(const struct chain *c, int64_t row, int64_t n_rows, int64_t col, int64_t n_cols, int wide,
                  int64_t n_words, int64_t apart, const float *a, const float *b, struct chain_soon *soon)
{
    float nowhere[16 * T_WIDE] = {0}, *y[T_ROWS];
    for (int64_t i = 0; i < n_rows; i += T_ROWS, a += apart) {
        for (int64_t r = 0; r < T_ROWS; r++) {
            y[r] = i + r < n_rows ? c->y + chain_row(&c->y_rows, row + i + r) + col : nowhere;
            if (i + T_ROWS + r < n_rows)
                __builtin_prefetch(c->y + chain_row(&c->y_rows, row + i + T_ROWS + r) + col, 1);
        }
        soon_some(soon);
        if (n_cols == 16 * wide)
            tile(a, b, n_words, wide, 16 * wide, y);
        else
            tile(a, b, n_words, wide, n_cols, y);
    }
}
