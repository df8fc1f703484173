/* work.c: one request in work: jobs for the scheduler, and what these say as the client's answer. */
#include "serve/work.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/rng.h"
#include "serve/api/dialect.h"
#include "serve/exchange.h"
#include "serve/recall.h"
#include "serve/refusal_send.h"
#include "serve/stored.h"

#include <pthread.h>
#include <stdio.h>
#include <time.h>

struct work;

/* One prompt of a request. */
struct part {
    struct job job;
    struct work *work;
    size_t index;
    struct osso_script_turn *turn; /* what a script says to it */
};

/* Lives until its last part is done; then whoever ends that answers the client. Events come from the scheduler's thread
 * alone; what a worker may touch at the same time is under the lock or atomic. */
struct work {
    struct desk *desk;
    struct exchange *x;
    struct request *q;
    struct reply *reply;
    struct part *parts;
    size_t n_parts;
    atomic_size_t n_left; /* parts, and the worker while it hands them over */
    uint64_t owner;
    pthread_mutex_t lock;
    enum osso_status status; /* the first failure */
    struct osso_error why;
    bool streams;          /* the answer's head is out */
    struct rein *reins;    /* [sequences] or NULL */
    const char **names;    /* of the tools that may be called, if tool_choice says which */
    double arrived, *last; /* of each sequence: when its last token came; 0: none has */
    struct reply_usage usage;
};

/* ---- the end -------------------------------------------------------------------------------------------- */

static void flush(struct work *w)
{
    struct buf *out = reply_out(w->reply);
    if (!w->streams || !out->len)
        return;
    exchange_write(w->x, out->data, out->len);
    buf_clear(out);
}

/* What the scheduler could not do: the client's request was fine. */
static void refusal_of(const struct work *w, struct refusal *r)
{
    r->err = w->why;
    refuse_status(r, w->status, NULL);
    if (w->status == OSSO_CANCELLED)
        error_set(&r->err, OSSO_CANCELLED, "the server is ending; try again later");
    if (w->status == OSSO_LIMIT || w->status == OSSO_CANCELLED)
        r->status = 503;
}

static void work_free(struct work *w)
{
    pthread_mutex_destroy(&w->lock);
    reply_free(w->reply);
    request_free(w->q);
    for (size_t i = 0; w->names && w->names[i]; i++)
        mem_free((char *)(uintptr_t)w->names[i]);
    mem_free(w->names);
    mem_free(w->reins);
    mem_free(w->parts);
    mem_free(w->last);
    mem_free(w);
}

/* What an answer's head says of the request's tools. */
static const char *const *headers_of(const struct work *w, const char *space[3])
{
    const char *skipped = w->q->tools.skipped.data;
    space[0] = "x-osso-skipped-tools";
    space[1] = skipped;
    space[2] = NULL;
    return skipped ? space : NULL;
}

static void answer(struct work *w)
{
    const char *headers[3];
    struct refusal r = {0};
    bool ok = w->status == OSSO_OK && reply_done(w->reply, &w->usage, &r);
    if (w->status)
        refusal_of(w, &r);
    if (ok && w->q->api == API_RESPONSES && w->q->store)
        stored_keep(w->desk->responses, w->owner, reply_id(w->reply), reply_object(w->reply), reply_output(w->reply),
                    &w->q->items); /* before its client learns the id */
    if (!ok && w->streams)
        reply_fail(w->reply, &r);
    if (w->streams) {
        flush(w);
        exchange_end(w->x);
    } else if (ok)
        exchange_reply(w->x, 200, headers_of(w, headers), "application/json", reply_out(w->reply)->data,
                       reply_out(w->reply)->len);
    else
        refusal_send(w->x, &r);
}

static void finish(struct work *w)
{
    exchange_on_gone(w->x, NULL, NULL);
    bool gone = exchange_gone(w->x);
    answer(w);
    meter_time(w->desk->meter, METER_WHOLE, clock_seconds() - w->arrived);
    if (w->status)
        meter_end(w->desk->meter, gone || w->status == OSSO_CANCELLED ? METER_ABORT : METER_ERROR);
    exchange_release(w->x);
    work_free(w);
}

static void let_go(struct work *w)
{
    if (atomic_fetch_sub(&w->n_left, 1) == 1)
        finish(w);
}

/* ---- events --------------------------------------------------------------------------------------------- */

