/* train_show.h: what a person sees of a training run: a line that moves on a terminal, some lines elsewhere, samples.
 */
#ifndef OSSO_CLI_TRAIN_SHOW_H
#define OSSO_CLI_TRAIN_SHOW_H

#include "osso/train.h"

struct train_show {
    double began, said; /* seconds */
    int64_t first;      /* the step before the first one here */
    int64_t tokens;     /* of the steps here */
    double loss;        /* a running mean */
    int threads;
    const char *isa;
};

/* Hooks of osso_train_run over a struct train_show; Ctrl-C ends the run. */
struct osso_train_hooks train_show_hooks(struct train_show *show);
void train_show_end(void); /* the line that moves goes */
/* --dry-run, on standard output. */
void train_show_budget(const struct osso_train_budget *b);

#endif
