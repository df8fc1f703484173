/* encode.c: text to token ids. Literals are cut out first, the rest is split into pieces, and a piece is either a
 * token as a whole (most are) or goes through the merges. Looking pieces up is all waiting for memory, so they are
 * looked up many at a time; and those that need merging are remembered, because they come again. */
#include "osso/text.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "token/bpe.h"
#include "token/tokenizer.h"
#include "base/utf8.h"

enum {
    BATCH = 128,     /* pieces that are looked up together */
    MEMO_LEN = 32,   /* bytes of a piece that is remembered: two keys hold all of it */
    MEMO_IDS = 7,    /* its ids, at most */
    MEMO_MAX = 4096, /* pieces: 256 KiB, within a core's own cache */
    TEXT_PER_MEMO = 64,
    KEY_BYTES = 16 /* bytes that a key reads */
};

struct piece {
    const uint8_t *s;
    size_t len;
    struct vocab_key key;
    uint64_t hash;
    const uint32_t *slot;
    uint32_t candidate;
};

/* The ids of one merged piece, in one line of the cache; which place a piece has follows from its hash, and the last
 * one to come stays. */
struct memo {
    struct vocab_key key, rest;
    uint16_t len; /* 0: empty */
    uint16_t n_ids;
    int32_t ids[MEMO_IDS];
};

struct encoder {
    const struct osso_tokenizer *tokenizer;
    struct osso_ids *ids;
    struct bpe_space space;
    struct memo *memos;
    size_t n_memos; /* a power of two, or 0 */
};

/* Room for pieces in proportion to the text; none for a short one, or when memory is short. */
static void memos_create(struct encoder *e, size_t text_len)
{
    size_t n = 1;
    while (n < MEMO_MAX && n * 2 * TEXT_PER_MEMO <= text_len)
        n *= 2;
    if (n >= 64)
        e->memos = mem_array(n, sizeof *e->memos);
    e->n_memos = e->memos ? n : 0;
}

static bool same_key(struct vocab_key a, struct vocab_key b)
{
    return a.lo == b.lo && a.hi == b.hi;
}

/* A piece that is no token. */
static enum osso_status encode_merged(struct encoder *e, const struct piece *p, struct osso_error *err)
{
    struct osso_ids *ids = e->ids;
    size_t first = ids->len;
    if (p->len > MEMO_LEN || e->n_memos == 0)
        return bpe_encode(&e->tokenizer->vocab, p->s, p->len, &e->space, ids, err);
    struct memo *memo = &e->memos[p->hash & (e->n_memos - 1)];
    struct vocab_key rest = {0, 0};
    if (p->len > KEY_BYTES)
        rest = vocab_key(p->s + KEY_BYTES, p->len - KEY_BYTES);
    if (memo->len == p->len && same_key(memo->key, p->key) && same_key(memo->rest, rest))
        return osso_ids_append(ids, memo->ids, memo->n_ids, err);
    enum osso_status status = bpe_encode(&e->tokenizer->vocab, p->s, p->len, &e->space, ids, err);
    size_t n = ids->len - first;
    if (status == OSSO_OK && n <= MEMO_IDS) {
        *memo = (struct memo){.key = p->key, .rest = rest, .len = (uint16_t)p->len, .n_ids = (uint16_t)n};
        memcpy(memo->ids, ids->data + first, n * sizeof *memo->ids);
    }
    return status;
}

/* Cuts the next pieces off s[0..n), at most BATCH, and asks for the memory where each will be looked up. */
static size_t split_batch(const struct encoder *e, const uint8_t *s, size_t n, struct piece *batch)
{
    const struct vocab *v = &e->tokenizer->vocab;
    size_t count = 0;
    for (size_t i = 0; i < n && count < BATCH; i += batch[count++].len) {
        struct piece *p = &batch[count];
        p->s = s + i;
        p->len = split_next(e->tokenizer->split, p->s, n - i);
        p->key = n - i >= KEY_BYTES ? vocab_key_padded(p->s, p->len) : vocab_key(p->s, p->len);
        p->hash = vocab_hash(p->key, p->s, p->len);
        p->slot = vocab_word_slot(v, p->hash);
        __builtin_prefetch(p->slot);
    }
    return count;
}

