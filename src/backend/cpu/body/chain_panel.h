/* chain_panel.h: packed rows of a against a packed panel of b's columns, for the bodies of chains. A tile of T_ROWS
 * rows by up to T_WIDE vectors of columns stays in registers; what a word is, and what two of them add, says the body:
 *
 *   add_words16   16 sums += words of b times one word of a */
#include "backend/cpu/kernels.h"

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
    for (int64_t s = 0; s < n_words; s++, a += T_ROWS, b += 16 * wide) {
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

/* Columns [col, col + n_cols), at most `wide` vectors (a constant), of a packed block of rows. */
INLINE void panel(const struct chain *c, int64_t row, int64_t n_rows, int64_t col, int64_t n_cols, int wide,
                  int64_t n_words, const float *a, const float *b)
{
    float nowhere[16 * T_WIDE] = {0}, *y[T_ROWS];
    for (int64_t i = 0; i < n_rows; i += T_ROWS, a += n_words * T_ROWS) {
        for (int64_t r = 0; r < T_ROWS; r++)
            y[r] = i + r < n_rows ? c->y + chain_row(&c->y_rows, row + i + r) + col : nowhere;
        if (n_cols == 16 * wide)
            tile(a, b, n_words, wide, 16 * wide, y);
        else
            tile(a, b, n_words, wide, n_cols, y);
    }
}
