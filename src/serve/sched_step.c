/* sched_step.c: one step of all answers in work: its order, its tokens, and who gives way when there is no room. */
#include "serve/sched_parts.h"

#include "base/clock.h"

#include <stdlib.h>

/* So long after two answers were in work together the next may come at any moment. */
static const double COMPANY_MS = 5000;

/* The youngest gives its K and V back. */
static bool preempt(struct sched *s)
{
    struct seq *youngest = NULL;
    int in_work = 0;
    for (int i = 0; i < s->n; i++)
        if (!s->seqs[i].released) {
            in_work++;
            if (!youngest || s->seqs[i].age > youngest->age)
                youngest = s->seqs + i;
        }
    if (in_work < 2)
        return false;
    osso_session_release(youngest->session);
    youngest->released = true;
    youngest->streams = false; /* when it goes on it reads all its tokens again, as a prompt */
    pthread_mutex_lock(&s->lock);
    s->counts.preemptions++;
    pthread_mutex_unlock(&s->lock);
    return true;
}

/* The oldest of those that wait goes on once all of its tokens have room. */
void sched_resume(struct sched *s)
{
    struct osso_engine_stats stats = {.size = sizeof stats};
    struct seq *oldest = NULL;
    int in_work = 0;
    for (int i = 0; i < s->n; i++) {
        if (!s->seqs[i].released)
            in_work++;
        else if (!oldest || s->seqs[i].age < oldest->age)
            oldest = s->seqs + i;
    }
    if (!oldest)
        return;
    osso_engine_stats(s->engine, &stats);
    uint64_t promised = sched_pages_promised(s); /* its own among them */
    if (in_work == 0 || stats.pages_free + stats.pages_cached >= promised + 1)
        oldest->released = false;
}

/* ---- a step --------------------------------------------------------------------------------------------- */

static int by_left(const void *a, const void *b)
{
    const struct seq *p = *(struct seq *const *)a, *q = *(struct seq *const *)b;
    return p->left != q->left ? (p->left < q->left ? -1 : 1) : p->age < q->age ? -1 : 1;
}

/* Streams first, then prompts: the one with least left first, or the oldest, once three steps had no row for it. */
static int order(struct sched *s, int *n_streams)
{
    int n = 0, n_prompts = 0;
    struct seq *oldest = NULL;
    for (int i = 0; i < s->n; i++) {
        struct seq *q = s->seqs + i;
        if (q->released)
            continue;
        size_t computed = osso_session_computed(q->session);
        q->waited = computed == q->had ? q->waited + 1 : 0;
        q->had = computed;
        q->left = seq_left(q);
        if (q->streams) {
            s->in_step[n++] = q->session;
            continue;
        }
        s->picked[n_prompts++] = q;
        oldest = !oldest || q->age < oldest->age ? q : oldest;
    }
    *n_streams = n;
    if (oldest && oldest->waited >= 3)
        oldest->left = 0;
    qsort(s->picked, (size_t)n_prompts, sizeof(struct seq *), by_left);
    for (int i = 0; i < n_prompts; i++) {
        s->in_step[n++] = s->picked[i]->session;
        s->pieces[i] = (struct pace_piece){.depth = s->picked[i]->had, .rows = seq_left(s->picked[i])};
    }
    return n;
}

/* What the step took, unless some of its rows were taken over from others instead of computed. */
static void learn(struct sched *s, int n_streams, int n_prompts, uint64_t done, double ms)
{
    uint64_t rows = (uint64_t)n_streams;
    for (int i = 0; i < n_prompts; i++) {
        s->pieces[i].rows = osso_session_computed(s->picked[i]->session) - s->pieces[i].depth;
        rows += s->pieces[i].rows;
    }
    if (rows == done)
        pace_learn(&s->pace, n_streams, s->pieces, n_prompts, ms);
}

/* One token for everyone that is ready. False: nobody was. */
static bool sample(struct sched *s)
{
    size_t n = 0;
    for (int i = 0; i < s->n; i++) {
        struct seq *q = s->seqs + i;
        if (q->released || q->job->status || !osso_session_ready(q->session) || osso_answer_stop(q->answer))
            continue;
        struct osso_draw *draw = s->draws + n;
        *draw = (struct osso_draw){.size = sizeof *draw};
        s->errors[n].text[0] = 0;
        if (osso_answer_draw(q->answer, draw, &s->errors[n]))
            continue; /* it has ended: a check above */
        draw->err = &s->errors[n];
        s->picked[n++] = q;
    }
    struct osso_error ignored;
    if (n)
        osso_sample_all(s->engine, s->draws, n, &ignored); /* each draw has its own status */
    for (size_t k = 0; k < n; k++) {
        struct seq *q = s->picked[k];
        struct osso_event event = {.size = sizeof event};
        q->streams = true;
        struct osso_error why = {""};
        enum osso_status status = osso_answer_take_drawn(q->answer, s->draws + k, &event, &why);
        if (status && !q->job->status) {
            q->job->status = status;
            q->job->why = why;
        } else if (!status)
            q->job->on_event(q->job->user, q->number, &event);
    }
    pthread_mutex_lock(&s->lock);
    s->counts.sampled += n;
    pthread_mutex_unlock(&s->lock);
    return n > 0;
}

