/* chain_panel.h: rows of a against a packed panel of b's columns, for chain_tiles.h. A tile of T_ROWS rows by up to
 * T_WIDE vectors of columns stays in registers. */
#include "backend/cpu/body/chain_soon.h"
#include "backend/cpu/kernels.h"

/* Where the factors of a panel are: rows of a each where it lies, or T_ROWS together at a, `apart` values from those
 * before and a_step values from sum to sum; b, b_step values from sum to sum. y begins at 0 where `fresh`. */
struct factors {
    const float *const *rows, *a, *b;
    int64_t apart, a_step, b_step;
    bool fresh;
};

/* y[r][0 .. n_cols) of T_ROWS rows; by_rows (a constant): of a, rows. */
INLINE void tile(const struct factors *f, bool by_rows, int64_t n_sums, int wide, int64_t n_cols, float *const *y)
{
    const float *a = f->a, *b = f->b, *const *rows = f->rows;
    vec16 sum[T_ROWS][T_WIDE];
    UNROLL
    for (int r = 0; r < T_ROWS; r++) {
        UNROLL
        for (int w = 0; w < wide; w++)
            sum[r][w] = f->fresh ? zero16() : load16(y[r] + 16 * w, n_cols - 16 * w);
    }
    _Pragma("GCC unroll 4") for (int64_t s = 0; s < n_sums; s++, b += f->b_step)
    {
        vec16 v[T_WIDE];
        UNROLL
        for (int w = 0; w < wide; w++)
            v[w] = load16(b + 16 * w, 16);
        UNROLL
        for (int r = 0; r < T_ROWS; r++) {
            UNROLL
            for (int w = 0; w < wide; w++)
                sum[r][w] = fma16_by(v[w], by_rows ? rows[r][s] : a[s * f->a_step + r], sum[r][w]);
        }
    }
    UNROLL
    for (int r = 0; r < T_ROWS; r++) {
        UNROLL
        for (int w = 0; w < wide; w++)
            store16(y[r] + 16 * w, n_cols - 16 * w, sum[r][w]);
    }
}

/* Columns [col, col + n_cols), at most `wide` vectors (a constant), of n_rows rows. */
INLINE void panel(float *const *y_rows, int64_t n_rows, int64_t col, int64_t n_cols, int wide, int64_t n_sums,
                  struct factors f, bool by_rows, struct chain_soon *soon)
{
    float nowhere[16 * T_WIDE] = {0}, *y[T_ROWS];
    for (int64_t i = 0; i < n_rows; i += T_ROWS, f.a += f.apart) {
        const int64_t left = n_rows - i;
        UNROLL
        for (int r = 0; r < T_ROWS; r++)
            y[r] = r < left ? y_rows[i + r] + col : nowhere;
        for (int r = T_ROWS; r < 2 * T_ROWS && r < left; r++)
            for (int w = 0; w < wide; w++)
                __builtin_prefetch(y_rows[i + r] + col + 16 * w, 1);
        soon_some(soon);
        if (n_cols == 16 * wide)
            tile(&f, by_rows, n_sums, wide, 16 * wide, y);
        else
            tile(&f, by_rows, n_sums, wide, n_cols, y);
        if (by_rows)
            f.rows += T_ROWS;
    }
}
