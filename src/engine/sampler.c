/* sampler.c: from logits to one id. Order: penalties and bias, mask, then greedy; or temperature, top-k, top-p, min-p,
 * one uniform draw (choose.c). Everything is deterministic in the seed; ties go to the lowest id.
 *
 * The way of a token goes on in engine/answer.c. */
#include "engine/engine_parts.h"
#include "engine/choose.h"
#include "engine/mask.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/sized.h"

#include <math.h>
#include <string.h>

void osso_sampling_defaults(struct osso_sampling *out)
{
    *out = (struct osso_sampling){.size = sizeof *out, .temperature = 1, .top_p = 1, .repetition_penalty = 1};
}

static enum osso_status check(const struct osso_sampling *o, int64_t vocab, struct osso_error *err)
{
    if (!(o->temperature >= 0 && o->temperature <= 100))
        return error_set(err, OSSO_USAGE, "temperature %g: give a number from 0 to 100", o->temperature);
    if (!(o->top_p >= 0 && o->top_p <= 1))
        return error_set(err, OSSO_USAGE, "top-p %g: give a number from 0 to 1", o->top_p);
    if (!(o->min_p >= 0 && o->min_p <= 1))
        return error_set(err, OSSO_USAGE, "min-p %g: give a number from 0 to 1", o->min_p);
    if (o->top_k < -1)
        return error_set(err, OSSO_USAGE, "top-k %lld: give 0 or -1 (off) or more", (long long)o->top_k);
    if (!(o->repetition_penalty > 0 && o->repetition_penalty <= 100))
        return error_set(err, OSSO_USAGE, "repetition penalty %g: give a number above 0, at most 100",
                         o->repetition_penalty);
    if (!isfinite(o->presence_penalty) || !isfinite(o->frequency_penalty))
        return error_set(err, OSSO_USAGE, "penalties must be finite numbers");
    for (size_t i = 0; i < o->n_bias; i++)
        if (o->bias[i].id < 0 || o->bias[i].id >= vocab || isnan(o->bias[i].bias))
            return error_set(err, OSSO_USAGE, "logit bias for id %d: ids go from 0 to %lld", o->bias[i].id,
                             (long long)vocab - 1);
    return OSSO_OK;
}

enum osso_status osso_sampler_create(const struct osso_sampling *sampling, int64_t vocab,
                                     struct osso_sampler **sampler_out, struct osso_error *err)
{
    *sampler_out = NULL;
    struct osso_sampling o;
    osso_sampling_defaults(&o);
    sized_in(&o, sizeof o, sampling);
    enum osso_status status = sized_check(sampling, "osso_sampling", err);
    if (!status)
        status = check(&o, vocab, err);
    if (status)
        return status;
    struct osso_sampler *s = mem_alloc(sizeof *s);
    if (!s)
        return error_nomem(err, sizeof *s, "a sampler");
    s->o = o;
    s->o.top_p = o.top_p > 0 ? o.top_p : 1; /* as others have it: 0 and -1 mean off, too */
    s->o.top_k = o.top_k > 0 ? o.top_k : 0;
    s->vocab = vocab;
    rng_seed(&s->rng, o.seed);
    s->bias = mem_array(o.n_bias, sizeof *s->bias);
    if (!s->bias) {
        osso_sampler_free(s);
        return error_nomem(err, o.n_bias * sizeof *s->bias, "logit biases");
    }
    if (o.n_bias)
        memcpy(s->bias, o.bias, o.n_bias * sizeof *s->bias);
    *sampler_out = s;
    return OSSO_OK;
}

void osso_sampler_free(struct osso_sampler *s)
{
    if (!s)
        return;
    mem_free(s->bias);
    mem_free(s);
}

void osso_sampler_set_mask(struct osso_sampler *s, osso_mask_fn *fn, void *user)
{
    s->mask_fn = fn;
    s->mask_user = user;
}

static bool penalizes(const struct osso_sampling *o)
{
    return o->repetition_penalty != 1 || o->presence_penalty != 0 || o->frequency_penalty != 0;
}

static void penalize(const struct osso_sampling *o, struct chooser *c, const struct osso_session *session)
{
    size_t n, from = 0;
    const int32_t *tokens = osso_session_tokens(session, &n);
    if (o->penalty_last_n > 0 && (size_t)o->penalty_last_n < n)
        from = n - (size_t)o->penalty_last_n;
    for (size_t i = from; i < n; i++)
        if (c->counts[tokens[i]] < UINT16_MAX)
            c->counts[tokens[i]]++;
    for (size_t i = from; i < n; i++) {
        int32_t id = tokens[i];
        double l = c->logits[id];
        if (c->counts[id] == 0)
            continue; /* an earlier occurrence has been dealt with */
        l = l > 0 ? l / o->repetition_penalty : l * o->repetition_penalty;
        c->logits[id] = (float)(l - o->presence_penalty - o->frequency_penalty * c->counts[id]);
        c->counts[id] = 0;
    }
}

/* A copy with penalties and bias. No NaN comes of it. */
static const float *change(const struct osso_sampler *s, struct chooser *c, const struct osso_session *session,
                           const float *own)
{
    memcpy(c->logits, own, (size_t)s->vocab * sizeof *own);
    if (penalizes(&s->o))
        penalize(&s->o, c, session);
    for (size_t i = 0; i < s->o.n_bias; i++) {
        float *l = &c->logits[s->bias[i].id], bias = s->bias[i].bias;
        *l = isinf(bias) ? bias : *l + bias; /* -inf + inf too */
    }
    return c->logits;
}

