/* tokenizer.c: making tokenizers and asking them about their tokens. Text becomes ids in encode.c.
 *
 * The way of a token goes on in engine/session.c. */
#include "token/tokenizer.h"

#include "base/error.h"
#include "base/mem.h"
#include "token/o200k.h"

#include <stdlib.h>

/* ---- making one ----------------------------------------------------------------------------------------- */

struct named {
    struct added_token token;
    const uint8_t *bytes;
};

static int named_compare(const void *pa, const void *pb)
{
    const struct named *a = pa, *b = pb;
    size_t common = a->token.len < b->token.len ? a->token.len : b->token.len;
    int order = memcmp(a->bytes, b->bytes, common);
    return order ? order : (a->token.len > b->token.len) - (a->token.len < b->token.len);
}

enum osso_status tokenizer_collect(struct osso_tokenizer *t, const struct added_token *aliases, size_t n_aliases,
                                   struct osso_error *err)
{
    const struct vocab *v = &t->vocab;
    enum osso_status status = OSSO_OK;
    size_t n = n_aliases, at = n_aliases;
    for (uint32_t id = 0; id < v->n_ids; id++)
        n += v->tokens[id].kind == VOCAB_ADDED || v->tokens[id].kind == VOCAB_SPECIAL;
    struct named *named = mem_array(n + 1, sizeof *named);
    mem_free(t->added);
    memset(t->starts, 0, sizeof t->starts);
    t->any_plain = false;
    t->n_added = 0;
    t->added = mem_array(n + 1, sizeof *t->added);
    if (!named || !t->added) {
        status = error_nomem(err, (n + 1) * sizeof *named, "the special tokens");
        goto cleanup;
    }
    for (size_t i = 0; i < n_aliases; i++)
        named[i] = (struct named){aliases[i], v->bytes + aliases[i].start};
    for (uint32_t id = 0; id < v->n_ids; id++) {
        const struct vocab_token *token = &v->tokens[id];
        if (token->kind == VOCAB_ADDED || token->kind == VOCAB_SPECIAL)
            named[at++] = (struct named){{token->start, token->len, id, token->kind == VOCAB_SPECIAL},
                                         v->bytes + token->start};
    }
    qsort(named, n, sizeof *named, named_compare);
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && named_compare(&named[i - 1], &named[i]) == 0) {
            status = error_set(err, OSSO_FORMAT, "the special tokens %u and %u have the same name",
                               named[i - 1].token.id, named[i].token.id);
            goto cleanup;
        }
        t->added[i] = named[i].token;
        t->starts[named[i].bytes[0]] = true;
        t->any_plain |= !named[i].token.special;
    }
    t->n_added = n;
cleanup:
    mem_free(named);
    return status;
}

enum osso_status tokenizer_wrap(struct vocab *vocab, enum split_kind split, const struct added_token *aliases,
                                size_t n_aliases, struct osso_tokenizer **tokenizer_out, struct osso_error *err)
{
    *tokenizer_out = NULL;
    struct osso_tokenizer *t = mem_alloc(sizeof *t);
    if (!t)
        return error_nomem(err, sizeof *t, "a tokenizer");
    t->vocab = *vocab;
    *vocab = (struct vocab){0};
    t->split = split;
    enum osso_status status = tokenizer_collect(t, aliases, n_aliases, err);
    if (status != OSSO_OK) {
        osso_tokenizer_free(t);
        return status;
    }
    *tokenizer_out = t;
    return OSSO_OK;
}

enum osso_status osso_tokenizer_builtin(struct osso_tokenizer **tokenizer_out, struct osso_error *err)
{
    *tokenizer_out = NULL;
    struct vocab vocab;
    struct added_token alias = {0, sizeof O200K_ALIAS - 1, O200K_ALIAS_ID, true};
    enum osso_status status = o200k_fill(&vocab, err);
    if (status != OSSO_OK)
        return status;
    status = vocab_add_bytes(&vocab, O200K_ALIAS, alias.len, &alias.start, err);
    if (status == OSSO_OK)
        status = tokenizer_wrap(&vocab, SPLIT_O200K, &alias, 1, tokenizer_out, err);
    if (status == OSSO_OK)
        (*tokenizer_out)->o200k = true;
    vocab_free(&vocab);
    return status;
}

void osso_tokenizer_free(struct osso_tokenizer *t)
{
    if (!t)
        return;
    vocab_free(&t->vocab);
    mem_free(t->added);
    mem_free(t);
}

/* ---- asking it ------------------------------------------------------------------------------------------ */

bool osso_tokenizer_is_o200k(const struct osso_tokenizer *t)
{
    return t->o200k;
}

const char *osso_tokenizer_note(const struct osso_tokenizer *t)
{
    return t->note[0] ? t->note : NULL;
}

int32_t osso_tokenizer_size(const struct osso_tokenizer *t)
{
    uint32_t n = t->vocab.n_ids;
    while (n > 0 && t->vocab.tokens[n - 1].kind == VOCAB_HOLE)
        n--;
    return (int32_t)n;
}

bool osso_tokenizer_piece(const struct osso_tokenizer *t, int32_t id, const char **bytes_out, size_t *len_out)
{
    *bytes_out = NULL;
    *len_out = 0;
    if (id < 0 || (uint32_t)id >= t->vocab.n_ids || t->vocab.tokens[id].kind == VOCAB_HOLE)
        return false;
    *bytes_out = (const char *)t->vocab.bytes + t->vocab.tokens[id].start;
    *len_out = t->vocab.tokens[id].len;
    return true;
}

bool osso_tokenizer_is_special(const struct osso_tokenizer *t, int32_t id)
{
    return id >= 0 && (uint32_t)id < t->vocab.n_ids && t->vocab.tokens[id].kind == VOCAB_SPECIAL;
}

/* The sorted list is narrowed byte by byte to the literals that
 * go on like s; one that ends where the comparison stands comes first among them. */
const struct added_token *tokenizer_added_at(const struct osso_tokenizer *t, const uint8_t *s, size_t n, bool special)
{
    const struct added_token *best = NULL, *lo = t->added, *hi = lo + t->n_added;
    const uint8_t *bytes = t->vocab.bytes;
    for (size_t depth = 0; lo < hi && depth < n; depth++) {
        for (size_t half = (size_t)(hi - lo); half > 0;) { /* the first whose byte at `depth` is not below s[depth] */
            size_t step = half / 2;
            bool below = bytes[lo[step].start + depth] < s[depth];
            lo += below ? step + 1 : 0;
            half = below ? half - step - 1 : step;
        }
        const struct added_token *from = lo;
        for (size_t half = (size_t)(hi - lo); half > 0;) { /* the first whose byte is above */
            size_t step = half / 2;
            bool within = bytes[from[step].start + depth] <= s[depth];
            from += within ? step + 1 : 0;
            half = within ? half - step - 1 : step;
        }
        hi = from;
        if (lo < hi && lo->len == depth + 1) {
            if (special || !lo->special)
                best = lo;
            lo++;
        }
    }
    return best;
}

int32_t osso_tokenizer_special(const struct osso_tokenizer *t, const char *name)
{
    const struct added_token *found = tokenizer_added_at(t, (const uint8_t *)name, strlen(name), true);
    return found && found->special && found->len == strlen(name) ? (int32_t)found->id : -1;
}
