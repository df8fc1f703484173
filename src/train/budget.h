/* budget.h: how long a run is, what it takes, how fast this machine is with it. */
#ifndef OSSO_TRAIN_BUDGET_H
#define OSSO_TRAIN_BUDGET_H

#include "train/shape.h"
#include "train/source.h"

/* Steps of the whole run, from steps, epochs or max_tokens. */
enum osso_status budget_steps(const struct osso_train_config *config, const struct shape *shape, struct source *source,
                              int64_t *steps_out, struct osso_error *err);
/* The bytes of a trainer and what else may be said without running one. */
enum osso_status budget_memory(const struct shape *shape, struct osso_train_budget *b, struct osso_error *err);
/* NOMEM, with the figures by part and what would fit, when that is less; available: bytes of memory that are free. */
enum osso_status budget_check(const struct shape *shape, uint64_t available, struct osso_error *err);
double budget_flop(const struct config *config, int64_t seq_len);

#endif
