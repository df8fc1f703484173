/* bench_report.h: one line of `osso bench` and the forms it is printed in. */
#ifndef OSSO_CLI_BENCH_REPORT_H
#define OSSO_CLI_BENCH_REPORT_H

#include "cli/model_args.h"
#include "osso/bench.h"

/* What was measured once: a prompt of n_prompt tokens, or n_gen tokens by each of `parallel` sequences, after `depth`.
 */
struct measurement {
    int64_t n_prompt, n_gen, depth;
    int parallel, repetitions;
    double *ns; /* [repetitions], the time of all tokens together */
    double read_ceiling,
        dot_ceiling;        /* GB/s and 10^12 operations per second, medians of what was measured in between the work */
    double resident;        /* GB/s of the decode kernels on weights in the cache */
    double experts;         /* distinct experts of a layer in one step, counted */
    double bytes_per_token; /* of generation: weights (a sequence's part of what a step reads), K and V */
    double operations_per_token; /* a multiply and an add are two */
    bool filled;                 /* the depth was made up, not computed */
    bool sampled;                /* tokens were drawn from the logits, in the time measured */
    char time[32];               /* when, in UTC */
};

/* What is the same on every line. */
struct bench_setting {
    const struct runner *runner;
    const struct osso_engine_options *engine_options;
    const char *filename; /* the model's path or the preset */
    const char *form;     /* "md", "json", "csv" */
    bool first;           /* nothing was printed yet */
    struct osso_device_ceiling device;
};

/* "pp512", "tg128 @ d4096", "tg128 x16", "tg128 x16 sampled", "tg16 @ d32768 (made up)" */
void bench_test_name(const struct measurement *m, char *text, size_t size);
void bench_report(struct bench_setting *setting, const struct measurement *m);
/* A text as JSON has it, else as CSV. */
void bench_quoted(const char *text, bool json);
/* What comes after the last line. */
void bench_report_end(const struct bench_setting *setting);

#endif