/* Leaves what the mask allows, without the ids to be avoided if that leaves anything. *max: the largest logit. */
static enum osso_status limit(const struct osso_sampler *s, struct chooser *c, const struct osso_draw *d, float *max,
                              struct osso_error *err)
{
    const uint32_t *bits = NULL;
    enum osso_status status = s->mask_fn ? mask_ask(c, s->mask_fn, s->mask_user, d->session, &bits, err) : OSSO_OK;
    if (status)
        return status;
    if (d->n_avoid > 0) {
        float all = *max;
        *max = choose_among(c, mask_without(c, bits, d->avoid, d->n_avoid));
        if (*max == -INFINITY) {
            choose_from(c, c->from);
            *max = bits ? choose_among(c, bits) : all;
        }
    } else if (bits)
        *max = choose_among(c, bits);
    if (*max == -INFINITY && !d->top_allowed)
        return error_set(err, OSSO_USAGE, "mask and bias allow no token at all");
    return OSSO_OK;
}

/* The best of what the chooser was given last, with the model's own log-probabilities. */
static void list_top(const struct chooser *c, const struct osso_draw *d, const float *own, double log_sum)
{
    size_t n = d->top ? choose_best(c, d->top, d->n_top) : 0;
    for (size_t i = 0; i < n; i++)
        if (d->top_allowed && d->top[i].logprob == -INFINITY)
            n = i;
        else
            d->top[i].logprob = (float)(own[d->top[i].id] - log_sum);
    for (size_t i = n; d->top && d->top_allowed && i < d->n_top; i++)
        d->top[i] = (struct osso_choice){-1, -INFINITY};
}

/* One draw by the options, from what the chooser was given last, whose largest is max. total: the sum of the chooser's
 * weights, if they are those of temperature 1 and this largest, else 0. */
static int32_t draw(struct osso_sampler *s, struct chooser *c, const struct backend *backend, float max, double total)
{
    const struct osso_sampling *o = &s->o;
    bool cut = o->top_k > 0 && o->top_k < s->vocab;
    double unit = rng_unit(&s->rng);
    if (cut && o->top_k <= CHOOSE_FEW)
        return choose_few(c, backend, max, o->temperature, o->top_k, o->top_p, o->min_p, unit);
    if (total == 0 || o->temperature != 1)
        total = choose_weigh(c, backend, max, o->temperature);
    else if (c->bits)
        total = choose_reweigh(c);
    if (!cut && o->top_p >= 1)
        return choose_plain(c, total, o->min_p, unit);
    return choose_ranked(c, total, cut ? o->top_k : s->vocab, o->top_p, o->min_p, unit);
}

static enum osso_status check_draw(const struct osso_draw *d, const float *own, struct osso_error *err)
{
    int64_t vocab = d->session->engine->config.vocab;
    if (!own)
        return error_set(err, OSSO_USAGE, "no logits for the session's last token: call osso_step first");
    if (vocab != d->sampler->vocab)
        return error_set(err, OSSO_USAGE, "a sampler for %lld ids on a model of %lld", (long long)d->sampler->vocab,
                         (long long)vocab);
    return OSSO_OK;
}

enum osso_status sampler_choose(struct chooser *c, struct osso_draw *d, const float *own, struct osso_error *err)
{
    struct osso_sampler *s = d->sampler;
    const struct backend *backend = d->session->engine->backend;
    d->choice = (struct osso_choice){-1, 0};
    if ((d->status = check_draw(d, own, err)))
        return d->status;
    float own_max = choose_from(c, own), max = own_max;
    double total = isfinite(own_max) ? choose_weigh(c, backend, own_max, 1) : NAN, log_sum = own_max + log(total);
    if (isnan(total))
        return d->status = error_set(err, OSSO_NUMERIC,
                                     "the logits are not finite"); /* why: by the engine's own thread */
    if (!d->top_allowed)
        list_top(c, d, own, log_sum);
    bool changed = penalizes(&s->o) || s->o.n_bias > 0;
    if (changed)
        max = choose_from(c, change(s, c, d->session, own));
    if ((d->status = limit(s, c, d, &max, err)))
        return d->status;
    if (d->top_allowed)
        list_top(c, d, own, log_sum);
    if (max == -INFINITY)
        return OSSO_OK;
    /* A temperature so small that its inverse may not exist leaves weight to the best one only. */
    if (s->o.temperature < 1e-30 || !isfinite(max))
        d->choice.id = choose_first(c, max);
    else
        d->choice.id = draw(s, c, backend, max, changed || max != own_max ? 0 : total);
    d->choice.logprob = (float)(own[d->choice.id] - log_sum);
    return OSSO_OK;
}

enum osso_status sampler_draw(struct osso_draw *d, struct osso_error *err)
{
    size_t n = d->session->n;
    const float *own = n > 0 ? osso_session_logits(d->session, n - 1) : NULL;
    enum osso_status status = sampler_choose(&d->session->engine->choosers[0], d, own, err);
    if (status == OSSO_NUMERIC)
        engine_not_finite(d->session, n - 1, err);
    return status;
}

enum osso_status osso_sample(struct osso_sampler *s, const struct osso_session *session, struct osso_choice *choice_out,
                             struct osso_choice *top, size_t n_top, struct osso_error *err)
{
    struct osso_draw d = {.size = sizeof d, .sampler = s, .session = session, .top = top, .n_top = n_top};
    enum osso_status status = sampler_draw(&d, err);
    *choice_out = d.choice;
    return status;
}
