/* residual.c: all terms of the residual stream of some positions, kept from one run, and what each says for a token. */
#include "osso/residual.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/sized.h"
#include "engine/engine_parts.h"
#include "inspect/observe.h"
#include "inspect/one_text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct split {
    struct one_text text;
    struct osso_residual_options o;
    struct osso_hooks *hooks;
    const struct config *c;
    size_t hidden, heads, q_width, chosen, per_layer, n_terms;
    float *terms;         /* [positions][n_terms][hidden]: the embedding; of each layer heads, bias, experts */
    float *streams;       /* [positions][n_layers][hidden] */
    float *z;             /* [n_layers][positions][heads * head_dim] */
    float *o_rows;        /* of o_proj */
    float *weights;       /* [positions][n_layers][chosen] */
    int32_t *experts;     /* the same */
    float *logits;        /* [vocab] */
    float *row;           /* [hidden] of the unembedding */
    double *sum, *toward; /* [hidden] the terms so far; how much a value of the stream adds to the difference */
    struct osso_residual_result r;
};

/* The first term of a layer at a position. */
static size_t term_at(const struct split *s, size_t at, int layer)
{
    return at * s->n_terms + 1 + (size_t)layer * s->per_layer;
}

/* ---- what is wanted ------------------------------------------------------------------------------------------------
 */

static enum osso_status check_ids(const struct split *s, struct osso_error *err)
{
    const int32_t *ids[] = {s->o.answer, s->o.wrong};
    for (int i = 0; i < 2; i++)
        if (ids[i] && (*ids[i] < 0 || *ids[i] >= s->c->vocab))
            return error_set(err, OSSO_USAGE, "id %d: the vocabulary has 0 to %lld", (int)*ids[i],
                             (long long)s->c->vocab - 1);
    if (ids[0] && ids[1] && *ids[0] == *ids[1])
        return error_set(err, OSSO_USAGE, "answer and wrong are the same token: there is no difference to explain");
    return s->c->vocab > 1 ? OSSO_OK : error_set(err, OSSO_USAGE, "a vocabulary of one token has no difference");
}

static enum osso_status plan(struct split *s, const struct osso_residual_options *options, struct osso_error *err)
{
    static const char *const names[] = {"hook_embed",
                                        "blocks.*.attn.hook_z",
                                        "blocks.*.mlp.experts.hook_out",
                                        "blocks.*.mlp.hook_expert_indices",
                                        "blocks.*.mlp.hook_router_scores",
                                        "blocks.*.hook_resid_post"};
    static const int64_t last = -1;
    struct osso_hooks_options h = {.size = sizeof h, .names = names, .n_names = sizeof names / sizeof *names};
    enum osso_status status = sized_check(options, "osso_residual_options", err);
    if (status)
        return status;
    sized_in(&s->o, sizeof s->o, options);
    if (!s->text.engine->model)
        return error_set(err, OSSO_USAGE, "a scripted engine has no residual stream");
    s->c = &s->text.engine->config;
    s->hidden = (size_t)s->c->hidden;
    s->heads = (size_t)s->c->n_heads;
    s->q_width = s->heads * (size_t)s->c->head_dim;
    s->chosen = (size_t)s->c->experts_per_token;
    s->per_layer = s->heads + 1 + s->chosen;
    s->n_terms = s->r.n_terms = 1 + (size_t)s->c->n_layers * s->per_layer;
    s->r.n_layers = s->c->n_layers;
    s->text.progress = s->o.progress;
    s->text.user = s->o.user;
    status = check_ids(s, err);
    if (!status)
        status = osso_hooks_create(s->text.engine->model, &h, &s->hooks, err);
    if (!status)
        status = one_text_positions(&s->text, s->o.n_positions ? s->o.positions : &last,
                                    s->o.n_positions ? s->o.n_positions : 1, err);
    s->r.n_positions = s->text.n_at;
    if (!status)
        status = one_text_room(s->text.n_at * (s->n_terms + (size_t)s->c->n_layers), s->hidden, s->o.max_bytes,
                               "fewer positions", err);
    return status;
}

