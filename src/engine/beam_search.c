/* beam_search.c: beam search over forks of a session. */
#include "osso/beams.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/sized.h"
#include "engine/beam_text.h"
#include "engine/engine_parts.h"
#include "engine/stops.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct running {
    struct osso_session *session;
    double logprob, sum; /* the model's own; with biases */
};

/* A running beam and its next token. */
struct candidate {
    int beam, rank; /* of the token among that beam's */
    int32_t id;
    double logprob, sum;
    enum osso_stop stop;
};

struct search {
    struct osso_beam_options o;
    struct osso_engine *engine;
    size_t n_prompt, length; /* tokens of the prompt; of each running beam behind it */
    int keep;                /* candidates that are looked at: enough for the beams to go on, whatever ends */
    struct end_ids ends;
    int32_t *never; /* [n_never] of those that ignore_eos keeps from coming */
    size_t n_never;
    struct beam_texts texts;
    struct running run[OSSO_BEAMS_MOST];
    int n;
    struct osso_sampler *samplers[OSSO_BEAMS_MOST];
    char *masks, *next_masks;     /* [beams][mask_bytes] */
    struct osso_choice *top;      /* [beams][keep] */
    struct candidate *candidates; /* [beams * keep] */
    struct osso_beams *ended;     /* at most `beams`, best first */
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
    for (size_t i = 0; i < o->n_bias; i++)
        if (o->bias[i].bias == INFINITY)
            return error_set(err, OSSO_USAGE, "logit bias for id %d: in a beam search give a finite number or -inf",
                             o->bias[i].id);
    return OSSO_OK;
}

static bool stops(const struct search *s, int32_t id)
{
    return ids_hold(s->ends.ids, s->ends.n_stop, id);
}

/* What may come: one sampler for each beam, since they choose at the same time. */
static enum osso_status make_samplers(struct search *s, struct osso_error *err)
{
    struct osso_sampling greedy;
    enum osso_status status = OSSO_OK;
    osso_sampling_defaults(&greedy);
    greedy.temperature = 0;
    greedy.bias = s->o.bias;
    greedy.n_bias = s->o.n_bias;
    s->never = mem_array(s->ends.n_never, sizeof *s->never);
    if (!s->never)
        return error_nomem(err, s->ends.n_never * sizeof *s->never, "ids that never come");
    for (size_t i = 0; i < s->ends.n_never; i++)
        if (!stops(s, s->ends.ids[s->ends.n_stop + i]))
            s->never[s->n_never++] = s->ends.ids[s->ends.n_stop + i];
    for (int i = 0; i < s->o.beams && !status; i++) {
        status = osso_sampler_create(&greedy, s->engine->config.vocab, &s->samplers[i], err);
        if (!status)
            osso_sampler_set_mask(s->samplers[i], s->o.mask, s->o.mask_user);
    }
    size_t n = (size_t)s->o.beams, bytes = s->o.mask ? s->o.mask_bytes : 0;
    if (status || bytes == 0)
        return status;
    s->masks = mem_array(n, bytes);
    s->next_masks = mem_array(n, bytes);
    if (!s->masks || !s->next_masks)
        return error_nomem(err, 2 * n * bytes, "masks of beams");
    memcpy(s->masks, s->o.mask_user, bytes);
    osso_sampler_set_mask(s->samplers[0], s->o.mask, s->masks);
    return OSSO_OK;
}

/* Beam `to` of the next step goes on from beam `from` of this one. */
static void copy_mask(struct search *s, int from, int to)
{
    size_t bytes = s->o.mask_bytes;
    if (s->masks)
        memcpy(s->next_masks + (size_t)to * bytes, s->masks + (size_t)from * bytes, bytes);
}

static void next_masks(struct search *s)
{
    char *masks = s->masks;
    s->masks = s->next_masks;
    s->next_masks = masks;
    for (int i = 0; s->masks && i < s->n; i++)
        osso_sampler_set_mask(s->samplers[i], s->o.mask, s->masks + (size_t)i * s->o.mask_bytes);
}

