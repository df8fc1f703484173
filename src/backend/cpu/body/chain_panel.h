/* chain_panel.h: rows of a against a packed panel of b's columns, for chain_tiles.h. A tile of T_ROWS rows by up to
 * T_WIDE vectors of columns stays in registers. */
#include "backend/cpu/body/chain_soon.h"
#include "backend/cpu/kernels.h"

/* y[r][0 .. n_cols) of T_ROWS rows, from 0 where `fresh`: packed at a, or (a constant) each where it lies. */
INLINE void tile(const float *a, const float *const *rows, const float *b, int64_t n_sums, int wide, int64_t n_cols,
                 bool fresh, float *const *y)
{
    vec16 sum[T_ROWS][T_WIDE];
    UNROLL
    for (int r = 0; r < T_ROWS; r++) {
        UNROLL
        for (int w = 0; w < wide; w++)
            sum[r][w] = fresh ? zero16() : load16(y[r] + 16 * w, n_cols - 16 * w);
    }
    _Pragma("GCC unroll 4") for (int64_t s = 0; s < n_sums; s++, b += 16 * wide)
    {
        vec16 v[T_WIDE];
        UNROLL
        for (int w = 0; w < wide; w++)
            v[w] = load16(b + 16 * w, 16);
        UNROLL
        for (int r = 0; r < T_ROWS; r++) {
            UNROLL
            for (int w = 0; w < wide; w++)
                sum[r][w] = fma16_by(v[w], rows ? rows[r][s] : a[s * T_ROWS + r], sum[r][w]);
        }
    }
    UNROLL
    for (int r = 0; r < T_ROWS; r++) {
        UNROLL
        for (int w = 0; w < wide; w++)
            store16(y[r] + 16 * w, n_cols - 16 * w, sum[r][w]);
    }
}

/* Columns [col, col + n_cols), at most `wide` vectors (a constant), of a packed block of rows, whose tiles are `apart`
 * values from each other; or (a constant) of rows where they lie. */
INLINE void panel(float *const *y_rows, int64_t n_rows, int64_t col, int64_t n_cols, int wide, int64_t n_sums,
                  int64_t apart, bool fresh, const float *a, const float *const *a_rows, const float *b,
                  struct chain_soon *soon)
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
            tile(a, a_rows ? a_rows + i : NULL, b, n_sums, wide, 16 * wide, fresh, y);
        else
            tile(a, a_rows ? a_rows + i : NULL, b, n_sums, wide, n_cols, fresh, y);
    }
}
