/* sched.h: many requests on one engine. One thread owns the engine; every step holds each stream's next token and some
 * rows of prompts. Admission takes turns between keys; when K and V have no room left the youngest waits and goes on
 * later with the same bits; a job that is cancelled is gone within a step. */
#ifndef OSSO_SERVE_SCHED_H
#define OSSO_SERVE_SCHED_H

#include "base/buf.h"
#include "serve/job.h"

struct sched;

struct sched_options {
    int slots;     /* answers at the same time */
    int max_queue; /* jobs that wait; more are refused */
    int64_t vocab;
    double chosen;                /* the share of the experts that a row chooses; 0: they cost nothing (pace.h) */
    struct osso_drafter *drafter; /* of the engine; NULL: no tokens are run ahead */
};
/* The engine is the scheduler's until sched_free. */
enum osso_status sched_create(struct osso_engine *engine, const struct sched_options *options, struct sched **sched_out,
                              struct osso_error *err);
/* Ends every job (CANCELLED) and joins the thread. */
void sched_free(struct sched *sched);
/* LIMIT, and nothing happened, when the queue is full or the scheduler is closing. From any thread. */
enum osso_status sched_submit(struct sched *sched, struct job *job, struct osso_error *err);
/* A job's `cancelled` was set: look now. From any thread; waits for nobody. */
void sched_wake(struct sched *sched);
/* Takes no more: what waits is ended with LIMIT, what runs goes on. */
void sched_close(struct sched *sched);
/* Ends what runs, too (CANCELLED), within a step. */
void sched_give_up(struct sched *sched);

struct sched_counts {
    size_t running, waiting; /* answers that are computed; jobs in the queue */
    size_t slots;
    uint64_t preemptions, cancelled_queued, cancelled_prefill, cancelled_decode;
    uint64_t prompt_tokens, prefix_hits, prompt_computed, replayed, sampled;
    uint64_t guessed, guessed_right; /* tokens that were run ahead, and those of them that came */
    uint64_t pages_used, pages_cached, pages_free, full_used, full_cached, sliding_used, sliding_cached;
};
/* As they were after the last step. From any thread. */
void sched_counts(struct sched *sched, struct sched_counts *counts_out);

#endif
