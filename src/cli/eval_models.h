/* eval_models.h: `osso eval` with more than one engine: two models over a text, one model by its experts per token. */
#ifndef OSSO_CLI_EVAL_MODELS_H
#define OSSO_CLI_EVAL_MODELS_H

#include "cli/model_args.h"

/* A and B of the operands over --data's text (osso_eval_diverge); the report is the caller's. --experts: how many work
 * on each token of A, and of B. */
enum osso_status eval_models_compare(const struct options *options, char **report_out, struct osso_error *err);
/* Bits per byte and tokens a second of one model for each number of --experts: {"experts": [...]}. */
enum osso_status eval_models_experts(const struct options *options, char **report_out, struct osso_error *err);
/* Shows how far it is and says whether to end: the progress of an evaluation. */
int eval_models_progress(void *user, uint64_t done, uint64_t total);
/* The settings of a run, as members of a JSON object; NULL: no memory (mem_free it). */
char *eval_models_settings(const struct options *options, int64_t experts);

#endif
