/* chain_panel.h: packed rows of a against a packed panel of b's columns, for the bodies of chains. A tile of T_ROWS
 * rows by up to T_WIDE vectors of columns stays in registers; what a word is, and what two of them add, says the body:
 *
 *   add_words16   16 sums += words of b times one word of a */
#include "backend/cpu/kernels.h"

/* y[r][0 .. n_cols) of T_ROWS rows: packed at a, or (a constant) each where it lies. */
INLINE void tile(const float *a, const float *const *rows, const float *b, int64_t n_words, int wide, int64_t n_cols,
                 float *const *y)
{
    vec16 sum[T_ROWS][T_WIDE];
    UNROLL
    for (int r = 0; r < T_ROWS; r++) {
        UNROLL
        for (int w = 0; w < wide; w++)
            sum[r][w] = load16(y[r] + 16 * w, n_cols - 16 * w);
    }
    _Pragma("GCC unroll 4") for (int64_t s = 0; s < n_words; s++, b += 16 * wide)
    {
        vec16 v[T_WIDE];
        UNROLL
        for (int w = 0; w < wide; w++)
            v[w] = load16(b + 16 * w, 16);
        UNROLL
        for (int r = 0; r < T_ROWS; r++) {
            UNROLL
            for (int w = 0; w < wide; w++)
                sum[r][w] = add_words16(sum[r][w], v[w], rows ? rows[r] + s : a + s * T_ROWS + r);
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
        int64_t row, end, width;
    } list[2];
    int n;
    const float *at;           /* of a row, `left` values are still to be fetched */
    int64_t left, lines, each; /* in all, and while a tile is computed */
};

/* Values [0, width) of rows [row, end). */
static inline void soon_add(struct chain_soon *soon, const float *values, const struct chain_rows *rows, int64_t row,
                            int64_t end, int64_t width)
{
    if (width <= 0 || row >= end)
        return;
    soon->list[soon->n++] = (struct soon_rows){values, rows, row, end, width};
    soon->lines += (end - row) * ((width + 15) / 16);
}

/* The next lines. */
static inline void soon_some(struct chain_soon *soon)
{
    for (int64_t i = 0; i < soon->each; i++) {
        if (soon->left <= 0) {
            struct soon_rows *r = &soon->list[soon->n - 1];
            if (soon->n == 0)
                return;
            soon->at = r->values + chain_row(r->rows, r->row++);
            soon->left = r->width;
            soon->n -= r->row == r->end;
        }
        __builtin_prefetch(soon->at, 0, 2);
        soon->at += 16;
        soon->left -= 16;
    }
}

/* Columns [col, col + n_cols), at most `wide` vectors (a constant), of a packed block of rows, whose tiles are `apart`
 * values from each other; or (a constant) of rows where they lie. */
INLINE void panel(float *const *y_rows, int64_t n_rows, int64_t col, int64_t n_cols, int wide, int64_t n_words,
                  int64_t apart, const float *a, const float *const *a_rows, const float *b, struct chain_soon *soon)
{
    float nowhere[16 * T_WIDE] = {0}, *y[T_ROWS];
    for (int64_t i = 0; i < n_rows; i += T_ROWS, a += apart) {
        const int64_t left = n_rows - i;
        UNROLL
        for (int r = 0; r < T_ROWS; r++)
            y[r] = r < left ? y_rows[i + r] + col : nowhere;
        for (int r = T_ROWS; r < 2 * T_ROWS && r < left; r++)
            for (int w = 0; w < wide; w++)
                __builtin_prefetch(y_rows[i + r] + col + 16 * w, 1);
        soon_some(soon);
        if (n_cols == 16 * wide)
            tile(a, a_rows ? a_rows + i : NULL, b, n_words, wide, 16 * wide, y);
        else
            tile(a, a_rows ? a_rows + i : NULL, b, n_words, wide, n_cols, y);
    }
}
