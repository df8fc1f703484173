/* sched.c: the scheduler's thread: admission, steps, preemption. sched_seq.c has what belongs to one answer, pace.c how
 * many rows of prompts a step takes. */
#include "serve/sched_parts.h"

#include "base/error.h"
#include "base/mem.h"

#include <time.h>

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

/* ---- the thread ----------------------------------------------------------------------------------------- */

static void publish(struct sched *s)
{
    struct osso_engine_stats stats = {.size = sizeof stats};
    struct osso_drafter_counts drafts = {.size = sizeof drafts};
    osso_engine_stats(s->engine, &stats);
    if (s->o.drafter)
        osso_drafter_counts(s->o.drafter, &drafts);
    pthread_mutex_lock(&s->lock);
    struct sched_counts *c = &s->counts;
    c->guessed = drafts.n_made;
    c->guessed_right = drafts.n_came;
    c->slots = (size_t)s->o.slots;
    c->running = (size_t)s->n;
    c->prompt_computed = stats.tokens_prompt;
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

static void admit_all(struct sched *s)
{
    while (sched_admit_one(s))
        ;
}

/* Who comes just after a first step has begun waits for all of it: a server that had nothing to do lets a moment pass,
 * next to nothing beside that step, so that a burst begins together. */
static void let_a_moment_pass(const struct sched *s)
{
    size_t rows = 0;
    for (int i = 0; i < s->n; i++)
        rows += seq_left(&s->seqs[i]);
    struct timespec moment = {0, (long)(pace_moment(&s->pace, rows) * 1e6)};
    if (moment.tv_nsec > 0)
        nanosleep(&moment, NULL);
}

static void *run(void *arg)
{
    struct sched *s = arg;
    bool give_up;
    while (wait_for_work(s, &give_up)) {
        sched_drop_queued(s);
        sched_drop_cancelled(s, give_up);
        sched_resume(s);
        bool idle = s->n == 0;
        admit_all(s);
        if (idle && s->n > 0 && s->n < s->o.slots) {
            let_a_moment_pass(s);
            admit_all(s);
        }
        sched_end_finished(s); /* what wants no token */
        if (s->n)
            sched_step(s);
        publish(s);
    }
    sched_drop_cancelled(s, true);
    sched_drop_queued(s);
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
    s->pace.chosen = options->chosen;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->wake, NULL);
    s->seqs = mem_array(n, sizeof *s->seqs);
    s->in_step = mem_array(n, sizeof(struct osso_session *));
    s->draws = mem_array(n, sizeof *s->draws);
    s->errors = mem_array(n, sizeof *s->errors);
    s->picked = mem_array(n, sizeof(struct seq *));
    s->pieces = mem_array(n, sizeof *s->pieces);
    bool ok = s->seqs && s->in_step && s->draws && s->errors && s->picked && s->pieces;
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
    mem_free(s->picked);
    mem_free(s->pieces);
    mem_free(s);
}

void sched_counts(struct sched *s, struct sched_counts *out)
{
    pthread_mutex_lock(&s->lock);
    *out = s->counts;
    out->waiting = (size_t)s->n_queued;
    pthread_mutex_unlock(&s->lock);
}
