/* trainer.h: a model whose values are trained: its arenas, its own pages and activations, and steps over documents. The
 * forward pass is the engine's exact one, bit for bit, unless its products are of bf16. */
#ifndef OSSO_TRAIN_TRAINER_H
#define OSSO_TRAIN_TRAINER_H

#include "model/backward.h"
#include "train/fake_quant.h"
#include "train/optimizer.h"

struct trainer_options {
    int threads;
    int64_t seq_len; /* the longest document */
    int max_rows;    /* of a batch */
    int max_docs;    /* of a batch; 0: an eighth of max_rows */
    int max_logits;  /* at a time; 0: as many as 64 MiB hold, 1,024 at most */
    int top_k;       /* experts per token; 0: the model's */
    int n_kept;      /* layers whose activations stay; 0: all; 1: each is run again */
    const char *isa; /* NULL: the best */
    uint64_t seed;   /* of a model that has learned nothing */
    bool fake_quant; /* there is room for trainer_quantize */
    bool bf16;       /* products round their factors to bf16; all else is f32 */
    struct optimizer_options optimizer;
};

/* Documents, each a sequence of its own: doc d has ids [start[d], start[d + 1]), the last of which is only a target:
 * row i of a document sees ids up to i and is asked for id i + 1. weight[i]: what this target weighs (by the id's own
 * index; a document's first is never one); NULL: 1 each. */
struct trainer_batch {
    int n_docs;
    const int32_t *ids, *start;
    const float *weight;
    int top_k; /* experts per token, at most the trainer's; 0: the trainer's */
};

struct trainer {
    struct config config;
    struct weights weights; /* over values */
    float *values, *gradients;
    struct optimizer optimizer;
    struct fake_quant quant;
    struct kv_pool kv;
    struct kv_seq *seq;
    const int32_t **tables[KV_GROUPS];
    struct forward forward;
    struct backward backward;
    struct team *team;
    struct trainer_options options;
    int32_t *token, *pos, *doc, *floor, *learned, *target;
    float *weight, *angles, *position_angles; /* position_angles: of every position */
    int64_t *slots;                           /* [layers][experts]: how many each expert had in the last step */
};

/* What a step found. */
struct trainer_result {
    double loss; /* weighted mean over all targets */
    double balance_loss, z_loss;
    double norm;
    int64_t rows, targets;
    bool skipped; /* the gradients were not finite: the values are as they were */
};

/* What 0 stands for in options. */
void trainer_settle(const struct config *config, struct trainer_options *options);
/* The values are `model`'s, in any format, as f32; NULL: random ones. In place: never moved. */
enum osso_status trainer_create(const struct config *config, const struct weights *model,
                                const struct trainer_options *options, struct trainer *trainer_out,
                                struct osso_error *err);
void trainer_free(struct trainer *t);

/* From here on the experts compute with the MXFP4 blocks of their values, or (false, as in the beginning) with these
 * themselves. Gradients are by the values either way. */
void trainer_quantize(struct trainer *t, bool on);
/* What the next pass computes with. The table is the trainer's; its values hold until the next update. */
const struct weights *trainer_weights(struct trainer *t);

/* Adds the gradients of n batches, which make one step; they weigh by all of their targets together. Refuses documents
 * that do not fit, ids beyond the vocabulary and a step without a target, and has then added nothing. */
enum osso_status trainer_gradients(struct trainer *t, const struct trainer_batch *batches, int n, double balance_coef,
                                   double z_coef, struct trainer_result *result_out, struct osso_error *err);
/* The update by them, after which they are 0. */
void trainer_update(struct trainer *t, const struct adamw *rule, struct trainer_result *result);
/* Loss of batches, nothing else: norm is 0. */
enum osso_status trainer_loss(struct trainer *t, const struct trainer_batch *batches, int n,
                              struct trainer_result *result_out, struct osso_error *err);

#endif