static enum osso_status begin(struct search *s, struct osso_error *err)
{
    enum osso_status status = end_ids_make(s->engine, s->o.stop_ids, s->o.n_stop_ids, s->o.ignore_eos, &s->ends, err);
    if (status)
        return status;
    size_t vocab = (size_t)s->engine->config.vocab, n = (size_t)s->o.beams;
    size_t ends = s->ends.n_stop < vocab ? s->ends.n_stop : vocab, keep = (ends > 1 ? ends + 1 : 2) * n;
    s->keep = (int)(keep < vocab ? keep : vocab);
    s->top = mem_array(n * (size_t)s->keep, sizeof *s->top);
    s->candidates = mem_array(n * (size_t)s->keep, sizeof *s->candidates);
    s->ended = mem_alloc(sizeof *s->ended);
    if (s->ended)
        s->ended->list = mem_array(n + 1, sizeof *s->ended->list);
    if (!s->top || !s->candidates || !s->ended || !s->ended->list)
        return error_nomem(err, n * (size_t)s->keep * sizeof *s->candidates, "beams");
    status = beam_texts_begin(&s->o, &s->texts, err);
    return status ? status : make_samplers(s, err);
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
    beam_texts_free(&s->texts);
    end_ids_free(&s->ends);
    mem_free(s->never);
    mem_free(s->masks);
    mem_free(s->next_masks);
    mem_free(s->top);
    mem_free(s->candidates);
    osso_beams_free(s->ended);
}

/* ---- a step --------------------------------------------------------------------------------------------- */

static enum osso_status step(struct search *s, struct osso_session *const *sessions, int n, struct osso_error *err)
{
    enum osso_status status = osso_step(s->engine, sessions, n, 0, err);
    if (!status && s->o.on_progress && s->o.on_progress(s->o.user, osso_session_computed(sessions[0]), s->n_prompt))
        status = error_set(err, OSSO_CANCELLED, "the search was cancelled");
    return status;
}

static int by_sum(const void *a, const void *b)
{
    const struct candidate *p = a, *q = b;
    if (p->sum != q->sum)
        return p->sum > q->sum ? -1 : 1;
    return p->beam != q->beam ? p->beam - q->beam : p->rank - q->rank;
}

static double bias_of(const struct search *s, int32_t id)
{
    double sum = 0;
    for (size_t i = 0; i < s->o.n_bias; i++)
        sum += s->o.bias[i].id == id ? (double)s->o.bias[i].bias : 0;
    return sum;
}

/* The best next tokens of these beams, whose logits the last step gave. */
static enum osso_status choose(struct search *s, const int *beams, int n, int *n_out, struct osso_error *err)
{
    struct osso_draw draws[OSSO_BEAMS_MOST];
    for (int i = 0; i < n; i++)
        draws[i] = (struct osso_draw){.size = sizeof draws[i],
                                      .sampler = s->samplers[beams[i]],
                                      .session = s->run[beams[i]].session,
                                      .avoid = s->never,
                                      .n_avoid = s->n_never,
                                      .top = s->top + (size_t)i * (size_t)s->keep,
                                      .n_top = (size_t)s->keep,
                                      .top_allowed = true};
    enum osso_status status = n ? osso_sample_all(s->engine, draws, (size_t)n, err) : OSSO_OK;
    for (int i = 0; i < n && !status; i++)
        for (int k = 0; k < s->keep && draws[i].top[k].id >= 0; k++) {
            struct osso_choice c = draws[i].top[k];
            const struct running *r = &s->run[beams[i]];
            s->candidates[(*n_out)++] = (struct candidate){
                beams[i],      k, c.id, r->logprob + (double)c.logprob, r->sum + (double)c.logprob + bias_of(s, c.id),
                OSSO_STOP_NONE};
        }
    return status;
}

/* The best next tokens of each beam, then of all. Where a step has not room for all beams, by rows or by pages, those
 * that it ran choose before the next one takes their logits away. */
static enum osso_status find(struct search *s, int *n_out, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    bool chosen[OSSO_BEAMS_MOST] = {false};
    int n = 0;
    for (int left = s->n; left > 0 && !status;) {
        struct osso_session *sessions[OSSO_BEAMS_MOST];
        int beams[OSSO_BEAMS_MOST], ready = 0;
        left = 0;
        for (int i = 0; i < s->n; i++)
            if (!chosen[i])
                sessions[left++] = s->run[i].session;
        status = left ? step(s, sessions, left, err) : OSSO_OK;
        for (int i = 0; i < s->n && !status; i++)
            if (!chosen[i] && osso_session_ready(s->run[i].session)) {
                beams[ready++] = i;
                chosen[i] = true;
            }
        if (!status)
            status = choose(s, beams, ready, &n, err);
    }
    qsort(s->candidates, (size_t)n, sizeof *s->candidates, by_sum);
    *n_out = n < s->keep ? n : s->keep;
    return status;
}

