/* sched_step.c: one step of all answers in work: its order, its tokens, and who gives way when there is no room. */
#include "serve/sched_parts.h"

#include "base/error.h"

#include <time.h>

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

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
    size_t n;
    osso_session_tokens(oldest->session, &n);
    osso_engine_stats(s->engine, &stats);
    uint64_t promised = sched_pages_promised(s); /* its own among them */
    if (in_work == 0 || stats.pages_free + stats.pages_cached >= promised + 1)
        oldest->released = false;
}

/* ---- a step --------------------------------------------------------------------------------------------- */

static size_t left_of(const struct seq *q)
{
    size_t n, computed = osso_session_computed(q->session);
    osso_session_tokens(q->session, &n);
    return n - (computed < n ? computed : n);
}

/* Streams first, then prompts: the one with least left first; in every fourth step the oldest. */
static int order(struct sched *s, int *n_streams)
{
    int n = 0;
    bool oldest_first = s->n_steps % 4 == 0;
    for (int i = 0; i < s->n; i++)
        if (!s->seqs[i].released && s->seqs[i].streams)
            s->in_step[n++] = s->seqs[i].session;
    *n_streams = n;
    for (int taken = 0;; taken++) {
        const struct seq *best = NULL;
        for (int i = 0; i < s->n; i++) {
            const struct seq *q = s->seqs + i;
            bool in = q->released || q->streams;
            for (int k = *n_streams; k < n && !in; k++)
                in = s->in_step[k] == q->session;
            if (in)
                continue;
            bool by_age = oldest_first && taken == 0;
            if (!best || (by_age ? q->age < best->age
                                 : left_of(q) < left_of(best) || (left_of(q) == left_of(best) && q->age < best->age)))
                best = q;
        }
        if (!best)
            return n;
        s->in_step[n++] = best->session;
    }
}

/* One token for everyone that is ready. */
static void sample(struct sched *s)
{
    size_t n = 0;
    for (int i = 0; i < s->n; i++) {
        struct seq *q = s->seqs + i;
        if (q->released || !osso_session_ready(q->session) || osso_answer_stop(q->answer))
            continue;
        struct osso_draw *draw = s->draws + n;
        *draw = (struct osso_draw){.size = sizeof *draw};
        s->errors[n].text[0] = 0;
        if (osso_answer_draw(q->answer, draw, &s->errors[n]))
            continue; /* it has ended: a check above */
        draw->err = &s->errors[n];
        s->drawn[n++] = i;
    }
    struct osso_error ignored;
    if (n)
        osso_sample_all(s->engine, s->draws, n, &ignored); /* each draw has its own status */
    for (size_t k = 0; k < n; k++) {
        struct seq *q = s->seqs + s->drawn[k];
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
static bool starves(const struct sched *s, const struct osso_engine_stats *stats)
{
    if (stats->pages_free + stats->pages_cached > 1)
        return false;
    for (int i = 0; i < s->n; i++)
        if (s->seqs[i].streams && !s->seqs[i].released && left_of(s->seqs + i) > 0 &&
            osso_session_computed(s->seqs[i].session) == s->seqs[i].had)
            return true;
    return false;
}

void sched_step(struct sched *s)
{
    struct osso_error err = {""};
    struct osso_engine_stats stats = {.size = sizeof stats};
    int n_streams, n = order(s, &n_streams);
    int prompts = pace_rows(&s->pace, n_streams, s->o.max_rows);
    osso_engine_stats(s->engine, &stats);
    uint64_t before = stats.tokens_computed + stats.tokens_replayed;
    for (int i = 0; i < s->n; i++)
        s->seqs[i].had = osso_session_computed(s->seqs[i].session);
    double start = now_ms();
    int rows = n > n_streams ? n_streams + prompts : n_streams;
    enum osso_status status = n ? osso_step(s->engine, s->in_step, n, rows < s->o.max_rows ? rows : s->o.max_rows, &err)
                                : OSSO_OK;
    if (status == OSSO_LIMIT && preempt(s))
        return;
    if (status) {
        fail_all(s, status, &err);
        return;
    }
    osso_engine_stats(s->engine, &stats);
    uint64_t done = stats.tokens_computed + stats.tokens_replayed - before;
    score(s);
    sample(s);
    if (n)
        pace_learn(&s->pace, n_streams, (int)done - n_streams > 0 ? (int)done - n_streams : 0, now_ms() - start);
    if (starves(s, &stats))
        preempt(s);
    s->n_steps++;
    sched_end_finished(s);
}
