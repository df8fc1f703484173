/* verb_bench.c: how fast this machine runs a model, beside how fast it could at best. */
#define _POSIX_C_SOURCE 200809L
#include "cli/bench_drafts.h"
#include "cli/bench_work.h"
#include "cli/int_list.h"
#include "cli/out.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/sorted.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* ---- what a step of several sequences reads ----------------------------------------------------------------- */

struct count {
    uint64_t experts, layers;
};

/* Distinct experts of one layer in one step. */
static int count_tap(void *user, const struct osso_tap_value *value)
{
    struct count *count = user;
    int64_t n = (int64_t)value->n_rows * value->width;
    for (int64_t i = 0; i < n; i++) {
        bool seen = false;
        for (int64_t j = 0; j < i && !seen; j++)
            seen = value->ids[j] == value->ids[i];
        count->experts += !seen;
    }
    count->layers++;
    return 0;
}

/* Sequences share what is read; how much of it is seen by looking at the router in a few steps that are not timed. */
static enum osso_status count_experts(struct bench *b, struct measurement *m, struct osso_error *err)
{
    struct count count = {0};
    if (m->parallel == 1) { /* as many as it chooses */
        m->experts = b->e.experts_per_token > 0 ? b->e.experts_per_token : (double)b->r.dims.experts_per_token;
        return OSSO_OK;
    }
    int64_t steps = m->n_gen < 8 ? m->n_gen : 8;
    enum osso_status status = bench_to_depth(b, m, err);
    if (!status)
        status = osso_engine_set_tap(b->r.engine, (uint64_t)1 << OSSO_TAP_EXPERT_IDS, NULL, count_tap, &count, err);
    if (!status)
        status = bench_generate(b, m, steps, err);
    struct osso_error ignored;
    enum osso_status end = osso_engine_set_tap(b->r.engine, 0, NULL, NULL, NULL, status ? &ignored : err);
    if (count.layers)
        m->experts = (double)count.experts / (double)count.layers;
    return status ? status : end;
}

/* ---- one line ------------------------------------------------------------------------------------------- */

static enum osso_status token_cost(struct bench *b, struct measurement *m, struct osso_error *err)
{
    struct osso_token_cost cost = {.size = sizeof cost};
    int64_t middle = m->depth + (m->n_prompt + m->n_gen) / 2;
    enum osso_status status = osso_bench_token_cost(b->r.model, &b->e, middle, &cost, err);
    double heads = m->n_prompt > 0 ? 1.0 / (double)m->n_prompt : 1; /* of a prompt only the last token has logits */
    int64_t picks = b->e.experts_per_token > 0 ? b->e.experts_per_token : b->r.dims.experts_per_token;
    double once = (double)(cost.weight_bytes - cost.expert_bytes) +
                  (double)cost.head_bytes; /* in a step of all sequences */
    once += (double)cost.expert_bytes * m->experts / (double)picks;
    m->bytes_per_token = m->n_prompt > 0 ? 0 : once / m->parallel + (double)cost.kv_bytes;
    m->operations_per_token = 2 * ((double)cost.multiply_adds + heads * (double)cost.head_multiply_adds);
    return status;
}

