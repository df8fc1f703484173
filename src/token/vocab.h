/* vocab.h: the tables of one byte-level BPE vocabulary: what each id stands for, which id a string of bytes is,
 * and which neighbours merge. Filled once, then read-only. Sizes are bounded by what the file really holds. */
#ifndef OSSO_TOKEN_VOCAB_H
#define OSSO_TOKEN_VOCAB_H

#include "osso/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
    VOCAB_MAX_IDS = 1 << 20,          /* ids fit in 21 bits, see the two tables */
    VOCAB_MAX_MERGES = (1 << 22) - 2, /* ranks + 1 fit in 22 bits */
    VOCAB_MAX_TOKEN = 4096            /* bytes of one token; OSSO_DECODE_SPACE is made for it */
};
#define VOCAB_NONE UINT32_MAX

enum vocab_kind {
    VOCAB_HOLE,   /* an id without a meaning */
    VOCAB_TEXT,   /* made by merging bytes */
    VOCAB_ADDED,  /* a literal that is always cut out of the text before splitting */
    VOCAB_SPECIAL /* a literal that stands outside of all text */
};

struct vocab_token {
    uint32_t start; /* into bytes */
    uint16_t len;
    uint16_t kind;
};

struct vocab {
    struct vocab_token *tokens;
    uint32_t n_ids;
    uint8_t *bytes; /* with 16 more behind the end, for keys */
    size_t n_bytes, bytes_cap;

    /* Open addressing. A slot of `words` is fingerprint (11 bits) | id + 1 (21 bits); 0 is empty. */
    uint32_t *words;
    uint32_t n_word_slots;
    /* A slot of `pairs` is left (21 bits) | right (21 bits) | rank + 1 (22 bits); 0 is empty. */
    uint64_t *pairs;
    uint32_t n_pair_slots;
    uint32_t *merged; /* by rank: the id that the merge makes; NULL: the rank is the id */

    uint32_t byte_ids[256];
    uint32_t *byte_ranks; /* [first << 8 | second]: of joining two single bytes, which every merging begins with */
    uint32_t longest;     /* bytes of the longest token in `words` */
};

/* Makes room for ids below n_ids; `bytes` is how many bytes the tokens will have, about. */
enum osso_status vocab_init(struct vocab *v, uint32_t n_ids, size_t bytes, struct osso_error *err);
void vocab_free(struct vocab *v);

/* Gives an id its meaning. The id must be below n_ids and still be a hole. */
enum osso_status vocab_set(struct vocab *v, uint32_t id, const void *bytes, size_t len, enum vocab_kind kind,
                           struct osso_error *err);
/* Adds bytes that belong to no token (names that are only aliases); *start_out is their place. */
enum osso_status vocab_add_bytes(struct vocab *v, const void *bytes, size_t len, uint32_t *start_out,
                                 struct osso_error *err);

/* Builds `words` and `byte_ids` from all text tokens; two tokens with the same bytes are an error, so is a byte that
 * is no token. Then the pairs: room for n, then one by one, rank by rank. */
enum osso_status vocab_index_words(struct vocab *v, struct osso_error *err);
enum osso_status vocab_init_pairs(struct vocab *v, size_t n_merges, struct osso_error *err);
enum osso_status vocab_add_pair(struct vocab *v, uint32_t left, uint32_t right, uint32_t rank, struct osso_error *err);
/* Builds `words` again, from those text tokens only for which keep[id] is not 0. */
enum osso_status vocab_keep_words(struct vocab *v, const uint8_t *keep, struct osso_error *err);

/* The first 16 bytes of a string as two numbers, zeros after its end: short strings, which nearly all are, get compared
 * and hashed without a branch on their length. */
struct vocab_key {
    uint64_t lo, hi;
};

static inline uint64_t vocab_load64(const uint8_t *p)
{
    uint64_t x;
    memcpy(&x, p, sizeof x);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    x = __builtin_bswap64(x);
#endif
    return x;
}

/* The key of n > 0 bytes at p, where 16 bytes can be read. */
static inline struct vocab_key vocab_key_padded(const uint8_t *p, size_t n)
{
    uint64_t lo_mask = n < 8 ? UINT64_MAX >> (64 - 8 * n) : UINT64_MAX;
    uint64_t hi_mask = n <= 8 ? 0 : n < 16 ? UINT64_MAX >> (128 - 8 * n) : UINT64_MAX;
    return (struct vocab_key){vocab_load64(p) & lo_mask, vocab_load64(p + 8) & hi_mask};
}

