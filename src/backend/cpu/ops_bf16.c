/* ops_bf16.c: y = W x where both are rounded to bf16, as training with dtype bf16 wants it: chain_bf16 with the rows of
 * W as columns. Its sums go from input 0 upwards, whatever is shared or cut. */
#include "backend/cpu/ops.h"

#include <string.h>

enum { TOGETHER = 64 /* rows of weights that are unpacked at a time */ };
_Static_assert(DTYPE_MAX_BLOCK % CHAIN_BLOCK == 0, "sums are cut between blocks");

/* Rows of activations against `count` inputs of n rows of weights, from input `at` on. */
static struct chain product(const struct gather *in, int64_t at, int64_t count, const real *weights, int64_t stride,
                            int64_t n, real *y, int64_t y_stride)
{
    return (struct chain){.n_rows = in->n,
                          .n_cols = n,
                          .n_sums = count,
                          .a = in->act->f + at,
                          .a_rows = {in->act->width, in->rows, in->divide},
                          .b = weights,
                          .b_rows = {.stride = stride},
                          .across = true,
                          .y = y,
                          .y_rows = {.stride = y_stride}};
}

/* A matrix in another format, a piece at a time. */
static void unpacked(const struct kernels *kn, const struct view *w, int64_t lo, int64_t hi, const struct gather *in,
                     real *y, int64_t y_stride, void *workspace)
{
    real space[TOGETHER * DTYPE_MAX_BLOCK];
    for (int64_t o = lo; o < hi; o += TOGETHER)
        for (int64_t at = 0; at < w->cols; at += DTYPE_MAX_BLOCK) {
            int64_t n = hi - o < TOGETHER ? hi - o : TOGETHER;
            int64_t count = w->cols - at < DTYPE_MAX_BLOCK ? w->cols - at : DTYPE_MAX_BLOCK;
            REAL(ops_unpack)(w, o, n, at, count, space);
            struct chain c = product(in, at, count, space, count, n, y + (o - lo), y_stride);
            REAL(ops_chain)(kn, true)(&c, workspace);
        }
}

void REAL(ops_matmul_bf16)(const struct kernels *kn, const struct view *w, int64_t lo, int64_t hi,
                           const struct gather *in, real *y, int64_t y_stride, void *workspace)
{
    if (hi <= lo)
        return;
    for (int i = 0; i < in->n; i++)
        memset(y + i * y_stride, 0, (size_t)(hi - lo) * sizeof *y);
#ifndef OSSO_DOUBLE
    if (w->dtype == DT_F32 && !w->col_stride) {
        const float *rows = (const float *)(const void *)(w->data + lo * w->row_stride);
        struct chain c = product(in, 0, w->cols, rows, w->row_stride / (int64_t)sizeof(float), hi - lo, y, y_stride);
        kn->chain_bf16(&c, workspace);
        return;
    }
#endif
    unpacked(kn, w, lo, hi, in, y, y_stride, workspace);
}
