/* sched_admit.c: who begins, and who is taken out of the work. */
#include "serve/sched_parts.h"

#include "base/error.h"

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

bool sched_admit_one(struct sched *s)
{
    struct osso_error err = {""};
    struct job *before = NULL;
    pthread_mutex_lock(&s->lock);
    struct job *job = s->n < s->o.slots ? sched_turn(s, &before) : NULL;
    bool begins = job && has_room(s, job);
    if (begins && job->n_begun + 1 == job->n)
        sched_unlink(s, before);
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
    /* Backwards: who takes the place of one that ended was looked at. The last one ends the job. */
    size_t left = job->n_begun - job->n_over;
    for (int i = s->n - 1; left > 0; i--)
        if (s->seqs[i].job == job) {
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
