/* data_order.c: which document comes next. An epoch is a list of documents, shuffled by the seed and its number. One of
 * a source with weight w comes w times in it: floor(w (e + 1) + u) - floor(w e + u) times in epoch e, with a u in
 * [0, 1) that the seed gives it, so that a weight of 0.25 brings each document in every fourth epoch, and different
 * ones in each. */
#include "train/data_parts.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/rng.h"

#include <math.h>
#include <string.h>

static uint64_t mixed(uint64_t seed, uint64_t number)
{
    uint64_t state = seed;
    state = rng_splitmix(&state) ^ number;
    return rng_splitmix(&state);
}

/* How often document i came in all epochs before e. */
static uint64_t times_before(const struct train_docs *d, size_t i, uint64_t e)
{
    double u = (double)(mixed(d->seed ^ 0x646f6373u, i) >> 44) * 0x1p-20;
    return (uint64_t)floor(d->sources[d->docs[i].source].weight * (double)e + u);
}

static uint64_t length_before(const struct train_docs *d, uint64_t e)
{
    uint64_t n = 0;
    for (size_t i = 0; i < d->n_docs; i++)
        n += times_before(d, i, e);
    return n;
}

static void fill_order(struct train_docs *d)
{
    size_t n = 0;
    for (size_t i = 0; i < d->n_docs; i++)
        for (uint64_t k = times_before(d, i, d->epoch), end = times_before(d, i, d->epoch + 1); k < end; k++)
            d->order[n++] = (uint32_t)i;
    d->order_len = n;
    struct rng rng;
    rng_seed(&rng, mixed(d->seed, d->epoch));
    for (size_t i = n; d->shuffled && i > 1; i--) {
        size_t j = (size_t)rng_below(&rng, i);
        uint32_t swap = d->order[i - 1];
        d->order[i - 1] = d->order[j];
        d->order[j] = swap;
    }
}

enum osso_status docs_order_begin(struct train_docs *d, struct osso_error *err)
{
    size_t most = 0;
    for (int s = 0; s < d->n_sources; s++)
        most += (d->sources[s].end - d->sources[s].first) * ((size_t)ceil(d->sources[s].weight) + 1);
    d->order = mem_array(most, sizeof *d->order);
    d->weights = mem_array(d->longest, sizeof *d->weights);
    if (!d->order || !d->weights)
        return error_nomem(err, most * sizeof *d->order, "the order of the documents");
    return train_docs_seek(d, 0, err);
}

enum osso_status train_docs_seek(struct train_docs *d, uint64_t position, struct osso_error *err)
{
    uint64_t low = 0, high = 1;
    if (position > (uint64_t)1 << 48)
        return error_set(err, OSSO_LIMIT, "document %llu of a run: no run has so many", (unsigned long long)position);
    while (length_before(d, high) <= position)
        high *= 2;
    while (high - low > 1) { /* low: the last epoch that begins at or before the position */
        uint64_t middle = low + (high - low) / 2;
        if (length_before(d, middle) <= position)
            low = middle;
        else
            high = middle;
    }
    d->epoch = low;
    d->position = position;
    fill_order(d);
    d->order_at = (size_t)(position - length_before(d, low));
    return OSSO_OK;
}

struct doc train_docs_next(struct train_docs *d)
{
    while (d->order_at == d->order_len) { /* small weights leave epochs empty */
        d->epoch++;
        d->order_at = 0;
        fill_order(d);
    }
    const struct doc_place *doc = &d->docs[d->order[d->order_at++]];
    d->position++;
    memset(d->weights, 0, doc->n * sizeof *d->weights);
    for (uint32_t s = 0; s < doc->n_spans; s++) {
        const struct doc_span *span = &d->spans[doc->span + s];
        for (uint32_t i = span->from; i < span->to; i++)
            d->weights[i] = span->weight;
    }
    return (struct doc){d->ids.data + doc->at, d->weights, doc->n};
}

uint64_t train_docs_position(const struct train_docs *d)
{
    return d->position;
}
