/* bench_work.h: the work that `osso bench` measures: prompts and generation by an engine's sessions. */
#ifndef OSSO_CLI_BENCH_WORK_H
#define OSSO_CLI_BENCH_WORK_H

#include "cli/bench_report.h"

#include "base/rng.h"
#include "osso/bench.h"

#include <stdio.h>

enum { READ_EVERY = 8 /* steps of generation */ };

/* What a ceiling was each time that it was measured. */
struct samples {
    double *values;
    int n, room;
};

struct bench {
    struct runner r;
    struct osso_engine_options e;
    struct bench_setting setting;
    struct osso_session **sessions; /* [parallel] */
    struct osso_ids *ids;           /* [parallel] the depth's tokens, then the prompt's */
    size_t *filled;                 /* [parallel] made-up K and V reach so far */
    struct osso_draw *draws;        /* [parallel] --sample: the sequences' own next tokens; else no samplers in them */
    int parallel, repetitions;
    bool fill, sample;
    struct osso_ceiling *ceiling;
    struct samples reads, dots;
    struct rng rng;
    FILE *times; /* of kernels, or NULL */
};

/* m's work once, and its time; ceilings are measured in between. */
enum osso_status bench_prompt(struct bench *b, const struct measurement *m, double *ns, struct osso_error *err);
enum osso_status bench_generation(struct bench *b, const struct measurement *m, double *ns, struct osso_error *err);
/* Every sequence at m's depth; nothing is computed where it has been there before. */
enum osso_status bench_to_depth(struct bench *b, const struct measurement *m, struct osso_error *err);
/* n tokens of each sequence. */
enum osso_status bench_generate(struct bench *b, const struct measurement *m, int64_t n, struct osso_error *err);
/* m's work once more, kernel by kernel: lines of b->times. */
enum osso_status bench_kernel_times(struct bench *b, const struct measurement *m, struct osso_error *err);

#endif
