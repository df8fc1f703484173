/* chooser.h: the memory that choosing works in. */
#ifndef OSSO_ENGINE_CHOOSER_H
#define OSSO_ENGINE_CHOOSER_H

#include "osso/engine.h"

/* The vocabulary lies in chunks. Their largest logits and the sums of their weights are known, so that a look or a draw
 * walks one chunk; and, when candidates are wanted best first, weights lie in buckets by size, so that only the bucket
 * in which something ends is sorted. */
enum { CHUNK = 1024, BUCKETS = 16129, CHOOSE_FEW = 256, MASK_WORD = 32 };

/* How much of a chunk may be chosen. */
enum allowed { ALLOWED_NONE, ALLOWED_SOME, ALLOWED_ALL };

/* What one thread's samplers work in, one after the other, as large as the vocabulary: the engine's. Nothing in it
 * outlives a choice. */
struct chooser {
    int64_t vocab, n_chunks;
    float *logits;            /* [vocab] after penalties and bias; not used when there are none */
    uint16_t *counts;         /* [vocab] occurrences within the penalty window; zero between choices */
    uint32_t *space;          /* [vocab / 32] a mask callback's */
    uint32_t *mask;           /* [vocab / 32] its answer, where that is a list of ids */
    uint32_t *rest;           /* [vocab / 32] what a mask leaves without the ids to be avoided */
    const float *from;        /* [vocab] what is chosen from: logits, or the session's own */
    const uint32_t *bits;     /* those of them that may be chosen; NULL: all */
    uint8_t *allowed;         /* [n_chunks] enum allowed */
    float *top;               /* [n_chunks] the largest logit that may be chosen */
    float *weight;            /* [vocab] relative to the best one's, which is 1; nothing in chunks whose sum is 0 */
    double *sum;              /* [n_chunks] */
    struct osso_choice *band; /* [vocab] ids and weights in order: one bucket's, or the top-k */
    size_t n_band;
    int band_of; /* the bucket that band holds, -1: none */
    int n_buckets;
    int32_t count[BUCKETS];
    double mass[BUCKETS];
    /* Of osso_sample_all: the first draw that failed on this thread (-1: none), and why. */
    int64_t failed;
    struct osso_error why;
};

enum osso_status chooser_create(int64_t vocab, struct chooser *c, struct osso_error *err);
void chooser_free(struct chooser *c);
uint64_t chooser_bytes(int64_t vocab); /* of one, with all its arrays */

#endif
