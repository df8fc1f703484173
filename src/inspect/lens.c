/* lens.c: rows of one run kept, and then seen through the final norm and the unembedding, position by position. */
#include "osso/lens.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/sized.h"
#include "engine/engine_parts.h"
#include "engine/score_row.h"
#include "inspect/observe.h"
#include "inspect/one_text.h"
#include "model/layers.h"

#include <math.h>
#include <string.h>

enum { TOP = 5, AT_ONCE = 16 }; /* rows of logits at a time: one of the vocabulary is up to 0.8 MB */
enum by { WHOLE, BY_HEAD, BY_EXPERT };

static const struct component {
    const char *name, *hook;
    enum by by;
} components[] = {
    {"resid_post", "blocks.*.hook_resid_post", WHOLE},
    {"resid_pre", "blocks.*.hook_resid_pre", WHOLE},
    {"resid_mid", "blocks.*.hook_resid_mid", WHOLE},
    {"attn_out", "blocks.*.hook_attn_out", WHOLE},
    {"mlp_out", "blocks.*.hook_mlp_out", WHOLE},
    {"head", "blocks.*.attn.hook_z", BY_HEAD},
    {"expert", "blocks.*.mlp.experts.hook_out", BY_EXPERT},
};
enum { N_COMPONENTS = sizeof components / sizeof *components };

struct lens {
    struct one_text text;
    struct osso_lens_options o;
    const struct component *component;
    struct osso_hooks *hooks;
    const struct config *c;
    int n_layers, layer[MAX_LAYERS]; /* how many are wanted, and each one's place among them; -1: not wanted */
    int n_units;                     /* rows of a layer at a position: heads, experts, or 1 */
    size_t hidden, vocab, per_position;
    float *rows;          /* [positions][per_position][hidden] */
    float *final;         /* [positions][hidden] the stream behind the last layer */
    float *z;             /* [layers][positions][heads * head_dim] of the heads that are wanted ... */
    float *o_rows;        /* ... and rows of o_proj; NULL: of another component */
    int32_t *experts;     /* [positions][per_position] by falling weight ... */
    float *weights;       /* ... and these */
    float *logits;        /* [AT_ONCE][vocab] */
    float *last;          /* [vocab] the logits of the run's end ... */
    struct score_row end; /* ... and what they say */
    struct osso_lens_result r;
};

/* ---- what is wanted ------------------------------------------------------------------------------------------------
 */

static enum osso_status find_component(struct lens *l, struct osso_error *err)
{
    const char *name = l->o.component ? l->o.component : "resid_post";
    for (int i = 0; i < N_COMPONENTS; i++)
        if (strcmp(components[i].name, name) == 0)
            l->component = &components[i];
    if (l->component)
        return OSSO_OK;
    return error_set(
        err, OSSO_USAGE,
        "'%s' is no component: there are resid_pre, resid_mid, resid_post, attn_out, mlp_out, head, expert", name);
}

/* The hooks of the layers that are wanted, and the stream behind the last one. */
static enum osso_status make_hooks(struct lens *l, struct osso_error *err)
{
    const char *names[4] = {"model.norm.input", l->component->hook, "blocks.*.mlp.hook_expert_indices",
                            "blocks.*.mlp.hook_router_scores"};
    struct osso_hooks_options o = {.size = sizeof o,
                                   .names = names,
                                   .n_names = l->component->by == BY_EXPERT ? 4 : 2,
                                   .layers = l->o.layers,
                                   .heads = l->o.heads,
                                   .n_heads = l->o.n_heads};
    return osso_hooks_create(l->text.engine->model, &o, &l->hooks, err);
}

static enum osso_status plan(struct lens *l, const struct osso_lens_options *options, struct osso_error *err)
{
    enum osso_status status = sized_check(options, "osso_lens_options", err);
    if (status)
        return status;
    sized_in(&l->o, sizeof l->o, options);
    if (!l->text.engine->model)
        return error_set(err, OSSO_USAGE, "a scripted engine has no residual stream");
    l->c = &l->text.engine->config;
    l->hidden = (size_t)l->c->hidden;
    l->vocab = (size_t)l->c->vocab;
    l->r.n_top = l->o.n_top > 0 ? l->o.n_top : TOP;
    if ((int64_t)l->r.n_top > l->c->vocab)
        l->r.n_top = (int)l->c->vocab;
    for (int layer = 0; layer < l->c->n_layers; layer++)
        l->layer[layer] = !l->o.layers || layers_have(l->o.layers, layer) ? l->n_layers++ : -1;
    status = find_component(l, err);
    if (!status && l->n_layers == 0)
        status = error_set(err, OSSO_USAGE, "no layer is asked for: the model has layers 0 to %d", l->c->n_layers - 1);
    if (!status)
        status = make_hooks(l, err);
    if (!status)
        status = one_text_positions(&l->text, l->o.positions, l->o.n_positions, err);
    if (status)
        return status;
    l->n_units = l->component->by == BY_HEAD     ? l->hooks->n_heads
                 : l->component->by == BY_EXPERT ? l->c->experts_per_token
                                                 : 1;
    l->per_position = (size_t)l->n_layers * (size_t)l->n_units;
    l->r.n_positions = l->text.n_at;
    l->r.n = l->text.n_at * l->per_position;
    l->text.more = l->r.n;
    l->text.progress = l->o.progress;
    l->text.user = l->o.user;
    return one_text_room(l->r.n + l->text.n_at, l->hidden, l->o.max_bytes, "fewer positions, layers or heads", err);
}