static inline struct vocab_key vocab_key(const uint8_t *p, size_t n)
{
    uint8_t padded[16] = {0};
    memcpy(padded, p, n < sizeof padded ? n : sizeof padded);
    return vocab_key_padded(padded, sizeof padded);
}

static inline uint64_t vocab_mix(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* A hash of the n bytes at p with this key. */
static inline uint64_t vocab_hash(struct vocab_key key, const uint8_t *p, size_t n)
{
    const uint64_t odd = 0x9e3779b97f4a7c15u, other = 0xd1b54a32d192ed03u;
    uint64_t h = vocab_mix(key.lo ^ odd, key.hi ^ other) + n;
    for (size_t i = 16; i < n; i += 8)
        h = vocab_mix(h ^ vocab_load64(n - i >= 8 ? p + i : p + n - 8), odd);
    return vocab_mix(h, other);
}

/* Spreads a hash over n slots without a division. */
static inline uint32_t vocab_slot(uint64_t hash, uint32_t n_slots)
{
    return (uint32_t)((hash >> 32) * n_slots >> 32);
}

/* Looking up a string touches three places far apart in memory, so it is cut in steps: a caller with many strings takes
 * each step for all of them, with a prefetch of what the next step reads. */

/* Step 1: the slot to begin with. */
static inline const uint32_t *vocab_word_slot(const struct vocab *v, uint64_t hash)
{
    return &v->words[vocab_slot(hash, v->n_word_slots)];
}

/* Step 2: the first token from this slot on that has the fingerprint; VOCAB_NONE: there is none. *slot moves on. */
static inline uint32_t vocab_word_candidate(const struct vocab *v, const uint32_t **slot, uint64_t hash)
{
    uint32_t word;
    while ((word = **slot) != 0) {
        if (++*slot == v->words + v->n_word_slots)
            *slot = v->words;
        if (word >> 21 == (hash & 0x7ff))
            return (word & 0x1fffff) - 1;
    }
    return VOCAB_NONE;
}

/* Step 3: is it this token? */
static inline bool vocab_word_is(const struct vocab *v, uint32_t id, struct vocab_key key, const uint8_t *p, size_t n)
{
    const struct vocab_token *t = &v->tokens[id];
    const uint8_t *bytes = v->bytes + t->start;
    struct vocab_key found = vocab_key_padded(bytes, n);
    return t->len == n && found.lo == key.lo && found.hi == key.hi &&
           (n <= 16 || memcmp(bytes + 16, p + 16, n - 16) == 0);
}

/* Steps 2 and 3 until the end: the id of the text token with these n > 0 bytes, or VOCAB_NONE. */
static inline uint32_t vocab_word_search(const struct vocab *v, const uint32_t *slot, uint64_t hash,
                                         struct vocab_key key, const uint8_t *p, size_t n)
{
    uint32_t id;
    while ((id = vocab_word_candidate(v, &slot, hash)) != VOCAB_NONE && !vocab_word_is(v, id, key, p, n))
        ;
    return id;
}

static inline uint32_t vocab_find(const struct vocab *v, const uint8_t *p, size_t n)
{
    if (n == 0 || n > v->longest)
        return VOCAB_NONE;
    struct vocab_key key = vocab_key(p, n);
    uint64_t hash = vocab_hash(key, p, n);
    return vocab_word_search(v, vocab_word_slot(v, hash), hash, key, p, n);
}

/* The rank of merging left and right, or VOCAB_NONE. */
static inline uint32_t vocab_rank(const struct vocab *v, uint32_t left, uint32_t right)
{
    uint64_t key = (uint64_t)left << 21 | right, pair;
    uint32_t slot = vocab_slot(key * 0x9e3779b97f4a7c15u, v->n_pair_slots);
    while ((pair = v->pairs[slot]) != 0) {
        if (pair >> 22 == key)
            return (uint32_t)(pair & 0x3fffff) - 1;
        if (++slot == v->n_pair_slots)
            slot = 0;
    }
    return VOCAB_NONE;
}

static inline uint32_t vocab_merged(const struct vocab *v, uint32_t rank)
{
    return v->merged ? v->merged[rank] : rank;
}

#endif
