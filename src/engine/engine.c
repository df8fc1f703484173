/* engine.c: making an engine: options, memory, threads. */
#include "engine/engine_parts.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/sized.h"
#include "model/params.h"

#include <stdio.h>

/* Options with every default filled in, and the sizes that follow from them. */
struct setup {
    struct osso_engine_options o;
    const struct backend *backend;
    struct beside beside;
    struct kv_layout layout;
    struct kv_plan plan;
    struct activation_options activations;
    uint64_t activation_bytes, chooser_bytes;
    int n_choosers;
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
    enum osso_status status = sized_check(options, "osso_engine_options", err);
    if (status)
        return status;
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
        return error_set(err, OSSO_USAGE, "a context of %lld tokens: this model has from 1 to %lld",
                         (long long)o->context, (long long)c->context);
    if (o->threads < 1 || o->max_sessions < 1 || o->max_rows < 1 || o->max_logit_rows < 1 || o->max_sessions > 65536 ||
        o->max_rows > 65536)
        return error_set(err, OSSO_USAGE, "threads, sessions and rows must be from 1 to 65536");
    if (o->experts_per_token < 1 || o->experts_per_token > c->n_experts)
        return error_set(err, OSSO_USAGE, "%d experts per token: this model has from 1 to %d", o->experts_per_token,
                         c->n_experts);
    if (o->host_layers < 0 || o->host_layers > c->n_layers)
        return error_set(err, OSSO_USAGE,
                         "the experts of %d layers on the CPU (--cpu-experts): this model has %d layers",
                         o->host_layers, c->n_layers);
    return OSSO_OK;
}

/* Options and the backend that they name; what follows from both. After success the backend is the caller's to close.
 */
static enum osso_status set_up(struct osso_model *model, const struct config *c,
                               const struct osso_engine_options *options, struct setup *s, struct osso_error *err)
{
    const struct osso_engine_options *o = &s->o;
    enum osso_status status = fill(c, options, s, err);
    if (!status)
        status = beside_open(model, o, &s->backend, &s->beside, err);
    if (status)
        return status;
    if ((o->device_bytes || o->host_layers) && !s->backend->reserve)
        status = error_set(err, OSSO_USAGE, "%s computes where the weights lie: no memory of a device to share out",
                           s->backend->name);
    if (!status)
        status = kv_layout_of(c, o->kv_type, o->exact, &s->layout, err);
    if (!status)
        status = kv_plan(c, s->backend->kv_layer_bytes(&s->layout), o->context, o->max_sessions, o->max_rows,
                         o->kv_bytes, &s->plan, err);
    s->activations = (struct activation_options){.exact = o->exact,
                                                 .top_k = o->experts_per_token,
                                                 .max_rows = o->max_rows,
                                                 .max_logits = o->max_logit_rows,
                                                 .n_members = o->threads};
    s->n_choosers = o->threads < o->max_sessions ? o->threads : o->max_sessions; /* more choices find no thread */
    s->activation_bytes = activations_bytes(c, s->backend, &s->activations);
    s->chooser_bytes = (uint64_t)s->n_choosers * chooser_bytes(c->vocab);
    if (status)
        s->backend->close(s->backend);
    return status;
}

/* ARRAY(member of struct osso_engine, how many a row): what a step needs for each of its rows. */
#define ROW_ARRAYS(ARRAY)                                                                                              \
    ARRAY(token, 1)                                                                                                    \
    ARRAY(pos, 1)                                                                                                      \
    ARRAY(seq, 1)                                                                                                      \
    ARRAY(logit_rows, 1)                                                                                               \
    ARRAY(logit_pos, 1)                                                                                                \
    ARRAY(floor, 1)                                                                                                    \
    ARRAY(keep, 1)                                                                                                     \
    ARRAY(angles, (size_t)c->head_dim)                                                                                 \
    ARRAY(tables[KV_FULL], 1)                                                                                          \
    ARRAY(tables[KV_SLIDING], 1)                                                                                       \
    ARRAY(in_step, 1)                                                                                                  \
    ARRAY(users, 1)                                                                                                    \
    ARRAY(logit_users, 1)                                                                                              \
    ARRAY(entering, 1)                                                                                                 \
    ARRAY(logit_token, 1)                                                                                              \
    ARRAY(logit_keep, 1)                                                                                               \
    ARRAY(looks, 1)                                                                                                    \
    ARRAY(wants, 1)                                                                                                    \
    ARRAY(take, 1)

static uint64_t rows_bytes(const struct config *c, int max_rows)
{
    const struct osso_engine *e;
    size_t bytes = 0;
#define ARRAY(member, count) bytes += (count) * sizeof *e->member;
    ROW_ARRAYS(ARRAY)
#undef ARRAY
    return (uint64_t)max_rows * bytes;
}