static enum osso_status make_room(struct split *s, struct osso_error *err)
{
    size_t n = s->text.n_at, layers = (size_t)s->c->n_layers, terms = n * s->n_terms;
    s->terms = mem_array(terms, s->hidden * sizeof *s->terms);
    s->streams = mem_array(n * layers, s->hidden * sizeof *s->streams);
    s->z = mem_array(n * layers, s->q_width * sizeof *s->z);
    s->o_rows = mem_array(OBSERVE_O_ROWS, s->q_width * sizeof *s->o_rows);
    s->weights = mem_array(n * layers, s->chosen * sizeof *s->weights);
    s->experts = mem_array(n * layers, s->chosen * sizeof *s->experts);
    s->logits = mem_array((size_t)s->c->vocab, sizeof *s->logits);
    s->row = mem_array(s->hidden, sizeof *s->row);
    s->sum = mem_array(s->hidden, sizeof *s->sum);
    s->toward = mem_array(s->hidden, sizeof *s->toward);
    s->r.targets = mem_array(n, sizeof *s->r.targets);
    s->r.terms = mem_array(terms, sizeof *s->r.terms);
    s->r.streams = mem_array(n * layers, sizeof *s->r.streams);
    if (!s->terms || !s->streams || !s->z || !s->o_rows || !s->weights || !s->experts || !s->logits || !s->row ||
        !s->sum || !s->toward || !s->r.targets || !s->r.terms || !s->r.streams)
        return error_nomem(err, terms * s->hidden * sizeof *s->terms, "terms of the residual stream");
    return OSSO_OK;
}

/* ---- the run -------------------------------------------------------------------------------------------------------
 */

static void keep_row(struct split *s, const struct hook *hook, size_t at, const float *values, const int32_t *ids)
{
    size_t layer = at * (size_t)s->c->n_layers + (size_t)(hook->layer < 0 ? 0 : hook->layer);
    size_t term = hook->layer < 0 ? at * s->n_terms : term_at(s, at, hook->layer), row = s->hidden * sizeof(float);
    switch (hook->row->form) {
    case HOOK_CHOICES: memcpy(s->terms + (term + s->heads + 1) * s->hidden, values, s->chosen * row); break;
    case HOOK_INDICES: memcpy(s->experts + layer * s->chosen, ids, s->chosen * sizeof *ids); break;
    case HOOK_SORTED: memcpy(s->weights + layer * s->chosen, values, s->chosen * sizeof *values); break;
    default:
        if (hook->row->tap == OSSO_TAP_ATTN_Z)
            memcpy(s->z + ((size_t)hook->layer * s->text.n_at + at) * s->q_width, values, s->q_width * sizeof *s->z);
        else
            memcpy(hook->layer < 0 ? s->terms + term * s->hidden : s->streams + layer * s->hidden, values, row);
    }
}

static int keep(void *user, const struct osso_hook_value *v)
{
    struct split *s = user;
    for (int r = 0; r < v->n_rows; r++) {
        int32_t at = s->text.place[v->positions[r]];
        if (at >= 0 && !v->replayed[r])
            keep_row(s, &s->hooks->list[v->index], (size_t)at, v->values ? v->values + r * v->width : NULL,
                     v->ids ? v->ids + r * v->width : NULL);
    }
    return 0;
}

/* What a layer's terms lack: the heads' results, of the wanted positions alone; the biases, which no hook has; the
 * experts' weights. */
