/* patch.c: one clean run whose values are kept, one corrupted run, and for each place a fork of that with the clean
 * value there. */
#include "osso/patch.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/sized.h"
#include "engine/engine_parts.h"
#include "model/layers.h"

#include <math.h>
#include <string.h>

enum { SESSIONS = 32 };
enum by { WHOLE, HEADS, KV_HEADS };

static const struct component {
    const char *name;
    enum osso_tap tap;
    enum by by;
} components[] = {
    {"resid_pre", OSSO_TAP_RESID_PRE, WHOLE},
    {"resid_mid", OSSO_TAP_RESID_MID, WHOLE},
    {"resid_post", OSSO_TAP_RESID_POST, WHOLE},
    {"attn_out", OSSO_TAP_ATTN_OUT, WHOLE},
    {"mlp_out", OSSO_TAP_MLP_OUT, WHOLE},
    {"q", OSSO_TAP_Q, HEADS},
    {"k", OSSO_TAP_K, KV_HEADS},
    {"v", OSSO_TAP_V, KV_HEADS},
    {"z", OSSO_TAP_ATTN_Z, HEADS},
};
enum { N_COMPONENTS = sizeof components / sizeof *components };

struct patching;

/* A place and the fork that has the clean value there. */
struct patch_run {
    struct patching *of;
    struct osso_session *session; /* NULL: free */
    size_t record;
};

struct patching {
    struct osso_engine *engine;
    struct osso_patch_options o;
    const struct component *component;
    const int32_t *clean, *corrupted;
    size_t n, from; /* tokens; the first that differs */
    int heads;
    size_t width; /* of the component's row */
    float *kept;  /* [layers][n - from][width] of the clean run */
    struct osso_session *base;
    struct patch_run *runs;
    struct osso_session **active;
    struct osso_patch_result r;
    size_t next; /* record */
    uint64_t done;
};

/* ---- what is to be done ------------------------------------------------------------------------------------------ */

static bool wanted(const struct patching *p, int layer, size_t position)
{
    const struct osso_layers *l = p->o.layers;
    bool in = !l || layers_have(l, layer), at = p->o.n_positions == 0;
    for (size_t i = 0; i < p->o.n_positions && !at; i++)
        at = p->o.positions[i] == (int64_t)position;
    return in && at;
}

/* Counts the places, or lists them. */
static void places(struct patching *p, struct osso_patch_record *list)
{
    int n_heads = p->heads ? p->heads : 1;
    p->r.n = p->r.runs = p->r.tokens = 0;
    for (int layer = 0; layer < p->engine->config.n_layers; layer++)
        for (int head = 0; head < n_heads; head++)
            for (size_t pos = 0; pos < p->n; pos++) {
                if (!wanted(p, layer, pos))
                    continue;
                if (list)
                    list[p->r.n] = (struct osso_patch_record){layer, p->heads ? head : -1, (int64_t)pos, 0};
                p->r.n++;
                p->r.runs += pos >= p->from;
                p->r.tokens += pos >= p->from ? p->n - pos : 0;
            }
}

static enum osso_status check_component(struct patching *p, struct osso_error *err)
{
    const struct config *c = &p->engine->config;
    for (int i = 0; i < N_COMPONENTS; i++)
        if (p->o.component && strcmp(components[i].name, p->o.component) == 0)
            p->component = &components[i];
    if (!p->component)
        return error_set(
            err, OSSO_USAGE,
            "'%s' is no component: there are resid_pre, resid_mid, resid_post, attn_out, mlp_out, q, k, v, z",
            p->o.component ? p->o.component : "");
    p->heads = p->component->by == HEADS ? c->n_heads : p->component->by == KV_HEADS ? c->n_kv_heads : 0;
    p->width = (size_t)(p->heads ? p->heads * c->head_dim : c->hidden);
    return OSSO_OK;
}

