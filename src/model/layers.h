/* layers.h: sets of layers. */
#ifndef OSSO_MODEL_LAYERS_H
#define OSSO_MODEL_LAYERS_H

#include "osso/tap.h"

#include <stdbool.h>

static inline bool layers_have(const struct osso_layers *set, int layer)
{
    return set->bits[layer / 64] >> layer % 64 & 1;
}

static inline void layers_add(struct osso_layers *set, int layer)
{
    set->bits[layer / 64] |= (uint64_t)1 << layer % 64;
}

/* How many of layers 0 to n - 1 are in it. */
static inline size_t layers_count(const struct osso_layers *set, int n)
{
    size_t sum = 0;
    for (int l = 0; l < n; l++)
        sum += layers_have(set, l);
    return sum;
}

#endif