static enum osso_status alloc_rows(struct osso_engine *e, struct osso_error *err)
{
    const struct config *c = &e->config;
    bool all = true;
#define ARRAY(member, count)                                                                                           \
    e->member = mem_array((size_t)e->max_rows * (count), sizeof *e->member);                                           \
    all = all && e->member;
    ROW_ARRAYS(ARRAY)
#undef ARRAY
    return all ? OSSO_OK : error_nomem(err, rows_bytes(c, e->max_rows), "the rows of a step");
}

static void free_rows(struct osso_engine *e)
{
#define ARRAY(member, count) mem_free(e->member);
    ROW_ARRAYS(ARRAY)
#undef ARRAY
}

/* Everything that is neither K and V nor activations: small, but for the tokens that many sessions may hold. */
static uint64_t table_bytes(const struct config *c, const struct setup *s)
{
    return sizeof(struct osso_engine) + rows_bytes(c, s->o.max_rows) + kv_pool_table_bytes(&s->plan) +
           prefix_bytes(s->plan.n_pages) + (uint64_t)c->n_layers * sizeof(struct layer_weights) +
           (uint64_t)s->o.max_sessions * session_bytes(s->o.context);
}

static struct backend_room room_of(const struct config *c, const struct setup *s)
{
    return (struct backend_room){.max_rows = s->o.max_rows,
                                 .top_k = s->o.experts_per_token,
                                 .n_heads = c->n_heads,
                                 .head_dim = c->head_dim,
                                 .n_experts = c->n_experts,
                                 .hidden = c->hidden,
                                 .intermediate = c->intermediate,
                                 .context = s->o.context};
}

static enum osso_status memory_of(const struct config *c, const struct osso_model *model, const struct setup *s,
                                  struct engine_memory *m, struct osso_error *err)
{
    const struct osso_engine_options *o = &s->o;
    bool apart = s->backend->learn != NULL;
    *m = (struct engine_memory){.context = o->context,
                                .kv_type = s->layout.type,
                                .kv = s->plan.bytes,
                                .kv_full = s->plan.page_bytes * (uint64_t)s->plan.full_pages,
                                .activations = s->activation_bytes + (apart ? 0 : s->chooser_bytes),
                                .tables = table_bytes(c, s) + (apart ? s->chooser_bytes : 0),
                                .apart = apart,
                                .lends = s->backend->reserve != NULL,
                                .available = s->backend->memory(s->backend)};
    snprintf(m->name, sizeof m->name, "%s", s->backend->name);
    m->gpu.size = sizeof m->gpu;
    if (s->backend->device)
        gpus_describe(s->backend->device, &m->gpu);
    m->allowed = o->device_bytes && o->device_bytes < m->available;
    m->available = m->allowed ? o->device_bytes : m->available;
    return apart && model ? engine_place(model, s->backend, room_of(c, s), o->host_layers, &s->beside, m, err)
                          : OSSO_OK;
}

enum osso_status engine_needs(const struct config *config, struct osso_model *model,
                              const struct osso_engine_options *options, struct engine_memory *out,
                              struct osso_error *err)
{
    struct setup s;
    *out = (struct engine_memory){0};
    enum osso_status status = set_up(model, config, options, &s, err);
    if (status)
        return status;
    status = memory_of(config, model, &s, out, err);
    s.backend->close(s.backend);
    return status;
}

static enum osso_status create_choosers(struct osso_engine *e, int n, struct osso_error *err)
{
    e->choosers = mem_array((size_t)n, sizeof *e->choosers);
    enum osso_status status = e->choosers ? OSSO_OK
                                          : error_nomem(err, (size_t)n * sizeof *e->choosers, "choosing tokens");
    while (!status && e->n_choosers < n)
        status = chooser_create(e->config.vocab, &e->choosers[e->n_choosers++], err);
    return status;
}

/* The parts of every engine, in order; a failure leaves what osso_engine_free can take apart. */
static enum osso_status build(struct osso_engine *e, const struct setup *s, struct osso_error *err)
{
    const struct osso_engine_options *o = &s->o;
    struct engine_memory m;
    enum osso_status status = memory_of(&e->config, e->model, s, &m, err);
    if (!status && !o->force_memory)
        status = engine_fits(&m, err);
    if (status)
        return status;
    e->max_rows = o->max_rows;
    e->max_logits = o->max_logit_rows;
    e->context = o->context;
    for (int l = 0; l < e->config.n_layers; l++)
        e->n_sliding += e->config.sliding[l];
    e->stats.kv_bytes = s->plan.bytes;
    e->stats.activation_bytes = m.activations + m.tables;
    e->stats.host_layers = m.host_layers;
    e->stats.host_bytes = m.lent;
    rope_init(&e->config, &e->rope);
    status = alloc_rows(e, err);
    if (!status)
        status = team_create(o->threads, &e->team, err);
    if (!status)
        status = kv_pool_create(&e->config, &s->layout, e->backend, &s->plan, &e->kv, err);
    if (!status)
        status = prefix_create(&e->kv, &e->tree, err);
    if (!status && m.lends && e->model)
        status = e->backend->reserve(e->backend, &m.room, err);
    if (!status && e->model)
        status = weights_share(&e->model->weights, e->config.n_layers, &e->weights, err);
    e->weights.host_layers = m.host_layers;
    e->weights.host_embed = m.host_embed;
    e->weights.told = s->beside.there;
    if (!status)
        status = forward_create(&e->config, e->model ? &e->weights : NULL, e->backend, &e->kv, &s->activations,
                                &e->forward, err);
    if (!status && m.apart && e->model)
        tensors_forget(&e->model->tensors);
    if (!status)
        status = create_choosers(e, s->n_choosers, err);
    return status;
}

