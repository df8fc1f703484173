/* ops_muon.c: Newton and Schulz's iteration towards the nearest orthogonal matrix, of which Muon takes five steps: with
 * G = X X^T, X = a X + (b G + c G G) X. All products are chains (chain.h). */
#include "backend/cpu/ops_back.h"

#include "backend/cpu/scalar/scalar.h"

#include <math.h>
#include <string.h>

enum { STEPS = 5 };

static void turn(const real *x, int64_t rows, int64_t columns, real *y)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < columns; c++)
            y[c * rows + r] = x[r * columns + c];
}

/* y += a b of adjacent rows. */
static void multiply(const struct hand *h, const real *a, const real *b, int64_t rows, int64_t sums, int64_t columns,
                     real *y)
{
    struct chain c = {.n_rows = rows,
                      .n_cols = columns,
                      .n_sums = sums,
                      .a = a,
                      .a_rows = {.stride = sums},
                      .b = b,
                      .b_rows = {.stride = columns},
                      .y = y,
                      .y_rows = {.stride = columns}};
    kernels_of(h)->chain(&c, h->workspace);
}

/* x [rows][columns], rows no more than columns, and next as large. Where the result is, is returned. */
static real *iterate(const struct hand *h, int64_t rows, int64_t columns, real *x, real *next, real *gram, real *both)
{
    const real by_x = (real)3.4445, by_gram = (real)-4.7750, by_square = (real)2.0315;
    size_t square = (size_t)(rows * rows);
    for (int step = 0; step < STEPS; step++) {
        turn(x, rows, columns, next);
        memset(gram, 0, square * sizeof *gram);
        multiply(h, x, next, rows, columns, rows, gram);
        memset(both, 0, square * sizeof *both);
        multiply(h, gram, gram, rows, rows, rows, both);
        for (size_t i = 0; i < square; i++)
            both[i] = by_gram * gram[i] + by_square * both[i];
        for (int64_t i = 0; i < rows * columns; i++)
            next[i] = by_x * x[i];
        multiply(h, both, x, rows, rows, columns, next);
        real *swap = x;
        x = next;
        next = swap;
    }
    return x;
}

void REAL(ops_orthogonal)(const struct hand *h, int64_t rows, int64_t columns, real *x, real *space)
{
    int64_t n = rows * columns, shorter = rows < columns ? rows : columns;
    real *a = space, *b = a + n, *gram = b + n, *both = gram + shorter * shorter;
    double squares = 0;
    for (int64_t i = 0; i < n; i++)
        squares += (double)x[i] * (double)x[i];
    real norm = (real)fmax(sqrt(squares), 1e-7);
    for (int64_t i = 0; i < n; i++)
        x[i] = x[i] / norm;
    if (rows > columns)
        turn(x, rows, columns, a);
    else
        memcpy(a, x, (size_t)n * sizeof *a);
    const real *done = iterate(h, shorter, n / shorter, a, b, gram, both);
    if (rows > columns)
        turn(done, columns, rows, x);
    else
        memcpy(x, done, (size_t)n * sizeof *x);
}
