/* passes.h: what prompts and single tokens get through the layers of a model, by the clock. */
#ifndef OSSO_MEASURE_PASSES_H
#define OSSO_MEASURE_PASSES_H

#include "osso/forecast.h"

/* 10^12 operations a second of a prompt in one step of `rows` rows: the best of a few, for who else works here is not
 * the model's. rates says the threads and the instruction set. The model's context has room for so many rows, or for as
 * many as it has. */
enum osso_status prompt_rate(struct osso_model *model, const struct osso_rates *rates, int rows, double *tops_out,
                             struct osso_error *err);
/* Seconds of tokens one by one, medians: of a token through all layers, and of a head beside that. 0: not measured. */
enum osso_status token_seconds(struct osso_model *model, const struct osso_rates *rates, double *layers_out,
                               double *head_out, struct osso_error *err);

/* Both for a model of files that are in memory, in its first layers alone, where they lie: a file's pages may be slower
 * than memory just asked for. */
struct first_layers {
    int n;
    double prompt_tops, layers_seconds, head_seconds; /* 0: not measured */
};
enum osso_status first_layers_measure(const struct osso_model *model, const struct osso_rates *rates, int rows,
                                      struct first_layers *out, struct osso_error *err);

#endif