static enum osso_status check(struct patching *p, const struct osso_patch_options *options, struct osso_error *err)
{
    const struct config *c = &p->engine->config;
    enum osso_status status = sized_check(options, "osso_patch_options", err);
    if (status)
        return status;
    sized_in(&p->o, sizeof p->o, options);
    if (!p->engine->model)
        return error_set(err, OSSO_USAGE, "a scripted engine computes no values that could be put elsewhere");
    if (p->o.answer < 0 || p->o.answer >= c->vocab || p->o.wrong < 0 || p->o.wrong >= c->vocab ||
        p->o.answer == p->o.wrong)
        return error_set(err, OSSO_USAGE, "answer %d and wrong %d: two ids of the vocabulary (0 to %lld) are needed",
                         (int)p->o.answer, (int)p->o.wrong, (long long)c->vocab - 1);
    while (p->from < p->n && p->clean[p->from] == p->corrupted[p->from])
        p->from++;
    if (p->from == p->n)
        return error_set(err, OSSO_USAGE,
                         "the clean and the corrupted text are the same %zu tokens: there is nothing to restore", p->n);
    for (size_t i = 0; i < p->o.n_positions; i++)
        if (p->o.positions[i] < 0 || p->o.positions[i] >= (int64_t)p->n)
            return error_set(err, OSSO_USAGE, "position %lld: the texts have positions 0 to %zu",
                             (long long)p->o.positions[i], p->n - 1);
    status = check_component(p, err);
    if (!status)
        places(p, NULL);
    return status;
}

enum osso_status osso_patch_measure(struct osso_engine *engine, const int32_t *clean, const int32_t *corrupted,
                                    size_t n, const struct osso_patch_options *options, uint64_t *runs_out,
                                    uint64_t *tokens_out, struct osso_error *err)
{
    struct patching p = {.engine = engine, .clean = clean, .corrupted = corrupted, .n = n};
    enum osso_status status = check(&p, options, err);
    *runs_out = status ? 0 : p.r.runs;
    *tokens_out = status ? 0 : p.r.tokens;
    return status;
}

/* ---- the two texts ------------------------------------------------------------------------------------------------
 */

static int keep(void *user, const struct osso_tap_value *v)
{
    struct patching *p = user;
    for (int r = 0; r < v->n_rows; r++) {
        size_t row = (size_t)v->layer * (p->n - p->from) + ((size_t)v->positions[r] - p->from);
        memcpy(p->kept + row * p->width, v->values + r * v->width, p->width * sizeof *v->values);
    }
    return 0;
}

/* logit(answer) - logit(wrong) behind the last token of a session that is ready. */
static enum osso_status difference(const struct patching *p, const struct osso_session *s, double *out,
                                   struct osso_error *err)
{
    const float *logits = osso_session_logits(s, p->n - 1);
    enum osso_status status = osso_session_check_logits(s, p->n - 1, err);
    if (!status)
        *out = (double)logits[p->o.answer] - logits[p->o.wrong];
    return status;
}

static enum osso_status run_text(struct patching *p, struct osso_session *s, const int32_t *ids,
                                 const struct osso_tap_options *tap, double *out, struct osso_error *err)
{
    enum osso_status status = osso_session_sync(s, ids, p->n, err);
    if (!status && tap)
        status = osso_session_set_tap(s, tap, err);
    while (!status && !osso_session_ready(s))
        status = osso_step(p->engine, &s, 1, 0, err);
    return status ? status : difference(p, s, out, err);
}

static enum osso_status run_texts(struct patching *p, struct osso_error *err)
{
    struct osso_session *s;
    struct osso_tap_options tap = {.size = sizeof tap,
                                   .taps = (uint64_t)1 << p->component->tap,
                                   .layers = p->o.layers,
                                   .first = (int64_t)p->from,
                                   .fn = keep,
                                   .user = p};
    enum osso_status status = osso_session_create(p->engine, 0, &s, err);
    if (status)
        return status;
    status = run_text(p, s, p->clean, &tap, &p->r.clean, err);
    osso_session_free(s);
    if (!status)
        status = osso_session_create(p->engine, 0, &p->base, err);
    if (!status)
        status = run_text(p, p->base, p->corrupted, NULL, &p->r.corrupted, err);
    if (!status && p->r.clean == p->r.corrupted)
        status = error_set(err, OSSO_USAGE, "both texts give a logit difference of %g: there is nothing to restore",
                           p->r.clean);
    return status;
}

/* ---- places -------------------------------------------------------------------------------------------------------
 */

static int put(void *user, const struct osso_tap_value *v)
{
    const struct patch_run *run = user;
    const struct patching *p = run->of;
    const struct osso_patch_record *rec = &p->r.records[run->record];
    size_t row = (size_t)rec->layer * (p->n - p->from) + ((size_t)rec->position - p->from);
    size_t width = p->heads ? p->width / (size_t)p->heads : p->width,
           at = rec->head > 0 ? (size_t)rec->head * width : 0;
    for (int r = 0; r < v->n_rows; r++)
        memcpy(v->values + r * v->width + at, p->kept + row * p->width + at, width * sizeof *v->values);
    return 0;
}

