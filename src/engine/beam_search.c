/* beam_search.c: beam search over forks of a session. */
#include "osso/beams.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/sized.h"
#include "engine/engine_parts.h"
#include "engine/stop_text.h"
#include "engine/stops.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct running {
    struct osso_session *session;
    double logprob;
};

/* A running beam and its next token. */
struct candidate {
    int beam, rank; /* of the token among that beam's */
    int32_t id;
    double logprob;
    enum osso_stop stop;
};

struct search {
    struct osso_beam_options o;
    struct osso_engine *engine;
    size_t n_prompt, length; /* tokens of the prompt; of each running beam behind it */
    int keep;                /* candidates that are looked at: enough for the beams to go on, whatever ends */
    struct end_ids ends;
    struct stop_texts stops;
    struct running run[OSSO_BEAMS_MOST];
    int n;
    struct osso_sampler *samplers[OSSO_BEAMS_MOST];
    struct osso_choice *top;      /* [beams][keep] */
    struct candidate *candidates; /* [beams * keep] */
    struct buf text;
    struct osso_beams *ended; /* at most `beams`, best first */
};

static enum osso_status check(const struct osso_beam_options *o, struct osso_error *err)
{
    if (o->beams < 1 || o->beams > OSSO_BEAMS_MOST)
        return error_set(err, OSSO_USAGE, "%d beams: give a number from 1 to %d", o->beams, OSSO_BEAMS_MOST);
    if (o->best < 0 || o->best > o->beams)
        return error_set(err, OSSO_USAGE, "the best %d of %d beams: give a number from 1 to that of the beams", o->best,
                         o->beams);
    if (!isfinite(o->length_penalty))
        return error_set(err, OSSO_USAGE, "the length penalty must be a finite number");
    return OSSO_OK;
}

static enum osso_status begin(struct search *s, struct osso_error *err)
{
    struct osso_sampling greedy;
    osso_sampling_defaults(&greedy);
    greedy.temperature = 0;
    enum osso_status status = end_ids_make(s->engine, s->o.stop_ids, s->o.n_stop_ids, s->o.ignore_eos, &s->ends, err);
    if (status)
        return status;
    size_t aside = s->ends.n_stop + s->ends.n_never;
    s->keep = (aside > 1 ? (int)aside + 1 : 2) * s->o.beams;
    if (s->keep > s->engine->config.vocab)
        s->keep = (int)s->engine->config.vocab;
    size_t n = (size_t)s->o.beams;
    s->top = mem_array(n * (size_t)s->keep, sizeof *s->top);
    s->candidates = mem_array(n * (size_t)s->keep, sizeof *s->candidates);
    s->ended = mem_alloc(sizeof *s->ended);
    if (s->ended)
        s->ended->list = mem_array(n + 1, sizeof *s->ended->list);
    if (!s->top || !s->candidates || !s->ended || !s->ended->list)
        return error_nomem(err, n * (size_t)s->keep * sizeof *s->candidates, "beams");
    status = stop_texts_copy(s->o.stop, s->o.tokenizer ? s->o.n_stop : 0, &s->stops, err);
    for (size_t i = 0; i < n && !status; i++)
        status = osso_sampler_create(&greedy, s->engine->config.vocab, &s->samplers[i], err);
    return status;
}

static void free_beam(struct osso_beam *b)
{
    mem_free(b->ids);
    mem_free(b->text);
}

void osso_beams_free(struct osso_beams *b)
{
    for (size_t i = 0; b && i < b->n; i++)
        free_beam(&b->list[i]);
    if (b)
        mem_free(b->list);
    mem_free(b);
}

static void end(struct search *s)
{
    for (int i = 0; i < s->n; i++)
        osso_session_free(s->run[i].session);
    for (int i = 0; i < s->o.beams; i++)
        osso_sampler_free(s->samplers[i]);
    stop_texts_free(&s->stops);
    end_ids_free(&s->ends);
    mem_free(s->top);
    mem_free(s->candidates);
    buf_free(&s->text);
    osso_beams_free(s->ended);
}

/* ---- a step --------------------------------------------------------------------------------------------- */

static enum osso_status compute(struct search *s, struct osso_session *const *sessions, int n, struct osso_error *err)
{
    for (bool all = false; !all;) {
        enum osso_status status = osso_step(s->engine, sessions, n, 0, err);
        all = true;
        for (int i = 0; i < n; i++)
            all = all && osso_session_ready(sessions[i]);
        if (!status && s->o.on_progress && s->o.on_progress(s->o.user, osso_session_computed(sessions[0]), s->n_prompt))
            status = error_set(err, OSSO_CANCELLED, "the search was cancelled");
        if (status)
            return status;
    }
    return OSSO_OK;
}

static bool stops(const struct search *s, int32_t id)
{
    return ids_hold(s->ends.ids, s->ends.n_stop, id);
}