static enum osso_status make_room(struct lens *l, struct osso_error *err)
{
    size_t n = l->r.n;
    bool heads = l->component->by == BY_HEAD;
    l->rows = mem_array(n, l->hidden * sizeof *l->rows);
    l->final = mem_array(l->text.n_at, l->hidden * sizeof *l->final);
    if (heads) {
        l->z = mem_array(n, (size_t)l->c->head_dim * sizeof *l->z);
        l->o_rows = mem_array(OBSERVE_O_ROWS, (size_t)(l->c->n_heads * l->c->head_dim) * sizeof *l->o_rows);
    }
    l->experts = mem_array(n, sizeof *l->experts);
    l->weights = mem_array(n, sizeof *l->weights);
    l->logits = mem_array(AT_ONCE, l->vocab * sizeof *l->logits);
    l->last = mem_array(l->vocab, sizeof *l->last);
    l->r.answers = mem_array(l->text.n_at, sizeof *l->r.answers);
    l->r.records = mem_array(n, sizeof *l->r.records);
    l->r.top = mem_array(n, (size_t)l->r.n_top * sizeof *l->r.top);
    if (!l->rows || !l->final || (heads && (!l->z || !l->o_rows)) || !l->experts || !l->weights || !l->logits ||
        !l->last || !l->r.answers || !l->r.records || !l->r.top)
        return error_nomem(err, n * l->hidden * sizeof *l->rows, "rows for the lens");
    return OSSO_OK;
}

/* ---- the run -------------------------------------------------------------------------------------------------------
 */

static int keep(void *user, const struct osso_hook_value *v)
{
    struct lens *l = user;
    const struct hook *hook = &l->hooks->list[v->index];
    size_t units = (size_t)l->n_units;
    for (int r = 0; r < v->n_rows; r++) {
        int32_t at = l->text.place[v->positions[r]];
        if (at < 0 || v->replayed[r])
            continue;
        if (hook->layer < 0) {
            memcpy(l->final + (size_t)at * l->hidden, v->values + r * v->width, l->hidden * sizeof *l->final);
            continue;
        }
        size_t first = (size_t)at * l->per_position + (size_t)l->layer[hook->layer] * units;
        if (hook->row->form == HOOK_INDICES)
            memcpy(l->experts + first, v->ids + r * v->width, units * sizeof *l->experts);
        else if (hook->row->form == HOOK_SORTED)
            memcpy(l->weights + first, v->values + r * v->width, units * sizeof *l->weights);
        else if (l->z)
            memcpy(l->z + ((size_t)l->layer[hook->layer] * l->text.n_at + (size_t)at) * (size_t)v->width,
                   v->values + r * v->width, (size_t)v->width * sizeof *l->z);
        else
            memcpy(l->rows + first * l->hidden, v->values + r * v->width, units * l->hidden * sizeof *l->rows);
    }
    return 0;
}

/* The heads' results, of the wanted positions alone. */
static enum osso_status make_results(struct lens *l, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    size_t width = (size_t)(l->n_units * l->c->head_dim), row = (size_t)l->n_units * l->hidden;
    for (int layer = 0; l->z && layer < l->c->n_layers && !status; layer++) {
        size_t at = (size_t)l->layer[layer];
        if (l->layer[layer] < 0)
            continue;
        struct head_rows z = {l->z + at * l->text.n_at * width, (int64_t)width, true};
        status = observe_results(l->hooks, layer, &z, (int)l->text.n_at, l->o_rows, l->rows + at * row,
                                 (int64_t)(l->per_position * l->hidden), err);
        if (!status)
            status = one_text_say(&l->text, 0, err);
    }
    return status;
}

/* ---- through the lens ----------------------------------------------------------------------------------------------
 */

static double probability(const struct score_row *row, int32_t id)
{
    return exp((double)row->logits[id] - (double)row->max - row->log_sum);
}

/* Does id a stand before id b? The lower id where the logits are equal. */
static bool before(const float *logits, size_t a, size_t b)
{
    return logits[a] > logits[b] || (logits[a] == logits[b] && a < b);
}

static void find_top(const struct score_row *row, int64_t vocab, struct osso_lens_token *top, int n_top)
{
    int n = 0;
    for (int64_t i = 0; i < vocab; i++) {
        if (n == n_top && !before(row->logits, (size_t)i, (size_t)top[n - 1].id))
            continue;
        int at = n < n_top ? n++ : n - 1;
        for (; at > 0 && before(row->logits, (size_t)i, (size_t)top[at - 1].id); at--)
            top[at] = top[at - 1];
        top[at] = (struct osso_lens_token){(int32_t)i, 0};
    }
    for (int i = 0; i < n; i++)
        top[i].probability = (float)probability(row, top[i].id);
}