static enum osso_status admit(void *user, void **session_user, struct osso_error *err)
{
    struct part *part = user;
    enum osso_status status = osso_script_admit(part->work->desk->script, part->job.ids, part->job.n_ids, &part->turn,
                                                err);
    *session_user = part->turn;
    return status;
}

static void on_admitted(void *user)
{
    struct part *part = user;
    struct work *w = part->work;
    const char *headers[3];
    if (part->index == 0)
        meter_time(w->desk->meter, METER_QUEUE, clock_seconds() - w->arrived);
    if (!w->q->stream || w->streams)
        return;
    w->streams = true;
    exchange_stream_begin(w->x, 200, headers_of(w, headers), "text/event-stream");
    reply_begin(w->reply);
    flush(w);
}

static void on_event(void *user, size_t number, const struct osso_event *event)
{
    struct part *part = user;
    struct work *w = part->work;
    size_t sequence = part->index * (size_t)w->q->n + number;
    double t = clock_seconds();
    if (w->last[sequence] > 0)
        meter_time(w->desk->meter, METER_NEXT_TOKEN, t - w->last[sequence]);
    else if (number == 0)
        meter_time(w->desk->meter, METER_FIRST_TOKEN, t - w->arrived);
    w->last[sequence] = t;
    reply_event(w->reply, sequence, event);
    flush(w);
}

static void on_scored(void *user, const struct osso_event *event)
{
    struct part *part = user;
    reply_prompt_token(part->work->reply, part->index, event);
}

static void on_end(void *user, size_t number, const struct osso_event *event, const struct osso_conversation *said)
{
    struct part *part = user;
    struct work *w = part->work;
    bool cut = event->stop == OSSO_STOP_LENGTH || event->stop == OSSO_STOP_CONTEXT;
    reply_end(w->reply, part->index * (size_t)w->q->n + number, event);
    if (said)
        recall_keep(w->desk->turns, w->owner, said);
    meter_end(w->desk->meter, cut ? METER_LENGTH : event->voice == OSSO_VOICE_CALL ? METER_TOOL_CALLS : METER_STOP);
    flush(w);
}

static void fail(struct work *w, enum osso_status status, const struct osso_error *why)
{
    pthread_mutex_lock(&w->lock);
    if (!w->status) {
        w->status = status;
        w->why = *why;
    }
    pthread_mutex_unlock(&w->lock);
    for (size_t i = 0; i < w->n_parts; i++)
        atomic_store(&w->parts[i].job.cancelled, true);
}

static void on_done(void *user, enum osso_status status, const struct osso_error *why, const struct job_counts *counts)
{
    struct part *part = user;
    struct work *w = part->work;
    w->usage.prompt_tokens += counts->prompt_tokens;
    w->usage.cached_tokens += counts->cached_tokens;
    osso_script_turn_free(part->turn);
    if (status)
        fail(w, status, why);
    let_go(w);
}

/* Under the exchange's lock: flags only. */
static void on_gone(void *user)
{
    struct work *w = user;
    for (size_t i = 0; i < w->n_parts; i++)
        atomic_store(&w->parts[i].job.cancelled, true);
    sched_wake(w->desk->sched);
}

/* ---- what the model may write --------------------------------------------------------------------------- */

static bool name_tools(struct work *w, struct rein_rules *rules)
{
    const struct toolset *set = &w->q->tools;
    bool all = true;
    for (size_t i = 0; i < set->n; i++)
        all = all && set->tools[i].is_allowed;
    rules->no_calls = set->choice == TOOLS_NONE;
    rules->must_call = set->choice == TOOLS_REQUIRED;
    if (rules->no_calls || (all && !rules->must_call))
        return true;
    w->names = mem_array(set->n + 1, sizeof *w->names);
    if (!w->names)
        return false;
    for (size_t i = 0; i < set->n; i++)
        if (set->tools[i].is_allowed) {
            char name[512];
            snprintf(name, sizeof name, "functions.%s", set->tools[i].shown);
            if (!(w->names[rules->n_names++] = mem_strdup(name)))
                return false;
        }
    rules->names = w->names;
    return true;
}

static bool hold(struct work *w)
{
    struct rein_rules rules = {0};
    if (!w->desk->reins || !w->q->harmony)
        return true;
    w->reins = mem_array(w->n_parts * (size_t)w->q->n, sizeof *w->reins);
    if (!w->reins || !name_tools(w, &rules))
        return false;
    for (size_t i = 0; i < w->n_parts * (size_t)w->q->n; i++)
        rein_begin(w->reins + i, w->desk->reins, &rules, w->q->prompts[i / (size_t)w->q->n].len);
    return true;
}

