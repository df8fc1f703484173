/* bpe_tokenizer.c: tokens that were learned, as a tokenizer. */
#include "token/bpe_train.h"

#include "base/error.h"
#include "base/mem.h"
#include "token/vocab_build.h"

#include <stdlib.h>

struct halves {
    uint32_t left, right;
};

static int by_ids(const void *pa, const void *pb)
{
    const struct halves *a = pa, *b = pb;
    if (a->left != b->left)
        return a->left < b->left ? -1 : 1;
    return (a->right > b->right) - (a->right < b->right);
}

/* The splits of token `id` into two, in order. */
static size_t list_halves(const struct vocab *v, uint32_t id, struct halves list[VOCAB_MAX_TOKEN])
{
    const uint8_t *bytes = v->bytes + v->tokens[id].start;
    size_t len = v->tokens[id].len, n = 0;
    for (size_t at = 1; at < len; at++) {
        uint32_t left = vocab_find(v, bytes, at), right = vocab_find(v, bytes + at, len - at);
        if (left != VOCAB_NONE && right != VOCAB_NONE)
            list[n++] = (struct halves){left, right};
    }
    qsort(list, n, sizeof *list, by_ids);
    return n;
}

static enum osso_status add_merges(struct vocab *v, uint32_t n_tokens, struct osso_error *err)
{
    struct halves *list = mem_array(VOCAB_MAX_TOKEN, sizeof *list);
    enum osso_status status = list ? vocab_index_words(v, err)
                                   : error_nomem(err, VOCAB_MAX_TOKEN * sizeof *list, "a token's splits");
    size_t n_merges = 0;
    uint32_t rank = 0;
    for (uint32_t id = 0; id < n_tokens && !status; id++)
        n_merges += list_halves(v, id, list);
    if (!status && n_merges > VOCAB_MAX_MERGES)
        status = error_set(err, OSSO_LIMIT, "%zu merges; osso takes %d", n_merges, VOCAB_MAX_MERGES);
    if (!status)
        status = build_index(v, n_merges, err);
    for (uint32_t id = 0; id < n_tokens && !status; id++) {
        size_t n = list_halves(v, id, list);
        for (size_t i = 0; i < n && !status; i++, rank++) {
            v->merged[rank] = id;
            status = vocab_add_pair(v, list[i].left, list[i].right, rank, err);
        }
    }
    mem_free(list);
    return status ? status : build_finish(v, false, err);
}

enum osso_status tokenizer_from_tokens(const struct bpe_tokens *tokens, enum split_kind split,
                                       const char *const *specials, struct osso_tokenizer **tokenizer_out,
                                       struct osso_error *err)
{
    struct vocab v = {0};
    uint32_t n = tokens->n;
    *tokenizer_out = NULL;
    while (specials[n - tokens->n])
        n++;
    enum osso_status status = vocab_init(&v, n, tokens->n_bytes + 64 * (size_t)(n - tokens->n), err);
    for (uint32_t id = 0; id < tokens->n && !status; id++)
        status = vocab_set(&v, id, tokens->bytes + tokens->start[id], tokens->start[id + 1] - tokens->start[id],
                           VOCAB_TEXT, err);
    for (uint32_t id = tokens->n; id < n && !status; id++)
        status = vocab_set(&v, id, specials[id - tokens->n], strlen(specials[id - tokens->n]), VOCAB_SPECIAL, err);
    if (!status)
        status = add_merges(&v, tokens->n, err);
    if (!status)
        status = tokenizer_wrap(&v, split, NULL, 0, tokenizer_out, err);
    vocab_free(&v);
    return status;
}
