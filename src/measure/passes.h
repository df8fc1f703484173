/* passes.h: how long prompts and single tokens take through the layers of a model, by the clock. */
#ifndef OSSO_MEASURE_PASSES_H
#define OSSO_MEASURE_PASSES_H

#include "osso/forecast.h"

struct osso_ceiling;
struct passes {
    int rows, prompt_layers;
    double prompt_seconds; /* of a step of `rows` rows through so many layers, without logits; 0: not measured */
    int n_layers;
    double layers_seconds, head_seconds; /* of a token through so many, and of its logits; 0: not measured */
};
/* All layers of a model, as osso bench measures them: random tokens, medians, and nothing that the caches could keep
 * from one step to the next (what the ceiling reads takes its place; NULL: a model of which they hold nothing). The
 * threads and the instruction set of rates; a prompt only where there are integer dots. rows: as many as the model's
 * context has room for. */
enum osso_status passes_measure(struct osso_model *model, const struct osso_rates *rates, int rows,
                                struct osso_ceiling *ceiling, struct passes *passes_out, struct osso_error *err);
/* The same of a model's first layers, where its files lie: eight for tokens; of a prompt as many as it passes in a
 * moment, and two at least, one of each kind. */
enum osso_status passes_measure_first(const struct osso_model *model, const struct osso_rates *rates, int rows,
                                      struct passes *passes_out, struct osso_error *err);

#endif
