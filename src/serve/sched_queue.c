/* sched_queue.c: who waits, whose turn it is, and who goes without having begun. */
#include "serve/sched_parts.h"

#include "base/error.h"

void job_finish(struct job *job, enum osso_status status, const struct osso_error *why)
{
    static const struct osso_error none;
    job->on_done(job->user, status, why ? why : &none, &job->counts);
}

struct job *sched_unlink(struct sched *s, struct job *before)
{
    struct job **at = before ? &before->next : &s->first, *job = *at;
    *at = job->next;
    if (s->last == job)
        s->last = before;
    s->n_queued--;
    return job;
}

void sched_unqueue(struct sched *s, const struct job *job)
{
    struct job *before = NULL;
    pthread_mutex_lock(&s->lock);
    for (struct job *at = s->first; at; before = at, at = at->next)
        if (at == job) {
            sched_unlink(s, before);
            break;
        }
    pthread_mutex_unlock(&s->lock);
}

/* Jobs that nobody waits for any more, or that find no server: one after the other, since on_done may be slow. */
static struct job *take_dropped(struct sched *s)
{
    struct job *before = NULL;
    for (struct job *job = s->first; job; before = job, job = job->next)
        if (job->n_begun == job->n_over &&
            (s->over || s->given_up || (s->closed && job->n_begun == 0) || atomic_load(&job->cancelled)))
            return sched_unlink(s, before);
    return NULL;
}

void sched_drop_queued(struct sched *s)
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

struct job *sched_turn(struct sched *s, struct job **before_out)
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
