/* added.c: the literals of a file, and the built-in vocabulary with some of them on top. */
#include "token/added.h"

#include "base/error.h"
#include "base/mem.h"
#include "json/jget.h"
#include "token/o200k.h"
#include "token/vocab_build.h"

#include <stdlib.h>

enum vocab_kind added_kind(const char *name, size_t len, enum vocab_kind said)
{
    return o200k_special_name(name, len) ? VOCAB_SPECIAL : said;
}

static bool is_true(const struct jval *object, const char *key)
{
    const struct jval *v = jval_get_type(object, key, J_BOOL);
    return v && v->truth;
}

enum osso_status added_read(const struct jval *v, struct own_token *out, struct osso_error *err)
{
    static const char *const flags[] = {"lstrip", "rstrip", "single_word"};
    const struct jval *content = jval_get_type(v, "content", J_STRING);
    int64_t id = -1;
    enum osso_status status = jget_i64(v, "id", 0, VOCAB_MAX_IDS - 1, &id, NULL, "an added token", err);
    if (status != OSSO_OK)
        return status;
    if (id < 0 || !content || content->text.len == 0 || content->text.len > VOCAB_MAX_TOKEN)
        return error_set(err, OSSO_FORMAT, "an added token has no id, or no content of 1 to %d bytes", VOCAB_MAX_TOKEN);
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (is_true(v, flags[i]))
            return error_set(err, OSSO_UNSUPPORTED, "the added token %d sets \"%s\", which osso does not know", (int)id,
                             flags[i]);
    *out = (struct own_token){(uint32_t)id, VOCAB_ADDED, content->text.s, content->text.len};
    out->kind = added_kind(out->name, out->len, is_true(v, "special") ? VOCAB_SPECIAL : VOCAB_ADDED);
    return OSSO_OK;
}

static int by_id(const void *pa, const void *pb)
{
    const struct own_token *a = pa, *b = pb;
    return (a->id > b->id) - (a->id < b->id);
}

void added_sort(struct own_token *own, size_t n)
{
    qsort(own, n, sizeof *own, by_id);
}

bool added_has(const struct own_token *own, size_t n, uint32_t id, const char *name, size_t len)
{
    const struct own_token *a = bsearch(&(struct own_token){.id = id}, own, n, sizeof *own, by_id);
    return a && a->len == len && memcmp(a->name, name, len) == 0;
}

/* ---- on top of o200k ------------------------------------------------------------------------------------ */

static const struct added_token *literal(const struct osso_tokenizer *t, const char *name, size_t len)
{
    const struct added_token *found = tokenizer_added_at(t, (const uint8_t *)name, len, true);
    return found && found->len == len ? found : NULL;
}

bool added_is_builtin(const struct osso_tokenizer *builtin, const struct own_token *own)
{
    const struct added_token *found = own->kind == VOCAB_SPECIAL ? literal(builtin, own->name, own->len) : NULL;
    return found && found->id == own->id;
}

static bool is_alias(const struct own_token *own)
{
    return own->len == sizeof O200K_ALIAS - 1 && memcmp(own->name, O200K_ALIAS, own->len) == 0;
}

/* Room for the ids, and no old meaning where the file gives one. */
static enum osso_status clear_ids(struct osso_tokenizer *t, const struct own_token *own, size_t n,
                                  struct osso_error *err)
{
    struct vocab *v = &t->vocab;
    uint32_t n_ids = v->n_ids;
    for (size_t i = 0; i < n; i++)
        n_ids = own[i].id >= n_ids ? own[i].id + 1 : n_ids;
    struct vocab_token *tokens = mem_grow(v->tokens, n_ids, sizeof *tokens);
    if (!tokens)
        return error_nomem(err, (uint64_t)n_ids * sizeof *tokens, "the vocabulary");
    memset(tokens + v->n_ids, 0, (n_ids - v->n_ids) * sizeof *tokens);
    v->tokens = tokens;
    v->n_ids = n_ids;
    for (uint32_t id = O200K_ALIAS_ID + 1; id < O200K_IDS; id++)
        v->tokens[id].kind = VOCAB_HOLE;
    for (size_t i = 0; i < n; i++) {
        const struct added_token *taken = literal(t, own[i].name, own[i].len);
        if (taken && !is_alias(&own[i]))
            v->tokens[taken->id].kind = VOCAB_HOLE;
        if (own[i].id >= O200K_ORDINARY && !added_is_builtin(t, &own[i]))
            v->tokens[own[i].id].kind = VOCAB_HOLE;
    }
    return OSSO_OK;
}

/* One token of the file. One that spells an ordinary token with its id is a second way to it: an alias. */
static enum osso_status put_one(struct osso_tokenizer *t, const struct own_token *own, struct added_token *aliases,
                                size_t *n_aliases, struct osso_error *err)
{
    struct vocab *v = &t->vocab;
    const struct vocab_token *old = &v->tokens[own->id];
    bool same = old->kind != VOCAB_HOLE && old->len == own->len &&
                memcmp(v->bytes + old->start, own->name, own->len) == 0;
    if (is_alias(own) && own->id == O200K_ALIAS_ID && old->kind == VOCAB_SPECIAL)
        return OSSO_OK; /* listed below, as always */
    if (own->kind == VOCAB_TEXT && own->id >= O200K_ORDINARY)
        return build_text(v, own->id, own->name, own->len, err);
    if (own->id >= O200K_ORDINARY)
        return same && old->kind == own->kind ? OSSO_OK : vocab_set(v, own->id, own->name, own->len, own->kind, err);
    if (!same)
        return error_set(err, OSSO_UNSUPPORTED, "the added token %u, \"%.*s\", is another one in the vocabulary",
                         own->id, (int)own->len, own->name);
    aliases[(*n_aliases)++] = (struct added_token){old->start, old->len, own->id, own->kind == VOCAB_SPECIAL};
    return OSSO_OK;
}

enum osso_status added_put_on_top(struct osso_tokenizer *t, const struct own_token *own, size_t n,
                                  struct osso_error *err)
{
    size_t n_aliases = 0;
    bool all = true, alias = true;
    for (size_t i = 0; i < n; i++) {
        all = all && added_is_builtin(t, &own[i]);
        alias = alias && is_alias(&own[i]) == (own[i].id == O200K_ALIAS_ID);
    }
    if (all)
        return OSSO_OK;
    struct added_token *aliases = mem_array(n + 1, sizeof *aliases);
    if (!aliases)
        return error_nomem(err, (n + 1) * sizeof *aliases, "the special tokens");
    enum osso_status status = clear_ids(t, own, n, err);
    for (size_t i = 0; i < n && status == OSSO_OK; i++)
        status = put_one(t, &own[i], aliases, &n_aliases, err);
    if (status == OSSO_OK && alias) {
        struct added_token *a = &aliases[n_aliases++];
        *a = (struct added_token){0, sizeof O200K_ALIAS - 1, O200K_ALIAS_ID, true};
        status = vocab_add_bytes(&t->vocab, O200K_ALIAS, a->len, &a->start, err);
    }
    if (status == OSSO_OK)
        status = tokenizer_collect(t, aliases, n_aliases, err);
    t->own = true;
    mem_free(aliases);
    return status;
}
