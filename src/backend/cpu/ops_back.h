/* ops_back.h: the ops of struct backend_train, over any table of kernels; what each does stands in backend/train_ops.h.
 * Sums are chains of FMA (chain.h), or dots in the float order, which one member makes from beginning to end. */
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
void REAL(ops_orthogonal)(const struct hand *h, int64_t rows, int64_t columns, bool bf16, real *x, real *space);
void REAL(ops_experts_weights)(const struct hand *h, const struct experts_back *b);

/* y[i] += W^T x[i] for n gathered rows; y_rows and x_rows are strides apart. */
struct transposed {
    const struct view *w;
    bool bf16;  /* factors are rounded */
    bool fresh; /* y begins at 0, whatever is there */
    int64_t n;
    const real *x;
    real *y;
    struct chain_rows x_rows, y_rows;
};
void REAL(ops_transposed)(const struct kernels *kn, const struct transposed *t, void *workspace);
/* Outputs [lo, hi) of dw += dy^T x and d_bias += the sum of dy, rows ascending: dy is c->a and dw c->y from output 0
 * on, x is c->b; NULL: not wanted. bf16: factors of dw are rounded, those of d_bias are not. */
void REAL(ops_outer)(const struct kernels *kn, bool bf16, const struct chain *c, int64_t lo, int64_t hi, real *d_bias,
                     void *workspace);
#endif