static void *rein_of(void *user, size_t number)
{
    struct part *part = user;
    return part->work->reins + part->index * (size_t)part->work->q->n + number;
}

static void fill_job(struct work *w, size_t i)
{
    struct desk *desk = w->desk;
    const struct request *q = w->q;
    struct part *part = w->parts + i;
    uint64_t random = desk->salt + atomic_fetch_add(&desk->n_made, 1) * 2 + 1;
    part->work = w;
    part->index = i;
    part->job = (struct job){.ids = q->prompts[i].data,
                             .n_ids = q->prompts[i].len,
                             .n = (size_t)q->n,
                             .sampling = q->sampling,
                             .tokenizer = desk->tokenizer,
                             .harmony = q->harmony,
                             .scores = q->echo && q->logprobs,
                             .salt = w->owner + 1,
                             .key = w->owner,
                             .mask = w->reins ? rein_mask : NULL,
                             .mask_begin = rein_of,
                             .admit = desk->script ? admit : NULL,
                             .on_admitted = on_admitted,
                             .on_event = on_event,
                             .on_scored = on_scored,
                             .on_end = on_end,
                             .on_done = on_done,
                             .user = part};
    if (!q->seeded)
        part->job.sampling.seed = rng_splitmix(&random);
    part->job.ends = (struct osso_answer_options){.size = sizeof part->job.ends,
                                                  .max_tokens = q->max_tokens,
                                                  .no_tokens = q->no_tokens,
                                                  .min_tokens = q->min_tokens,
                                                  .ignore_eos = q->ignore_eos,
                                                  .no_special_names = !q->special_names,
                                                  .stop = q->stop,
                                                  .n_stop = q->n_stop,
                                                  .stop_on = q->harmony ? OSSO_STOP_ON_ANSWER : OSSO_STOP_ON_ALL,
                                                  .n_top = q->logprobs ? (size_t)q->top_logprobs : 0};
}

static void submit(struct work *w)
{
    struct osso_error err = {""};
    enum osso_status status = OSSO_OK;
    exchange_on_gone(w->x, on_gone, w);
    for (size_t i = 0; i < w->n_parts; i++) {
        if (!status && (status = sched_submit(w->desk->sched, &w->parts[i].job, &err)))
            fail(w, status, &err);
        if (status)
            let_go(w); /* never this one: the worker's own share is left */
    }
    if (status)
        sched_wake(w->desk->sched);
    let_go(w);
}

bool work_begin(struct exchange *x, struct desk *desk, struct request *q, struct refusal *r)
{
    struct work *w = mem_alloc(sizeof *w);
    char id[32];
    if (!w) {
        request_free(q);
        return refuse(r, 503, NULL, "not enough memory for the request");
    }
    w->desk = desk;
    w->x = x;
    w->q = q;
    w->owner = exchange_key_id(x);
    w->arrived = clock_seconds();
    w->n_parts = q->n_prompts;
    atomic_init(&w->n_left, w->n_parts + 1);
    pthread_mutex_init(&w->lock, NULL);
    w->parts = mem_array(w->n_parts, sizeof *w->parts);
    w->last = mem_array(w->n_parts * (size_t)q->n, sizeof *w->last);
    snprintf(id, sizeof id, "%08llx%08llx", (unsigned long long)desk->salt & 0xffffffffU,
             (unsigned long long)atomic_fetch_add(&desk->n_made, 1));
    struct reply_about about = {
        .model = desk->name, .id = id, .created = (int64_t)time(NULL), .tokenizer = desk->tokenizer};
    bool ok = w->parts && w->last && hold(w) ? reply_create(q, &about, &w->reply, r)
                                             : refuse(r, 503, NULL, "not enough memory for the request");
    if (!ok) {
        work_free(w);
        return false;
    }
    for (size_t i = 0; i < w->n_parts; i++)
        fill_job(w, i);
    if (q->tools.skipped.len) {
        char note[512];
        snprintf(note, sizeof note, "skipped tools: %s", q->tools.skipped.data);
        exchange_note(x, note);
    }
    exchange_keep(x);
    submit(w);
    return true;
}
