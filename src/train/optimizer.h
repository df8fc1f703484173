/* optimizer.h: from gradients to new values, over arenas of params_count values that lie beside each other (params.h).
 * AdamW, Muon and the clipping before them by torch's formulas (torch.optim, clip_grad_norm_), so that runs can be
 * compared. Muon is for q, k, v, o and gate, up, down of every expert, each a matrix of its own, with the rate of
 * "match_rms_adamw"; its products are f32 (torch rounds them to bf16), in dtype bf16 of rounded factors. Everything
 * else is AdamW's then, too. */
#ifndef OSSO_TRAIN_OPTIMIZER_H
#define OSSO_TRAIN_OPTIMIZER_H

#include "backend/backend.h"
#include "base/rng.h"
#include "model/params.h"

#include <string.h>

struct adamw {
    double lr, beta1, beta2, eps, weight_decay;
    double grad_clip; /* the largest norm of all gradients together; 0: none is too large */
    double momentum;  /* Muon's */
};

enum optimizer_kind { OPTIMIZER_ADAMW, OPTIMIZER_MUON };
struct optimizer_options {
    enum optimizer_kind kind;
    /* Moments of half the size, rounded up or down by chance, so that the many small steps of a slow mean are not lost;
     * with a beta2 above 0.98 even so they would be. */
    bool bf16_moments;
    bool bf16_products; /* Muon's, as all others of such a run */
    uint64_t seed;      /* of that chance; each value and update has its own */
};

/* A run of values with one rule. */
struct optimizer_part {
    int64_t first, end;
    bool decays;
    bool muon; /* stack matrices [rows][columns], one after the other */
    int64_t stack, rows, columns;
};

struct optimizer {
    int64_t count; /* values of an arena */
    float *values, *gradients;
    void *m, *v; /* float, or bf16; Muon has its momentum in m */
    struct optimizer_options options;
    struct optimizer_part *parts;
    int n_parts;
    double *block_sums; /* squares, by blocks of OPTIMIZER_BLOCK values */
    int64_t n_blocks;
    int64_t updates; /* those that were made: skipped steps do not count */
    /* Muon: its matrices, all parts' together, and of each member room to work in. */
    int64_t n_matrices, space_values;
    int n_members;
    float *space;
};

enum { OPTIMIZER_BLOCK = 65536 };

/* m and v begin at 0 and belong to the optimizer; the others are the caller's. What decays: the matrices of attention,
 * router and experts; never a table of tokens, a norm, a sink or a bias. */
enum osso_status optimizer_create(const struct config *config, const struct weights *weights, float *values,
                                  float *gradients, const struct optimizer_options *options, int n_members,
                                  struct optimizer *optimizer_out, struct osso_error *err);
void optimizer_free(struct optimizer *o);
/* Of the moments. */
uint64_t optimizer_bytes(const struct config *config, const struct optimizer_options *options);

/* By all members of a team. Norm of all gradients, in f64: blocks of values ascending, then the blocks; NaN or infinite
 * when one of them is. */
double optimizer_norm(const struct member *member, const struct optimizer *o);
/* One update; gradients are 0 afterwards. `norm` as above; where it is not finite nothing but the gradients changes,
 * and the update does not count: false. */
bool optimizer_update(const struct hand *h, struct optimizer *o, const struct adamw *rule, double norm);
/* Muon's part of it: the matrices that this member gets. */
void optimizer_muon(const struct hand *h, const struct optimizer *o, const struct adamw *rule, float clip);
/* Room that a member needs for it. */
int64_t optimizer_muon_values(const struct optimizer_part *part);

/* ---- moments in bf16 ------------------------------------------------------------------------------------ */

static inline float moment_load(const struct optimizer *o, const void *moment, int64_t i)
{
    return o->options.bf16_moments ? bf16_to_f32(((const uint16_t *)moment)[i]) : ((const float *)moment)[i];
}

/* Up with the probability of what is cut off: by a hash of seed, update, which moment and value. */
static inline uint16_t moment_round(const struct optimizer *o, bool second, int64_t i, float f)
{
    uint64_t state = o->options.seed ^ ((uint64_t)o->updates * 2 + second) * 0xd1b54a32d192ed03u;
    uint32_t bits;
    state += (uint64_t)i * 0x9e3779b97f4a7c15u;
    memcpy(&bits, &f, sizeof bits);
    if ((bits & 0x7f800000u) == 0x7f800000u) /* infinite or NaN stays that */
        return (uint16_t)(bits >> 16 | ((bits & 0xffffu) != 0));
    return (uint16_t)((bits + (uint32_t)(rng_splitmix(&state) & 0xffff)) >> 16);
}

static inline void moment_store(const struct optimizer *o, void *moment, int64_t i, float f)
{
    if (o->options.bf16_moments)
        ((uint16_t *)moment)[i] = moment_round(o, moment == o->v, i, f);
    else
        ((float *)moment)[i] = f;
}

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
