/* vocab_export.c: listing a vocabulary and its merges. */
#include "token/vocab_export.h"

#include "base/error.h"
#include "base/mem.h"
#include "token/o200k.h"

#include <stdlib.h>

static int by_rank(const void *a, const void *b)
{
    const struct merge_pair *x = a, *y = b;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    if (x->left != y->left)
        return x->left < y->left ? -1 : 1;
    return x->right < y->right ? -1 : x->right > y->right;
}

/* o200k has no list of merges: published files name every split of every token into two tokens, in the order of the
 * token, the left and the right id (spec harmony A5: 446,189 of them). Called with merges NULL it only counts. */
static size_t list_splits(const struct vocab *v, struct merge_pair *merges)
{
    size_t n = 0;
    for (uint32_t id = 0; id < O200K_ORDINARY; id++) {
        const uint8_t *bytes = v->bytes + v->tokens[id].start;
        size_t len = v->tokens[id].len;
        for (size_t at = 1; at < len; at++) {
            uint32_t left = vocab_find(v, bytes, at), right = vocab_find(v, bytes + at, len - at);
            if (left == VOCAB_NONE || right == VOCAB_NONE)
                continue;
            if (merges)
                merges[n] = (struct merge_pair){left, right, id};
            n++;
        }
    }
    return n;
}

static size_t list_pairs(const struct vocab *v, struct merge_pair *merges)
{
    size_t n = 0;
    for (uint32_t slot = 0; slot < v->n_pair_slots; slot++) {
        uint64_t pair = v->pairs[slot];
        if (pair == 0)
            continue;
        if (merges)
            merges[n] = (struct merge_pair){(uint32_t)(pair >> 43), (uint32_t)(pair >> 22) & 0x1fffff,
                                            (uint32_t)(pair & 0x3fffff) - 1};
        n++;
    }
    return n;
}

enum osso_status vocab_export_create(const struct osso_tokenizer *tokenizer, int64_t n_ids,
                                     struct vocab_export *export_out, struct osso_error *err)
{
    const struct vocab *v = &tokenizer->vocab;
    size_t (*list)(const struct vocab *, struct merge_pair *) = tokenizer->o200k ? list_splits : list_pairs;
    *export_out = (struct vocab_export){0};
    if (osso_tokenizer_size(tokenizer) > n_ids || n_ids > INT32_MAX)
        return error_set(err, OSSO_USAGE, "the tokenizer has %d ids; the model's embedding has %lld rows",
                         (int)osso_tokenizer_size(tokenizer), (long long)n_ids);
    size_t n = list(v, NULL);
    struct merge_pair *merges = mem_array(n, sizeof *merges);
    if (!merges)
        return error_nomem(err, n * sizeof *merges, "the merges");
    list(v, merges);
    qsort(merges, n, sizeof *merges, by_rank);
    *export_out = (struct vocab_export){
        .tokenizer = tokenizer, .n_ids = (uint32_t)n_ids, .merges = merges, .n_merges = n};
    return OSSO_OK;
}

void vocab_export_free(struct vocab_export *export)
{
    mem_free(export->merges);
    *export = (struct vocab_export){0};
}

/* The inverse of alphabet_decode: printable bytes stand for themselves, the other 68 are U+0100 and up, in order. */
static void add_alphabet(struct buf *out, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned b = bytes[i], c = b;
        if (b <= 0x20)
            c = 0x100 + b;
        else if (b >= 0x7f && b <= 0xa0)
            c = 0x100 + 0x21 + (b - 0x7f);
        else if (b == 0xad)
            c = 0x143;
        if (c >= 0x80)
            buf_putc(out, (char)(0xc0 | c >> 6));
        buf_putc(out, (char)(c < 0x80 ? c : 0x80 | (c & 0x3f)));
    }
}

enum token_type vocab_export_token(const struct vocab_export *export, uint32_t id, struct buf *out)
{
    const struct vocab *v = &export->tokenizer->vocab;
    enum vocab_kind kind = id < v->n_ids ? v->tokens[id].kind : VOCAB_HOLE;
    if (export->tokenizer->o200k && !export->tokenizer->own && id > O200K_ALIAS_ID)
        kind = VOCAB_HOLE; /* openai-harmony names these, published files don't */
    if (kind == VOCAB_HOLE) {
        buf_printf(out, "[PAD%u]", (unsigned)id);
        return TOKEN_UNUSED;
    }
    const uint8_t *bytes = v->bytes + v->tokens[id].start;
    if (kind == VOCAB_TEXT) {
        add_alphabet(out, bytes, v->tokens[id].len);
        return TOKEN_NORMAL;
    }
    if (export->tokenizer->o200k && id == O200K_ALIAS_ID &&
        (!export->tokenizer->own || osso_tokenizer_special(export->tokenizer, O200K_ALIAS) == O200K_ALIAS_ID))
        buf_puts(out, O200K_ALIAS);
    else
        buf_add(out, bytes, v->tokens[id].len);
    return kind == VOCAB_SPECIAL ? TOKEN_CONTROL : TOKEN_USER;
}
