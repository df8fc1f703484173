/* sched.c: the scheduler's thread: admission, steps, preemption. sched_seq.c has what belongs to one answer, pace.c how
 * many rows of prompts a step takes. */
#include "serve/sched_parts.h"

#include "base/error.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* ---- the queue ------------------------------------------------------------------------------------------ */

enum osso_status sched_submit(struct sched *s, struct job *job, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    job->next = NULL;
    pthread_mutex_lock(&s->lock);
    if (s->closed)
        status = error_set(err, OSSO_LIMIT, "the server is ending; try again later");
    else if (s->n_queued >= s->o.max_queue)
        status = error_set(err, OSSO_LIMIT, "%d requests wait already; try again later", s->n_queued);
    else {
        *(s->last ? &s->last->next : &s->first) = job;
        s->last = job;
        s->n_queued++;
        s->woken = true;
        pthread_cond_signal(&s->wake);
    }
    pthread_mutex_unlock(&s->lock);
    return status;
}

void sched_wake(struct sched *s)
{
    pthread_mutex_lock(&s->lock);
    s->woken = true;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
}

void sched_close(struct sched *s)
{
    pthread_mutex_lock(&s->lock);
    s->closed = s->woken = true;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
}

void sched_give_up(struct sched *s)
{
    pthread_mutex_lock(&s->lock);
    s->given_up = true;
    pthread_mutex_unlock(&s->lock);
    sched_close(s);
}

/* Takes *at out of the queue; under the lock. `before` is the job in front of it. */
static struct job *unlink_job(struct sched *s, struct job *before)
{
    struct job **at = before ? &before->next : &s->first, *job = *at;
    *at = job->next;
    if (s->last == job)
        s->last = before;
    s->n_queued--;
    return job;
}

/* Jobs that nobody waits for any more, or that find no server: one after the other, since on_done may be slow. */
static struct job *take_dropped(struct sched *s)
{
    struct job *before = NULL;
    for (struct job *job = s->first; job; before = job, job = job->next)
        if (job->n_begun == job->n_over &&
            (s->over || s->given_up || (s->closed && job->n_begun == 0) || atomic_load(&job->cancelled)))
            return unlink_job(s, before);
    return NULL;
}

static void drop_queued(struct sched *s)
{
    struct osso_error ending;
    for (;;) {
        pthread_mutex_lock(&s->lock);
        struct job *job = take_dropped(s);
        bool cancelled = job && atomic_load(&job->cancelled);
        s->counts.cancelled_queued += cancelled;
        pthread_mutex_unlock(&s->lock);
        if (!job)
            return;
        error_set(&ending, OSSO_LIMIT, "the server is ending; try again later");
        job_finish(job, cancelled ? OSSO_CANCELLED : OSSO_LIMIT, cancelled ? NULL : &ending);
    }
}

/* The next job to begin an answer of: the first of the key that comes after the last one's, so that keys take turns; a
 * job whose answers have begun stays in front of its key until all have. Under the lock. */
static struct job *next_job(struct sched *s, struct job **before_out)
{
    struct job *best = NULL, *before = NULL;
    uint64_t best_way = 0;
    for (struct job *job = s->first; job; before = job, job = job->next) {
        uint64_t way = job->key - s->last_key - 1; /* how far behind the last key, around the circle */
        if (!best || way < best_way) {
            best = job;
            best_way = way;
            *before_out = before;
        }
    }
    return best;
}

/* ---- admission ------------------------------------------------------------------------------------------ */

enum { PAGE = 128, SLIDING_PAGES = 4 };

/* Pages that the prompts in work have still to fill. */
static uint64_t pages_promised(const struct sched *s)
{
    uint64_t pages = 0;
    for (int i = 0; i < s->n; i++) {
        size_t n, computed = osso_session_computed(s->seqs[i].session);
        osso_session_tokens(s->seqs[i].session, &n);
        pages += s->seqs[i].released || !s->seqs[i].streams ? (n - (computed < n ? computed : n)) / PAGE + SLIDING_PAGES
                                                            : 1;
    }
    return pages;
}

static bool has_room(const struct sched *s, const struct job *job)
{
    struct osso_engine_stats stats = {.size = sizeof stats};
    osso_engine_stats(s->engine, &stats);
    if (s->n == 0)
        return true;
    for (int i = 0; i < s->n; i++)
        if (s->seqs[i].released)
            return false; /* who was here before comes first */
    return stats.pages_free + stats.pages_cached >= pages_promised(s) + job->n_ids / PAGE + 1 + SLIDING_PAGES;
}

/* One answer of one job. False: nobody can begin now. */
static bool admit_one(struct sched *s)
{
    struct osso_error err = {""};
    struct job *before = NULL;
    pthread_mutex_lock(&s->lock);
    struct job *job = s->n < s->o.slots ? next_job(s, &before) : NULL;
    bool begins = job && has_room(s, job);
    if (begins && job->n_begun + 1 == job->n)
        unlink_job(s, before);
    if (begins)
        s->last_key = job->key;
    pthread_mutex_unlock(&s->lock);
    if (!begins)
        return false;
    bool was_last = job->n_begun + 1 == job->n;
    enum osso_status status = seq_begin(s, job, &err);
    if (!status)
        return true;
    if (!was_last) {
        pthread_mutex_lock(&s->lock);
        before = NULL;
        for (struct job *at = s->first; at && at != job; at = at->next)
            before = at;
        unlink_job(s, before);
        pthread_mutex_unlock(&s->lock);
    }
    job->status = status;
    job->why = err;
    if (job->n_over == job->n_begun)
        job_finish(job, status, &err);
    return true;
}

