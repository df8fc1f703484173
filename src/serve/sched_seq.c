/* sched_seq.c: one answer of a job: made, scored, ended. */
#include "serve/sched_parts.h"

#include "base/error.h"

#include <math.h>
#include <string.h>

static void seq_free(struct seq *q)
{
    osso_answer_free(q->answer);
    osso_parser_free(q->parser);
    osso_sampler_free(q->sampler);
    osso_session_free(q->session);
}

static enum osso_status make(struct sched *s, struct seq *q, struct osso_error *err)
{
    struct job *job = q->job;
    struct osso_sampling sampling = job->sampling;
    struct osso_answer_options ends = job->ends;
    sampling.seed = job_seed(job->sampling.seed, q->number);
    enum osso_status status = OSSO_OK;
    if (q->number == 0 && job->admit)
        status = job->admit(job->user, &job->session_user, err);
    if (!status)
        status = osso_session_create(s->engine, job->salt, &q->session, err);
    if (!status)
        status = osso_session_sync(q->session, job->ids, job->n_ids, err);
    if (!status)
        status = osso_sampler_create(&sampling, s->o.vocab, &q->sampler, err);
    if (!status && job->harmony)
        status = osso_parser_create(job->tokenizer, "assistant", 0, &q->parser, err);
    ends.parser = q->parser;
    ends.tokenizer = job->harmony ? NULL : job->tokenizer;
    if (!status)
        status = osso_answer_create(q->session, q->sampler, &ends, &q->answer, err);
    if (status)
        return status;
    if (job->session_user)
        osso_session_set_user(q->session, job->session_user);
    if (job->mask)
        osso_sampler_set_mask(q->sampler, job->mask,
                              job->mask_begin ? job->mask_begin(job->user, q->number) : job->user);
    if (job->scores && q->number == 0)
        osso_session_want_logits(q->session, 0);
    return OSSO_OK;
}

enum osso_status seq_begin(struct sched *s, struct job *job, struct osso_error *err)
{
    struct seq *q = s->seqs + s->n;
    *q = (struct seq){.job = job, .number = job->n_begun, .age = s->n_admitted};
    enum osso_status status = make(s, q, err);
    if (status) {
        seq_free(q);
        return status;
    }
    s->n++;
    s->n_admitted++;
    if (job->n_begun++ == 0 && job->on_admitted)
        job->on_admitted(job->user);
    return OSSO_OK;
}

static void finish_answer(struct seq *q)
{
    struct osso_event event = {.size = sizeof event};
    struct osso_error err;
    enum osso_status status = osso_answer_finish(q->answer, &event, &err);
    if (!status)
        q->job->on_end(q->job->user, q->number, &event, q->parser ? osso_parser_messages(q->parser) : NULL);
    else if (!q->job->status) {
        q->job->status = status;
        q->job->why = err;
    }
}

void seq_end(struct sched *s, int i, enum osso_status status, const struct osso_error *why)
{
    struct seq q = s->seqs[i];
    struct job *job = q.job;
    if (q.number == 0) {
        job->counts.prompt_tokens = job->n_ids;
        job->counts.cached_tokens = osso_session_reused(q.session);
        pthread_mutex_lock(&s->lock);
        s->counts.prompt_tokens += job->counts.prompt_tokens;
        s->counts.prefix_hits += job->counts.cached_tokens;
        pthread_mutex_unlock(&s->lock);
    }
    job->counts.sampled += osso_answer_length(q.answer);
    if (!status)
        finish_answer(&q);
    else if (!job->status) {
        job->status = status;
        job->why = why ? *why : (struct osso_error){""};
    }
    seq_free(&q);
    s->seqs[i] = s->seqs[--s->n];
    if (job->status)
        sched_unqueue(s, job);
    if (++job->n_over == (job->status ? job->n_begun : job->n))
        job_finish(job, job->status, &job->why);
}

size_t seq_left(const struct seq *q)
{
    size_t n, computed = osso_session_computed(q->session);
    osso_session_tokens(q->session, &n);
    return n - (computed < n ? computed : n);
}

uint64_t sched_pages_promised(const struct sched *s)
{
    uint64_t pages = 0;
    for (int i = 0; i < s->n; i++)
        pages += s->seqs[i].streams ? 1 : seq_left(s->seqs + i) / SCHED_PAGE + SCHED_SLIDING_PAGES;
    return pages;
}

/* ---- scores --------------------------------------------------------------------------------------------- */

static double log_sum(const float *logits, int64_t vocab)
{
    float most = -INFINITY;
    double sum = 0;
    for (int64_t i = 0; i < vocab; i++)
        most = logits[i] > most ? logits[i] : most;
    for (int64_t i = 0; i < vocab; i++)
        sum += exp((double)(logits[i] - most));
    return (double)most + log(sum);
}

/* The n best, by insertion: n is small. */
static size_t best_of(const float *logits, int64_t vocab, size_t n, double log_all, struct osso_choice *best)
{
    size_t have = 0;
    for (int64_t id = 0; id < vocab && n; id++) {
        if (have == n && !(logits[id] > best[n - 1].logprob))
            continue;
        size_t at = have < n ? have++ : n - 1;
        for (; at > 0 && logits[id] > best[at - 1].logprob; at--)
            best[at] = best[at - 1];
        best[at] = (struct osso_choice){(int32_t)id, logits[id]};
    }
    for (size_t i = 0; i < have; i++)
        best[i].logprob = (float)((double)best[i].logprob - log_all);
    return have;
}

enum osso_status seq_score(struct seq *q, int64_t vocab, struct osso_error *err)
{
    struct osso_choice best[64];
    struct job *job = q->job;
    struct osso_event event = {.size = sizeof event, .text = "", .voice = OSSO_VOICE_NONE};
    if (q->n_scored == 0 && job->n_ids) {
        event.id = job->ids[q->n_scored++];
        event.logprob = NAN;
        job->on_scored(job->user, &event);
    }
    while (q->n_scored < job->n_ids) {
        const float *logits = osso_session_logits(q->session, q->n_scored - 1);
        if (!logits)
            break;
        double all = log_sum(logits, vocab);
        if (!isfinite(all))
            return error_set(err, OSSO_NUMERIC, "the logits of token %zu of the prompt are not finite",
                             q->n_scored - 1);
        size_t n_top = job->ends.n_top < 64 ? job->ends.n_top : 64;
        event.id = job->ids[q->n_scored++];
        event.logprob = (float)((double)logits[event.id] - all);
        event.n_top = best_of(logits, vocab, n_top, all, best);
        event.top = best;
        job->on_scored(job->user, &event);
    }
    return OSSO_OK;
}
