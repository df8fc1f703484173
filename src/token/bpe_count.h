/* bpe_count.h: how often each piece of some texts occurs: what byte pair encoding is learned from. */
#ifndef OSSO_TOKEN_BPE_COUNT_H
#define OSSO_TOKEN_BPE_COUNT_H

#include "base/thread.h"
#include "token/split.h"

#include <stdbool.h>

struct bpe_text {
    const uint8_t *s; /* valid UTF-8 */
    size_t len;
};

struct bpe_word {
    const uint8_t *s; /* in one of the texts */
    uint64_t hash, count;
    uint32_t len;
};

struct bpe_words {
    struct bpe_word *list;
    size_t n, cap;
    uint32_t *slots; /* open addressing; index + 1, 0 is empty */
    size_t n_slots;  /* a power of two */
    bool failed;
};

/* Pieces longer than this are counted in parts: merging walks through whole words. */
enum { BPE_LONGEST_WORD = 1024 };

/* digits > 0: numbers are cut into groups of so many digits, from the left, each a word of its own, and so is a blank
 * before one; 0: as the split has them. In whatever order words come, the counts do not depend on the team. */
enum osso_status bpe_count(const struct bpe_text *texts, size_t n_texts, enum split_kind split, int digits,
                           struct team *team, struct bpe_words *words_out, struct osso_error *err);
void bpe_words_free(struct bpe_words *words);

#endif