static bool never_comes(const struct search *s, int32_t id)
{
    return ids_hold(s->ends.ids + s->ends.n_stop, s->ends.n_never, id) && !stops(s, id);
}

static int by_logprob(const void *a, const void *b)
{
    const struct candidate *p = a, *q = b;
    if (p->logprob != q->logprob)
        return p->logprob > q->logprob ? -1 : 1;
    return p->beam != q->beam ? p->beam - q->beam : p->rank - q->rank;
}

/* The best next tokens of each beam, then of all. Returns how many. */
static enum osso_status find(struct search *s, int *n_out, struct osso_error *err)
{
    struct osso_draw draws[OSSO_BEAMS_MOST];
    struct osso_session *sessions[OSSO_BEAMS_MOST];
    for (int i = 0; i < s->n; i++) {
        sessions[i] = s->run[i].session;
        draws[i] = (struct osso_draw){.size = sizeof draws[i],
                                      .sampler = s->samplers[i],
                                      .session = sessions[i],
                                      .top = s->top + (size_t)i * (size_t)s->keep,
                                      .n_top = (size_t)s->keep};
    }
    enum osso_status status = compute(s, sessions, s->n, err);
    if (!status)
        status = osso_sample_all(s->engine, draws, (size_t)s->n, err);
    int n = 0;
    for (int i = 0; i < s->n && !status; i++)
        for (int k = 0; k < s->keep; k++) {
            struct osso_choice c = draws[i].top[k];
            if (!never_comes(s, c.id))
                s->candidates[n++] = (struct candidate){i, k, c.id, s->run[i].logprob + (double)c.logprob,
                                                        OSSO_STOP_NONE};
        }
    qsort(s->candidates, (size_t)n, sizeof *s->candidates, by_logprob);
    *n_out = n < s->keep ? n : s->keep;
    return status;
}

/* ---- ends ----------------------------------------------------------------------------------------------- */

/* The text behind the prompt, without a stop id's. */
static enum osso_status read_text(struct search *s, const struct candidate *c, struct osso_error *err)
{
    char space[OSSO_DECODE_SPACE];
    struct osso_decoder decoder = {0};
    const int32_t *ids = s->run[c->beam].session->tokens + s->n_prompt;
    buf_clear(&s->text);
    for (size_t i = 0; i < s->length; i++)
        buf_add(&s->text, space, osso_decoder_push(&decoder, s->o.tokenizer, ids[i], space));
    if (c->stop != OSSO_STOP_ID)
        buf_add(&s->text, space, osso_decoder_push(&decoder, s->o.tokenizer, c->id, space));
    buf_add(&s->text, space, osso_decoder_finish(&decoder, space));
    return s->text.failed ? error_nomem(err, s->text.len, "a text") : OSSO_OK;
}

static enum osso_status why_ended(struct search *s, struct candidate *c, struct osso_error *err)
{
    bool whole = false;
    if (stops(s, c->id))
        c->stop = OSSO_STOP_ID;
    if (c->stop == OSSO_STOP_NONE && s->stops.n > 0) {
        enum osso_status status = read_text(s, c, err);
        if (status)
            return status;
        stop_texts_find(&s->stops, s->text.data ? s->text.data : "", s->text.len, &whole);
    }
    if (whole)
        c->stop = OSSO_STOP_STRING;
    else if (c->stop == OSSO_STOP_NONE && s->o.max_tokens > 0 && s->length + 1 >= (size_t)s->o.max_tokens)
        c->stop = OSSO_STOP_LENGTH;
    else if (c->stop == OSSO_STOP_NONE && s->n_prompt + s->length + 1 >= (size_t)s->engine->context)
        c->stop = OSSO_STOP_CONTEXT;
    return OSSO_OK;
}

/* Among those that have ended, by its score; the worst gives way. */
static enum osso_status keep(struct search *s, const struct candidate *c, struct osso_error *err)
{
    struct osso_beams *e = s->ended;
    struct osso_beam b = {.n = s->length + 1, .logprob = c->logprob, .stop = c->stop};
    b.score = c->logprob / pow((double)b.n, s->o.length_penalty);
    size_t at = e->n;
    while (at > 0 && e->list[at - 1].score < b.score)
        at--;
    if (at == (size_t)s->o.beams)
        return OSSO_OK;
    enum osso_status status = s->o.tokenizer ? read_text(s, c, err) : OSSO_OK;
    if (status)
        return status;
    bool whole;
    const char *text = s->text.data ? s->text.data : "";
    b.text_len = c->stop == OSSO_STOP_STRING ? stop_texts_find(&s->stops, text, s->text.len, &whole) : s->text.len;
    b.text = mem_strndup(text, b.text_len);
    b.ids = mem_array(b.n, sizeof *b.ids);
    if (!b.ids || !b.text) {
        free_beam(&b);
        return error_nomem(err, b.n * sizeof *b.ids, "a beam");
    }
    memcpy(b.ids, s->run[c->beam].session->tokens + s->n_prompt, s->length * sizeof *b.ids);
    b.ids[s->length] = c->id;
    memmove(e->list + at + 1, e->list + at, (e->n - at) * sizeof *e->list);
    e->list[at] = b;
    if (++e->n > (size_t)s->o.beams)
        free_beam(&e->list[--e->n]);
    return OSSO_OK;
}

