/* run_files.h: the folder of a run: step-000100 and its like, and the small text files latest and best that name one of
 * them. */
#ifndef OSSO_TRAIN_RUN_FILES_H
#define OSSO_TRAIN_RUN_FILES_H

#include "train/snapshot.h"

/* What a run knows beside its trainer. */
struct run_state {
    uint64_t taken; /* documents */
    int64_t tokens;
    double best_loss;         /* INFINITY: none yet */
    int64_t best_step, worse; /* worse: validations since */
    int64_t skipped;          /* steps in a row */
};

/* The folder for one run alone, as long as *fd (>= 0) is open; a folder that is not there yet is nobody's (*fd: -1). */
enum osso_status run_files_lock(const char *out, int *fd_out, struct osso_error *err);
/* The step that OUT/name ("latest", "best") names; -1: none. *folder_out is the caller's. */
enum osso_status run_files_named(const char *out, const char *name, char **folder_out, int64_t *step_out,
                                 struct osso_error *err);
/* A checkpoint; then latest, and best where it is the best one, name it. */
enum osso_status run_files_save(const struct trainer *t, const char *out, const char *tokenizer, int64_t step,
                                const struct run_state *state, struct osso_error *err);
enum osso_status run_files_read(const char *folder, struct run_state *state_out, struct osso_error *err);
/* Takes away checkpoints: all of steps beyond `step`, and of the others all but the last `keep` and the best. */
void run_files_prune(const char *out, int64_t step, int64_t keep);

#endif
