/* context.c: the context of chat and generate. The KV pool is mapped without being touched, so a large context costs
 * memory only as it fills; what is chosen is what may fill without harm. */
#include "cli/context.h"
#include "cli/device.h"
#include "cli/draft_args.h"
#include "cli/out.h"

#include "base/error.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

enum { LEAST = 4096 };

static bool fits(const struct runner *r, const struct osso_engine_options *e, uint64_t memory)
{
    uint64_t kv, rest;
    struct osso_error ignored;
    const struct osso_engine_options sizes = device_none(e);
    return !r->model || (osso_engine_memory(r->model, &sizes, &kv, &rest, &ignored) == OSSO_OK && kv <= memory);
}

/* What K and V may take: a quarter of what is free here, or what a device has left beside the weights. */
static uint64_t room_for_kv(const struct runner *r, const struct osso_engine_options *e)
{
    struct osso_engine_plan p = {.size = sizeof p};
    struct osso_error ignored;
    if (!e->backend || !r->model || osso_engine_plan(r->model, e, &p, &ignored)) /* who starts it will say so */
        return mem_available() / 4;
    uint64_t rest = p.weight_bytes + p.host_bytes + p.scratch_bytes;
    return p.available_bytes > rest ? p.available_bytes - rest : 0;
}

static int64_t halved(int64_t context)
{
    return context / 2 > LEAST ? context / 2 : LEAST;
}

/* What goes with the engine. */
static enum osso_status start_beside(struct runner *r, const struct osso_engine_options *e, struct osso_error *err)
{
    osso_engine_set_interrupt(r->engine, interrupt_flag());
    return draft_start(r->drafting, r->engine, e, interrupt_flag(), err);
}

enum osso_status context_start(const struct options *o, struct runner *r, struct osso_error *err)
{
    struct osso_engine_options e = engine_args(o, r);
    bool asked = e.context != 0;
    e.context = asked ? e.context : r->dims.context;
    uint64_t room = asked ? 0 : room_for_kv(r, &e);
    while (!asked && e.context > LEAST && !fits(r, &e, room))
        e.context = halved(e.context);
    enum osso_status status = runner_start(r, &e, err);
    while (!asked && !e.backend && status == OSSO_NOMEM &&
           e.context > LEAST) { /* a limit of this process, for example */
        osso_engine_free(r->engine);
        r->engine = NULL;
        e.context = halved(e.context);
        status = runner_start(r, &e, err);
    }
    return status ? status : start_beside(r, &e, err);
}

enum osso_status context_change(const struct options *o, struct runner *r, int64_t context, struct osso_error *err)
{
    struct osso_engine_options e = engine_args(o, r);
    struct runner fresh = {
        .model = r->model, .script = r->script, .path = r->path, .dims = r->dims, .steering = r->steering};
    e.context = context ? context : r->dims.context;
    enum osso_status status = runner_start(&fresh, &e, err);
    if (status) {
        osso_engine_free(fresh.engine);
        return status;
    }
    osso_session_free(r->session);
    osso_engine_free(r->engine);
    r->session = fresh.session;
    r->engine = fresh.engine;
    return start_beside(r, &e, err);
}

int64_t context_larger(const struct options *o, const struct runner *r, size_t needed)
{
    struct osso_engine_options e = engine_args(o, r);
    int64_t now = osso_engine_context(r->engine);
    if (now >= r->dims.context || needed >= (size_t)r->dims.context)
        return 0;
    e.context = now;
    do
        e.context = e.context < r->dims.context / 2 ? e.context * 2 : r->dims.context;
    while ((size_t)e.context <= needed);
    return fits(r, &e, e.backend ? room_for_kv(r, &e) : mem_available()) ? e.context : 0;
}

bool context_advice(const struct options *o, const struct runner *r, size_t needed, char *advice, size_t size)
{
    int64_t larger = context_larger(o, r, needed);
    if (larger)
        snprintf(advice, size, "give a larger one, with -c %lld for example", (long long)larger);
    return larger != 0;
}

enum osso_status context_full(const struct options *o, const struct runner *r, size_t n_tokens, struct osso_error *err)
{
    int64_t context = osso_engine_context(r->engine);
    char has[32], needs[32], advice[96];
    if (!context_advice(o, r, n_tokens, advice, sizeof advice))
        snprintf(advice, sizeof advice, "%s; shorten the text",
                 context == r->dims.context ? "that is all this model has" : "there is no room for more here");
    return error_set(err, OSSO_LIMIT, "the text takes %s tokens, the context holds %s; %s",
                     human_count(needs, n_tokens), human_count(has, (uint64_t)context), advice);
}