static enum osso_status complete(struct split *s, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    for (int l = 0; l < s->c->n_layers && !status; l++) {
        struct head_rows z = {s->z + (size_t)l * s->text.n_at * s->q_width, (int64_t)s->q_width, true};
        char name[32];
        status = observe_results(s->hooks, l, &z, (int)s->text.n_at, s->o_rows, s->terms + term_at(s, 0, l) * s->hidden,
                                 (int64_t)(s->n_terms * s->hidden), err);
        if (!status)
            status = one_text_say(&s->text, 0, err);
        if (status)
            break;
        snprintf(name, sizeof name, "layers.%d.o_bias", l);
        status = osso_model_tensor_rows(s->hooks->model, name, 0, 1, s->row, err);
        if (status == OSSO_NOTFOUND) {
            status = OSSO_OK;
            memset(s->row, 0, s->hidden * sizeof *s->row);
        }
        for (size_t at = 0; at < s->text.n_at; at++) {
            float *bias = s->terms + (term_at(s, at, l) + s->heads) * s->hidden;
            const float *weights = s->weights + (at * (size_t)s->c->n_layers + (size_t)l) * s->chosen;
            memcpy(bias, s->row, s->hidden * sizeof *bias);
            for (size_t k = 0; k < s->chosen; k++)
                for (size_t i = 0; i < s->hidden; i++)
                    bias[(k + 1) * s->hidden + i] *= weights[k];
        }
    }
    return status;
}

/* ---- what the terms say --------------------------------------------------------------------------------------------
 */

