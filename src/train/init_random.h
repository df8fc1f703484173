/* init_random.h: the weights of a model that has learned nothing. */
#ifndef OSSO_TRAIN_INIT_RANDOM_H
#define OSSO_TRAIN_INIT_RANDOM_H

#include "model/params.h"

/* Into an arena that `weights` are bound on. Norms 1, biases and sinks 0, matrices around 0: with the deviation that
 * GPT-2 has at its width, wider for narrow ones; what adds to the residual stream less, the more layers do. Equal seeds
 * give equal bits on every machine. */
void init_random(const struct config *config, const struct weights *weights, uint64_t seed);

#endif