/* Guesses for an answer that is alone: in company the rows of others fill a step, and what a row costs there is no
 * measure of what it costs here. */
static int guess(struct sched *s, bool company)
{
    struct seq *q = s->seqs;
    bool alone = s->o.drafter && s->n == 1 && !company && q->streams && !q->released && seq_left(q) == 1;
    return alone ? osso_drafter_guess(s->o.drafter, q->session, q->sampler, SIZE_MAX) : -1;
}

/* What the step has said: more than a token of an answer whose guesses were right. They are taken at once, for the next
 * step may be others'. */
static void take(struct sched *s, bool guessed)
{
    while (sample(s))
        if (guessed)
            osso_drafter_came(s->o.drafter, s->draws[0].choice.id);
    struct osso_error none;
    if (guessed)
        osso_session_guess(s->seqs[0].session, NULL, 0, &none);
}

static void score(struct sched *s)
{
    for (int i = 0; i < s->n; i++) {
        struct seq *q = s->seqs + i;
        if (!q->job->scores || q->number || q->n_scored >= q->job->n_ids || q->released)
            continue;
        enum osso_status status = seq_score(q, s->o.vocab, &q->job->why);
        q->job->status = q->job->status ? q->job->status : status;
    }
}

void sched_end_finished(struct sched *s)
{
    for (int i = 0; i < s->n;) {
        struct seq *q = s->seqs + i;
        if (q->job->status) {
            struct osso_error why = q->job->why;
            sched_end_job(s, q->job, q->job->status, &why);
            i = 0;
        } else if (osso_answer_stop(q->answer) && (osso_session_ready(q->session) || q->streams || !q->job->scores)) {
            seq_end(s, i, OSSO_OK, NULL);
        } else
            i++;
    }
}

static void fail_all(struct sched *s, enum osso_status status, const struct osso_error *why)
{
    while (s->n)
        sched_end_job(s, s->seqs[0].job, status, why);
}

/* Does somebody who needs a single row stand still because there is no page for it? */
static bool starves(const struct sched *s)
{
    struct osso_engine_stats stats = {.size = sizeof stats};
    osso_engine_stats(s->engine, &stats);
    if (stats.pages_free + stats.pages_cached > 1)
        return false;
    for (int i = 0; i < s->n; i++)
        if (s->seqs[i].streams && osso_session_computed(s->seqs[i].session) == s->seqs[i].had)
            return true;
    return false;
}

void sched_step(struct sched *s)
{
    struct osso_error err = {""};
    struct osso_engine_stats stats = {.size = sizeof stats};
    int n_streams, n = order(s, &n_streams);
    osso_engine_stats(s->engine, &stats);
    uint64_t before = stats.tokens_computed + stats.tokens_replayed;
    double start = clock_seconds() * 1e3;
    if (s->n > 1)
        s->company_ms = start;
    bool company = start - s->company_ms < COMPANY_MS;
    int guesses = guess(s, company);
    int rows = n_streams + pace_share(&s->pace, n_streams, s->pieces, n - n_streams, company);
    rows += guesses > 0 ? guesses : 0;
    double begun = clock_seconds() * 1e3;
    enum osso_status status = osso_step(s->engine, s->in_step, n, rows, &err);
    if (status == OSSO_LIMIT && preempt(s))
        return;
    if (status) {
        fail_all(s, status, &err);
        return;
    }
    osso_engine_stats(s->engine, &stats);
    uint64_t done = stats.tokens_computed + stats.tokens_replayed - before;
    score(s);
    double ended = clock_seconds() * 1e3;
    learn(s, n_streams, n - n_streams, done, ended - begun); /* before a draw takes s->picked */
    if (guesses >= 0)
        osso_drafter_took(s->o.drafter, ended - begun);
    take(s, guesses >= 0);
    sched_end_finished(s); /* may make room */
    if (starves(s))
        preempt(s);
}
