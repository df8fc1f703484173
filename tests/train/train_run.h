/* train_run.h: a model in training, as tests of what a run leaves have it. */
#ifndef OSSO_TRAIN_RUN_TEST_H
#define OSSO_TRAIN_RUN_TEST_H

#include "train_docs.h"

#include "checkpoint/model_open.h"

struct run {
    struct osso_model *model;
    struct trainer trainer;
};

static inline void run_open(struct run *r, const char *path, struct trainer_options options)
{
    struct osso_error err = {""};
    options.seq_len = 40;
    options.max_rows = 80;
    options.threads = options.threads ? options.threads : 2;
    options.max_docs = 4;
    check_ok(osso_model_open(path, &r->model, &err), err);
    check_ok(trainer_create(&r->model->config, &r->model->weights, &options, &r->trainer, &err), err);
}

static inline void run_close(struct run *r)
{
    trainer_free(&r->trainer);
    osso_model_free(r->model);
}

static inline double run_gradients(struct run *r, const struct docs *docs)
{
    struct osso_error err = {""};
    struct trainer_result result;
    struct trainer_batch batch = docs_batch(docs, 0, docs->n);
    check_ok(trainer_gradients(&r->trainer, &batch, 1, 0.02, 0.001, &result, &err), err);
    return result.loss;
}

static inline double run_step(struct run *r, const struct docs *docs)
{
    struct trainer_result result = {.loss = run_gradients(r, docs)};
    trainer_update(&r->trainer, &adamw, &result);
    return result.loss;
}

#endif
