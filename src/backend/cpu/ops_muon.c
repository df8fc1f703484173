/* ops_muon.c: Newton and Schulz's iteration towards the nearest orthogonal matrix, of which Muon takes five steps: with
 * G = X X^T, X = a X + (b G + c G G) X. All products are chains (chain.h), with rounded factors where dtype is bf16. */
#include "backend/cpu/ops_back.h"

#include "backend/cpu/scalar/scalar.h"

#include <math.h>
#include <string.h>

enum { STEPS = 5 };

enum { SQUARE = 16 /* rows and columns that are turned together, while their lines are in the cache */ };

/* y [columns][rows] = x turned; `below`: of a square matrix only what lies below the diagonal of y, which may be x. */
static void turn(const real *x, int64_t rows, int64_t columns, bool below, real *y)
{
    for (int64_t r = 0; r < rows; r += SQUARE)
        for (int64_t c = below ? r : 0; c < columns; c += SQUARE)
            for (int64_t i = r; i < r + SQUARE && i < rows; i++)
                for (int64_t j = below && c == r ? i + 1 : c; j < c + SQUARE && j < columns; j++)
                    y[j * rows + i] = x[i * columns + j];
}

/* y += a b of adjacent rows. */
static struct chain product(const real *a, const real *b, int64_t rows, int64_t sums, int64_t columns, real *y)
{
    return (struct chain){.n_rows = rows,
                          .n_cols = columns,
                          .n_sums = sums,
                          .a = a,
                          .a_rows = {.stride = sums},
                          .b = b,
                          .b_rows = {.stride = columns},
                          .y = y,
                          .y_rows = {.stride = columns}};
}

/* y = x x^T, by one half: the other one has the same products in the same order. */
static void multiply_by_turned(chain_fn *chain, void *workspace, const real *x, int64_t rows, int64_t columns, real *y)
{
    struct chain c = product(x, x, rows, columns, rows, y);
    c.across = true;
    c.b_rows.stride = columns;
    c.upper = true;
    memset(y, 0, (size_t)(rows * rows) * sizeof *y);
    chain(&c, workspace);
    turn(y, rows, rows, true, y);
}

/* x [rows][columns], rows no more than columns, and next as large. Where the result is, is returned. */
static real *iterate(chain_fn *chain, void *workspace, int64_t rows, int64_t columns, real *x, real *next, real *gram,
                     real *both)
{
    const real by_x = (real)3.4445, by_gram = (real)-4.7750, by_square = (real)2.0315;
    for (int step = 0; step < STEPS; step++) {
        multiply_by_turned(chain, workspace, x, rows, columns, gram);
        multiply_by_turned(chain, workspace, gram, rows, rows, both); /* gram is its own turned one */
        for (int64_t i = 0; i < rows * rows; i++)
            both[i] = by_gram * gram[i] + by_square * both[i];
        for (int64_t i = 0; i < rows * columns; i++)
            next[i] = by_x * x[i];
        struct chain c = product(both, x, rows, rows, columns, next);
        chain(&c, workspace);
        real *swap = x;
        x = next;
        next = swap;
    }
    return x;
}

void REAL(ops_orthogonal)(const struct hand *h, int64_t rows, int64_t columns, bool bf16, real *x, real *space)
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
        turn(x, rows, columns, false, a);
    else
        memcpy(a, x, (size_t)n * sizeof *a);
    const real *done = iterate(REAL(ops_chain)(kernels_of(h), bf16), h->workspace, shorter, n / shorter, a, b, gram,
                               both);
    if (rows > columns)
        turn(done, columns, rows, false, x);
    else
        memcpy(x, done, (size_t)n * sizeof *x);
}
