/* sched_queue.c: who waits, who begins, who is taken out. */
#include "serve/sched_parts.h"

#include "base/error.h"

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

void sched_unqueue(struct sched *s, const struct job *job)
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

static bool has_room(const struct sched *s, const struct job *job)
{
    struct osso_engine_stats stats = {.size = sizeof stats};
    osso_engine_stats(s->engine, &stats);
    if (s->n == 0)
        return true;
    for (int i = 0; i < s->n; i++)
        if (s->seqs[i].released)
            return false; /* who was here before comes first */
    return stats.pages_free + stats.pages_cached >=
           sched_pages_promised(s) + job->n_ids / SCHED_PAGE + 1 + SCHED_SLIDING_PAGES;
}

/* One answer of one job. False: nobody can begin now. */
bool sched_admit_one(struct sched *s)
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
    enum osso_status status = seq_begin(s, job, &err);
    if (!status)
        return true;
    sched_unqueue(s, job);
    job->status = status;
    job->why = err;
    if (job->n_over == job->n_begun)
        job_finish(job, status, &err);
    return true;
}

/* ---- running ones --------------------------------------------------------------------------------------- */

void sched_end_job(struct sched *s, struct job *job, enum osso_status status, const struct osso_error *why)
{
    size_t left = job->n_begun - job->n_over;
    for (int i = s->n;
         left > 0;) /* backwards: who takes the place of one that ended was looked at; the last ends the job */
        if (s->seqs[--i].job == job) {
            left--;
            seq_end(s, i, status, why);
        }
}

void sched_drop_cancelled(struct sched *s, bool all)
{
    for (int i = 0; i < s->n;) {
        struct job *job = s->seqs[i].job;
        if (!all && !atomic_load(&job->cancelled)) {
            i++;
            continue;
        }
        pthread_mutex_lock(&s->lock);
        *(osso_answer_length(s->seqs[i].answer) ? &s->counts.cancelled_decode : &s->counts.cancelled_prefill) += 1;
        pthread_mutex_unlock(&s->lock);
        sched_end_job(s, job, OSSO_CANCELLED, NULL);
        i = 0;
    }
}
