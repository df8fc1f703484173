/* context.h: how long a conversation may get: the default, and what helps when it is full. */
#ifndef OSSO_CLI_CONTEXT_H
#define OSSO_CLI_CONTEXT_H

#include "cli/model_args.h"

/* Engine and session for verbs that talk; Ctrl-C ends their steps. Without -c the context is the model's, halved until
 * its K and V fit a quarter of the free memory and the engine can be made, but not below 4,096. */
enum osso_status context_start(const struct options *options, struct runner *runner, struct osso_error *err);
/* The same engine with another context (0: the model's); on failure the one before is still there. */
enum osso_status context_change(const struct options *options, struct runner *runner, int64_t context,
                                struct osso_error *err);
/* A larger context that holds more than `needed` tokens, that the model has and memory allows; 0: there is none. */
int64_t context_larger(const struct options *options, const struct runner *runner, size_t needed);
/* "give a larger one, with -c N ..." where there is one; false, and nothing written: there is none. */
bool context_advice(const struct options *options, const struct runner *runner, size_t needed, char *advice,
                    size_t size);
/* LIMIT, for a text of so many tokens, too many: the sentence names what helps. */
enum osso_status context_full(const struct options *options, const struct runner *runner, size_t n_tokens,
                              struct osso_error *err);

#endif