static double dot(const float *a, const float *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

static double cosine(double product, double a, double b)
{
    return a > 0 && b > 0 ? product / a / b : 0;
}

/* The likeliest id that is not `other`. */
static int32_t likeliest(const struct split *s, int32_t other)
{
    int64_t best = other == 0;
    for (int64_t i = 0; i < s->c->vocab; i++)
        if (i != other && s->logits[i] > s->logits[best])
            best = i;
    return (int32_t)best;
}

/* Both tokens, their logits, and the direction from the stream to the difference: gain * (W[answer] - W[wrong]) / rms.
 */
static enum osso_status aim(struct split *s, size_t at, const float *final, struct osso_error *err)
{
    struct osso_residual_target *t = &s->r.targets[at];
    enum osso_status status = osso_unembed(s->text.engine, final, 1, NULL, s->logits, err);
    if (status)
        return status;
    t->position = s->text.at[at];
    t->answer = s->o.answer ? *s->o.answer : likeliest(s, s->o.wrong ? *s->o.wrong : -1);
    t->wrong = s->o.wrong ? *s->o.wrong : likeliest(s, t->answer);
    t->answer_logit = s->logits[t->answer];
    t->wrong_logit = s->logits[t->wrong];
    t->scale = sqrt(dot(final, final, s->hidden) / (double)s->hidden + s->c->rms_eps);
    t->sum = 0;
    if (!isfinite(t->answer_logit) || !isfinite(t->wrong_logit) || !isfinite(t->scale))
        return error_set(err, OSSO_NUMERIC, "position %lld: not all logits are finite", (long long)t->position);
    status = osso_model_tensor_rows(s->hooks->model, "head", t->answer, 1, s->row, err);
    for (size_t i = 0; i < s->hidden && !status; i++)
        s->toward[i] = s->row[i];
    if (!status)
        status = osso_model_tensor_rows(s->hooks->model, "head", t->wrong, 1, s->row, err);
    for (size_t i = 0; i < s->hidden && !status; i++)
        s->toward[i] -= s->row[i];
    if (!status)
        status = osso_model_tensor_rows(s->hooks->model, "final_norm", 0, 1, s->row, err);
    for (size_t i = 0; i < s->hidden && !status; i++)
        s->toward[i] *= s->row[i] / t->scale;
    return status;
}

static void weigh(struct split *s, size_t at, size_t term, const float *final)
{
    struct osso_residual_term *t = &s->r.terms[at * s->n_terms + term];
    const float *values = s->terms + (at * s->n_terms + term) * s->hidden;
    size_t layer = term ? (term - 1) / s->per_layer : 0, part = term ? (term - 1) % s->per_layer : 0;
    t->kind = term == 0         ? OSSO_TERM_EMBED
              : part < s->heads ? OSSO_TERM_HEAD
              : part > s->heads ? OSSO_TERM_EXPERT
                                : OSSO_TERM_BIAS;
    t->layer = term ? (int)layer : -1;
    t->index = t->kind == OSSO_TERM_HEAD ? (int)part : -1;
    t->weight = 1;
    if (t->kind == OSSO_TERM_EXPERT) {
        size_t slot = (at * (size_t)s->c->n_layers + layer) * s->chosen + part - s->heads - 1;
        t->index = s->experts[slot];
        t->weight = s->weights[slot];
    }
    t->norm = sqrt(dot(values, values, s->hidden));
    t->cosine = cosine(dot(values, final, s->hidden), t->norm, sqrt(dot(final, final, s->hidden)));
    t->attribution = 0;
    for (size_t i = 0; i < s->hidden; i++) {
        s->sum[i] += values[i];
        t->attribution += s->toward[i] * values[i];
    }
    s->r.targets[at].sum += t->attribution;
}

/* The stream behind a layer, beside the sum of all terms so far. */
static void compare(struct split *s, size_t at, int layer, const float *final)
{
    struct osso_residual_stream *r = &s->r.streams[at * (size_t)s->c->n_layers + (size_t)layer];
    const float *values = s->streams + (at * (size_t)s->c->n_layers + (size_t)layer) * s->hidden;
    *r = (struct osso_residual_stream){.norm = sqrt(dot(values, values, s->hidden))};
    r->cosine = cosine(dot(values, final, s->hidden), r->norm, sqrt(dot(final, final, s->hidden)));
    for (size_t i = 0; i < s->hidden; i++) {
        r->largest = fmax(r->largest, fabs((double)values[i]));
        r->error = fmax(r->error, fabs((double)values[i] - s->sum[i]));
    }
}

static enum osso_status position(struct split *s, size_t at, struct osso_error *err)
{
    const float *final = s->streams + ((at + 1) * (size_t)s->c->n_layers - 1) * s->hidden;
    enum osso_status status = aim(s, at, final, err);
    if (status)
        return status;
    memset(s->sum, 0, s->hidden * sizeof *s->sum);
    for (size_t term = 0; term < s->n_terms; term++) {
        weigh(s, at, term, final);
        if (term > 0 && term % s->per_layer == 0)
            compare(s, at, (int)(term / s->per_layer) - 1, final);
    }
    return one_text_say(&s->text, 0, err);
}

enum osso_status osso_residual(struct osso_engine *engine, const int32_t *ids, size_t n,
                               const struct osso_residual_options *options, struct osso_residual_result *result,
                               struct osso_error *err)
{
    struct split s = {.text = {.engine = engine, .ids = ids, .n = n}, .r.size = sizeof s.r};
    enum osso_status status = sized_check(result, "osso_residual_result", err);
    if (!status)
        status = plan(&s, options, err);
    if (!status)
        status = make_room(&s, err);
    if (!status)
        status = one_text_run(&s.text, s.hooks, keep, &s, err);
    if (!status)
        status = complete(&s, err);
    for (size_t at = 0; at < s.text.n_at && !status; at++)
        status = position(&s, at, err);
    osso_hooks_free(s.hooks);
    one_text_end(&s.text);
    mem_free(s.terms);
    mem_free(s.streams);
    mem_free(s.z);
    mem_free(s.o_rows);
    mem_free(s.weights);
    mem_free(s.experts);
    mem_free(s.logits);
    mem_free(s.row);
    mem_free(s.sum);
    mem_free(s.toward);
    if (status)
        osso_residual_free(&s.r);
    else
        sized_out(result, &s.r, sizeof s.r);
    return status;
}

void osso_residual_free(struct osso_residual_result *result)
{
    mem_free(result->targets);
    mem_free(result->terms);
    mem_free(result->streams);
    result->targets = NULL;
    result->terms = NULL;
    result->streams = NULL;
    result->n_positions = result->n_terms = 0;
}
