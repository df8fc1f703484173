/* bpe_train.h: byte pair encoding learned from counted words, and a tokenizer of it. */
#ifndef OSSO_TOKEN_BPE_TRAIN_H
#define OSSO_TOKEN_BPE_TRAIN_H

#include "token/bpe_count.h"
#include "token/tokenizer.h"

/* Tokens by id: the 256 bytes in the order of GPT-2's alphabet, then what was merged, in order. */
struct bpe_tokens {
    uint8_t *bytes;
    size_t n_bytes, bytes_cap;
    uint32_t *start; /* n + 1 of them */
    uint32_t n;
};

/* Joins the neighbours that occur most (of several the pair with the lowest ids) until there are n_tokens, or no
 * neighbours are left: then tokens_out->n is smaller. A pair that spells a token that is there already becomes that. */
enum osso_status bpe_train(const struct bpe_words *words, uint32_t n_tokens, struct bpe_tokens *tokens_out,
                           struct osso_error *err);
void bpe_tokens_free(struct bpe_tokens *tokens);

/* Merges are every split of every token into two tokens, ordered by the token they make, then left, then right, as
 * o200k_harmony's files have them; special tokens (names, the last is NULL) get the ids on top. */
enum osso_status tokenizer_from_tokens(const struct bpe_tokens *tokens, enum split_kind split,
                                       const char *const *specials, struct osso_tokenizer **tokenizer_out,
                                       struct osso_error *err);

#endif
