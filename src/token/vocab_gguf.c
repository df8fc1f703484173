/* vocab_gguf.c: the vocabulary inside a GGUF file. */
#include "base/error.h"
#include "base/mem.h"
#include "format/tensors.h"
#include "token/tokenizer_files.h"
#include "token/vocab_build.h"

#include <string.h>

/* A string array of the GGUF as slices; *n_out strings (at most max) that point into the mapping. */
static enum osso_status read_slices(const struct gguf *gguf, const char *where, const char *key, uint64_t max,
                                    struct text_slice **out, size_t *n_out, struct osso_error *err)
{
    struct gguf_value v;
    uint64_t off = 0, len;
    *out = NULL;
    *n_out = 0;
    if (!gguf_get(gguf, key, &v))
        return OSSO_OK;
    if (!v.array || v.type != GGUF_STRING || v.count > max)
        return error_set(err, OSSO_FORMAT, "%s: the key %s is no list of up to %llu strings", where, key,
                         (unsigned long long)max);
    struct text_slice *list = mem_array((size_t)v.count, sizeof *list);
    if (!list)
        return error_nomem(err, v.count * sizeof *list, key);
    while (*n_out < v.count && gguf_next_str(&v, &off, &list[*n_out].data, &len))
        list[(*n_out)++].len = (size_t)len;
    *out = list;
    return OSSO_OK;
}

static enum osso_status read_types(const struct gguf *gguf, const char *where, size_t n_tokens, int32_t **out,
                                   struct osso_error *err)
{
    static const char key[] = "tokenizer.ggml.token_type";
    struct gguf_value v;
    int64_t type;
    *out = NULL;
    if (!gguf_get(gguf, key, &v))
        return OSSO_OK;
    if (!v.array || v.count != n_tokens)
        return error_set(err, OSSO_FORMAT, "%s: the key %s does not have one number for each token", where, key);
    int32_t *types = mem_array(n_tokens, sizeof *types);
    if (!types)
        return error_nomem(err, n_tokens * sizeof *types, key);
    for (size_t i = 0; i < n_tokens; i++)
        types[i] = gguf_at_i64(&v, i, &type) && type >= 0 && type <= INT32_MAX ? (int32_t)type : 1;
    *out = types;
    return OSSO_OK;
}

static bool key_is(const struct gguf *gguf, const char *key, const char *text)
{
    const char *s;
    uint64_t len;
    return gguf_get_str(gguf, key, &s, &len) && len == strlen(text) && memcmp(s, text, len) == 0;
}

enum osso_status tokenizer_from_gguf(const struct gguf *gguf, const char *where, struct osso_tokenizer **tokenizer_out,
                                     struct osso_error *err)
{
    struct vocab_lists lists = {.split = SPLIT_O200K};
    struct text_slice *tokens = NULL, *merges = NULL;
    int32_t *types = NULL;
    struct gguf_value v;
    if (!gguf_get(gguf, "tokenizer.ggml.tokens", &v))
        return error_set(err, OSSO_NOTFOUND, "%s holds no vocabulary", where);
    if (!key_is(gguf, "tokenizer.ggml.model", "gpt2"))
        return error_set(err, OSSO_UNSUPPORTED, "%s: tokenizer.ggml.model is not gpt2 (byte-level BPE)", where);
    /* Some writers name no pre-tokenizer, or a general one; then it is gpt-oss's own. */
    if (key_is(gguf, "tokenizer.ggml.pre", "gpt-2"))
        lists.split = SPLIT_GPT2;
    else if (gguf_get(gguf, "tokenizer.ggml.pre", &v) && !key_is(gguf, "tokenizer.ggml.pre", "gpt-4o") &&
             !key_is(gguf, "tokenizer.ggml.pre", "default"))
        return error_set(err, OSSO_UNSUPPORTED, "%s: tokenizer.ggml.pre is neither gpt-4o nor gpt-2", where);
    enum osso_status status = read_slices(gguf, where, "tokenizer.ggml.tokens", VOCAB_MAX_IDS, &tokens, &lists.n_tokens,
                                          err);
    if (!status)
        status = read_slices(gguf, where, "tokenizer.ggml.merges", VOCAB_MAX_MERGES, &merges, &lists.n_merges, err);
    if (!status)
        status = read_types(gguf, where, lists.n_tokens, &types, err);
    lists.tokens = tokens;
    lists.merges = merges;
    lists.types = types;
    if (!status && (status = tokenizer_from_lists(&lists, tokenizer_out, err)))
        error_prefix(err, status, where);
    mem_free(tokens);
    mem_free(merges);
    mem_free(types);
    return status;
}
