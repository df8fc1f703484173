/* perform.c: the task `performance`: how fast the engine reads and writes, so that one report has quality and speed.
 * `osso bench` says more: beside this machine's ceilings. */
#include "eval/eval_parts.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/rng.h"
#include "engine/engine_parts.h"
#include "eval/stats.h"

enum { WARM_UPS = 3, RUNS = 10, WRITTEN = 32 };
static const int lengths[PERFORM_LENGTHS] = {128, 256, 512, 1024};

static enum osso_status until_ready(struct osso_engine *engine, struct osso_session *session, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    while (!status && !osso_session_ready(session))
        status = osso_step(engine, &session, 1, 0, err);
    return status;
}

/* A prompt of n random tokens, others each time so that nothing is reused; then WRITTEN more, one by one. */
static enum osso_status one_run(struct eval *e, struct osso_session *session, struct rng *rng, int32_t *ids, int n,
                                double *prompt, double *written, struct osso_error *err)
{
    const uint64_t vocab = (uint64_t)e->engine->config.vocab;
    for (int i = 0; i < n; i++)
        ids[i] = (int32_t)rng_below(rng, vocab);
    enum osso_status status = osso_session_sync(session, ids, (size_t)n, err);
    double start = clock_seconds();
    if (!status)
        status = until_ready(e->engine, session, err);
    double middle = clock_seconds();
    for (int i = 0; i < WRITTEN && !status; i++) {
        status = osso_session_append(session, (int32_t)rng_below(rng, vocab), err);
        if (!status)
            status = until_ready(e->engine, session, err);
    }
    *prompt = n / (middle - start);
    *written = WRITTEN / (clock_seconds() - middle);
    if (!status && e->o.progress && e->o.progress(e->o.user, e->n_done, e->n_items))
        status = error_set(err, OSSO_CANCELLED, "the evaluation was ended");
    return status;
}

enum osso_status perform_run(struct eval *e, struct run *run, struct osso_error *err)
{
    struct osso_session *session = NULL;
    struct rng rng;
    enum osso_status status = osso_session_create(e->engine, 0, &session, err);
    int32_t *ids = mem_array((size_t)lengths[PERFORM_LENGTHS - 1], sizeof *ids);
    if (!status && !ids)
        status = error_nomem(err, sizeof *ids, "a prompt");
    if (!status && lengths[0] + WRITTEN > e->engine->context)
        status = error_set(err, OSSO_USAGE, "performance: a context of %lld is too short; give -c %d or more",
                           (long long)e->engine->context, lengths[0] + WRITTEN);
    rng_seed(&rng, 14);
    for (int l = 0; l < PERFORM_LENGTHS && !status && lengths[l] + WRITTEN <= e->engine->context; l++) {
        struct speed *s = &run->speeds[l];
        s->length = lengths[l];
        for (int i = 0; i < WARM_UPS + RUNS && !status; i++) {
            double prompt = 0, written = 0;
            status = one_run(e, session, &rng, ids, lengths[l], &prompt, &written, err);
            if (!status && i >= WARM_UPS) {
                stats_add(&s->prompt, prompt);
                stats_add(&s->written, written);
            }
        }
    }
    osso_session_free(session);
    mem_free(ids);
    return status;
}
