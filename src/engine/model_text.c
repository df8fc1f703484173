/* model_text.c: the one place where a model meets its tokenizer: neither level knows the other. */
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "checkpoint/model_open.h"
#include "token/o200k.h"
#include "token/vocab_build.h"

#include <string.h>

/* A string array of the GGUF as slices; *n_out strings (at most max) that point into the mapping. */
static enum osso_status read_slices(const struct osso_model *m, const char *key, uint64_t max, struct text_slice **out,
                                    size_t *n_out, struct osso_error *err)
{
    struct gguf_value v;
    uint64_t off = 0, len;
    *out = NULL;
    *n_out = 0;
    if (!gguf_get(m->gguf, key, &v))
        return OSSO_OK;
    if (!v.array || v.type != GGUF_STRING || v.count > max)
        return error_set(err, OSSO_FORMAT, "%s: the key %s is no list of up to %llu strings", m->path, key,
                         (unsigned long long)max);
    struct text_slice *list = mem_array((size_t)v.count, sizeof *list);
    if (!list)
        return error_nomem(err, v.count * sizeof *list, key);
    while (*n_out < v.count && gguf_next_str(&v, &off, &list[*n_out].data, &len))
        list[(*n_out)++].len = (size_t)len;
    *out = list;
    return OSSO_OK;
}

static enum osso_status read_types(const struct osso_model *m, size_t n_tokens, int32_t **out, struct osso_error *err)
{
    static const char key[] = "tokenizer.ggml.token_type";
    struct gguf_value v;
    int64_t type;
    *out = NULL;
    if (!gguf_get(m->gguf, key, &v))
        return OSSO_OK;
    if (!v.array || v.count != n_tokens)
        return error_set(err, OSSO_FORMAT, "%s: the key %s does not have one number for each token", m->path, key);
    int32_t *types = mem_array(n_tokens, sizeof *types);
    if (!types)
        return error_nomem(err, n_tokens * sizeof *types, key);
    for (size_t i = 0; i < n_tokens; i++)
        types[i] = gguf_at_i64(&v, i, &type) && type >= 0 && type <= INT32_MAX ? (int32_t)type : 1;
    *out = types;
    return OSSO_OK;
}

static bool key_is(const struct osso_model *m, const char *key, const char *text)
{
    const char *s;
    uint64_t len;
    return gguf_get_str(m->gguf, key, &s, &len) && len == strlen(text) && memcmp(s, text, len) == 0;
}

static enum osso_status open_gguf(struct osso_model *m, struct osso_error *err)
{
    struct vocab_lists lists = {.split = SPLIT_O200K};
    struct text_slice *tokens = NULL, *merges = NULL;
    int32_t *types = NULL;
    struct gguf_value v;
    if (!gguf_get(m->gguf, "tokenizer.ggml.tokens", &v))
        return error_set(err, OSSO_NOTFOUND, "%s holds no vocabulary", m->path);
    if (!key_is(m, "tokenizer.ggml.model", "gpt2"))
        return error_set(err, OSSO_UNSUPPORTED, "%s: tokenizer.ggml.model is not gpt2 (byte-level BPE)", m->path);
    /* Some writers name no pre-tokenizer, or a general one; then it is gpt-oss's own. */
    if (key_is(m, "tokenizer.ggml.pre", "gpt-2"))
        lists.split = SPLIT_GPT2;
    else if (gguf_get(m->gguf, "tokenizer.ggml.pre", &v) && !key_is(m, "tokenizer.ggml.pre", "gpt-4o") &&
             !key_is(m, "tokenizer.ggml.pre", "default"))
        return error_set(err, OSSO_UNSUPPORTED, "%s: tokenizer.ggml.pre is neither gpt-4o nor gpt-2", m->path);
    enum osso_status status = read_slices(m, "tokenizer.ggml.tokens", VOCAB_MAX_IDS, &tokens, &lists.n_tokens, err);
    if (!status)
        status = read_slices(m, "tokenizer.ggml.merges", VOCAB_MAX_MERGES, &merges, &lists.n_merges, err);
    if (!status)
        status = read_types(m, lists.n_tokens, &types, err);
    lists.tokens = tokens;
    lists.merges = merges;
    lists.types = types;
    if (!status && (status = tokenizer_from_lists(&lists, &m->tokenizer, err)))
        error_prefix(err, status, m->path);
    mem_free(tokens);
    mem_free(merges);
    mem_free(types);
    return status;
}

static enum osso_status open_folder(struct osso_model *m, struct osso_error *err)
{
    char *path = file_join(m->path, "tokenizer.json");
    if (!path)
        return error_nomem(err, strlen(m->path), "a path");
    enum osso_status status;
    if (file_exists(path))
        status = osso_tokenizer_open(path, &m->tokenizer, err);
    else if (m->config.vocab == O200K_IDS)
        status = osso_tokenizer_builtin(&m->tokenizer, err);
    else
        status = error_set(err, OSSO_NOTFOUND, "%s holds no tokenizer.json", m->path);
    mem_free(path);
    return status;
}

enum osso_status osso_model_tokenizer(struct osso_model *model, const struct osso_tokenizer **tokenizer_out,
                                      struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    *tokenizer_out = NULL;
    pthread_mutex_lock(&model->lock);
    if (model->tokenizer)
        ;
    else if (model->gguf)
        status = open_gguf(model, err);
    else
        status = open_folder(model, err);
    if (!status)
        *tokenizer_out = model->tokenizer;
    pthread_mutex_unlock(&model->lock);
    return status;
}
