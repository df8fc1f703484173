/* feed.c: from items to requests, one after the other, and their results back into the items. */
#include "eval/eval_parts.h"

#include "base/error.h"
#include "base/mem.h"
#include "eval/chat_task.h"
#include "eval/space.h"
#include "json/jdoc.h"

#include <string.h>

static void free_request(void *user, struct score_request *r)
{
    (void)user;
    osso_ids_free(&r->ids);
    mem_free(r);
}

/* ---- texts into requests ---------------------------------------------------------------------------------- */

static bool window_of(const struct eval *e, const struct run *run, int number, size_t *first, size_t *from, size_t *end)
{
    if (!(run->task->scores & STRIDE))
        return pair_window(&e->rules, &e->page, number, first, from, end);
    return e->o.llama_rule ? pair_llama(&e->page, e->window, number, first, from, end)
                           : pair_stride(&e->page, e->window, e->stride, number, first, from, end);
}

/* What is known of an item before it is asked: from its document, and how many requests it makes. */
static enum osso_status open_item(struct eval *e, const struct run *run, struct item *item, struct osso_error *err)
{
    const struct doc *d = &e->doc;
    bool chat = chats_are(run);
    enum osso_status status = chat ? OSSO_OK : data_doc(run, item, &e->doc, err);
    int n = status ? 0 : chat ? 1 : d->n;
    if (!status && run->task->kind == ROLLING && !chat) {
        size_t first, from, end;
        item->bytes = d->bytes;
        item->words = d->words;
        e->page.len = 0;
        status = pair_prefix(&e->rules, &e->page, err);
        if (!status)
            status = osso_tokenizer_encode(e->rules.tokenizer, d->space.data ? d->space.data : "", d->space.len, 0,
                                           &e->page, err);
        item->tokens = 0;
        for (n = 0; !status && window_of(e, run, n, &first, &from, &end); n++)
            item->tokens += end - from;
        if (!status && n == 0)
            status = error_set(err, OSSO_FORMAT, "it has no %s",
                               run->task->scores & STRIDE && e->o.llama_rule
                                   ? "whole window of tokens; a smaller --window may fit"
                                   : "tokens");
    }
    if (!status && (run->task->kind == GENERATE || run->task->kind == CHAT) && !item->answer)
        item->answer = mem_strndup(d->space.data + d->answer.at, d->answer.len);
    if (!status && !item->kept && !item_room(item, n))
        return error_nomem(err, (unsigned long long)n * sizeof *item->ll, "an item's results");
    if (!status && item->kept && item->n != n)
        status = error_set(err, OSSO_FORMAT, "%s has another number of results for it; remove the file", e->keep_path);
    for (int i = 0; i < n && !status; i++)
        item->characters[i] = run->task->kind == CHOICE ? d->characters[i] : 1;
    item->left = item->kept ? 0 : n;
    return status;
}

/* A conversation loses no beginning: without it, it would be another one. */
static enum osso_status ask(const struct eval *e, struct score_request *r, struct osso_error *err)
{
    if (r->ids.len + (size_t)e->o.max_new > e->rules.max_length)
        return error_set(err, OSSO_LIMIT,
                         "a conversation of %zu tokens and an answer of %d in a context of %zu; give more with -c",
                         r->ids.len, e->o.max_new, e->rules.max_length);
    const int64_t id = ((const struct item *)r->owner)->doc_id;
    r->max_new = e->o.max_new;
    r->from = r->ids.len;
    r->sampling = e->o.sampling;
    r->seed = hash_bytes(e->sampling.seed, &id, sizeof id);
    return OSSO_OK;
}

static enum osso_status make_chat(const struct eval *e, const struct run *run, const struct item *item,
                                  struct score_request *r, struct osso_error *err)
{
    char where[600];
    struct jdoc *tree = NULL;
    data_where(run, item, where, sizeof where);
    enum osso_status status = jdoc_read(run->text + item->at, item->len, where, &tree, err);
    if (!status)
        status = chat_prompt(e->rules.tokenizer, jdoc_root(tree), where, &r->ids, err);
    jdoc_release(tree);
    return status ? status : ask(e, r, err);
}

/* The same question to a chat model: a user's message, and the continuation begins the answer, with no blank before. */
static enum osso_status make_wrapped(const struct eval *e, const struct run *run, const char *context, size_t len,
                                     int i, struct score_request *r, struct osso_error *err)
{
    const struct doc *d = &e->doc;
    bool scored = run->task->kind != GENERATE;
    enum osso_status status = chat_wrap(e->rules.tokenizer, context, len, scored, &r->ids, err);
    if (status || !scored)
        return status ? status : ask(e, r, err);
    const char *s = d->space.data + d->continuation[i].at;
    size_t n = d->continuation[i].len, skip = space_leading(s, n);
    r->from = r->ids.len;
    status = osso_tokenizer_encode(e->rules.tokenizer, s + skip, n - skip, 0, &r->ids, err);
    if (!status && r->from == r->ids.len)
        status = error_set(err, OSSO_FORMAT, "the continuation has no tokens of its own");
    if (!status && r->ids.len > e->rules.max_length + 1)
        status = error_set(err, OSSO_LIMIT, "a conversation of %zu tokens in a context of %zu; give more with -c",
                           r->ids.len, e->rules.max_length);
    return status;
}

