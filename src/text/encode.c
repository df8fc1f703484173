/* encode.c: text to token ids. Literals are cut out first, the rest is split into pieces, and a piece is either a
 * token as a whole (most are) or goes through the merges. In a longer text the same pieces come again and again, so
 * their ids are remembered for the length of the call. */
#include "osso/text.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "text/bpe.h"
#include "text/tokenizer.h"
#include "text/utf8.h"

enum {
    MEMO_IDS = 3,    /* of a piece that is remembered; it has at most 16 bytes */
    MEMO_MAX = 8192, /* pieces: 256 KiB, within a core's own cache */
    TEXT_PER_MEMO = 32
};

/* One remembered piece; the place of a piece follows from its hash, and the last one to come stays. */
struct memo {
    struct vocab_key key;
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

/* The ids of a piece that is not remembered. */
static enum osso_status encode_piece(struct encoder *e, const uint8_t *s, size_t n, struct vocab_key key, uint64_t hash,
                                     struct osso_error *err)
{
    const struct vocab *v = &e->tokenizer->vocab;
    uint32_t id = n <= v->longest ? vocab_find_hashed(v, hash, key, s, n) : VOCAB_NONE;
    return id == VOCAB_NONE ? bpe_encode(v, s, n, &e->space, e->ids, err) : osso_ids_push(e->ids, (int32_t)id, err);
}

static void remember(struct encoder *e, struct memo *memo, struct vocab_key key, size_t len, size_t first_id)
{
    size_t n = e->ids->len - first_id;
    if (n > MEMO_IDS)
        return;
    memo->key = key;
    memo->len = (uint16_t)len;
    memo->n_ids = (uint16_t)n;
    memcpy(memo->ids, e->ids->data + first_id, n * sizeof *memo->ids);
}

/* Text without literals. */
static enum osso_status encode_ordinary(struct encoder *e, const uint8_t *s, size_t n, struct osso_error *err)
{
    struct osso_ids *ids = e->ids;
    enum osso_status status = OSSO_OK;
    for (size_t i = 0, len; i < n && status == OSSO_OK; i += len) {
        len = split_next(e->tokenizer->split, s + i, n - i);
        struct vocab_key key = n - i >= 16 ? vocab_key_padded(s + i, len) : vocab_key(s + i, len);
        uint64_t hash = len <= VOCAB_MAX_TOKEN ? vocab_hash(key, s + i, len) : 0;
        struct memo *memo = len <= 16 && e->n_memos ? &e->memos[hash & (e->n_memos - 1)] : NULL;
        if (memo && memo->len == len && memo->key.lo == key.lo && memo->key.hi == key.hi &&
            ids->cap - ids->len >= MEMO_IDS) {
            memcpy(ids->data + ids->len, memo->ids, sizeof memo->ids); /* all, whatever their number: no loop */
            ids->len += memo->n_ids;
            continue;
        }
        size_t first_id = ids->len;
        status = encode_piece(e, s + i, len, key, hash, err);
        if (memo && status == OSSO_OK)
            remember(e, memo, key, len, first_id);
    }
    return status;
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