static enum osso_status measure(struct bench *b, struct measurement *m, struct osso_error *err)
{
    int n = b->repetitions,
        room = n * (2 + (int)(m->n_gen < 8192 ? m->n_gen : 8192) / READ_EVERY); /* enough for a median */
    double *space = mem_array((size_t)n + 2 * (size_t)room, sizeof *space), ignored;
    if (!space)
        return error_nomem(err, ((size_t)n + 2 * (size_t)room) * sizeof *space, "samples");
    m->repetitions = n;
    m->ns = space;
    b->reads = (struct samples){space + n, 0, room};
    b->dots = (struct samples){space + n + room, 0, room};
    time_t now = time(NULL);
    struct tm utc;
    if (gmtime_r(&now, &utc))
        strftime(m->time, sizeof m->time, "%Y-%m-%dT%H:%M:%SZ", &utc);
    enum osso_status (*work)(struct bench *, const struct measurement *, double *,
                             struct osso_error *) = m->n_prompt > 0 ? bench_prompt : bench_generation;
    struct measurement warm = *m;
    warm.n_gen = warm.n_gen > 4 ? 4 : warm.n_gen;
    m->filled = b->fill && m->depth > 0;
    m->sampled = b->sample && m->n_gen > 0;
    enum osso_status status = work(b, &warm, &ignored, err); /* pages in, clocks up */
    b->reads.n = b->dots.n = 0;
    for (int i = 0; i < n && !status; i++) {
        if (err_is_terminal())
            fprintf(stderr, "\r%s%lld, %d of %d\033[K", m->n_prompt > 0 ? "pp" : "tg",
                    (long long)(m->n_prompt + m->n_gen), i + 1, n);
        status = work(b, m, &m->ns[i], err);
    }
    if (err_is_terminal())
        fputs("\r\033[K", stderr);
    if (!status) {
        m->read_ceiling = b->ceiling ? median_of(b->reads.values, (size_t)b->reads.n) : 0;
        m->dot_ceiling = b->ceiling ? median_of(b->dots.values, (size_t)b->dots.n) : 0;
        status = m->n_gen > 0 ? count_experts(b, m, err) : OSSO_OK;
    }
    if (!status)
        status = token_cost(b, m, err);
    if (!status && m->n_gen > 0 && !b->e.backend)
        status = osso_bench_resident(b->r.engine, &m->resident, err);
    if (!status)
        bench_report(&b->setting, m);
    if (!status && b->times)
        status = bench_kernel_times(b, m, err);
    mem_free(space);
    return status;
}

/* ---- the verb ------------------------------------------------------------------------------------------- */

static enum osso_status open_model(const struct options *o, struct bench *b, struct osso_error *err)
{
    if (!o->v[OPT_preset].set) {
        enum osso_status status = runner_open(o, &b->r, err);
        b->setting.filename = b->r.path;
        return status;
    }
    b->setting.filename = o->v[OPT_preset].s;
    const struct osso_model_options with = {.size = sizeof with, .force_memory = o->v[OPT_force_memory].set};
    enum osso_status status = osso_model_synthesize_with(o->v[OPT_preset].s, 1, &with, &b->r.model, err);
    b->r.dims.size = sizeof b->r.dims;
    if (status)
        return status;
    model_say_warnings(b->r.model);
    osso_model_dims(b->r.model, &b->r.dims);
    return status;
}

/* Sequence i: a salt of its own, since bench measures work and no reuse, and a sampler. */
static enum osso_status make_sequence(struct bench *b, int i, struct osso_error *err)
{
    struct osso_sampling sampling;
    osso_sampling_defaults(&sampling); /* temperature 1 */
    sampling.seed = (uint64_t)i;
    enum osso_status status = osso_session_create(b->r.engine, (uint64_t)i + 1, &b->sessions[i], err);
    b->draws[i] = (struct osso_draw){.size = sizeof b->draws[i], .session = b->sessions[i]};
    return status || !b->sample ? status : osso_sampler_create(&sampling, b->r.dims.vocab, &b->draws[i].sampler, err);
}

static enum osso_status open_times(struct bench *b, const char *path, struct osso_error *err)
{
    enum osso_status status = osso_bench_watch(b->r.engine, false, err); /* can it? */
    if (status)
        return status;
    b->times = fopen(path, "w");
    if (!b->times)
        return error_set(err, OSSO_IO, "%s cannot be written: %s", path, strerror(errno));
    fputs("model,test,kernel,format,groups_x,groups_y,groups_z,steps,commands,us,us_each,percent\n", b->times);
    return OSSO_OK;
}