static enum osso_status create(struct osso_model *model, const struct config *config,
                               const struct osso_engine_options *options, struct osso_engine **engine_out,
                               struct osso_error *err)
{
    struct setup s;
    *engine_out = NULL;
    enum osso_status status = set_up(model, config, options, &s, err);
    if (status)
        return status;
    struct osso_engine *e = mem_alloc(sizeof *e);
    if (!e) {
        s.backend->close(s.backend);
        return error_nomem(err, sizeof *e, "an engine");
    }
    e->backend = s.backend;
    e->model = model;
    e->config = *config;
    status = build(e, &s, err);
    if (status) {
        osso_engine_free(e);
        return status;
    }
    beside_enter(e, &s.o);
    *engine_out = e;
    return OSSO_OK;
}

enum osso_status osso_engine_create(struct osso_model *model, const struct osso_engine_options *options,
                                    struct osso_engine **engine_out, struct osso_error *err)
{
    return create(model, &model->config, options, engine_out, err);
}

enum osso_status osso_engine_create_rows(int64_t vocab, osso_script_fn *fn, void *user,
                                         const struct osso_engine_options *options, struct osso_engine **engine_out,
                                         struct osso_error *err)
{
    /* The smallest model with both kinds of layer, so that pages, windows and replay are the real ones. */
    struct config c = {.n_layers = 2,
                       .hidden = 32,
                       .intermediate = 32,
                       .vocab = vocab,
                       .n_heads = 1,
                       .n_kv_heads = 1,
                       .head_dim = 2,
                       .n_experts = 1,
                       .experts_per_token = 1,
                       .window = 128,
                       .sliding = {true, false},
                       .context = 1 << 20,
                       .rms_eps = 1e-5,
                       .rope_theta = 150000,
                       .swiglu_alpha = 1.702,
                       .swiglu_limit = 7,
                       .swiglu_shift = 1,
                       .temperature = -1,
                       .top_p = -1,
                       .min_p = -1,
                       .repetition_penalty = -1,
                       .top_k = -1};
    enum osso_status status = vocab < 1 || vocab > (1 << 24)
                                  ? error_set(err, OSSO_USAGE, "a vocabulary of %lld ids", (long long)vocab)
                                  : create(NULL, &c, options, engine_out, err);
    if (!status) {
        (*engine_out)->rows_fn = fn;
        (*engine_out)->rows_user = user;
    }
    return status;
}

static void logits_alone(void *user, const struct osso_script_row *row)
{
    struct osso_engine *e = user;
    if (row->logits)
        e->script(e->script_user, row->tokens, row->n_tokens, row->logits);
}

enum osso_status osso_engine_create_scripted(int64_t vocab, osso_logits_fn *logits, void *user,
                                             const struct osso_engine_options *options, struct osso_engine **engine_out,
                                             struct osso_error *err)
{
    enum osso_status status = osso_engine_create_rows(vocab, logits_alone, NULL, options, engine_out, err);
    if (!status) {
        (*engine_out)->rows_user = *engine_out;
        (*engine_out)->script = logits;
        (*engine_out)->script_user = user;
    }
    return status;
}

void osso_engine_free(struct osso_engine *e)
{
    if (!e)
        return;
    beside_leave(e);
    forward_free(&e->forward);
    tap_spec_free(e->tap);
    weights_free(&e->weights);
    for (int i = 0; i < e->n_choosers; i++)
        chooser_free(&e->choosers[i]);
    mem_free(e->choosers);
    prefix_free(&e->tree);
    kv_pool_free(&e->kv);
    team_free(e->team);
    free_rows(e);
    e->backend->close(e->backend);
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
    const struct kv_group *full = &e->kv.group[KV_FULL], *sliding = &e->kv.group[KV_SLIDING];
    s.full_cached = (uint64_t)full->cached;
    s.full_used = (uint64_t)full->held - s.full_cached;
    s.sliding_cached = (uint64_t)sliding->cached;
    s.sliding_used = (uint64_t)sliding->held - s.sliding_cached;
    s.pages_free = (uint64_t)e->kv.n_free;
    s.pages_used = s.full_used + s.sliding_used;
    s.pages_cached = s.full_cached + s.sliding_cached;
    s.device_bytes = e->backend->taken ? e->backend->taken(e->backend) : 0;
    sized_out(out, &s, sizeof s);
}
