/* forward.h: the one forward pass of gpt-oss, over a batch of rows. Compiled for float and for double (real.h). */
#ifndef OSSO_MODEL_FORWARD_H
#define OSSO_MODEL_FORWARD_H

#include "model/activations.h"
#include "model/kv.h"
#include "model/shard.h"
#include "model/taps.h"
#include "model/weights.h"

#include <signal.h>

struct forward {
    const struct config *config;
    const struct weights *weights;
    const struct backend *backend;
    const struct kv_pool *kv;
    int top_k;         /* experts per token */
    float score_scale; /* 1 / sqrt(head_dim) */
    struct shard shard;
    struct taps taps;
    const volatile sig_atomic_t *interrupt; /* not 0: the step is to end; NULL: nobody asks */
    bool interrupted;                       /* it did: no row of it is whole */
    struct activations acts;
    struct batch batch;  /* this step's, as the caller has it */
    struct batch staged; /* the same, for ops: what backend->begin made of it */
    /* Where this step's rows begin. 0: they are embedded. Else K and V of the layers below stand in their pages. */
    int first_layer;
    const real *const *entering; /* [n] the host's: a row's residual stream [hidden] there */
};

/* Whole model, no taps. Allocates the activations and tells the backend of every tensor. */
enum osso_status REAL(forward_create)(const struct config *config, const struct weights *weights,
                                      const struct backend *backend, const struct kv_pool *kv,
                                      const struct activation_options *options, struct forward *forward_out,
                                      struct osso_error *err);
void REAL(forward_free)(struct forward *forward);
/* From whole to a shard. Not during a step. */
void REAL(forward_set_shard)(struct forward *forward, const struct shard *shard);

/* What a member of the team takes to the calls below. */
struct hand REAL(forward_hand)(const struct forward *f, const struct member *member);
/* Tells the backend of every tensor; forward_create has done it. After somebody changed values, again. */
enum osso_status REAL(forward_learn)(struct forward *f, struct osso_error *err);
/* Around the calls below, by one thread: forward->batch goes to the backend; a failure of either is the step's. */
enum osso_status REAL(forward_begin)(struct forward *f, struct osso_error *err);
enum osso_status REAL(forward_end)(struct forward *f, struct osso_error *err);
/* All members of a team call these together. A layer takes the residual stream from acts.x[layer] to acts.x[layer + 1];
 * false: the step is over (taps.ended, or interrupted). */
void REAL(forward_embed)(const struct hand *h, struct forward *f);
bool REAL(forward_layer)(const struct hand *h, struct forward *f, int layer);
void REAL(forward_head)(const struct hand *h, struct forward *f);
/* embed, every layer, head, until one of them is the last; or from first_layer on. */
void REAL(forward_step)(const struct hand *h, struct forward *f);

#endif
