/* rank.h: ids and their values, best first: a heap whose top is the worst. */
#ifndef OSSO_ENGINE_RANK_H
#define OSSO_ENGINE_RANK_H

#include "osso/engine.h"

#include <stdbool.h>
#include <stddef.h>

/* Is a before b: the larger value (logprob holds it) first, the lower id among equals. */
bool rank_before(const struct osso_choice *a, const struct osso_choice *b);
/* Any n entries become a heap; entry i, which may be too good for its place, goes down; a heap becomes a list in order.
 */
void rank_heapify(struct osso_choice *list, size_t n);
void rank_sift(struct osso_choice *heap, size_t n, size_t i);
void rank_sort(struct osso_choice *heap, size_t n);

#endif