static enum osso_status run(const struct options *o, struct bench *b, struct osso_error *err)
{
    const struct option_value *v = o->v;
    struct int_list prompts, gens, depths;
    enum osso_status status = int_list_parse(&v[OPT_n_prompt], "512", "-p", &prompts, err);
    if (!status)
        status = int_list_parse(&v[OPT_n_gen], "128", "-n", &gens, err);
    if (!status)
        status = int_list_parse(&v[OPT_n_depth], "0", "-d", &depths, err);
    if (!status && b->sample && int_list_largest(&gens) == 0)
        status = error_set(err, OSSO_USAGE, "--sample has no effect with -n 0; leave one of them out");
    if (!status && v[OPT_kernel_times].set && !v[OPT_device].set)
        status = error_set(err, OSSO_USAGE, "--kernel-times needs a GPU: give --device gpu too");
    if (!status)
        status = open_model(o, b, err);
    if (status)
        return status;
    int64_t longest = int_list_largest(&prompts) > int_list_largest(&gens) ? int_list_largest(&prompts)
                                                                           : int_list_largest(&gens);
    b->e = engine_args(o, &b->r);
    b->e.max_sessions = b->parallel + 1; /* runner_start has one of its own */
    if (!v[OPT_ctx_size].set)
        b->e.context = int_list_largest(&depths) + longest + 1;
    status = runner_start(&b->r, &b->e, err);
    if (!status && b->r.dims.file_bytes < mem_available())
        status = osso_bench_touch(b->r.engine, err);
    if (!status)
        status = osso_ceiling_of_engine(b->r.engine, &b->ceiling, err);
    if (!status)
        status = osso_ceiling_device(b->ceiling, &b->setting.device, err);
    if (!status && v[OPT_kernel_times].set)
        status = open_times(b, v[OPT_kernel_times].s, err);
    for (int i = 0; i < b->parallel && !status; i++)
        status = make_sequence(b, i, err);
    for (int d = 0; d < depths.len; d++) {
        for (int i = 0; i < prompts.len && !status; i++)
            if (prompts.n[i] > 0)
                status = measure(
                    b, &(struct measurement){.n_prompt = prompts.n[i], .depth = depths.n[d], .parallel = 1}, err);
        for (int i = 0; i < gens.len && !status; i++)
            if (gens.n[i] > 0)
                status = measure(
                    b, &(struct measurement){.n_gen = gens.n[i], .depth = depths.n[d], .parallel = b->parallel}, err);
    }
    return status;
}

int verb_bench(const struct options *o)
{
    const struct option_value *v = o->v;
    struct osso_error err = {0};
    if (v[OPT_bench_draft].set)
        return exit_code(bench_drafts(o, &err), &err);
    struct bench b = {.parallel = v[OPT_parallel].set ? (int)v[OPT_parallel].i : 1,
                      .repetitions = v[OPT_repetitions].set ? (int)v[OPT_repetitions].i : 5};
    b.setting = (struct bench_setting){
        &b.r, &b.e, NULL, v[OPT_output].set ? v[OPT_output].s : "md", true, {.size = sizeof b.setting.device}};
    b.fill = v[OPT_fill].set;
    b.sample = v[OPT_sample].set;
    b.sessions = mem_array((size_t)b.parallel, sizeof *b.sessions);
    b.ids = mem_array((size_t)b.parallel, sizeof *b.ids);
    b.filled = mem_array((size_t)b.parallel, sizeof *b.filled);
    b.draws = mem_array((size_t)b.parallel, sizeof *b.draws);
    rng_seed(&b.rng, 1);
    bool all = b.sessions && b.ids && b.filled && b.draws;
    enum osso_status status = all ? run(o, &b, &err) : error_nomem(&err, 0, "sessions");
    if (!status)
        bench_report_end(&b.setting);
    for (int i = 0; i < b.parallel; i++) {
        if (b.sessions)
            osso_session_free(b.sessions[i]);
        if (b.ids)
            osso_ids_free(&b.ids[i]);
        if (b.draws)
            osso_sampler_free(b.draws[i].sampler);
    }
    mem_free(b.draws);
    mem_free(b.sessions);
    mem_free(b.ids);
    mem_free(b.filled);
    osso_ceiling_free(b.ceiling);
    if (b.times && fclose(b.times) && !status)
        status = error_set(&err, OSSO_IO, "%s cannot be written: %s", v[OPT_kernel_times].s, strerror(errno));
    runner_close(&b.r);
    return exit_code(status, &err);
}
