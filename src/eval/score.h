/* score.h: log-likelihoods and greedy answers of many texts at once. Each text is a session of its own: beginnings that
 * texts share are computed once, and what comes of a text does not depend on what runs beside it. */
#ifndef OSSO_EVAL_SCORE_H
#define OSSO_EVAL_SCORE_H

#include "engine/score_row.h"
#include "osso/engine.h"

struct score_request {
    struct osso_ids ids;         /* the text; a generation appends to it */
    size_t from;                 /* >= 1: what is scored are ids[from..), each given all before it */
    const unsigned char *counts; /* [ids.len] of these the ids with 1; NULL: all */
    int max_new;                 /* > 0: nothing is scored; so many tokens at most are generated */
    const struct osso_sampling
        *sampling; /* of a generation: its tokens are drawn so, with `seed`; NULL: the likeliest */
    uint64_t seed;
    void *owner;
    int number;
    double ll;               /* sum of natural logarithms */
    bool greedy;             /* each scored token is the likeliest (of equal ones the lowest id) */
    enum osso_status status; /* NUMERIC: its logits were no numbers */
    struct osso_error why;
    struct score_request *same; /* used while it runs: the next one that is fed the same ids */
};

/* Where requests come from and go to. `next` gives one that is the engine's until `done` or `drop` has it back; NULL at
 * the end. Requests that share a beginning should follow each other. */
struct score_source {
    enum osso_status (*next)(void *user, struct score_request **request_out, struct osso_error *err);
    enum osso_status (*done)(void *user, struct score_request *request, struct osso_error *err);
    void (*drop)(void *user, struct score_request *request); /* the run fails, and this one was not done */
    /* A generation has this id now (the last of request->ids): is it over? */
    bool (*ends)(void *user, const struct score_request *request);
    void *user;
};
/* Runs until the source has no more, with at most n_sessions texts at a time. USAGE: a text has nothing to score. */
enum osso_status score_run(struct osso_engine *engine, int n_sessions, const struct score_source *source,
                           struct osso_error *err);

#endif
