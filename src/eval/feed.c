/* feed.c: from items to requests, one after the other, and their results back into the items. */
#include "eval/eval_parts.h"

#include "base/error.h"
#include "base/mem.h"
#include "engine/engine_parts.h"

#include <string.h>

/* Texts that end an answer (gsm8k's). */
enum { N_ENDS = 3 };
static const char *const answer_ends[N_ENDS] = {"Question:", "</s>", "<|im_end|>"};

static void free_request(void *user, struct score_request *r)
{
    (void)user;
    osso_ids_free(&r->ids);
    mem_free(r);
}

/* ---- texts into requests ---------------------------------------------------------------------------------- */

/* What is known of an item before it is asked: from its document, and how many requests it makes. */
static enum osso_status open_item(struct eval *e, const struct run *run, struct item *item, struct osso_error *err)
{
    const struct doc *d = &e->doc;
    enum osso_status status = data_doc(run, item, &e->doc, err);
    int n = status ? 0 : d->n;
    if (!status && run->task->kind == ROLLING) {
        size_t first, from, end;
        item->bytes = d->bytes;
        item->words = d->words;
        e->page.len = 0;
        status = pair_prefix(&e->rules, &e->page, err);
        if (!status)
            status = osso_tokenizer_encode(e->rules.tokenizer, d->space.data ? d->space.data : "", d->space.len, 0,
                                           &e->page, err);
        for (n = 0; !status && pair_window(&e->rules, &e->page, n, &first, &from, &end);)
            n++;
        item->tokens = e->page.len - 1;
        if (!status && n == 0)
            status = error_set(err, OSSO_FORMAT, "the page has no tokens");
    }
    if (!status && run->task->kind == GENERATE && !item->answer)
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

static enum osso_status make(struct eval *e, const struct run *run, const struct item *item, struct score_request *r,
                             struct osso_error *err)
{
    const struct doc *d = &e->doc;
    const int i = e->number;
    if (run->task->kind == ROLLING) {
        size_t first, from, end;
        pair_window(&e->rules, &e->page, i, &first, &from, &end);
        r->from = from - first;
        return osso_ids_append(&r->ids, e->page.data + first, end - first, err);
    }
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
    if (!status && run->task->kind == GENERATE)
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

/* What was generated, up to the first text that ends it. */
static void said(const struct eval *e, const struct score_request *r, size_t from, struct buf *out)
{
    struct osso_decoder decoder = {0};
    char space[OSSO_DECODE_SPACE];
    for (size_t i = from; i < r->ids.len; i++)
        if (!osso_tokenizer_is_special(e->rules.tokenizer, r->ids.data[i]))
            buf_add(out, space, osso_decoder_push(&decoder, e->rules.tokenizer, r->ids.data[i], space));
    buf_add(out, space, osso_decoder_finish(&decoder, space));
    for (int i = 0; i < N_ENDS && out->data; i++) {
        char *at = strstr(out->data, answer_ends[i]);
        if (at) {
            *at = 0;
            out->len = (size_t)(at - out->data);
        }
    }
}

static bool is_stop(const struct eval *e, int32_t id)
{
    int32_t ids[32] = {osso_tokenizer_special(e->rules.tokenizer, "<|return|>")};
    size_t n = 1;
    if (e->engine->model) {
        n = osso_model_stop_ids(e->engine->model, ids, 32);
        n = n < 32 ? n : 32;
    }
    for (size_t i = 0; i < n; i++)
        if (ids[i] == id)
            return true;
    return false;
}

/* Is it over? The newest text is looked at, as far back as an end may begin. */
static bool ends(void *user, const struct score_request *r)
{
    enum { BACK = 16, ROOM = 128 };
    const struct eval *e = user;
    char tail[ROOM + 1];
    size_t n = 0;
    if (is_stop(e, r->ids.data[r->ids.len - 1]))
        return true;
    for (size_t i = r->ids.len - r->from > BACK ? r->ids.len - BACK : r->from; i < r->ids.len; i++) {
        const char *text;
        size_t len;
        if (!osso_tokenizer_piece(e->rules.tokenizer, r->ids.data[i], &text, &len))
            continue;
        for (size_t k = 0; k < len; k++) {
            if (n == ROOM)
                memmove(tail, tail + 1, --n);
            tail[n++] = text[k] ? text[k] : ' ';
        }
    }
    tail[n] = 0;
    for (int i = 0; i < N_ENDS; i++)
        if (strstr(tail, answer_ends[i]))
            return true;
    return false;
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
    if (run->task->kind == GENERATE && !r->status) {
        struct buf text = {0};
        said(e, r, r->from, &text);
        buf_puts(&text, "");
        item->text = text.data ? buf_take(&text) : mem_strdup("");
        if (!item->text)
            status = error_nomem(err, r->ids.len, "an answer");
    }
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
