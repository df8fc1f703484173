/* engine.c: making an engine: options, memory, threads. */
#include "engine/engine_parts.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/sized.h"
#include "model/params.h"

#include <stdatomic.h>
#include <string.h>

/* Options with every default filled in, and the sizes that follow from them. */
struct setup {
    struct osso_engine_options o;
    const struct backend *backend;
    struct kv_layout layout;
    struct kv_plan plan;
    struct activation_options activations;
    uint64_t activation_bytes;
};

/* As many threads as help: below some work a token, meeting at barriers costs more than sharing it brings. */
static int default_threads(const struct config *c)
{
    uint64_t useful = 1 + params_active(c) / 8000000;
    return useful < (uint64_t)cpu_count() ? (int)useful : cpu_count();
}

static int64_t default_to(int64_t value, int64_t standard)
{
    return value ? value : standard;
}

static enum osso_status fill(const struct config *c, const struct osso_engine_options *options, struct setup *s,
                             struct osso_error *err)
{
    struct osso_engine_options *o = &s->o;
    *s = (struct setup){0};
    sized_in(o, sizeof *o, options);
    o->threads = (int)default_to(o->threads, default_threads(c));
    o->context = default_to(o->context, c->context < 4096 ? c->context : 4096);
    o->max_sessions = (int)default_to(o->max_sessions, 1);
    o->max_rows = (int)default_to(o->max_rows, o->context < 512 ? (o->context > 16 ? o->context : 16) : 512);
    o->max_logit_rows = (int)default_to(o->max_logit_rows, o->max_sessions > 16 ? o->max_sessions : 16);
    o->experts_per_token = (int)default_to(o->experts_per_token, c->experts_per_token);
    if (o->max_logit_rows > o->max_rows)
        o->max_logit_rows = o->max_rows;
    if (o->context < 1 || o->context > c->context)
        return error_set(err, OSSO_USAGE, "a context of %lld tokens: this model has from 1 to %lld", (long long)o->context,
                         (long long)c->context);
    if (o->threads < 1 || o->max_sessions < 1 || o->max_rows < 1 || o->max_logit_rows < 1 || o->max_sessions > 65536 ||
        o->max_rows > 65536)
        return error_set(err, OSSO_USAGE, "threads, sessions and rows must be from 1 to 65536");
    if (o->experts_per_token < 1 || o->experts_per_token > c->n_experts)
        return error_set(err, OSSO_USAGE, "%d experts per token: this model has from 1 to %d", o->experts_per_token,
                         c->n_experts);
    s->backend = backend_cpu(o->isa && o->isa[0] ? o->isa : NULL);
    if (!s->backend)
        return error_set(err, OSSO_UNSUPPORTED, "instruction set \"%s\" is unknown or not available on this CPU; see osso --version",
                         o->isa);
    enum osso_status status = kv_layout_of(c, o->kv_type, o->exact, &s->layout, err);
    if (!status)
        status = kv_plan(c, s->backend->kv_layer_bytes(&s->layout), o->context, o->max_sessions, o->max_rows,
                         o->kv_bytes, &s->plan, err);
    s->activations = (struct activation_options){.exact = o->exact, .top_k = o->experts_per_token, .max_rows = o->max_rows,
                                                 .max_logits = o->max_logit_rows, .n_members = o->threads,
                                                 .context = o->context};
    s->activation_bytes = activations_bytes(c, s->backend, &s->activations) + chooser_bytes(c->vocab);
    return status;
}

enum osso_status osso_engine_memory(const struct osso_model *model, const struct osso_engine_options *options,
                                    uint64_t *kv_bytes_out, uint64_t *activation_bytes_out, struct osso_error *err)
{
    struct setup s;
    enum osso_status status = fill(&model->config, options, &s, err);
    *kv_bytes_out = status ? 0 : s.plan.bytes;
    *activation_bytes_out = status ? 0 : s.activation_bytes;
    return status;
}

