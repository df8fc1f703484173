/* chain.h: what a backward pass multiplies. Every sum is one chain of FMA that begins with what is there:
 *
 *   y[i][c] = fma(a(i, s), b[s][c], y[i][c])   for s = 0 .. n_sums - 1
 *
 * so it does not matter into how many pieces anybody cuts rows, columns or sums. dX = W^T dY has a(i, s) = dY[i][s];
 * for dW += dY^T X, a is read down its columns: a(i, s) = dY[s][i]. Rows of all three may be gathered by lists.
 *
 * chain_bf16 rounds a and b to bf16, to nearest even, and takes sums by blocks of 32, as TDPBF16PS does: the even ones
 * of a block are a chain from +0, and so are the odd ones; where n_sums ends within a block, the rest of it is +0:
 *
 *   even = fma(a(s), b[s], even) for s = 0, 2 .. 30      odd = fma(a(s), b[s], odd) for s = 1, 3 .. 31
 *   y = y + (even + odd)
 *
 * Numbers below 2^-126 (in a, b, y and every result, rounded) are 0 there. So only a cut at a whole block shows in no
 * bit. */
#ifndef OSSO_BACKEND_CHAIN_H
#define OSSO_BACKEND_CHAIN_H

#include "backend/real.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Row i of a matrix begins at value (rows[i] / divide) * stride; rows NULL: i * stride. */
struct chain_rows {
    int64_t stride;
    const int32_t *rows;
    int divide;
};

static inline int64_t chain_row(const struct chain_rows *r, int64_t i)
{
    return (!r->rows ? i : r->divide == 1 ? r->rows[i] : r->rows[i] / r->divide) * r->stride; /* a division is slow */
}

/* How many of [at, end) come next, where at most so many are taken together. */
static inline int64_t chain_part(int64_t at, int64_t end, int64_t most)
{
    return end - at < most ? end - at : most;
}

struct chain {
    int64_t n_rows, n_cols, n_sums;
    const real *a, *b;
    real *y; /* no row twice; neither a nor b */
    struct chain_rows a_rows, b_rows, y_rows;
    bool down;           /* a(i, s) is value i of a's row s, else value s of its row i */
    bool across;         /* b[s][c] is value s of b's row c, as y = x W^T wants it */
    bool fresh;          /* y begins at 0, whatever is there; chain_bf16 goes on from what is there all the same */
    bool upper;          /* of y only what lies at columns >= row is wanted; the rest may be added to or not */
    const real *weights; /* down: that value times weights[a_rows.rows[s]], rounded; NULL: 1 */
};

/* A number as chain_bf16 multiplies with it. */
static inline float chain_bf16_value(float value)
{
    uint32_t u;
    memcpy(&u, &value, sizeof u);
    if (value != value)
        u = (u | 0x00400000) & 0xffff0000;
    else if ((u & 0x7f800000) == 0)
        u &= 0x80000000;
    else
        u = (u + 0x7fff + (u >> 16 & 1)) & 0xffff0000;
    memcpy(&value, &u, sizeof u);
    return value;
}

enum { CHAIN_BLOCK = 32 /* sums of chain_bf16 */ };

/* `workspace`: CHAIN_BYTES, aligned to 64. */
typedef void chain_fn(const struct chain *c, void *workspace);

enum {
    CHAIN_SUMS = 256, /* that are done together: a panel of b and a tile of a then lie in the first-level cache */
    CHAIN_ROWS = 96,  /* of a, at most, and columns of b, which meanwhile lie in the second */
    CHAIN_COLS = 256,
    CHAIN_GAPS = 8192, /* bytes between them */
    CHAIN_BYTES = CHAIN_SUMS * (CHAIN_ROWS + CHAIN_COLS) * (int)sizeof(float) + CHAIN_GAPS
};

#endif
