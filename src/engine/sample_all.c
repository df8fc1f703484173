/* sample_all.c: the choices of a step, made together by the engine's team. Each member that has a chooser takes draws
 * as it has time for them; a draw reads what its session and its sampler have and writes to nothing that is another's,
 * so who makes it, and when, does not matter. */
#include "engine/engine_parts.h"

#include "base/error.h"
#include "base/sized.h"

#include <string.h>

enum { BLOCK = 256 }; /* draws at a time, so that their logits' places need no memory */

struct block {
    struct osso_engine *engine;
    char *draws; /* of the caller's size, which may not be ours */
    size_t stride;
    int64_t n, first; /* the block's, and where it stands among all */
    const float *own[BLOCK];
};

static void choose_one(struct block *b, struct chooser *c, int64_t i)
{
    void *there = b->draws + (size_t)(b->first + i) * b->stride;
    struct osso_draw d = {.choice = {-1, 0}};
    struct osso_error why;
    sized_in(&d, sizeof d, there);
    enum osso_status status = sampler_choose(c, &d, b->own[i], &why);
    if (status && d.err)
        *d.err = why;
    if (status && (c->failed < 0 || b->first + i < c->failed)) { /* draws come from both ends of shares */
        c->failed = b->first + i;
        c->why = why;
    }
    sized_out(there, &d, sizeof d);
}

static void run_member(const struct member *member, void *arg)
{
    struct block *b = arg;
    struct deal deal = member_deal(member);
    if (member->id >= b->engine->n_choosers)
        return;
    for (int64_t i; (i = member_claim(member, &deal, b->n)) >= 0;)
        choose_one(b, &b->engine->choosers[member->id], i);
}

/* Where the logits are is the backend's word, which only the engine's own thread asks for. */
static void run_block(struct block *b)
{
    for (int64_t i = 0; i < b->n; i++) {
        struct osso_draw d = {0};
        sized_in(&d, sizeof d, b->draws + (size_t)(b->first + i) * b->stride);
        b->own[i] = d.session->n > 0 ? osso_session_logits(d.session, d.session->n - 1) : NULL;
    }
    if (b->n > 1 && b->engine->n_choosers > 1)
        team_run(b->engine->team, run_member, b);
    else
        run_member(&(struct member){0, 1, NULL}, b);
}

/* Marks the samplers, so that one that comes twice is found; its numbers would depend on who is first. *marked: how
 * many draws are to be unmarked again. */
static enum osso_status check(const struct block *b, size_t n, size_t *marked, struct osso_error *err)
{
    for (*marked = 0; *marked < n; ++*marked) {
        struct osso_draw d = {0};
        const void *there = b->draws + *marked * b->stride;
        enum osso_status status = sized_check(there, "osso_draw", err);
        if (status)
            return status;
        sized_in(&d, sizeof d, there);
        if (d.size != b->stride)
            return error_set(err, OSSO_USAGE, "draw %zu says another size than the first", *marked);
        if (!d.sampler || !d.session)
            return error_set(err, OSSO_USAGE, "draw %zu has no %s", *marked, d.sampler ? "session" : "sampler");
        if (d.session->engine != b->engine)
            return error_set(err, OSSO_USAGE, "the session of draw %zu belongs to another engine", *marked);
        if (d.sampler->drawing)
            return error_set(err, OSSO_USAGE, "the sampler of draw %zu has another draw in the same call", *marked);
        d.sampler->drawing = true;
    }
    return OSSO_OK;
}

static void unmark(const struct block *b, size_t marked)
{
    for (size_t i = 0; i < marked; i++) {
        struct osso_draw d = {0};
        sized_in(&d, sizeof d, b->draws + i * b->stride);
        d.sampler->drawing = false;
    }
}

/* Why the logits are no numbers is looked for, and what gave them leaves the tree of prefixes: by the engine's own
 * thread. */
static void spoil_failed(const struct block *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct osso_draw d = {0};
        sized_in(&d, sizeof d, b->draws + i * b->stride);
        if (d.status != OSSO_NUMERIC)
            continue;
        struct osso_error why = {""};
        engine_not_finite(d.session, d.session->n - 1, &why);
        for (int k = 0; k < b->engine->n_choosers; k++)
            if (b->engine->choosers[k].failed == (int64_t)i)
                b->engine->choosers[k].why = why;
        if (d.err)
            *d.err = why;
    }
}

/* The failure that stands first among all, whichever thread met it. */
static enum osso_status first_failure(const struct block *b, struct osso_error *err)
{
    const struct osso_engine *e = b->engine;
    const struct chooser *first = NULL;
    struct osso_draw d = {0};
    for (int i = 0; i < e->n_choosers; i++)
        if (e->choosers[i].failed >= 0 && (!first || e->choosers[i].failed < first->failed))
            first = &e->choosers[i];
    if (!first)
        return OSSO_OK;
    sized_in(&d, sizeof d, b->draws + (size_t)first->failed * b->stride);
    return error_set(err, d.status, "%s", first->why.text);
}

enum osso_status osso_sample_all(struct osso_engine *e, struct osso_draw *draws, size_t n, struct osso_error *err)
{
    struct block b = {.engine = e, .draws = (char *)draws};
    size_t marked = 0;
    if (n == 0)
        return OSSO_OK;
    memcpy(&b.stride, draws, sizeof b.stride);
    enum osso_status status = check(&b, n, &marked, err);
    for (int i = 0; i < e->n_choosers; i++)
        e->choosers[i].failed = -1;
    for (size_t at = 0; at < n && !status; at += BLOCK) {
        b.first = (int64_t)at;
        b.n = n - at < BLOCK ? (int64_t)(n - at) : BLOCK;
        run_block(&b);
    }
    if (!status)
        spoil_failed(&b, n);
    unmark(&b, marked);
    return status ? status : first_failure(&b, err);
}
