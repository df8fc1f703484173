/* choose.h: from logits to weights and from weights to one id, at the speed of a few passes over the vocabulary. */
#ifndef OSSO_ENGINE_CHOOSE_H
#define OSSO_ENGINE_CHOOSE_H

#include "backend/backend.h"
#include "osso/engine.h"

/* Weights lie in chunks whose sums are known, so that a draw walks one chunk; and, when candidates are wanted best
 * first, in buckets by size, so that only the bucket in which something ends is sorted. */
enum { CHUNK = 1024, BUCKETS = 16129, CHOOSE_FEW = 256 };

/* What samplers work in, as large as the vocabulary: an engine has one, because its samplers run one after the other.
 * Nothing in it outlives a choice. */
struct chooser {
    int64_t vocab;
    float *logits;            /* [vocab] after penalties, bias and mask; not used when there are none */
    uint32_t *mask;           /* [vocab / 32] */
    uint16_t *counts;         /* [vocab] occurrences within the penalty window; zero between choices */
    float *weight;            /* [vocab] relative to the best one's, which is 1 */
    double *sum;              /* [vocab / CHUNK] */
    struct osso_choice *band; /* [vocab] ids and weights in order: one bucket's, or the top-k */
    size_t n_band;
    int band_of; /* the bucket that band holds, -1: none */
    int n_buckets;
    int32_t count[BUCKETS];
    double mass[BUCKETS];
};

enum osso_status chooser_create(int64_t vocab, struct chooser *c, struct osso_error *err);
void chooser_free(struct chooser *c);
uint64_t chooser_bytes(int64_t vocab); /* of one, with all its arrays */

/* The largest; NaN is passed over. */
float choose_max(const float *logits, int64_t n);
/* weight = exp((logit - max) / temperature), by the backend's exponential: the same bits on every ISA. Returns their
 * sum, which is NaN if a logit is. */
double choose_weigh(struct chooser *c, const struct backend *backend, const float *logits, float max,
                    double temperature);
/* The k largest in order (ties to the lowest id), as id and value. Returns how many there are: min(k, n). */
size_t choose_best(const float *values, int64_t n, struct osso_choice *best, size_t k);

/* One id by its weight, `unit` in [0, 1) deciding. After choose_weigh, whose sum is `total`: */
int32_t choose_plain(struct chooser *c, double total, double min_p, double unit);
/* The same among the top-k, then the smallest set whose share reaches top_p, then min_p; laid out best first. */
int32_t choose_ranked(struct chooser *c, double total, int64_t top_k, double top_p, double min_p, double unit);
/* As choose_ranked for a top_k of at most CHOOSE_FEW, straight from logits; no choose_weigh before. */
int32_t choose_few(struct chooser *c, const struct backend *backend, const float *logits, float max, double temperature,
                   int64_t top_k, double top_p, double min_p, double unit);

#endif
