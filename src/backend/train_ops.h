/* train_ops.h: the tensor operations of a backward pass, beside those of backend.h and by their rules: called by all
 * members with the same arguments, each splits its own work, and everything that crosses members needs be->sync between
 * (none of these is read by the same member before one).
 *
 * dX is the derivative of the loss by X. Derivatives by activations are written, or added where it says so; derivatives
 * by weights (d_weights, d_bias, d_gain ...) are always added to what is there, rows ascending, so that batches add up
 * in their order; NULL: that one is not wanted. No sum depends on the number of members (docs/numerics.md). */
#ifndef OSSO_BACKEND_TRAIN_OPS_H
#define OSSO_BACKEND_TRAIN_OPS_H

#include "backend/backend.h"

/* What a row of logits should have been: the loss is the sum of weight[i] * -log softmax(logits[i])[target[i]]. */
struct targets {
    int n;
    const int32_t *target;
    const float *weight;
    double divisor; /* the derivative is that of loss / divisor */
};

/* y = x / rms(x) * gain of n rows; row i of y is row rows_of[i] of x (NULL: i), no row twice. */
struct norm_back {
    int n;
    int64_t width;
    const real *x;
    const int32_t *rows_of;
    const float *gain;
    float eps;
    const real *dy; /* [n][width] */
    real *scale;    /* [n]: 1 / rms(x), for the gains */
    real *dx;       /* added to, row by row of x */
    real *d_gain;   /* [width] */
};

/* Attention over rows that begin at position 0 of their sequence: a sequence's rows lie one after the other, positions
 * ascending without a gap, so that every key that a row sees is a row of the same step. */
struct attend_back {
    int n;
    const int32_t *pos;
    int n_heads, group, head_dim;
    int64_t window; /* 0: none */
    float scale;
    const real *q, *k, *v;    /* rotated, as the forward pass kept them */
    const real *z, *lse, *dz; /* [n][n_heads * head_dim], lse [n][n_heads] */
    const float *sinks;       /* NULL: none */
    real *dot;                /* [n][n_heads]: dz . z */
    real *dq, *dk, *dv, *d_sinks;
};

/* Losses of the router, each the mean over the rows of a step: balance = E sum_e f_e P_e, where f_e is the share of all
 * slots that expert e has (a constant) and P_e the mean of softmax(logits)[e] over all experts; z = the mean of
 * logsumexp(logits) squared. */
struct router_losses {
    double balance, z;
    int64_t *slots; /* [n_experts]: how many each expert had, added to; NULL: nobody counts */
};

struct route_back {
    const real *logits;
    const struct routing *routing;
    const real *d_weights; /* [slots]: by the weight of each slot */
    double balance, z;     /* what the two losses weigh */
    real *d_logits;        /* [n][n_experts] */
};

struct experts_back {
    const struct moe *moe; /* as in the forward pass; gate and up were kept */
    const real *d;         /* [n][hidden]: by delta */
    real *d_weights;       /* [slots]: by routing->weights */
    real *d_gate, *d_up;   /* [slots][intermediate]: by gate and up before the clamp */
    real *d_in;            /* [n][hidden] */
    /* By the weights, experts one after the other. */
    real *gate, *gate_bias, *up, *up_bias, *down, *down_bias;
};

static inline int64_t train_orthogonal_values(int64_t rows, int64_t columns)
{
    int64_t shorter = rows < columns ? rows : columns;
    return 2 * rows * columns + 2 * shorter * shorter;
}

struct backend_train {
    /* Logits become derivatives in place; losses[i] is row i's, weighted, not divided. */
    void (*loss)(const struct hand *h, const struct targets *t, int64_t vocab, real *logits, double *losses);
    /* dx[r] = W^T dy[r], after what is there when `add`; computed as W was multiplied with `in`. */
    void (*linear_in)(const struct hand *h, const struct view *w, const struct act *in, const real *dy, int n, bool add,
                      real *dx);
    /* d_weights += dy^T in, d_bias += the sum of dy. */
    void (*linear_weights)(const struct hand *h, const real *dy, const struct act *in, int n, int64_t outputs,
                           real *d_weights, real *d_bias);
    void (*norm_in)(const struct hand *h, const struct norm_back *b);   /* scale and dx */
    void (*norm_gain)(const struct hand *h, const struct norm_back *b); /* d_gain, from scale */
    /* The rotation turned back: multiplies with the transposed matrix. */
    void (*rope)(const struct hand *h, real *x, int n, int n_heads, int head_dim, const float *angles);
    void (*attend)(const struct hand *h, const struct attend_back *b); /* dot, dq, dk, dv */
    void (*sinks)(const struct hand *h, const struct attend_back *b);  /* d_sinks, from dot */
    void (*router_losses)(const struct hand *h, const real *logits, const struct routing *routing,
                          struct router_losses *losses); /* added to; `losses` is the host's */
    void (*route)(const struct hand *h, const struct route_back *b);
    void (*experts)(const struct hand *h, const struct experts_back *b);         /* d_weights, d_gate, d_up */
    void (*experts_in)(const struct hand *h, const struct experts_back *b);      /* d_in */
    void (*experts_weights)(const struct hand *h, const struct experts_back *b); /* by the weights */
    /* x [rows][columns] becomes nearly orthogonal, as Muon wants it: torch.optim.Muon's five steps in f32, from x over
     * its norm; bf16: the products' factors are rounded (chain_bf16). By the member that calls, alone; `space`:
     * train_orthogonal_values. */
    void (*orthogonal)(const struct hand *h, int64_t rows, int64_t columns, bool bf16, real *x, real *space);
    void (*embed)(const struct hand *h, const int32_t *ids, int n, int64_t hidden, const real *d, real *d_table);
};

#endif
