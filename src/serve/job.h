/* job.h: one prompt and the answers wanted to it, as the scheduler takes it. Whoever makes a job owns it and everything
 * that it points to until on_done was called. */
#ifndef OSSO_SERVE_JOB_H
#define OSSO_SERVE_JOB_H

#include "osso/answer.h"

#include <stdatomic.h>

/* What a job has cost. */
struct job_counts {
    size_t prompt_tokens, cached_tokens; /* of the prompt; those that needed no computing */
    size_t sampled;                      /* ids of all its answers */
};

struct job {
    const int32_t *ids;
    size_t n_ids;
    size_t n; /* answers; number i draws from job_seed(sampling.seed, i) */
    struct osso_sampling sampling;
    struct osso_answer_options ends; /* parser is made by the scheduler when it is a conversation's */
    const struct osso_tokenizer *tokenizer;
    bool harmony;
    osso_mask_fn *mask;                             /* may be NULL */
    void *(*mask_begin)(void *user, size_t answer); /* what the mask is given for this answer; NULL: user */
    bool scores;                                    /* on_scored for every token of the prompt */
    uint64_t salt;                                  /* prefixes are shared among equal ones */
    uint64_t key;                                   /* whose turn it is */
    atomic_bool cancelled;

    /* Called on the scheduler's thread; they wait for nobody. */
    /* Before its first answer begins; may refuse it, and say what its sessions' user is (a scripted engine's turn). May
     * be NULL. */
    enum osso_status (*admit)(void *user, void **session_user, struct osso_error *err);
    void (*on_admitted)(void *user); /* its first answer begins to be computed */
    void (*on_event)(void *user, size_t answer, const struct osso_event *event);
    /* A token of the prompt, in order; logprob NaN: the first, which follows nothing. */
    void (*on_scored)(void *user, const struct osso_event *event);
    /* said: the messages of a conversation's answer, else NULL. */
    void (*on_end)(void *user, size_t answer, const struct osso_event *event, const struct osso_conversation *said);
    /* The last call: all answers have ended, or status says why not (CANCELLED: as it was asked). */
    void (*on_done)(void *user, enum osso_status status, const struct osso_error *why, const struct job_counts *counts);
    void *user;

    /* The scheduler's. */
    struct job *next;
    void *session_user;
    size_t n_begun, n_over;
    enum osso_status status;
    struct osso_error why;
    struct job_counts counts;
};

/* The seed of answer i: i = 0 draws as a single answer does. */
static inline uint64_t job_seed(uint64_t seed, size_t i)
{
    return i == 0 ? seed : (seed ^ (uint64_t)i * 0x9e3779b97f4a7c15U) * 0xbf58476d1ce4e5b9U;
}

#endif
