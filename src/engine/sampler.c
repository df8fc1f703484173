/* sampler.c: from logits to one id. Order: penalties and bias, mask, then greedy; or temperature, top-k, top-p, min-p,
 * one uniform draw (choose.c). Everything is deterministic in the seed; ties go to the lowest id.
 *
 * The way of a token goes on in engine/answer.c. */
#include "engine/engine_parts.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/sized.h"
#include "base/rng.h"

#include <math.h>
#include <string.h>

struct osso_sampler {
    struct osso_sampling o;
    int64_t vocab;
    struct rng rng;
    struct osso_logit_bias *bias;
    osso_mask_fn *mask_fn;
    void *mask_user;
};

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

static void apply_mask(const struct osso_sampler *s, struct chooser *c, const struct osso_session *session)
{
    int64_t words = (s->vocab + 31) / 32;
    memset(c->mask, 0xff, (size_t)words * sizeof *c->mask);
    s->mask_fn(s->mask_user, session, c->mask, s->vocab);
    for (int64_t w = 0; w < words; w++)
        for (int64_t i = 32 * w; c->mask[w] != UINT32_MAX && i < 32 * w + 32 && i < s->vocab; i++)
            if (!(c->mask[w] >> (i % 32) & 1))
                c->logits[i] = -INFINITY;
}

/* Do the options change logits at all? */
static bool changes(const struct osso_sampler *s)
{
    return penalizes(&s->o) || s->o.n_bias > 0 || s->mask_fn;
}

/* A copy with penalties, bias and mask, and without the banned ids. No NaN comes of it. Returns the largest. */
static float change(const struct osso_sampler *s, struct chooser *c, const struct osso_session *session,
                    const float *own, struct banned banned)
{
    memcpy(c->logits, own, (size_t)s->vocab * sizeof *own);
    if (penalizes(&s->o))
        penalize(&s->o, c, session);
    for (size_t i = 0; i < s->o.n_bias; i++) {
        float *l = &c->logits[s->bias[i].id], bias = s->bias[i].bias;
        *l = isinf(bias) ? bias : *l + bias; /* -inf + inf too */
    }
    if (s->mask_fn)
        apply_mask(s, c, session);
    for (size_t i = 0; i < banned.n; i++)
        if (banned.ids[i] >= 0 && banned.ids[i] < s->vocab)
            c->logits[banned.ids[i]] = -INFINITY;
    return choose_max(c->logits, s->vocab);
}

static int32_t first_of(const float *logits, float value)
{
    int32_t i = 0;
    while (logits[i] != value)
        i++;
    return i;
}

/* One draw by the options, from logits whose largest is max; `total`: the sum of the chooser's weights if they are
 * those of temperature 1 already, else 0. */
static int32_t draw(struct osso_sampler *s, struct osso_engine *e, const float *logits, float max, double total)
{
    const struct osso_sampling *o = &s->o;
    struct chooser *c = &e->chooser;
    bool cut = o->top_k > 0 && o->top_k < s->vocab;
    double unit = rng_unit(&s->rng);
    if (cut && o->top_k <= CHOOSE_FEW)
        return choose_few(c, e->backend, logits, max, o->temperature, o->top_k, o->top_p, o->min_p, unit);
    if (total == 0 || o->temperature != 1)
        total = choose_weigh(c, e->backend, logits, max, o->temperature);
    if (!cut && o->top_p >= 1)
        return choose_plain(c, total, o->min_p, unit);
    return choose_ranked(c, total, cut ? o->top_k : s->vocab, o->top_p, o->min_p, unit);
}

enum osso_status sample_without(struct osso_sampler *s, const struct osso_session *session, struct banned banned,
                                struct osso_choice *choice_out, struct osso_choice *top, size_t n_top,
                                struct osso_error *err)
{
    struct osso_engine *e = session->engine;
    size_t n;
    osso_session_tokens(session, &n);
    const float *own = n > 0 ? osso_session_logits(session, n - 1) : NULL, *logits = own;
    *choice_out = (struct osso_choice){-1, 0};
    if (!own)
        return error_set(err, OSSO_USAGE, "no logits for the session's last token: call osso_step first");
    if (e->config.vocab != s->vocab)
        return error_set(err, OSSO_USAGE, "a sampler for %lld ids on a model of %lld", (long long)s->vocab,
                         (long long)e->config.vocab);
    float own_max = choose_max(own, s->vocab), max = own_max;
    double total = isfinite(own_max) ? choose_weigh(&e->chooser, e->backend, own, own_max, 1) : NAN;
    if (isnan(total))
        return engine_not_finite(session, n - 1, err);
    if (changes(s) || banned.n > 0) {
        logits = e->chooser.logits;
        max = change(s, &e->chooser, session, own, banned);
        if (max == -INFINITY && banned.n > 0)
            max = change(s, &e->chooser, session, own, (struct banned){0});
        if (max == -INFINITY)
            return error_set(err, OSSO_USAGE, "mask and bias allow no token at all");
    }
    double log_sum = own_max + log(total);
    if (top && n_top > 0) {
        size_t m = choose_best(own, s->vocab, top, n_top);
        for (size_t i = 0; i < m; i++)
            top[i].logprob = (float)(top[i].logprob - log_sum);
    }
    /* A temperature so small that its inverse may not exist leaves weight to the best one only. */
    if (s->o.temperature < 1e-30 || !isfinite(max))
        choice_out->id = first_of(logits, max);
    else
        choice_out->id = draw(s, e, logits, max, logits == own ? total : 0);
    choice_out->logprob = (float)(own[choice_out->id] - log_sum);
    return OSSO_OK;
}

enum osso_status osso_sample(struct osso_sampler *s, const struct osso_session *session, struct osso_choice *choice_out,
                             struct osso_choice *top, size_t n_top, struct osso_error *err)
{
    return sample_without(s, session, (struct banned){0}, choice_out, top, n_top, err);
}