/* ---- ends ----------------------------------------------------------------------------------------------- */

static void look_at_end(struct search *s, struct candidate *c)
{
    if (stops(s, c->id))
        c->stop = OSSO_STOP_ID;
    else if (beam_texts_stop(&s->texts, c->beam, c->id))
        c->stop = OSSO_STOP_STRING;
    else if (s->o.max_tokens > 0 && s->length + 1 >= (size_t)s->o.max_tokens)
        c->stop = OSSO_STOP_LENGTH;
    else if (s->n_prompt + s->length + 1 >= (size_t)s->engine->context)
        c->stop = OSSO_STOP_CONTEXT;
}

static double score(const struct search *s, double sum)
{
    return sum / pow((double)(s->length + 1), s->o.length_penalty);
}

/* Among those that have ended, by its score; the worst gives way. */
static enum osso_status keep(struct search *s, const struct candidate *c, struct osso_error *err)
{
    struct osso_beams *e = s->ended;
    struct osso_beam b = {.n = s->length + 1, .logprob = c->logprob, .score = score(s, c->sum), .stop = c->stop};
    size_t at = e->n;
    while (at > 0 && e->list[at - 1].score < b.score)
        at--;
    if (at == (size_t)s->o.beams)
        return OSSO_OK;
    b.ids = mem_array(b.n, sizeof *b.ids);
    if (!b.ids)
        return error_nomem(err, b.n * sizeof *b.ids, "a beam");
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
    struct running next[OSSO_BEAMS_MOST] = {{NULL, 0, 0}};
    bool used[OSSO_BEAMS_MOST] = {false}, taken[OSSO_BEAMS_MOST] = {false};
    enum osso_status status = OSSO_OK;
    for (int i = 0; i < n; i++)
        used[chosen[i]->beam] = true;
    for (int i = 0; i < s->n; i++)
        if (!used[i])
            osso_session_free(s->run[i].session);
    for (int i = 0; i < n && !status; i++) {
        int beam = chosen[i]->beam;
        next[i] = (struct running){s->run[beam].session, chosen[i]->logprob, chosen[i]->sum};
        beam_texts_grow(&s->texts, beam, chosen[i]->id, i);
        copy_mask(s, beam, i);
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
    beam_texts_next(&s->texts);
    next_masks(s);
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
        look_at_end(s, c);
        if (c->stop == OSSO_STOP_NONE && n_chosen < s->o.beams)
            chosen[n_chosen++] = c;
        else if (c->stop != OSSO_STOP_NONE && i < s->o.beams)
            status = keep(s, c, err);
    }
    if (status)
        return status;
    size_t all = (size_t)s->o.beams;
    *over = n_chosen == 0 || (all == 1 && s->ended->n == 1);
    if (!*over && s->ended->n == all)
        *over = score(s, chosen[0]->sum) <= s->ended->list[all - 1].score;
    return *over ? OSSO_OK : go_on(s, chosen, n_chosen, err);
}

/* The best of them, and what they say. */
static enum osso_status finish(struct search *s, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    size_t best = s->o.best > 0 ? (size_t)s->o.best : 1;
    if (s->ended->n == 0)
        return error_set(err, OSSO_USAGE, "mask and bias leave no text a way to its end");
    while (s->ended->n > best)
        free_beam(&s->ended->list[--s->ended->n]);
    for (size_t i = 0; i < s->ended->n && !status; i++)
        status = beam_texts_write(&s->texts, &s->ended->list[i], err);
    return status;
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
    while (!status && !osso_session_ready(session))
        status = step(&s, &session, 1, err);
    if (!status && !(status = osso_session_fork(session, &s.run[0].session, err)))
        s.n = 1;
    while (!status && !over)
        status = advance(&s, &over, err);
    if (!status)
        status = finish(&s, err);
    if (!status) {
        *beams_out = s.ended;
        s.ended = NULL;
    }
    end(&s);
    return status;
}
