#include "token/vocab.h"

#include "base/error.h"
#include "base/mem.h"

/* A good hash never comes near this; a file made to collide is refused instead of eating the time of its reader. */
enum { MAX_PROBES = 2048 };
enum { PADDING = 16 };

enum osso_status vocab_init(struct vocab *v, uint32_t n_ids, size_t bytes, struct osso_error *err)
{
    *v = (struct vocab){0};
    if (n_ids == 0 || n_ids > VOCAB_MAX_IDS)
        return error_set(err, OSSO_LIMIT, "a vocabulary of %u ids; osso takes 1 to %d", n_ids, VOCAB_MAX_IDS);
    v->tokens = mem_array(n_ids, sizeof *v->tokens);
    v->bytes = mem_array(bytes + PADDING, 1);
    if (!v->tokens || !v->bytes) {
        vocab_free(v);
        return error_nomem(err, (uint64_t)n_ids * sizeof *v->tokens + bytes, "the vocabulary");
    }
    v->n_ids = n_ids;
    v->bytes_cap = bytes + PADDING;
    return OSSO_OK;
}

void vocab_free(struct vocab *v)
{
    mem_free(v->tokens);
    mem_free(v->bytes);
    mem_free(v->words);
    mem_free(v->pairs);
    mem_free(v->byte_ranks);
    mem_free(v->merged);
    *v = (struct vocab){0};
}

enum osso_status vocab_add_bytes(struct vocab *v, const void *bytes, size_t len, uint32_t *start_out,
                                 struct osso_error *err)
{
    *start_out = 0;
    if (len > UINT32_MAX - v->n_bytes)
        return error_set(err, OSSO_LIMIT, "the tokens of the vocabulary have more than 4 GiB");
    if (len + PADDING > v->bytes_cap - v->n_bytes) {
        size_t cap = (v->n_bytes + len) / 2 * 3 + 4 * PADDING;
        uint8_t *grown = mem_grow(v->bytes, cap, 1);
        if (!grown)
            return error_nomem(err, cap, "the vocabulary");
        memset(grown + v->n_bytes, 0, cap - v->n_bytes);
        v->bytes = grown;
        v->bytes_cap = cap;
    }
    memcpy(v->bytes + v->n_bytes, bytes, len);
    *start_out = (uint32_t)v->n_bytes;
    v->n_bytes += len;
    return OSSO_OK;
}

enum osso_status vocab_set(struct vocab *v, uint32_t id, const void *bytes, size_t len, enum vocab_kind kind,
                           struct osso_error *err)
{
    if (id >= v->n_ids)
        return error_set(err, OSSO_FORMAT, "token id %u is far beyond the number of tokens", id);
    if (len == 0 || len > VOCAB_MAX_TOKEN)
        return error_set(err, len ? OSSO_LIMIT : OSSO_FORMAT, "token %u has %zu bytes; 1 to %d are possible", id, len,
                         VOCAB_MAX_TOKEN);
    if (v->tokens[id].kind != VOCAB_HOLE)
        return error_set(err, OSSO_FORMAT, "two tokens have the id %u", id);
    uint32_t start;
    enum osso_status status = vocab_add_bytes(v, bytes, len, &start, err);
    if (status == OSSO_OK)
        v->tokens[id] = (struct vocab_token){start, (uint16_t)len, (uint16_t)kind};
    return status;
}

static enum osso_status words_insert(struct vocab *v, uint32_t id, struct osso_error *err)
{
    const struct vocab_token *t = &v->tokens[id];
    const uint8_t *bytes = v->bytes + t->start;
    struct vocab_key key = vocab_key_padded(bytes, t->len);
    uint64_t hash = vocab_hash(key, bytes, t->len);
    uint32_t fingerprint = (uint32_t)(hash & 0x7ff), slot = vocab_slot(hash, v->n_word_slots), word;
    for (int probes = 0; (word = v->words[slot]) != 0; probes++) {
        const struct vocab_token *other = &v->tokens[(word & 0x1fffff) - 1];
        if (word >> 21 == fingerprint && other->len == t->len && memcmp(v->bytes + other->start, bytes, t->len) == 0)
            return error_set(err, OSSO_FORMAT, "tokens %u and %u are the same", (word & 0x1fffff) - 1, id);
        if (probes == MAX_PROBES)
            return error_set(err, OSSO_FORMAT, "the vocabulary was made to collide in a hash table");
        if (++slot == v->n_word_slots)
            slot = 0;
    }
    v->words[slot] = fingerprint << 21 | (id + 1);
    if (t->len > v->longest)
        v->longest = t->len;
    return OSSO_OK;
}