static enum osso_status make(struct eval *e, const struct run *run, const struct item *item, struct score_request *r,
                             struct osso_error *err)
{
    const struct doc *d = &e->doc;
    const int i = e->number;
    if (chats_are(run))
        return chats_request(run, item, r, err);
    if (run->task->kind == ROLLING) {
        size_t first, from, end;
        window_of(e, run, i, &first, &from, &end);
        r->from = from - first;
        return osso_ids_append(&r->ids, e->page.data + first, end - first, err);
    }
    if (run->task->kind == CHAT)
        return make_chat(e, run, item, r, err);
    const char *s = d->space.data;
    struct buf whole = {0};
    if (item->group >= 0) {
        const struct buf *head = &run->groups[item->group].head;
        buf_add(&whole, head->data, head->len);
        whole.failed |= head->failed;
    }
    buf_add(&whole, s + d->context[i].at, d->context[i].len);
    const char *context = whole.data ? whole.data : "";
    enum osso_status status = whole.failed ? error_nomem(err, whole.len, "a context") : OSSO_OK;
    if (!status && e->o.chat)
        status = make_wrapped(e, run, context, whole.len, i, r, err);
    else if (!status && run->task->kind == GENERATE)
        status = pair_prompt(&e->rules, context, whole.len, e->o.max_new, r, err);
    else if (!status)
        status = pair_encode(&e->rules, context, whole.len, s + d->continuation[i].at, d->continuation[i].len, r, err);
    buf_free(&whole);
    return status;
}

static enum osso_status next(void *user, struct score_request **out, struct osso_error *err)
{
    struct eval *e = user;
    *out = NULL;
    while (e->run < e->n_runs) {
        struct run *run = &e->runs[e->run];
        if (run->failed || e->item == run->n_items) {
            e->run++;
            e->item = 0;
            e->number = 0;
            continue;
        }
        struct item *item = &run->items[e->item];
        enum osso_status status = e->number == 0 ? open_item(e, run, item, err) : OSSO_OK;
        struct score_request *r = NULL;
        if (!status && item->kept)
            e->n_done++;
        else if (!status && !(r = mem_array(1, sizeof *r)))
            status = error_nomem(err, sizeof *r, "a request");
        if (r) {
            *r = (struct score_request){.owner = item, .number = e->number << 8 | e->run};
            status = make(e, run, item, r, err);
        }
        if (status) {
            char where[600];
            data_where(run, item, where, sizeof where);
            if (r)
                free_request(NULL, r);
            return strncmp(err->text, where, strlen(where)) == 0 ? status : error_prefix(err, status, where);
        }
        if (item->kept || ++e->number == item->n) {
            e->item++;
            e->number = 0;
        }
        if ((*out = r))
            return OSSO_OK;
    }
    return OSSO_OK;
}

/* ---- what came of them --------------------------------------------------------------------------------------- */

static bool ends(void *user, const struct score_request *r)
{
    const struct eval *e = user;
    return heard_enough(e, &e->runs[r->number & 0xff], r);
}

static enum osso_status done(void *user, struct score_request *r, struct osso_error *err)
{
    struct eval *e = user;
    struct item *item = r->owner;
    struct run *run = &e->runs[r->number & 0xff];
    int i = r->number >> 8;
    enum osso_status status = OSSO_OK;
    if (r->status && !run->failed) {
        char where[600];
        data_where(run, item, where, sizeof where);
        run->failed = true;
        run->why = r->why;
        error_prefix(&run->why, r->status, where);
    }
    item->ll[i] = r->ll;
    item->greedy[i] = r->greedy;
    if ((run->task->kind == GENERATE || run->task->kind == CHAT) && !r->status)
        status = heard(e, run, item, r, err);
    if (--item->left == 0) {
        e->n_done++;
        if (!status && !run->failed)
            status = keep_add(e, run, item, err);
        if (!status && e->o.progress && e->o.progress(e->o.user, e->n_done, e->n_items) != 0)
            status = error_set(err, OSSO_CANCELLED, "the evaluation was ended");
    }
    free_request(NULL, r);
    return status;
}

enum osso_status feed_run(struct eval *e, struct osso_error *err)
{
    const struct score_source source = {.next = next, .done = done, .drop = free_request, .ends = ends, .user = e};
    return score_run(e->engine, e->o.sessions, &source, err);
}