static enum osso_status alloc_rows(struct osso_engine *e, struct osso_error *err)
{
    size_t n = (size_t)e->max_rows;
    e->token = mem_array(n, sizeof *e->token);
    e->pos = mem_array(n, sizeof *e->pos);
    e->seq = mem_array(n, sizeof *e->seq);
    e->logit_rows = mem_array(n, sizeof *e->logit_rows);
    e->logit_pos = mem_array(n, sizeof *e->logit_pos);
    e->floor = mem_array(n, sizeof *e->floor);
    e->keep = mem_array(n, sizeof *e->keep);
    e->users = mem_array(n, sizeof *e->users);
    e->logit_users = mem_array(n, sizeof *e->logit_users);
    e->angles = mem_array(n * (size_t)e->config.head_dim, sizeof *e->angles);
    e->tables[KV_FULL] = mem_array(n, sizeof *e->tables[0]);
    e->tables[KV_SLIDING] = mem_array(n, sizeof *e->tables[0]);
    e->in_step = mem_array(n, sizeof *e->in_step);
    e->take = mem_array(n, sizeof *e->take);
    if (!e->token || !e->pos || !e->seq || !e->logit_rows || !e->logit_pos || !e->floor || !e->keep || !e->angles ||
        !e->users || !e->logit_users || !e->tables[KV_FULL] || !e->tables[KV_SLIDING] || !e->in_step || !e->take)
        return error_nomem(err, n * 64, "the rows of a step");
    return OSSO_OK;
}

/* The parts of every engine, in order; a failure leaves what osso_engine_free can take apart. */
static enum osso_status build(struct osso_engine *e, const struct setup *s, struct osso_error *err)
{
    const struct osso_engine_options *o = &s->o;
    uint64_t need = s->plan.bytes + s->activation_bytes, have = mem_available();
    if (need > have)
        return error_set(err, OSSO_NOMEM,
                         "a context of %lld tokens needs %llu MiB for KV cache and activations, %llu MiB of memory are "
                         "free; ask for less with -c",
                         (long long)o->context, (unsigned long long)(need >> 20), (unsigned long long)(have >> 20));
    e->backend = s->backend;
    e->max_rows = o->max_rows;
    e->max_logits = o->max_logit_rows;
    e->context = o->context;
    for (int l = 0; l < e->config.n_layers; l++)
        e->n_sliding += e->config.sliding[l];
    e->stats.kv_bytes = s->plan.bytes;
    e->stats.activation_bytes = s->activation_bytes;
    rope_init(&e->config, &e->rope);
    enum osso_status status = alloc_rows(e, err);
    if (!status)
        status = team_create(o->threads, &e->team, err);
    if (!status)
        status = kv_pool_create(&e->config, &s->layout, e->backend, &s->plan, &e->kv, err);
    if (!status)
        status = prefix_create(&e->kv, &e->tree, err);
    if (!status && e->model)
        status = weights_share(&e->model->weights, e->config.n_layers, &e->weights, err);
    if (!status)
        status = forward_create(&e->config, e->model ? &e->weights : NULL, e->backend, &e->kv, &s->activations,
                                &e->forward, err);
    if (!status)
        status = chooser_create(e->config.vocab, &e->chooser, err);
    return status;
}

static enum osso_status create(struct osso_model *model, const struct config *config,
                               const struct osso_engine_options *options, struct osso_engine **engine_out,
                               struct osso_error *err)
{
    struct setup s;
    *engine_out = NULL;
    enum osso_status status = fill(config, options, &s, err);
    if (status)
        return status;
    struct osso_engine *e = mem_alloc(sizeof *e);
    if (!e)
        return error_nomem(err, sizeof *e, "an engine");
    e->model = model;
    e->config = *config;
    status = build(e, &s, err);
    if (status) {
        osso_engine_free(e);
        return status;
    }
    *engine_out = e;
    return OSSO_OK;
}