enum osso_status vocab_keep_words(struct vocab *v, const uint8_t *keep, struct osso_error *err)
{
    mem_free(v->words);
    v->longest = 0;
    v->n_word_slots = v->n_ids / 2 * 5 + 16;
    v->words = mem_array(v->n_word_slots, sizeof *v->words);
    if (!v->words)
        return error_nomem(err, (uint64_t)v->n_word_slots * sizeof *v->words, "the vocabulary");
    for (uint32_t id = 0; id < v->n_ids; id++)
        if (v->tokens[id].kind == VOCAB_TEXT && (!keep || keep[id])) {
            enum osso_status status = words_insert(v, id, err);
            if (status != OSSO_OK)
                return status;
        }
    return OSSO_OK;
}

enum osso_status vocab_index_words(struct vocab *v, struct osso_error *err)
{
    enum osso_status status = vocab_keep_words(v, NULL, err);
    for (unsigned b = 0; b < 256 && status == OSSO_OK; b++) {
        v->byte_ids[b] = vocab_find(v, &(uint8_t){(uint8_t)b}, 1);
        if (v->byte_ids[b] == VOCAB_NONE)
            status = error_set(err, OSSO_FORMAT,
                               "the vocabulary has no token for the byte 0x%02x; a byte-level vocabulary has all 256",
                               b);
    }
    return status;
}

enum osso_status vocab_init_pairs(struct vocab *v, size_t n_merges, struct osso_error *err)
{
    if (n_merges > VOCAB_MAX_MERGES)
        return error_set(err, OSSO_LIMIT, "%zu merges; osso takes at most %d", n_merges, VOCAB_MAX_MERGES);
    v->n_pair_slots = (uint32_t)(n_merges / 3 * 5 + 16);
    v->pairs = mem_array(v->n_pair_slots, sizeof *v->pairs);
    v->byte_ranks = mem_array(256 * 256, sizeof *v->byte_ranks);
    if (!v->pairs || !v->byte_ranks)
        return error_nomem(err, (uint64_t)v->n_pair_slots * sizeof *v->pairs, "the merges");
    for (size_t i = 0; i < 256 * 256; i++)
        v->byte_ranks[i] = VOCAB_NONE;
    return OSSO_OK;
}

enum osso_status vocab_add_pair(struct vocab *v, uint32_t left, uint32_t right, uint32_t rank, struct osso_error *err)
{
    uint64_t key = (uint64_t)left << 21 | right;
    uint32_t slot = vocab_slot(key * 0x9e3779b97f4a7c15u, v->n_pair_slots);
    for (int probes = 0; v->pairs[slot] != 0; probes++) {
        if (v->pairs[slot] >> 22 == key)
            return error_set(err, OSSO_FORMAT, "merge %u repeats merge %u", rank,
                             (uint32_t)(v->pairs[slot] & 0x3fffff) - 1);
        if (probes == MAX_PROBES)
            return error_set(err, OSSO_FORMAT, "the merges were made to collide in a hash table");
        if (++slot == v->n_pair_slots)
            slot = 0;
    }
    v->pairs[slot] = key << 22 | (rank + 1);
    const struct vocab_token *l = &v->tokens[left], *r = &v->tokens[right];
    if (l->len == 1 && r->len == 1)
        v->byte_ranks[v->bytes[l->start] << 8 | v->bytes[r->start]] = rank;
    return OSSO_OK;
}
