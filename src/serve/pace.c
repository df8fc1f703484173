/* pace.c: rows of prompts per step, from measured times. Least squares over the steps of the last while. */
#include "serve/pace.h"

#include <math.h>
#include <string.h>

/* A step may take so many times what its streams alone take; a prompt read in pieces of PIECE is nearly as fast as in
 * whole steps, so that without streams whoever comes next waits for one piece only. */
static const double STRETCH = 1.8, FADE = 0.98;
enum { PIECE = 128, LEAST = 16 };

/* Solves products * cost = sums by elimination; a term that never varied stays unknown. */
static void solve(struct pace *p)
{
    double a[PACE_TERMS][PACE_TERMS + 1];
    for (int i = 0; i < PACE_TERMS; i++) {
        memcpy(a[i], p->products[i], sizeof p->products[i]);
        a[i][i] += 1e-3 * (p->products[0][0] + 1); /* holds what is not known near 0 */
        a[i][PACE_TERMS] = p->sums[i];
    }
    for (int i = 0; i < PACE_TERMS; i++)
        for (int k = i + 1; k < PACE_TERMS; k++) {
            double f = a[k][i] / a[i][i];
            for (int j = i; j <= PACE_TERMS; j++)
                a[k][j] -= f * a[i][j];
        }
    for (int i = PACE_TERMS - 1; i >= 0; i--) {
        double v = a[i][PACE_TERMS];
        for (int j = i + 1; j < PACE_TERMS; j++)
            v -= a[i][j] * p->cost[j];
        p->cost[i] = v / a[i][i];
    }
    for (int i = 0; i < PACE_TERMS; i++)
        p->cost[i] = p->cost[i] > 0 ? p->cost[i] : 0;
}

void pace_learn(struct pace *p, int streams, int rows, double ms)
{
    const double seen[PACE_TERMS] = {1, streams, rows};
    for (int i = 0; i < PACE_TERMS; i++) {
        for (int j = 0; j < PACE_TERMS; j++)
            p->products[i][j] = FADE * p->products[i][j] + seen[i] * seen[j];
        p->sums[i] = FADE * p->sums[i] + seen[i] * ms;
    }
    solve(p);
}

int pace_rows(const struct pace *p, int streams)
{
    int rows = PIECE;
    if (streams > 0 && p->cost[2] > 0) {
        double alone = p->cost[0] + p->cost[1] * streams;
        rows = (int)fmin(PIECE, (STRETCH - 1) * alone / p->cost[2]);
    }
    return rows < LEAST ? LEAST : rows;
}