/* ---- running ones --------------------------------------------------------------------------------------- */

/* Takes a job that has begun out of the queue: no further answer of it begins. */
static void stop_queued(struct sched *s, const struct job *job)
{
    struct job *before = NULL;
    pthread_mutex_lock(&s->lock);
    for (struct job *at = s->first; at; before = at, at = at->next)
        if (at == job) {
            unlink_job(s, before);
            break;
        }
    pthread_mutex_unlock(&s->lock);
}

/* Ends one answer, and with a failure its whole job. */
static void end_job(struct sched *s, struct job *job, enum osso_status status, const struct osso_error *why)
{
    stop_queued(s, job);
    for (int left = 1; left;) { /* the last seq_end may free the job */
        int at = -1, n = 0;
        for (int i = 0; i < s->n; i++)
            if (s->seqs[i].job == job) {
                at = i;
                n++;
            }
        left = n > 1;
        if (at >= 0)
            seq_end(s, at, status, why);
    }
}

static void drop_cancelled(struct sched *s, bool all)
{
    for (int i = 0; i < s->n;) {
        struct job *job = s->seqs[i].job;
        if (!all && !atomic_load(&job->cancelled)) {
            i++;
            continue;
        }
        pthread_mutex_lock(&s->lock);
        *(s->seqs[i].streams ? &s->counts.cancelled_decode : &s->counts.cancelled_prefill) += 1;
        pthread_mutex_unlock(&s->lock);
        end_job(s, job, OSSO_CANCELLED, NULL);
        i = 0;
    }
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
static void resume(struct sched *s)
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
    uint64_t promised = pages_promised(s); /* its own among them */
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

static void end_finished(struct sched *s)
{
    for (int i = 0; i < s->n;) {
        struct seq *q = s->seqs + i;
        if (q->job->status) {
            struct osso_error why = q->job->why;
            end_job(s, q->job, q->job->status, &why);
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
        end_job(s, s->seqs[0].job, status, why);
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

static void step(struct sched *s)
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
    end_finished(s);
}

/* ---- the thread ----------------------------------------------------------------------------------------- */

static void publish(struct sched *s)
{
    struct osso_engine_stats stats = {.size = sizeof stats};
    osso_engine_stats(s->engine, &stats);
    pthread_mutex_lock(&s->lock);
    struct sched_counts *c = &s->counts;
    c->slots = (size_t)s->o.slots;
    c->busy = c->running = (size_t)s->n;
    c->computed = stats.tokens_computed;
    c->replayed = stats.tokens_replayed;
    c->pages_used = stats.pages_used;
    c->pages_cached = stats.pages_cached;
    c->pages_free = stats.pages_free;
    c->full_used = stats.full_used;
    c->full_cached = stats.full_cached;
    c->sliding_used = stats.sliding_used;
    c->sliding_cached = stats.sliding_cached;
    pthread_mutex_unlock(&s->lock);
}

/* False: the scheduler is over. */
static bool wait_for_work(struct sched *s, bool *give_up)
{
    pthread_mutex_lock(&s->lock);
    while (s->n == 0 && !s->first && !s->over && !s->woken)
        pthread_cond_wait(&s->wake, &s->lock);
    s->woken = false;
    bool over = s->over;
    *give_up = s->given_up;
    pthread_mutex_unlock(&s->lock);
    return !over;
}

static void *run(void *arg)
{
    struct sched *s = arg;
    bool give_up;
    while (wait_for_work(s, &give_up)) {
        drop_queued(s);
        drop_cancelled(s, give_up);
        resume(s);
        while (admit_one(s))
            ;
        end_finished(s); /* what wants no token */
        if (s->n)
            step(s);
        publish(s);
    }
    drop_cancelled(s, true);
    drop_queued(s);
    publish(s);
    return NULL;
}

enum osso_status sched_create(struct osso_engine *engine, const struct sched_options *options, struct sched **sched_out,
                              struct osso_error *err)
{
    struct sched *s = *sched_out = mem_alloc(sizeof *s);
    if (!s)
        return error_nomem(err, sizeof *s, "the scheduler");
    size_t n = (size_t)options->slots;
    s->engine = engine;
    s->o = *options;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->wake, NULL);
    s->seqs = mem_array(n, sizeof *s->seqs);
    s->in_step = mem_array(n, sizeof(struct osso_session *));
    s->draws = mem_array(n, sizeof *s->draws);
    s->errors = mem_array(n, sizeof *s->errors);
    s->drawn = mem_array(n, sizeof *s->drawn);
    bool ok = s->seqs && s->in_step && s->draws && s->errors && s->drawn;
    if (ok)
        publish(s);
    if (ok && pthread_create(&s->thread, NULL, run, s) == 0) {
        s->has_thread = true;
        return OSSO_OK;
    }
    sched_free(s);
    *sched_out = NULL;
    return ok ? error_set(err, OSSO_NOMEM, "no thread for the scheduler") : error_nomem(err, n, "the scheduler");
}

void sched_free(struct sched *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    s->over = s->closed = true;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
    if (s->has_thread)
        pthread_join(s->thread, NULL);
    pthread_cond_destroy(&s->wake);
    pthread_mutex_destroy(&s->lock);
    mem_free(s->seqs);
    mem_free(s->in_step);
    mem_free(s->draws);
    mem_free(s->errors);
    mem_free(s->drawn);
    mem_free(s);
}

void sched_counts(struct sched *s, struct sched_counts *out)
{
    pthread_mutex_lock(&s->lock);
    *out = s->counts;
    out->waiting = (size_t)s->n_queued;
    pthread_mutex_unlock(&s->lock);
}
