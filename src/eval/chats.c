/* chats.c: a file of conversations that is scored whole: of each, as training takes it, what the assistant writes,
 * after all that stands before. */
#include "eval/chats.h"

#include "base/error.h"
#include "base/mem.h"
#include "eval/eval_parts.h"

#include "osso/corpus.h"

#include <string.h>

enum { MOST_IDS = 1 << 24 }; /* none is left out: what is too long is said */

bool chats_are(const struct run *run)
{
    const char *dot = run->path ? strrchr(run->path, '.') : NULL; /* as training tells them from texts */
    return run->task->scores & TALKS && dot && (strcmp(dot, ".jsonl") == 0 || strcmp(dot, ".json") == 0);
}

/* Bytes of text in an id; special tokens have none. */
static size_t bytes_of(const struct eval *e, int32_t id)
{
    const char *s;
    size_t len = 0;
    if (osso_tokenizer_is_special(e->rules.tokenizer, id) || !osso_tokenizer_piece(e->rules.tokenizer, id, &s, &len))
        return 0;
    return len;
}

static enum osso_status add_chat(const struct eval *e, struct run *run, struct osso_corpus *corpus,
                                 struct osso_error *err)
{
    const int32_t *ids;
    const float *weights;
    int64_t n;
    enum osso_status status = osso_corpus_next(corpus, &ids, &weights, &n, err);
    if (status)
        return status;
    if ((size_t)n > e->rules.max_length + 1)
        return error_set(err, OSSO_LIMIT,
                         "%s: conversation %lld has %lld tokens in a context of %zu; give more with -c", run->path,
                         (long long)run->n_items + 1, (long long)n, e->rules.max_length);
    struct chats *c = &run->chats;
    struct item item = {.doc_id = run->n_items, .group = -1, .at = c->ids.len, .len = (size_t)n};
    unsigned char *learned = mem_grow(c->learned, c->ids.len + (size_t)n, 1);
    if (!learned)
        return error_nomem(err, c->ids.len, "the conversations");
    c->learned = learned;
    for (int64_t i = 0; i < n; i++) {
        learned[item.at + (size_t)i] = i > 0 && weights[i] > 0;
        item.tokens += learned[item.at + (size_t)i];
        item.bytes += learned[item.at + (size_t)i] ? bytes_of(e, ids[i]) : 0;
    }
    run->items[run->n_items++] = item;
    return osso_ids_append(&c->ids, ids, (size_t)n, err);
}

enum osso_status chats_load(const struct eval *e, struct run *run, struct osso_error *err)
{
    const struct osso_corpus_options o = {
        .size = sizeof o, .val_path = run->path, .seq_len = MOST_IDS, .validation = true};
    struct osso_corpus_info info = {.size = sizeof info};
    struct osso_corpus *corpus = NULL;
    enum osso_status status = osso_corpus_open(&o, e->rules.tokenizer, &corpus, err);
    if (status)
        return status;
    osso_corpus_info(corpus, &info);
    int64_t n = e->o.limit > 0 && e->o.limit < info.documents ? e->o.limit : info.documents;
    if (!status && !(run->items = mem_array((size_t)n, sizeof *run->items)))
        status = error_nomem(err, (size_t)n * sizeof *run->items, "the conversations");
    while (!status && run->n_items < n)
        status = add_chat(e, run, corpus, err);
    osso_corpus_free(corpus);
    return status;
}

enum osso_status chats_request(const struct run *run, const struct item *item, struct score_request *r,
                               struct osso_error *err)
{
    r->from = 1;
    r->counts = run->chats.learned + item->at;
    return osso_ids_append(&r->ids, run->chats.ids.data + item->at, item->len, err);
}

void chats_free(struct run *run)
{
    osso_ids_free(&run->chats.ids);
    mem_free(run->chats.learned);
}
