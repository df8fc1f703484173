/* sched_parts.h: what the scheduler's files share. */
#ifndef OSSO_SERVE_SCHED_PARTS_H
#define OSSO_SERVE_SCHED_PARTS_H

#include "serve/pace.h"
#include "serve/sched.h"

#include <pthread.h>

/* One answer of a job, from its admission on. */
struct seq {
    struct job *job;
    size_t number; /* which of the job's */
    struct osso_session *session;
    struct osso_sampler *sampler;
    struct osso_parser *parser;
    struct osso_answer *answer;
    uint64_t age;    /* smaller: admitted earlier */
    bool streams;    /* has its first token: a step needs one row of it */
    bool released;   /* its K and V were given back: it waits for room */
    size_t n_scored; /* tokens of the prompt whose score was told */
    size_t had;      /* computed before this step */
    size_t left;     /* to be computed, as order() saw it */
    int waited;      /* steps in a row that had no row of it */
};

struct sched {
    struct osso_engine *engine;
    struct sched_options o;
    pthread_t thread;
    bool has_thread;
    pthread_mutex_t lock; /* of what stands below */
    pthread_cond_t wake;
    struct job *first, *last; /* in order of arrival */
    int n_queued;
    bool closed, given_up, over, woken;
    struct sched_counts counts;

    /* The thread's own. */
    struct seq *seqs; /* [slots], the first n are in use */
    int n;
    uint64_t n_admitted;
    uint64_t last_key; /* whose turn it was */
    struct pace pace;
    double company_ms; /* when more than one answer was in work last */
    struct osso_session **in_step;
    struct osso_draw *draws;
    struct osso_error *errors;
    struct seq **picked;       /* [slots] the prompts of a step in their order, then whose each draw is */
    struct pace_piece *pieces; /* [slots] of those prompts */
};

/* sched_queue.c */
/* Takes out the job behind `before` (NULL: the first); under the lock. */
struct job *sched_unlink(struct sched *s, struct job *before);
/* The next job to begin an answer of: the first of the key that comes after the last one's, so that keys take turns; a
 * job whose answers have begun stays in front of its key until all have. Under the lock. */
struct job *sched_turn(struct sched *s, struct job **before);
/* No more answers of it begin. */
void sched_unqueue(struct sched *s, const struct job *job);
/* Ends jobs that nobody waits for any more, or that find no server. */
void sched_drop_queued(struct sched *s);
/* The job is told, for the last time; it may be gone afterwards. */
void job_finish(struct job *job, enum osso_status status, const struct osso_error *why);

/* sched_admit.c */
/* Begins one answer of one job. False: nobody can begin now. */
bool sched_admit_one(struct sched *s);
/* Ends all answers of a job in work; status is not OK. */
void sched_end_job(struct sched *s, struct job *job, enum osso_status status, const struct osso_error *why);
/* Ends jobs in work whose clients left; `all`: every one. */
void sched_drop_cancelled(struct sched *s, bool all);

/* sched_step.c */
/* Answers that wait for room may go on. */
void sched_resume(struct sched *s);
void sched_step(struct sched *s);
/* Ends answers that have all they want, and jobs that failed. */
void sched_end_finished(struct sched *s);

/* sched_seq.c */
enum osso_status seq_begin(struct sched *s, struct job *job, struct osso_error *err);
/* Takes seqs[i] out; its job is done when it was the last. status OK: the answer ended by itself. */
void seq_end(struct sched *s, int i, enum osso_status status, const struct osso_error *why);
/* Scores of the prompt's tokens that the last step computed. */
enum osso_status seq_score(struct seq *seq, int64_t vocab, struct osso_error *err);
/* Pages that the answers in work have still to fill; SCHED_SLIDING_PAGES: of the window, for each. */
enum { SCHED_PAGE = 128, SCHED_SLIDING_PAGES = 4 };
size_t seq_left(const struct seq *seq); /* tokens still to be computed */
uint64_t sched_pages_promised(const struct sched *s);

#endif
