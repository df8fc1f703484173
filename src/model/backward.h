/* backward.h: the derivative of the loss by every parameter: a step of training before its update. Compiled for float
 * and for double (real.h), over the same forward pass that answers questions. */
#ifndef OSSO_MODEL_BACKWARD_H
#define OSSO_MODEL_BACKWARD_H

#include "backend/train_ops.h"
#include "model/forward.h"

/* Activations and what is made of them by the way back; the backend's memory. */
struct backward_space {
    real *d;             /* [rows][hidden]: by the residual stream, wherever the pass is */
    real *d_in;          /* [rows][hidden]: by a normed input */
    real *dz, *dq;       /* [rows][heads * head_dim] */
    real *dk, *dv;       /* [rows][kv_heads * head_dim] */
    real *dot;           /* [rows][heads] */
    real *d_router;      /* [rows][experts] */
    real *d_weights;     /* [slots] */
    real *d_gate, *d_up; /* [slots][intermediate] */
    real *d_final;       /* [logit rows of a chunk][hidden] */
    real *scale;         /* [rows] */
    double *losses;      /* [logit rows of a chunk] */
    void *memory;
    size_t bytes;
};

struct backward {
    /* Made with n_kept > 0; its weights lie in `values` (params_bind). Each step's batch is the caller's business, as
     * for forward_step, but for the chunks of logits: n_logits may exceed max_logits. Rows of a sequence lie one after
     * the other, from position 0; no row wants logits twice. */
    struct forward *forward;
    const float *values; /* an arena of params_count values */
    /* The table over it. The forward pass's own may differ from it in the experts' matrices: those that it computes
     * with, in whatever format; what a derivative by them is goes to the place of these. */
    const struct weights *own;
    real *gradients; /* another one; every step adds to it */
    /* This step's: what logit row i should have been. The divisor is that of all batches that make one update. */
    const int32_t *target;
    const float *weight;
    double divisor;
    int64_t *slots;              /* [layers][experts]: added to; NULL: nobody counts */
    double balance_coef, z_coef; /* of the router's losses; divided by the number of such batches, too */
    /* What the last step found: the weighted sum of -log p, and the means over layers of the router's losses. */
    double loss;
    struct router_losses router;
    struct backward_space space;
};

enum osso_status REAL(backward_create)(struct forward *forward, const float *values, real *gradients,
                                       struct backward *backward_out, struct osso_error *err);
void REAL(backward_free)(struct backward *backward);
/* Bytes that backward_create takes. */
uint64_t REAL(backward_bytes)(const struct config *config, const struct activation_options *options);

/* By all members of a team, between forward_begin and forward_end. */
void REAL(backward_loss)(const struct hand *h, struct backward *b); /* forward only: what evaluation asks */
void REAL(backward_step)(const struct hand *h, struct backward *b); /* the same, and the way back */

#endif
