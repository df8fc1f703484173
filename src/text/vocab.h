/* vocab.h: the tables of one byte-level BPE vocabulary: what each id stands for, which id a string of bytes is,
 * and which neighbours merge. Filled once, then read-only. Sizes are bounded by what the file really holds. */
#ifndef OSSO_TEXT_VOCAB_H
#define OSSO_TEXT_VOCAB_H

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
    uint8_t *bytes;
    size_t n_bytes, bytes_cap;

    /* Open addressing. A slot of `words` is fingerprint (11 bits) | id + 1 (21 bits); 0 is empty. */
    uint32_t *words;
    uint32_t n_word_slots;
    /* A slot of `pairs` is left (21 bits) | right (21 bits) | rank + 1 (22 bits); 0 is empty. */
    uint64_t *pairs;
    uint32_t n_pair_slots;
    uint32_t *merged; /* by rank: the id that the merge makes; NULL: the rank is the id */

    uint32_t byte_ids[256];
    uint32_t longest; /* bytes of the longest token in `words` */
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

static inline uint64_t vocab_mix(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t vocab_load64(const uint8_t *p)
{
    uint64_t x;
    memcpy(&x, p, sizeof x);
    return x;
}

static inline uint64_t vocab_load32(const uint8_t *p)
{
    uint32_t x;
    memcpy(&x, p, sizeof x);
    return x;
}

/* A hash of n > 0 bytes. Short strings, which nearly all are, take one or two loads that may overlap. */
static inline uint64_t vocab_hash(const uint8_t *p, size_t n)
{
    const uint64_t odd = 0x9e3779b97f4a7c15u, mask = 0xd1b54a32d192ed03u;
    uint64_t h = n * odd, first, last;
    for (; n > 16; p += 8, n -= 8)
        h = vocab_mix(h ^ vocab_load64(p), odd);
    if (n >= 8) {
        first = vocab_load64(p);
        last = vocab_load64(p + n - 8);
    } else if (n >= 4) {
        first = vocab_load32(p);
        last = vocab_load32(p + n - 4);
    } else {
        first = (uint64_t)p[0] << 16 | (uint64_t)p[n / 2] << 8 | p[n - 1];
        last = 0;
    }
    return vocab_mix(vocab_mix(h ^ first, odd) ^ last, mask);
}

static inline bool vocab_same(const uint8_t *a, const uint8_t *b, size_t n)
{
    if (n > 16)
        return memcmp(a, b, n) == 0;
    if (n >= 8)
        return vocab_load64(a) == vocab_load64(b) && vocab_load64(a + n - 8) == vocab_load64(b + n - 8);
    if (n >= 4)
        return vocab_load32(a) == vocab_load32(b) && vocab_load32(a + n - 4) == vocab_load32(b + n - 4);
    return a[0] == b[0] && a[n / 2] == b[n / 2] && a[n - 1] == b[n - 1];
}

/* Spreads a hash over n slots without a division. */
static inline uint32_t vocab_slot(uint64_t hash, uint32_t n_slots)
{
    return (uint32_t)((hash >> 32) * n_slots >> 32);
}

/* The id of the text token with these bytes, or VOCAB_NONE. */
static inline uint32_t vocab_find(const struct vocab *v, const uint8_t *p, size_t n)
{
    if (n == 0 || n > v->longest)
        return VOCAB_NONE;
    uint64_t hash = vocab_hash(p, n);
    uint32_t fingerprint = (uint32_t)(hash & 0x7ff), slot = vocab_slot(hash, v->n_word_slots), word;
    while ((word = v->words[slot]) != 0) {
        if (word >> 21 == fingerprint) {
            uint32_t id = (word & 0x1fffff) - 1;
            const struct vocab_token *t = &v->tokens[id];
            if (t->len == n && vocab_same(v->bytes + t->start, p, n))
                return id;
        }
        if (++slot == v->n_word_slots)
            slot = 0;
    }
    return VOCAB_NONE;
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