/* A row of logits, which must be numbers. */
static enum osso_status read_row(const struct lens *l, const float *logits, size_t at, struct score_row *row,
                                 struct osso_error *err)
{
    row->logits = logits;
    score_row_read(l->text.engine->backend, l->c->vocab, row);
    return isfinite(row->log_sum)
               ? OSSO_OK
               : error_set(err, OSSO_NUMERIC, "position %lld: not all logits are finite", (long long)l->text.at[at]);
}

static enum osso_status look_at(struct lens *l, size_t i, const float *logits, struct osso_error *err)
{
    struct osso_lens_record *rec = &l->r.records[i];
    struct score_row row;
    int32_t answer = l->r.answers[rec->answer].id;
    enum osso_status status = read_row(l, logits, rec->answer, &row, err);
    if (status)
        return status;
    rec->rank = 1;
    for (size_t v = 0; v < l->vocab; v++)
        rec->rank += v != (size_t)answer && before(logits, v, (size_t)answer);
    rec->kl = score_row_divergence(l->text.engine->backend, l->c->vocab, &l->end, &row);
    rec->probability = probability(&row, answer);
    find_top(&row, l->c->vocab, l->r.top + i * (size_t)l->r.n_top, l->r.n_top);
    return OSSO_OK;
}

/* What the run says in the end at a position. */
static enum osso_status finish(struct lens *l, size_t at, struct osso_error *err)
{
    enum osso_status status = osso_unembed(l->text.engine, l->final + at * l->hidden, 1, NULL, l->last, err);
    if (!status)
        status = read_row(l, l->last, at, &l->end, err);
    if (!status)
        l->r.answers[at] = (struct osso_lens_answer){l->text.at[at], l->end.best, probability(&l->end, l->end.best)};
    return status;
}

static void describe(struct lens *l, size_t at, int layer, int unit)
{
    size_t i = at * l->per_position + (size_t)l->layer[layer] * (size_t)l->n_units + (size_t)unit;
    float *row = l->rows + i * l->hidden;
    double squares = 0;
    for (size_t k = 0; k < l->hidden; k++) {
        if (l->component->by == BY_EXPERT)
            row[k] *= l->weights[i];
        squares += (double)row[k] * (double)row[k];
    }
    l->r.records[i] = (struct osso_lens_record){.layer = layer,
                                                .head = l->component->by == BY_HEAD ? l->hooks->heads[unit] : -1,
                                                .expert = l->component->by == BY_EXPERT ? l->experts[i] : -1,
                                                .answer = at,
                                                .norm = sqrt(squares)};
}

static enum osso_status position(struct lens *l, size_t at, struct osso_error *err)
{
    size_t first = at * l->per_position;
    enum osso_status status = finish(l, at, err);
    for (int layer = 0; layer < l->c->n_layers; layer++)
        for (int unit = 0; unit < l->n_units && l->layer[layer] >= 0; unit++)
            describe(l, at, layer, unit);
    for (size_t i = 0; i < l->per_position && !status; i += AT_ONCE) {
        size_t n = l->per_position - i < AT_ONCE ? l->per_position - i : AT_ONCE;
        status = osso_unembed(l->text.engine, l->rows + (first + i) * l->hidden, n, NULL, l->logits, err);
        for (size_t k = 0; k < n && !status; k++)
            status = look_at(l, first + i + k, l->logits + k * l->vocab, err);
        if (!status)
            status = one_text_say(&l->text, first + i + n, err);
    }
    return status;
}

enum osso_status osso_lens(struct osso_engine *engine, const int32_t *ids, size_t n,
                           const struct osso_lens_options *options, struct osso_lens_result *result,
                           struct osso_error *err)
{
    struct lens l = {.text = {.engine = engine, .ids = ids, .n = n}, .r.size = sizeof l.r};
    enum osso_status status = sized_check(result, "osso_lens_result", err);
    if (!status)
        status = plan(&l, options, err);
    if (!status)
        status = make_room(&l, err);
    if (!status)
        status = one_text_run(&l.text, l.hooks, keep, &l, err);
    if (!status)
        status = make_results(&l, err);
    for (size_t at = 0; at < l.text.n_at && !status; at++)
        status = position(&l, at, err);
    osso_hooks_free(l.hooks);
    one_text_end(&l.text);
    mem_free(l.rows);
    mem_free(l.final);
    mem_free(l.z);
    mem_free(l.o_rows);
    mem_free(l.experts);
    mem_free(l.weights);
    mem_free(l.logits);
    mem_free(l.last);
    if (status)
        osso_lens_free(&l.r);
    else
        sized_out(result, &l.r, sizeof l.r);
    return status;
}

void osso_lens_free(struct osso_lens_result *result)
{
    mem_free(result->answers);
    mem_free(result->records);
    mem_free(result->top);
    result->answers = NULL;
    result->records = NULL;
    result->top = NULL;
    result->n = result->n_positions = 0;
}
