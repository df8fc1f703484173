/* choose.h: from logits to weights and from weights to one id, at the speed of a few passes over the vocabulary. */
#ifndef OSSO_ENGINE_CHOOSE_H
#define OSSO_ENGINE_CHOOSE_H

#include "engine/chooser.h"

#include "backend/backend.h"

/* From here on all of these logits (they must stay) may be chosen. Returns the largest; NaN is passed over. */
float choose_from(struct chooser *c, const float *logits);
/* After choose_from: only those whose bit is set (the bits must stay). Returns the largest of them, -INFINITY when
 * there is none. What was chosen from before is only there again by choose_from. */
float choose_among(struct chooser *c, const uint32_t *bits);

/* Weight = exp((logit - max) / temperature) of what may be chosen, by the backend's exponential: the same bits on every
 * ISA. Returns their sum, which is NaN if a logit is. */
double choose_weigh(struct chooser *c, const struct backend *backend, float max, double temperature);
/* The same when choose_among came after choose_weigh and left the largest as it was. */
double choose_reweigh(struct chooser *c);
/* The lowest id whose logit is the largest. */
int32_t choose_first(const struct chooser *c, float max);
/* The k largest in order (ties to the lowest id), as id and value. Returns how many there are: min(k, vocab). */
size_t choose_best(const struct chooser *c, struct osso_choice *best, size_t k);

/* One id by its weight, `unit` in [0, 1) deciding. After choose_weigh, whose sum is `total`: */
int32_t choose_plain(struct chooser *c, double total, double min_p, double unit);
/* The same among the top-k, then the smallest set whose share reaches top_p, then min_p; laid out best first. */
int32_t choose_ranked(struct chooser *c, double total, int64_t top_k, double top_p, double min_p, double unit);
/* As choose_ranked for a top_k of at most CHOOSE_FEW, straight from logits; no choose_weigh before. */
int32_t choose_few(struct chooser *c, const struct backend *backend, float max, double temperature, int64_t top_k,
                   double top_p, double min_p, double unit);

#endif
