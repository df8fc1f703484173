/* bench_work.c: what `osso bench` measures. The ceilings are measured between the work, every few tokens: a machine
 * that others use too is not the same from one second to the next. */
#define _POSIX_C_SOURCE 200809L
#include "cli/bench_work.h"

#include "base/clock.h"
#include "base/error.h"

static enum osso_status run_until_ready(struct bench *b, struct osso_session *session, struct osso_error *err)
{
    while (!osso_session_ready(session)) {
        enum osso_status status = osso_step(b->r.engine, &session, 1, 0, err);
        if (status)
            return status;
    }
    return OSSO_OK;
}

/* Random tokens up to a length of n: what was there stays, so that a depth is computed once. */
static enum osso_status random_ids(struct bench *b, struct osso_ids *ids, size_t keep, size_t n, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    ids->len = keep < ids->len ? keep : ids->len;
    while (ids->len < n && !status)
        status = osso_ids_push(ids, (int32_t)rng_below(&b->rng, (uint64_t)b->r.dims.vocab), err);
    return status;
}

/* The same without running the model: see osso_bench_fill. */
static enum osso_status fill_to_depth(struct bench *b, int i, size_t depth, struct osso_error *err)
{
    struct osso_session *session = b->sessions[i];
    if (b->filled[i] >= depth) {
        enum osso_status status = osso_session_rewind(session, depth, err);
        return status ? status : run_until_ready(b, session, err);
    }
    b->filled[i] = depth;
    return osso_bench_fill(session, b->ids[i].data, depth, err);
}

/* Brings session i to the depth; nothing is computed when it has been there before. */
static enum osso_status go_to_depth(struct bench *b, int i, size_t depth, struct osso_error *err)
{
    struct osso_session *session = b->sessions[i];
    enum osso_status status = random_ids(b, &b->ids[i], depth, depth, err);
    if (status || depth == 0) {
        b->filled[i] = 0;
        return status ? status : osso_session_rewind(session, 0, err);
    }
    if (b->fill)
        return fill_to_depth(b, i, depth, err);
    status = osso_session_sync(session, b->ids[i].data, depth, err);
    return status ? status : run_until_ready(b, session, err);
}

static void add_sample(struct samples *s, double value)
{
    if (s->n < s->room)
        s->values[s->n++] = value;
}

/* The ceilings, of memory and of dots, of what computes. */
static void sample(struct bench *b, bool read, bool dots)
{
    if (b->ceiling && read)
        add_sample(&b->reads, osso_ceiling_read(b->ceiling));
    if (b->ceiling && dots)
        add_sample(&b->dots, osso_ceiling_int8(b->ceiling, osso_engine_isa(b->r.engine)));
}

enum osso_status bench_prompt(struct bench *b, const struct measurement *m, double *ns, struct osso_error *err)
{
    struct osso_session *session = b->sessions[0];
    size_t depth = (size_t)m->depth, n = depth + (size_t)m->n_prompt;
    enum osso_status status = go_to_depth(b, 0, depth, err);
    if (!status)
        status = random_ids(b, &b->ids[0], depth, n, err); /* other tokens each time: nothing can be reused */
    if (!status)
        status = osso_session_sync(session, b->ids[0].data, n, err);
    sample(b, true, true);
    double start = clock_seconds() * 1e9;
    if (!status)
        status = run_until_ready(b, session, err);
    *ns = clock_seconds() * 1e9 - start;
    return status;
}

/* Did the last step give logits to all of them? Not where each was brought to its depth by itself. */
static bool can_draw(const struct bench *b, int n)
{
    bool all = b->sample;
    for (int i = 0; i < n && all; i++) {
        size_t len;
        osso_session_tokens(b->sessions[i], &len);
        all = len > 0 && osso_session_logits(b->sessions[i], len - 1);
    }
    return all;
}

/* Every sequence gets a token of its own: the one that it draws, or a random one. */
static enum osso_status next_tokens(struct bench *b, int n, struct osso_error *err)
{
    bool draws = can_draw(b, n);
    enum osso_status status = draws ? osso_sample_all(b->r.engine, b->draws, (size_t)n, err) : OSSO_OK;
    for (int i = 0; i < n && !status; i++) {
        int32_t id = draws ? b->draws[i].choice.id : (int32_t)rng_below(&b->rng, (uint64_t)b->r.dims.vocab);
        status = osso_session_append(b->sessions[i], id, err);
    }
    return status;
}

enum osso_status bench_generate(struct bench *b, const struct measurement *m, int64_t n, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    for (int64_t t = 0; t < n && !status; t++) {
        status = next_tokens(b, m->parallel, err);
        if (!status)
            status = osso_step(b->r.engine, b->sessions, m->parallel, 0, err);
    }
    return status;
}

enum osso_status bench_to_depth(struct bench *b, const struct measurement *m, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    for (int i = 0; i < m->parallel && !status; i++)
        status = go_to_depth(b, i, (size_t)m->depth, err);
    return status;
}

enum osso_status bench_generation(struct bench *b, const struct measurement *m, double *ns, struct osso_error *err)
{
    enum osso_status status = bench_to_depth(b, m, err);
    *ns = 0;
    for (int64_t t = 0; t < m->n_gen && !status; t += READ_EVERY) {
        sample(b, true, false);
        double start = clock_seconds() * 1e9;
        status = bench_generate(b, m, m->n_gen - t < READ_EVERY ? m->n_gen - t : READ_EVERY, err);
        *ns += clock_seconds() * 1e9 - start;
    }
    sample(b, false, true);
    return status;
}

/* ---- kernels -------------------------------------------------------------------------------------------- */

/* One line for each kernel, format and number of groups; `steps` of the engine are in them. */
static void write_times(struct bench *b, const struct measurement *m, int64_t steps)
{
    char test[64];
    struct osso_kernel_time t = {.size = sizeof t};
    double all = 0;
    bench_test_name(m, test, sizeof test);
    for (size_t i = 0; osso_bench_kernel_time(b->r.engine, i, &t); i++)
        all += t.ns;
    for (size_t i = 0; osso_bench_kernel_time(b->r.engine, i, &t); i++)
        fprintf(b->times, "%s,%s,%s,%s,%u,%u,%u,%lld,%llu,%.3f,%.3f,%.2f\n", b->setting.filename, test, t.kernel,
                t.format, t.groups[0], t.groups[1], t.groups[2], (long long)steps, (unsigned long long)t.n, t.ns / 1e3,
                t.ns / 1e3 / (double)t.n, all > 0 ? 100 * t.ns / all : 0);
    fflush(b->times);
}

enum osso_status bench_kernel_times(struct bench *b, const struct measurement *m, struct osso_error *err)
{
    int64_t steps = m->n_prompt > 0 ? 1 : m->n_gen < READ_EVERY ? m->n_gen : READ_EVERY;
    size_t depth = (size_t)m->depth, n = depth + (size_t)m->n_prompt;
    enum osso_status status = bench_to_depth(b, m, err);
    if (!status && m->n_prompt > 0) {
        status = random_ids(b, &b->ids[0], depth, n, err);
        if (!status)
            status = osso_session_sync(b->sessions[0], b->ids[0].data, n, err);
    }
    if (!status)
        status = osso_bench_watch(b->r.engine, true, err);
    if (status)
        return status;
    status = m->n_prompt > 0 ? run_until_ready(b, b->sessions[0], err) : bench_generate(b, m, steps, err);
    struct osso_error ignored;
    enum osso_status end = osso_bench_watch(b->r.engine, false, status ? &ignored : err);
    if (!status && !end)
        write_times(b, m, steps);
    return status ? status : end;
}
