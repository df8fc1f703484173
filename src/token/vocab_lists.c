/* vocab_lists.c: a vocabulary as lists of strings, which GGUF files carry. */
#include "base/error.h"
#include "base/mem.h"
#include "token/added.h"
#include "token/o200k.h"
#include "token/vocab_build.h"

#include <stdio.h>

/* GGUF's token types. */
enum { TYPE_NORMAL = 1, TYPE_UNKNOWN, TYPE_CONTROL, TYPE_USER_DEFINED, TYPE_UNUSED, TYPE_BYTE };

/* What a row is: by its type, but by its name where harmony gave that, since writers get types wrong. */
static enum vocab_kind row_kind(const struct vocab_lists *lists, uint32_t id)
{
    const struct text_slice *token = &lists->tokens[id];
    enum vocab_kind kind = VOCAB_TEXT;
    switch (lists->types ? lists->types[id] : TYPE_NORMAL) {
    case TYPE_CONTROL:
    case TYPE_UNKNOWN: kind = VOCAB_SPECIAL; break;
    case TYPE_USER_DEFINED: kind = VOCAB_ADDED; break;
    case TYPE_UNUSED: kind = VOCAB_HOLE; break;
    default: break;
    }
    return added_kind(token->data, token->len, kind);
}

static enum osso_status lists_set(struct vocab *v, const struct vocab_lists *lists, uint32_t id, struct unusable *bad,
                                  struct osso_error *err)
{
    const struct text_slice *token = &lists->tokens[id];
    enum vocab_kind kind = row_kind(lists, id);
    if (kind == VOCAB_HOLE)
        return OSSO_OK;
    if (kind == VOCAB_TEXT)
        return build_usable(bad, id, token->data, token->len) ? build_text(v, id, token->data, token->len, err)
                                                              : OSSO_OK;
    if (token->len == 0 || token->len > VOCAB_MAX_TOKEN) { /* no literal can be that: counted with the others */
        (void)build_usable(bad, id, token->data, 0);
        return OSSO_OK;
    }
    return vocab_set(v, id, token->data, token->len, kind, err);
}

/* "[PAD7]" in row 7: what converters write where the embedding has a row and the vocabulary has nothing. */
static bool is_padding(const struct text_slice *token, uint32_t id)
{
    char pad[32];
    int n = snprintf(pad, sizeof pad, "[PAD%u]", (unsigned)id);
    return token->len == 0 || (token->len == (size_t)n && memcmp(token->data, pad, (size_t)n) == 0);
}

/* The rows past o200k's ordinary tokens. False: one is ordinary text, which only merges can make, and the file has
 * some. Where it has none the built-in ones serve, and such a row can still be written out. */
static bool own_rows(const struct vocab_lists *lists, struct own_token *own, size_t *n_out, struct unusable *bad)
{
    *n_out = 0;
    for (uint32_t id = O200K_ORDINARY; id < lists->n_tokens; id++) {
        const struct text_slice *token = &lists->tokens[id];
        enum vocab_kind kind = row_kind(lists, id);
        if (kind == VOCAB_HOLE || is_padding(token, id))
            continue;
        if ((kind == VOCAB_TEXT && lists->n_merges > 0) || token->len > VOCAB_MAX_TOKEN)
            return false;
        if (kind == VOCAB_TEXT && !build_usable(bad, id, token->data, token->len))
            continue;
        own[(*n_out)++] = (struct own_token){id, kind, token->data, token->len};
    }
    return true;
}

static enum osso_status lists_match(const struct vocab_lists *lists, struct osso_tokenizer **tokenizer_out,
                                    struct osso_error *err)
{
    struct o200k_match match;
    struct own_token *own = NULL;
    struct unusable bad = {0};
    size_t n;
    if (lists->n_tokens < O200K_ORDINARY)
        return OSSO_OK;
    enum osso_status status = o200k_match_begin(&match, err);
    if (status != OSSO_OK)
        return status;
    uint32_t id = 0;
    while (id < O200K_ORDINARY && o200k_match_token(&match, id, lists->tokens[id].data, lists->tokens[id].len))
        id++;
    if (o200k_match_all(&match) && !(own = mem_array(lists->n_tokens - O200K_ORDINARY + 1, sizeof *own)))
        status = error_nomem(err, lists->n_tokens * sizeof *own, "the special tokens");
    if (own && own_rows(lists, own, &n, &bad)) {
        status = added_put_on_top(match.builtin, own, n, err);
        if (status == OSSO_OK) {
            build_note(&bad, match.builtin);
            *tokenizer_out = match.builtin;
            match.builtin = NULL;
        }
    }
    mem_free(own);
    o200k_match_end(&match);
    return status;
}

/* Nothing but bytes could be found in a text, whatever the model was trained on. */
static enum osso_status check_merges(const struct vocab_lists *lists, struct osso_error *err)
{
    bool needed = false;
    for (uint32_t id = 0; id < lists->n_tokens && lists->n_merges == 0 && !lists->ignore_merges && !needed; id++)
        needed = row_kind(lists, id) == VOCAB_TEXT && !is_padding(&lists->tokens[id], id) && lists->tokens[id].len > 2;
    return needed ? error_set(err, OSSO_FORMAT,
                              "the vocabulary has no merges (tokenizer.ggml.merges), so no text can be "
                              "cut into its tokens; take a file that was converted anew")
                  : OSSO_OK;
}

enum osso_status tokenizer_from_lists(const struct vocab_lists *lists, struct osso_tokenizer **tokenizer_out,
                                      struct osso_error *err)
{
    struct vocab v = {0};
    struct unusable bad = {0};
    *tokenizer_out = NULL;
    if (lists->n_tokens > VOCAB_MAX_IDS || lists->n_merges > VOCAB_MAX_MERGES)
        return error_set(err, OSSO_LIMIT, "a vocabulary of %zu tokens and %zu merges is larger than osso takes",
                         lists->n_tokens, lists->n_merges);
    enum osso_status status = lists_match(lists, tokenizer_out, err);
    if (status != OSSO_OK || *tokenizer_out)
        return status;
    status = check_merges(lists, err);
    if (status == OSSO_OK)
        status = vocab_init(&v, (uint32_t)lists->n_tokens, lists->n_tokens * 8, err);
    for (uint32_t id = 0; id < lists->n_tokens && status == OSSO_OK; id++)
        status = lists_set(&v, lists, id, &bad, err);
    if (status == OSSO_OK)
        status = build_judge(&bad, v.n_ids, err);
    if (status == OSSO_OK)
        status = build_index(&v, lists->n_merges, err);
    for (uint32_t rank = 0; rank < lists->n_merges && status == OSSO_OK; rank++)
        status = build_merge_string(&v, rank, lists->merges[rank].data, lists->merges[rank].len, err);
    if (status == OSSO_OK)
        status = build_finish(&v, lists->ignore_merges, err);
    if (status == OSSO_OK)
        status = tokenizer_wrap(&v, lists->split, NULL, 0, tokenizer_out, err);
    if (status == OSSO_OK)
        build_note(&bad, *tokenizer_out);
    vocab_free(&v);
    return status;
}