static enum osso_status begin_run(struct patching *p, struct patch_run *run, struct osso_error *err)
{
    const struct osso_patch_record *rec = &p->r.records[p->next];
    struct osso_layers layer = {{0}};
    struct osso_tap_options tap = {.size = sizeof tap,
                                   .taps = (uint64_t)1 << p->component->tap,
                                   .replaces = (uint64_t)1 << p->component->tap,
                                   .layers = &layer,
                                   .first = rec->position,
                                   .end = rec->position + 1,
                                   .fn = put,
                                   .user = run};
    layers_add(&layer, rec->layer);
    run->of = p;
    run->record = p->next++;
    enum osso_status status = osso_session_fork(p->base, &run->session, err);
    return status ? status : osso_session_set_tap(run->session, &tap, err);
}

/* Free forks get the next places that have to be run. */
static enum osso_status fill(struct patching *p, int n_runs, int *n_active, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    *n_active = 0;
    for (int i = 0; i < n_runs && !status; i++) {
        while (p->next < p->r.n && p->r.records[p->next].position < (int64_t)p->from)
            p->next++;
        if (!p->runs[i].session && p->next < p->r.n)
            status = begin_run(p, &p->runs[i], err);
        if (p->runs[i].session)
            p->active[(*n_active)++] = p->runs[i].session;
    }
    return status;
}

static enum osso_status collect(struct patching *p, int n_runs, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    for (int i = 0; i < n_runs && !status; i++) {
        struct patch_run *run = &p->runs[i];
        double now = 0;
        if (!run->session || !osso_session_ready(run->session))
            continue;
        status = difference(p, run->session, &now, err);
        p->r.records[run->record].share = (now - p->r.corrupted) / (p->r.clean - p->r.corrupted);
        osso_session_free(run->session);
        run->session = NULL;
        p->done++;
    }
    if (!status && p->o.progress && p->o.progress(p->o.user, p->done, p->r.runs))
        status = error_set(err, OSSO_CANCELLED, "ended after %llu of %llu runs", (unsigned long long)p->done,
                           (unsigned long long)p->r.runs);
    return status;
}

static enum osso_status run_places(struct patching *p, struct osso_error *err)
{
    int n_runs = p->o.sessions > 0 ? p->o.sessions : SESSIONS, n_active = 0;
    p->runs = mem_array((size_t)n_runs, sizeof *p->runs);
    p->active = mem_array((size_t)n_runs, sizeof(*p->active));
    if (!p->runs || !p->active)
        return error_nomem(err, (size_t)n_runs * sizeof *p->runs, "the runs");
    enum osso_status status = fill(p, n_runs, &n_active, err);
    while (!status && n_active > 0) {
        status = osso_step(p->engine, p->active, n_active, 0, err);
        if (!status)
            status = collect(p, n_runs, err);
        if (!status)
            status = fill(p, n_runs, &n_active, err);
    }
    for (int i = 0; i < n_runs; i++)
        osso_session_free(p->runs[i].session);
    return status;
}

enum osso_status osso_patch(struct osso_engine *engine, const int32_t *clean, const int32_t *corrupted, size_t n,
                            const struct osso_patch_options *options, struct osso_patch_result *result,
                            struct osso_error *err)
{
    struct patching p = {.engine = engine, .clean = clean, .corrupted = corrupted, .n = n, .r.size = sizeof p.r};
    enum osso_status status = sized_check(result, "osso_patch_result", err);
    if (!status)
        status = check(&p, options, err);
    if (!status) {
        size_t values = (size_t)engine->config.n_layers * (n - p.from) * p.width;
        p.r.records = mem_array(p.r.n ? p.r.n : 1, sizeof *p.r.records);
        p.kept = mem_array(values, sizeof *p.kept);
        if (!p.r.records || !p.kept)
            status = error_nomem(err, values * sizeof *p.kept, "the clean run's values");
    }
    if (!status) {
        places(&p, p.r.records);
        status = run_texts(&p, err);
    }
    if (!status)
        status = run_places(&p, err);
    osso_session_free(p.base);
    mem_free(p.runs);
    mem_free(p.active);
    mem_free(p.kept);
    if (status)
        mem_free(p.r.records);
    else
        sized_out(result, &p.r, sizeof p.r);
    return status;
}

void osso_patch_free(struct osso_patch_result *result)
{
    mem_free(result->records);
    result->records = NULL;
    result->n = 0;
}
