/* bpe.h: byte pair encoding of one piece of text. */
#ifndef OSSO_TOKEN_BPE_H
#define OSSO_TOKEN_BPE_H

#include "osso/text.h"
#include "token/vocab.h"

/* Memory for long pieces, kept from piece to piece. Start from {0}. */
struct bpe_space {
    void *data;
    size_t bytes;
};
void bpe_space_free(struct bpe_space *space);

/* Appends the ids of n > 0 bytes: starting from single bytes, the neighbours whose merge has the lowest rank are
 * joined, the leftmost first, until no neighbours merge. Quadratic only up to a small length, n log n above. */
enum osso_status bpe_encode(const struct vocab *v, const uint8_t *s, size_t n, struct bpe_space *space,
                            struct osso_ids *ids, struct osso_error *err);

#endif
