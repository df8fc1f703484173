/* shape.h: what a run's settings make of a model: its configuration, where its weights come from, how a step is laid
 * out. */
#ifndef OSSO_TRAIN_SHAPE_H
#define OSSO_TRAIN_SHAPE_H

#include "checkpoint/model_open.h"
#include "train/settings.h"
#include "train/trainer.h"

struct shape {
    struct config config;
    struct osso_model *model;         /* whose weights are the first ones; NULL: random ones */
    struct osso_tokenizer *tokenizer; /* NULL: none */
    char *tokenizer_folder;           /* whose files a checkpoint gets; NULL: none */
    struct trainer_options options;
    int batch_size, grad_accum;
    int64_t top_k[MAX_INTS]; /* that micro-batches draw from */
    int n_top_k;
};

/* from: a checkpoint to go on from, instead of what `init` says; NULL: none. */
enum osso_status shape_make(const struct osso_train_config *config, const char *from, int threads, const char *isa,
                            struct shape *shape_out, struct osso_error *err);
void shape_free(struct shape *s);

#endif