/* Which token each piece may be. What is read here was asked for before, so nothing waits long. */
static void find_candidates(const struct vocab *v, struct piece *batch, size_t count)
{
    for (struct piece *p = batch; p < batch + count; p++) {
        p->candidate = vocab_word_candidate(v, &p->slot, p->hash);
        if (p->candidate != VOCAB_NONE)
            __builtin_prefetch(&v->tokens[p->candidate]);
    }
    for (struct piece *p = batch; p < batch + count; p++)
        if (p->candidate != VOCAB_NONE)
            __builtin_prefetch(v->bytes + v->tokens[p->candidate].start);
}

/* Text without literals. */
static enum osso_status encode_ordinary(struct encoder *e, const uint8_t *s, size_t n, struct osso_error *err)
{
    const struct vocab *v = &e->tokenizer->vocab;
    struct piece batch[BATCH];
    for (size_t done = 0; done < n;) {
        size_t count = split_batch(e, s + done, n - done, batch);
        find_candidates(v, batch, count);
        for (struct piece *p = batch; p < batch + count; p++) {
            uint32_t id = p->candidate;
            if (id != VOCAB_NONE && !vocab_word_is(v, id, p->key, p->s, p->len))
                id = vocab_word_search(v, p->slot, p->hash, p->key, p->s, p->len);
            enum osso_status status = id == VOCAB_NONE ? encode_merged(e, p, err)
                                                       : osso_ids_push(e->ids, (int32_t)id, err);
            if (status != OSSO_OK)
                return status;
            done += p->len;
        }
    }
    return OSSO_OK;
}

static enum osso_status encode_valid(const struct osso_tokenizer *t, const uint8_t *s, size_t n, bool special,
                                     struct osso_ids *ids, struct osso_error *err)
{
    struct encoder e = {.tokenizer = t, .ids = ids};
    enum osso_status status = OSSO_OK;
    size_t done = 0;
    memos_create(&e, n);
    for (size_t i = 0; i < n && (special || t->any_plain) && status == OSSO_OK;) {
        const struct added_token *found = t->starts[s[i]] ? tokenizer_added_at(t, s + i, n - i, special) : NULL;
        if (!found) {
            i++;
            continue;
        }
        status = encode_ordinary(&e, s + done, i - done, err);
        if (status == OSSO_OK)
            status = osso_ids_push(ids, (int32_t)found->id, err);
        done = i += found->len;
    }
    if (status == OSSO_OK)
        status = encode_ordinary(&e, s + done, n - done, err);
    bpe_space_free(&e.space);
    mem_free(e.memos);
    return status;
}

/* Appends s[0..n) with U+FFFD in the place of each maximal ill-formed part. */
static void repair(struct buf *out, const uint8_t *s, size_t n)
{
    while (n > 0) {
        size_t valid = utf8_valid_prefix(s, n), bad = 0;
        buf_add(out, s, valid);
        if (valid < n) {
            int k = utf8_step(s + valid, n - valid);
            bad = k < 0 ? (size_t)-k : n - valid;
            buf_add(out, UTF8_REPLACEMENT, UTF8_REPLACEMENT_LEN);
        }
        s += valid + bad;
        n -= valid + bad;
    }
}

enum osso_status osso_tokenizer_encode(const struct osso_tokenizer *t, const char *text, size_t len, unsigned flags,
                                       struct osso_ids *ids, struct osso_error *err)
{
    const uint8_t *s = (const uint8_t *)text;
    bool special = flags & OSSO_ENCODE_SPECIAL;
    if (len == 0)
        return OSSO_OK;
    if (utf8_valid_prefix(s, len) == len)
        return encode_valid(t, s, len, special, ids, err);
    struct buf whole = {0};
    enum osso_status status;
    repair(&whole, s, len);
    if (whole.failed)
        status = error_nomem(err, len, "text with invalid UTF-8");
    else
        status = encode_valid(t, (const uint8_t *)whole.data, whole.len, special, ids, err);
    buf_free(&whole);
    return status;
}
