/* bpe_train.c: counts of pairs are kept as words change: a merge costs as much as the words that it is in. */
#include "token/bpe_train.h"

#include "base/error.h"
#include "base/mem.h"
#include "token/bpe_pairs.h"
#include "token/vocab.h"

/* The words as ids. Word w is ids [start[w], start[w] + len[w]). */
struct trainer_words {
    uint32_t *ids, *len;
    size_t *start;
};

struct training {
    const struct bpe_words *words;
    struct trainer_words w;
    struct bpe_pairs pairs;
    struct bpe_tokens *tokens;
    uint32_t *slots; /* tokens by their bytes: id + 1 */
    size_t n_slots;
    struct osso_error *err;
};

void bpe_tokens_free(struct bpe_tokens *t)
{
    mem_free(t->bytes);
    mem_free(t->start);
    *t = (struct bpe_tokens){0};
}

/* ---- tokens --------------------------------------------------------------------------------------------- */

static uint32_t *token_slot(const struct training *t, const uint8_t *s, size_t len)
{
    const struct bpe_tokens *k = t->tokens;
    uint64_t hash = vocab_hash(vocab_key(s, len), s, len);
    for (size_t i = hash & (t->n_slots - 1);; i = (i + 1) & (t->n_slots - 1)) {
        uint32_t id = t->slots[i] - 1;
        if (!t->slots[i] || (k->start[id + 1] - k->start[id] == len && memcmp(k->bytes + k->start[id], s, len) == 0))
            return &t->slots[i];
    }
}

static bool tokens_room(struct bpe_tokens *k, size_t more)
{
    if (k->bytes_cap - k->n_bytes >= more)
        return true;
    size_t cap = k->bytes_cap * 2 + more;
    uint8_t *bytes = cap < UINT32_MAX ? mem_grow(k->bytes, cap, 1) : NULL;
    if (!bytes)
        return false;
    k->bytes = bytes;
    k->bytes_cap = cap;
    return true;
}

/* The bytes behind the last token become one, unless they are one already. */
static uint32_t token_close(struct training *t, size_t len)
{
    struct bpe_tokens *k = t->tokens;
    uint32_t *slot = token_slot(t, k->bytes + k->n_bytes, len);
    if (*slot)
        return *slot - 1;
    k->n_bytes += len;
    k->start[++k->n] = (uint32_t)k->n_bytes;
    *slot = k->n;
    return k->n - 1;
}

/* The order of GPT-2's alphabet: printable bytes first. */
static enum osso_status add_bytes(struct training *t, uint32_t byte_ids[256])
{
    static const uint8_t runs[][2] = {{0x21, 0x7e}, {0xa1, 0xac}, {0xae, 0xff},
                                      {0x00, 0x20}, {0x7f, 0xa0}, {0xad, 0xad}};
    for (size_t r = 0; r < sizeof runs / sizeof *runs; r++)
        for (unsigned b = runs[r][0]; b <= runs[r][1]; b++) {
            if (!tokens_room(t->tokens, 1))
                return error_nomem(t->err, 256, "the tokens");
            t->tokens->bytes[t->tokens->n_bytes] = (uint8_t)b;
            byte_ids[b] = token_close(t, 1);
        }
    return OSSO_OK;
}

/* ---- words ---------------------------------------------------------------------------------------------- */

static enum osso_status words_begin(struct training *t, const uint32_t byte_ids[256])
{
    const struct bpe_words *words = t->words;
    size_t n = 0;
    for (size_t i = 0; i < words->n; i++)
        n += words->list[i].len;
    t->w = (struct trainer_words){mem_array(n + 1, sizeof(uint32_t)), mem_array(words->n + 1, sizeof(uint32_t)),
                                  mem_array(words->n + 1, sizeof(size_t))};
    if (!t->w.ids || !t->w.len || !t->w.start)
        return error_nomem(t->err, n * sizeof(uint32_t), "the words");
    n = 0;
    for (size_t i = 0; i < words->n; i++) {
        const struct bpe_word *word = &words->list[i];
        t->w.start[i] = n;
        t->w.len[i] = word->len;
        for (uint32_t k = 0; k < word->len; k++)
            t->w.ids[n++] = byte_ids[word->s[k]];
        for (uint32_t k = 0; k + 1 < word->len; k++)
            bpe_pairs_change(&t->pairs, byte_ids[word->s[k]], byte_ids[word->s[k + 1]], (int64_t)word->count,
                             (uint32_t)i);
    }
    bpe_pairs_settle(&t->pairs);
    return OSSO_OK;
}