/* ---- going on ------------------------------------------------------------------------------------------- */

/* The chosen go on: the first of a beam in its session, the others in forks. Beams that nobody continues end first, and
 * give their pages back. */
static enum osso_status go_on(struct search *s, const struct candidate *const *chosen, int n, struct osso_error *err)
{
    struct running next[OSSO_BEAMS_MOST] = {{NULL, 0}};
    bool used[OSSO_BEAMS_MOST] = {false}, taken[OSSO_BEAMS_MOST] = {false};
    enum osso_status status = OSSO_OK;
    for (int i = 0; i < n; i++)
        used[chosen[i]->beam] = true;
    for (int i = 0; i < s->n; i++)
        if (!used[i])
            osso_session_free(s->run[i].session);
    for (int i = 0; i < n && !status; i++) {
        int beam = chosen[i]->beam;
        next[i] = (struct running){s->run[beam].session, chosen[i]->logprob};
        if (taken[beam])
            status = osso_session_fork(s->run[beam].session, &next[i].session, err);
        taken[beam] = true;
    }
    for (int i = 0; i < s->n && status; i++) /* in a search that ends here every session is freed once */
        if (used[i] && !taken[i])
            osso_session_free(s->run[i].session);
    s->n = 0;
    for (int i = 0; i < n; i++)
        if (next[i].session)
            s->run[s->n++] = next[i];
    for (int i = 0; i < s->n && !status; i++)
        status = osso_session_append(s->run[i].session, chosen[i]->id, err);
    s->length++;
    return status;
}

/* Ends are kept where they are among the first, as many as there are beams. *over: nobody can go on, or nobody that
 * does would be better than what there is. */
static enum osso_status advance(struct search *s, bool *over, struct osso_error *err)
{
    const struct candidate *chosen[OSSO_BEAMS_MOST];
    int n, n_chosen = 0;
    enum osso_status status = find(s, &n, err);
    for (int i = 0; i < n && !status; i++) {
        struct candidate *c = &s->candidates[i];
        if (i >= s->o.beams && n_chosen == s->o.beams)
            break;
        status = why_ended(s, c, err);
        if (!status && c->stop == OSSO_STOP_NONE && n_chosen < s->o.beams)
            chosen[n_chosen++] = c;
        else if (!status && c->stop != OSSO_STOP_NONE && i < s->o.beams)
            status = keep(s, c, err);
    }
    if (status)
        return status;
    size_t all = (size_t)s->o.beams;
    *over = n_chosen == 0 || (all == 1 && s->ended->n == 1);
    if (!*over && s->ended->n == all)
        *over = chosen[0]->logprob / pow((double)(s->length + 1), s->o.length_penalty) <= s->ended->list[all - 1].score;
    return *over ? OSSO_OK : go_on(s, chosen, n_chosen, err);
}

enum osso_status osso_beam_search(struct osso_engine *engine, struct osso_session *session,
                                  const struct osso_beam_options *options, struct osso_beams **beams_out,
                                  struct osso_error *err)
{
    struct search s = {.engine = engine, .n_prompt = session->n};
    bool over = false;
    *beams_out = NULL;
    enum osso_status status = sized_check(options, "osso_beam_options", err);
    sized_in(&s.o, sizeof s.o, options);
    if (!status)
        status = check(&s.o, err);
    if (!status && session->n == 0)
        status = error_set(err, OSSO_USAGE, "the prompt is empty: a search needs at least one token");
    if (!status && session->n >= (size_t)engine->context)
        status = error_set(err, OSSO_LIMIT, "the prompt fills the context of %lld tokens", (long long)engine->context);
    if (status)
        return status;
    status = begin(&s, err);
    if (!status && !osso_session_ready(session))
        status = compute(&s, &session, 1, err);
    if (!status && !(status = osso_session_fork(session, &s.run[0].session, err)))
        s.n = 1;
    while (!status && !over)
        status = advance(&s, &over, err);
    size_t best = s.o.best > 0 ? (size_t)s.o.best : 1;
    while (!status && s.ended->n > best)
        free_beam(&s.ended->list[--s.ended->n]);
    if (!status) {
        *beams_out = s.ended;
        s.ended = NULL;
    }
    end(&s);
    return status;
}
