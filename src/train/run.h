/* run.h: struct osso_train: a trainer with its data, its log and its folder. */
#ifndef OSSO_TRAIN_RUN_H
#define OSSO_TRAIN_RUN_H

#include "train/budget.h"
#include "train/run_files.h"
#include "train/run_log.h"

enum { MAX_SKIPPED = 5 };

struct osso_train {
    const struct osso_train_config *config;
    struct shape shape;
    struct trainer trainer;
    struct source data, validation;
    bool validates;
    struct micro *micros; /* [grad_accum] */
    struct trainer_batch *batches;
    struct micro held; /* of validation */
    struct adamw rule;
    struct schedule schedule;
    struct run_log log;
    struct run_state state;
    int64_t qat_from;           /* the first step whose experts compute as MXFP4; INT64_MAX: none */
    int64_t step, steps, saved; /* made, in all, of the last checkpoint (-1: none) */
    const char *out, *fault;    /* NULL: none */
    int lock;                   /* of the folder; -1: none */
    struct osso_model *view;
    struct notes notes;
    int (*watch)(void *user, int64_t done, int64_t docs); /* of a validation; not 0 ends it */
    void *watcher;
};

#endif
