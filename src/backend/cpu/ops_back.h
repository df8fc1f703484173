/* ops_back.h: the ops of struct backend_train, over any table of kernels; what each does stands in backend/train_ops.h.
 * Every sum here is a chain of FMA that one member makes from its beginning to its end: axpy_f32 has the same bits on
 * every instruction set. */
#ifndef OSSO_BACKEND_OPS_BACK_H
#define OSSO_BACKEND_OPS_BACK_H

#include "backend/cpu/ops.h"
#include "backend/train_ops.h"

extern const struct backend_train REAL(ops_train);

void REAL(ops_attend_back)(const struct hand *h, const struct attend_back *b);
void REAL(ops_sinks_back)(const struct hand *h, const struct attend_back *b);
void REAL(ops_router_losses)(const struct hand *h, const real *logits, const struct routing *routing,
                             struct router_losses *losses);
void REAL(ops_route_back)(const struct hand *h, const struct route_back *b);
void REAL(ops_experts_back)(const struct hand *h, const struct experts_back *b);
void REAL(ops_experts_in_back)(const struct hand *h, const struct experts_back *b);
void REAL(ops_experts_weights)(const struct hand *h, const struct experts_back *b);

/* n rows: row i of y is y + to[i] * the matrix's columns, made from row from[i] of x; NULL: i. */
struct back_rows {
    int n;
    const int32_t *from;
    int divide; /* of from[i] */
    const int32_t *to;
    int to_divide;
};
static inline int64_t back_from(const struct back_rows *r, int i)
{
    return r->from ? r->from[i] / r->divide : i;
}
static inline int64_t back_to(const struct back_rows *r, int i)
{
    return r->to ? r->to[i] / r->to_divide : i;
}

/* y[to] = W^T x[from] for each of these rows, after what is there when `add`. */
void REAL(ops_transposed)(const struct kernels *kn, const struct view *w, const real *x, const struct back_rows *rows,
                          bool add, real *y);
/* Outputs [lo, hi) of dw += dy^T x, d_bias += the sum of dy, rows ascending: row i is dy[to] * weights[to] and
 * x[from]; weights NULL: 1. */
void REAL(ops_outer)(const struct kernels *kn, const real *dy, const real *weights, int64_t outputs, int64_t lo,
                     int64_t hi, const real *x, int64_t width, const struct back_rows *rows, real *dw, real *d_bias);

#endif
