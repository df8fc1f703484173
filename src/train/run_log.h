/* run_log.h: the log of a run: a line of JSON for every step and validation, written at once. */
#ifndef OSSO_TRAIN_RUN_LOG_H
#define OSSO_TRAIN_RUN_LOG_H

#include "osso/train.h"

struct run_log {
    char *path; /* NULL: nobody logs */
    int fd;
};

/* Cut back to the lines of steps up to `step`, so that each stands in it once. */
enum osso_status run_log_open(const char *path, int64_t step, struct run_log *log_out, struct osso_error *err);
enum osso_status run_log_sync(struct run_log *log, struct osso_error *err);
void run_log_close(struct run_log *log);
enum osso_status run_log_step(struct run_log *log, const struct osso_train_report *r, struct osso_error *err);
enum osso_status run_log_validation(struct run_log *log, const struct osso_train_validation *v, struct osso_error *err);

#endif
