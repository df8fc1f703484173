/* score_row.c: one row of logits; sums in one order, whoever reads them. */
#include "engine/score_row.h"

#include <math.h>

enum { CHUNK_IDS = 1024, SUM_LANES = 8 };

/* The largest first, then the sum of exponentials: chunks in their order, lanes i mod 8 within one. */
void score_row_read(const struct backend *backend, int64_t vocab, struct score_row *row)
{
    float x[CHUNK_IDS], y[CHUNK_IDS];
    double sum = 0;
    row->best = 0;
    for (int64_t i = 1; i < vocab; i++)
        if (row->logits[i] > row->logits[row->best])
            row->best = (int32_t)i;
    row->max = row->logits[row->best];
    for (int64_t at = 0; at < vocab; at += CHUNK_IDS) {
        double lanes[SUM_LANES] = {0};
        int64_t n = vocab - at < CHUNK_IDS ? vocab - at : CHUNK_IDS;
        for (int64_t i = 0; i < n; i++)
            x[i] = row->logits[at + i] - row->max;
        backend->exp(backend, x, n, y);
        for (int64_t i = 0; i < n; i++)
            lanes[i % SUM_LANES] += y[i];
        for (int l = 0; l < SUM_LANES; l++)
            sum += lanes[l];
    }
    row->log_sum = isfinite(row->max) ? log(sum) : NAN;
}

/* KL(a || b) in nats: chunks in their order. */
double score_row_divergence(const struct backend *backend, int64_t vocab, const struct score_row *a,
                            const struct score_row *b)
{
    float x[CHUNK_IDS], p[CHUNK_IDS];
    double total = 0, whole_a = (double)a->max + a->log_sum, whole_b = (double)b->max + b->log_sum;
    for (int64_t at = 0; at < vocab; at += CHUNK_IDS) {
        int64_t n = vocab - at < CHUNK_IDS ? vocab - at : CHUNK_IDS;
        double sum = 0;
        for (int64_t i = 0; i < n; i++)
            x[i] = (float)((double)a->logits[at + i] - whole_a);
        backend->exp(backend, x, n, p);
        for (int64_t i = 0; i < n; i++)
            if (p[i] > 0)
                sum += (double)p[i] * (((double)a->logits[at + i] - whole_a) - ((double)b->logits[at + i] - whole_b));
        total += sum;
    }
    return total > 0 ? total : 0; /* rounding may leave less */
}
