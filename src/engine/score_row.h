/* score_row.h: what a row of logits says of its distribution, and how far two are apart. */
#ifndef OSSO_ENGINE_SCORE_ROW_H
#define OSSO_ENGINE_SCORE_ROW_H

#include "backend/backend.h"

/* What a row of logits says: log p of an id is logits[id] - max - log_sum. NaN in log_sum: no numbers. */
struct score_row {
    const float *logits;
    float max;
    double log_sum;
    int32_t best; /* the lowest id that has the largest logit */
};
void score_row_read(const struct backend *backend, int64_t vocab, struct score_row *row); /* of row->logits */
/* KL(a || b) in nats, of rows that were read. */
double score_row_divergence(const struct backend *backend, int64_t vocab, const struct score_row *a,
                            const struct score_row *b);

#endif