enum osso_status osso_engine_create(struct osso_model *model, const struct osso_engine_options *options,
                                    struct osso_engine **engine_out, struct osso_error *err)
{
    return create(model, &model->config, options, engine_out, err);
}

enum osso_status osso_engine_create_scripted(int64_t vocab, osso_logits_fn *logits, void *user,
                                             const struct osso_engine_options *options,
                                             struct osso_engine **engine_out, struct osso_error *err)
{
    /* The smallest model with both kinds of layer, so that pages, windows and replay are the real ones. */
    struct config c = {.n_layers = 2, .hidden = 32, .intermediate = 32, .vocab = vocab, .n_heads = 1, .n_kv_heads = 1,
                       .head_dim = 2, .n_experts = 1, .experts_per_token = 1, .window = 128, .sliding = {true, false},
                       .context = 1 << 20, .rms_eps = 1e-5, .rope_theta = 150000, .swiglu_alpha = 1.702,
                       .swiglu_limit = 7, .temperature = -1, .top_p = -1, .min_p = -1, .repetition_penalty = -1, .top_k = -1};
    enum osso_status status = vocab < 1 || vocab > (1 << 24)
                                  ? error_set(err, OSSO_USAGE, "a vocabulary of %lld ids", (long long)vocab)
                                  : create(NULL, &c, options, engine_out, err);
    if (!status) {
        (*engine_out)->script = logits;
        (*engine_out)->script_user = user;
    }
    return status;
}

void osso_engine_free(struct osso_engine *e)
{
    if (!e)
        return;
    forward_free(&e->forward);
    weights_free(&e->weights);
    chooser_free(&e->chooser);
    prefix_free(&e->tree);
    kv_pool_free(&e->kv);
    team_free(e->team);
    void *arrays[] = {e->token, e->pos, e->seq, e->logit_rows, e->logit_pos, e->floor, e->keep,
                      e->angles, (void *)(uintptr_t)e->tables[KV_FULL], (void *)(uintptr_t)e->tables[KV_SLIDING], e->in_step, e->take,
                      e->users, e->logit_users};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        mem_free(arrays[i]);
    mem_free(e);
}

const char *osso_engine_isa(const struct osso_engine *e)
{
    return e->backend->name;
}

int osso_engine_threads(const struct osso_engine *e)
{
    return team_threads(e->team);
}

int64_t osso_engine_context(const struct osso_engine *e)
{
    return e->context;
}

void osso_engine_stats(const struct osso_engine *e, struct osso_engine_stats *out)
{
    struct osso_engine_stats s = e->stats;
    s.pages_cached = prefix_cached(&e->tree);
    for (int g = 0; g < KV_GROUPS; g++) {
        s.pages_free += (uint64_t)e->kv.group[g].n_free;
        s.pages_used += (uint64_t)(e->kv.group[g].n_pages - e->kv.group[g].n_free);
    }
    s.pages_used -= s.pages_cached;
    sized_out(out, &s, sizeof s);
}

enum osso_status osso_engine_set_tap(struct osso_engine *e, uint64_t taps, const struct osso_layers *layers, osso_tap_fn *fn,
                                     void *user, struct osso_error *err)
{
    return forward_set_taps(&e->forward, fn ? taps : 0, layers, fn, user, err);
}

const char *osso_tap_name(enum osso_tap tap)
{
    static const char *const names[] = {
#define TAP(name, text, width, rows, keep, access, what) text,
#include "osso/tap.def"
#undef TAP
    };
    return tap < OSSO_TAP_COUNT ? names[tap] : "?";
}

const char *osso_tap_text(enum osso_tap tap)
{
    static const char *const texts[] = {
#define TAP(name, text, width, rows, keep, access, what) what,
#include "osso/tap.def"
#undef TAP
    };
    return tap < OSSO_TAP_COUNT ? texts[tap] : "?";
}