/* Joins left and right wherever they stand side by side in the word, from the left. */
static void merge_word(struct training *t, uint32_t word, uint32_t left, uint32_t right, uint32_t id)
{
    uint32_t *ids = t->w.ids + t->w.start[word], n = t->w.len[word], out = 0;
    int64_t count = (int64_t)t->words->list[word].count;
    for (uint32_t i = 0; i < n; i++) {
        if (i + 1 == n || ids[i] != left || ids[i + 1] != right) {
            ids[out++] = ids[i];
            continue;
        }
        if (out > 0) {
            bpe_pairs_change(&t->pairs, ids[out - 1], left, -count, word);
            bpe_pairs_change(&t->pairs, ids[out - 1], id, count, word);
        }
        if (i + 2 < n) {
            bpe_pairs_change(&t->pairs, right, ids[i + 2], -count, word);
            bpe_pairs_change(&t->pairs, id, ids[i + 2], count, word);
        }
        ids[out++] = id;
        i++;
    }
    t->w.len[word] = out;
}

/* The pair becomes a token everywhere. Its list of words is taken out of it: the table may move while words change. */
static enum osso_status merge_pair(struct training *t, struct bpe_pair *pair)
{
    struct bpe_tokens *k = t->tokens;
    uint32_t left = (uint32_t)(pair->key >> 32), right = (uint32_t)pair->key, *words = pair->words, n = pair->n;
    uint32_t left_len = k->start[left + 1] - k->start[left], right_len = k->start[right + 1] - k->start[right];
    size_t at = (size_t)(pair - t->pairs.list);
    if (left_len + right_len > VOCAB_MAX_TOKEN) {
        pair->count = 0;
        return OSSO_OK;
    }
    if (!tokens_room(k, left_len + right_len))
        return error_nomem(t->err, k->n_bytes, "the tokens");
    memcpy(k->bytes + k->n_bytes, k->bytes + k->start[left], left_len);
    memcpy(k->bytes + k->n_bytes + left_len, k->bytes + k->start[right], right_len);
    uint32_t id = token_close(t, left_len + right_len);
    pair->words = NULL;
    pair->n = pair->cap = 0;
    for (uint32_t i = 0; i < n; i++)
        merge_word(t, words[i], left, right, id);
    t->pairs.list[at].count = 0; /* of overlapping ones (aaa) some were left */
    bpe_pairs_settle(&t->pairs);
    mem_free(words);
    return t->pairs.failed ? error_nomem(t->err, t->pairs.n * sizeof *pair, "the pairs") : OSSO_OK;
}

enum osso_status bpe_train(const struct bpe_words *words, uint32_t n_tokens, struct bpe_tokens *tokens_out,
                           struct osso_error *err)
{
    struct training t = {.words = words, .tokens = tokens_out, .n_slots = 1024, .err = err};
    uint32_t byte_ids[256];
    struct bpe_pair *pair;
    *tokens_out = (struct bpe_tokens){0};
    while (t.n_slots < 2 * (size_t)n_tokens)
        t.n_slots *= 2;
    t.slots = mem_array(t.n_slots, sizeof *t.slots);
    tokens_out->start = mem_array((size_t)n_tokens + 257, sizeof *tokens_out->start);
    enum osso_status status = t.slots && tokens_out->start ? OSSO_OK : error_nomem(err, n_tokens * 12u, "the tokens");
    if (!status)
        status = add_bytes(&t, byte_ids);
    if (!status)
        status = words_begin(&t, byte_ids);
    while (!status && tokens_out->n < n_tokens && (pair = bpe_pairs_take(&t.pairs)))
        status = merge_pair(&t, pair);
    if (!status && t.pairs.failed)
        status = error_nomem(err, t.pairs.n * sizeof *pair, "the pairs");
    bpe_pairs_free(&t.pairs);
    mem_free(t.w.ids);
    mem_free(t.w.len);
    mem_free(t.w.start);
    mem_free(t.slots);
    if (status)
        bpe_tokens_free(tokens_out);
    return status;
}
