/* optimizer.h: from gradients to new values, over arenas of params_count values that lie beside each other (params.h).
 * AdamW, and the clipping before it, by torch's formulas (torch.optim.AdamW, clip_grad_norm_), so that runs can be
 * compared. */
#ifndef OSSO_TRAIN_OPTIMIZER_H
#define OSSO_TRAIN_OPTIMIZER_H

#include "base/thread.h"
#include "model/params.h"

struct adamw {
    double lr, beta1, beta2, eps, weight_decay;
    double grad_clip; /* the largest norm of all gradients together; 0: none is too large */
};

/* A run of values with one rule. */
struct optimizer_part {
    int64_t first, end;
    bool decays;
};

struct optimizer {
    int64_t count; /* values of an arena */
    float *values, *gradients, *m, *v;
    struct optimizer_part *parts;
    int n_parts;
    double *block_sums; /* squares, by blocks of OPTIMIZER_BLOCK values */
    int64_t n_blocks;
    int64_t updates; /* those that were made: skipped steps do not count */
};

enum { OPTIMIZER_BLOCK = 65536 };

/* m and v begin at 0 and belong to the optimizer; the others are the caller's. What decays: the matrices of attention,
 * router and experts; never a table of tokens, a norm, a sink or a bias. */
enum osso_status optimizer_create(const struct config *config, const struct weights *weights, float *values,
                                  float *gradients, struct optimizer *optimizer_out, struct osso_error *err);
void optimizer_free(struct optimizer *o);
uint64_t optimizer_bytes(const struct config *config);

/* By all members of a team. Norm of all gradients, in f64: blocks of values ascending, then the blocks; NaN or infinite
 * when one of them is. */
double optimizer_norm(const struct member *member, const struct optimizer *o);
/* One update; gradients are 0 afterwards. `norm` as above; where it is not finite nothing but the gradients changes,
 * and the update does not count: false. */
bool optimizer_update(const struct member *member, struct optimizer *o, const struct adamw *rule, double norm);

/* ---- the rate ------------------------------------------------------------------------------------------- */

enum schedule_kind { SCHEDULE_CONSTANT, SCHEDULE_COSINE, SCHEDULE_LINEAR, SCHEDULE_WSD };
struct schedule {
    enum schedule_kind kind;
    double lr, min_lr;
    int64_t steps, warmup_steps, decay_steps; /* decay_steps: wsd's */
};
/* Of step t = 1 .. steps. */
double schedule_lr(const struct schedule *s, int64_t t);

#endif
