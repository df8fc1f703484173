/* sampler.c: from logits to one id. Order: penalties and bias, mask, then greedy; or temperature, top-k, top-p, min-p,
 * one uniform draw. Everything is deterministic in the seed; ties go to the lowest id.
 *
 * The way of a token goes on in text/harmony_parse.c. */
#include "engine/engine.h"

#include "base/error.h"
#include "base/mem.h"
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
    float *logits;     /* [vocab] after penalties */
    struct osso_choice *kept; /* [vocab] candidates: id and logit, then probability */
    uint32_t *mask;    /* [vocab / 32] */
    uint16_t *counts;  /* [vocab] occurrences within the penalty window; zero between calls */
};

void osso_sampling_defaults(struct osso_sampling *out)
{
    *out = (struct osso_sampling){.size = sizeof *out, .temperature = 1, .top_p = 1, .repetition_penalty = 1};
}

static enum osso_status check(const struct osso_sampling *o, int64_t vocab, struct osso_error *err)
{
    if (!(o->temperature >= 0 && o->temperature <= 100))
        return error_set(err, OSSO_USAGE, "temperature %g: give a number from 0 to 100", o->temperature);
    if (!(o->top_p > 0 && o->top_p <= 1))
        return error_set(err, OSSO_USAGE, "top-p %g: give a number above 0, at most 1", o->top_p);
    if (!(o->min_p >= 0 && o->min_p <= 1))
        return error_set(err, OSSO_USAGE, "min-p %g: give a number from 0 to 1", o->min_p);
    if (o->top_k < 0)
        return error_set(err, OSSO_USAGE, "top-k %lld: give 0 (off) or more", (long long)o->top_k);
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
    if (sampling)
        memcpy(&o, sampling, sampling->size < sizeof o ? sampling->size : sizeof o);
    enum osso_status status = check(&o, vocab, err);
    if (status)
        return status;
    struct osso_sampler *s = mem_alloc(sizeof *s);
    if (!s)
        return error_nomem(err, sizeof *s, "a sampler");
    s->o = o;
    s->vocab = vocab;
    rng_seed(&s->rng, o.seed);
    s->bias = mem_array(o.n_bias, sizeof *s->bias);
    s->logits = mem_array((size_t)vocab, sizeof *s->logits);
    s->kept = mem_array((size_t)vocab, sizeof *s->kept);
    s->mask = mem_array((size_t)(vocab + 31) / 32, sizeof *s->mask);
    s->counts = mem_array((size_t)vocab, sizeof *s->counts);
    if (!s->bias || !s->logits || !s->kept || !s->mask || !s->counts) {
        osso_sampler_free(s);
        return error_nomem(err, (uint64_t)vocab * 16, "a sampler");
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
    mem_free(s->logits);
    mem_free(s->kept);
    mem_free(s->mask);
    mem_free(s->counts);
    mem_free(s);
}

void osso_sampler_set_mask(struct osso_sampler *s, osso_mask_fn *fn, void *user)
{
    s->mask_fn = fn;
    s->mask_user = user;
}

static void penalize(struct osso_sampler *s, const struct osso_session *session)
{
    const struct osso_sampling *o = &s->o;
    if (o->repetition_penalty == 1 && o->presence_penalty == 0 && o->frequency_penalty == 0)
        return;
    size_t n, from = 0;
    const int32_t *tokens = osso_session_tokens(session, &n);
    if (o->penalty_last_n > 0 && (size_t)o->penalty_last_n < n)
        from = n - (size_t)o->penalty_last_n;
    for (size_t i = from; i < n; i++)
        s->counts[tokens[i]] += s->counts[tokens[i]] < UINT16_MAX;
    for (size_t i = from; i < n; i++) {
        int32_t id = tokens[i];
        double l = s->logits[id];
        if (s->counts[id] == 0)
            continue; /* an earlier occurrence has been dealt with */
        l = l > 0 ? l / o->repetition_penalty : l * o->repetition_penalty;
        s->logits[id] = (float)(l - o->presence_penalty - o->frequency_penalty * s->counts[id]);
        s->counts[id] = 0;
    }
}

/* False: the mask forbids every id. */
static bool apply_mask(struct osso_sampler *s, const struct osso_session *session)
{
    if (!s->mask_fn)
        return true;
    memset(s->mask, 0xff, (size_t)(s->vocab + 31) / 32 * sizeof *s->mask);
    s->mask_fn(s->mask_user, session, s->mask, s->vocab);
    bool any = false;
    for (int64_t i = 0; i < s->vocab; i++) {
        if ((s->mask[i / 32] >> (i % 32)) & 1)
            any = true;
        else
            s->logits[i] = -INFINITY;
    }
    return any;
}

static int32_t argmax(const float *logits, int64_t n)
{
    int32_t best = 0;
    for (int64_t i = 1; i < n; i++)
        if (logits[i] > logits[best])
            best = (int32_t)i;
    return best;
}

/* Is a before b: the larger value first, the lower id among equals. */
static bool before(const struct osso_choice *a, const struct osso_choice *b)
{
    return a->logprob > b->logprob || (a->logprob == b->logprob && a->id < b->id);
}

static void sift_down(struct osso_choice *heap, size_t n, size_t i)
{
    for (;;) { /* a heap whose top is the worst: last in order */
        size_t worst = i, l = 2 * i + 1, r = l + 1;
        if (l < n && before(&heap[worst], &heap[l]))
            worst = l;
        if (r < n && before(&heap[worst], &heap[r]))
            worst = r;
        if (worst == i)
            return;
        struct osso_choice t = heap[i];
        heap[i] = heap[worst];
        heap[worst] = t;
        i = worst;
    }
}

/* The best k of n values in order, into heap[0..k). */
static size_t best_k(const float *values, int64_t n, struct osso_choice *heap, size_t k)
{
    size_t have = 0;
    for (int64_t i = 0; i < n; i++) {
        struct osso_choice c = {(int32_t)i, values[i]};
        if (have < k) {
            heap[have++] = c;
            if (have == k)
                for (size_t j = k / 2; j-- > 0;)
                    sift_down(heap, k, j);
        } else if (before(&c, &heap[0])) {
            heap[0] = c;
            sift_down(heap, k, 0);
        }
    }
    if (have < k)
        for (size_t j = have / 2; j-- > 0;)
            sift_down(heap, have, j);
    for (size_t m = have; m > 1; m--) {
        struct osso_choice t = heap[0];
        heap[0] = heap[m - 1];
        heap[m - 1] = t;
        sift_down(heap, m - 1, 0);
    }
    return have;
}

/* Candidates in s->kept as id and probability (not normalized: relative to the best), best first when a filter needs
 * the order. Returns how many. */
static size_t candidates(struct osso_sampler *s, float max)
{
    const struct osso_sampling *o = &s->o;
    double inverse = 1 / o->temperature;
    size_t n = 0;
    bool ordered = o->top_p < 1;
    if (o->top_k > 0 && o->top_k < s->vocab) {
        n = best_k(s->logits, s->vocab, s->kept, (size_t)o->top_k);
        for (size_t i = 0; i < n; i++)
            s->kept[i].logprob = (float)exp((s->kept[i].logprob - max) * inverse);
        return n;
    }
    /* Below this a candidate's weight is lost in the sum anyway: 1e-12 of the best one's. */
    float floor_logit = (float)(max - 27.6 * o->temperature);
    for (int64_t i = 0; i < s->vocab; i++)
        if (s->logits[i] >= floor_logit)
            s->kept[n++] = (struct osso_choice){(int32_t)i, (float)exp((s->logits[i] - max) * inverse)};
    if (ordered) {
        for (size_t j = n / 2; j-- > 0;)
            sift_down(s->kept, n, j);
        for (size_t m = n; m > 1; m--) {
            struct osso_choice t = s->kept[0];
            s->kept[0] = s->kept[m - 1];
            s->kept[m - 1] = t;
            sift_down(s->kept, m - 1, 0);
        }
    }
    return n;
}

static int32_t draw(struct osso_sampler *s, float max)
{
    const struct osso_sampling *o = &s->o;
    size_t n = candidates(s, max);
    double total = 0, sum = 0;
    for (size_t i = 0; i < n; i++)
        total += s->kept[i].logprob;
    if (o->top_p < 1) { /* the smallest set whose share reaches top_p */
        size_t m = 0;
        double reach = o->top_p * total, have = 0;
        while (m < n && have < reach)
            have += s->kept[m++].logprob;
        n = m;
        total = have;
    }
    if (o->min_p > 0) { /* the best one's weight is 1 */
        size_t m = 0;
        total = 0;
        for (size_t i = 0; i < n; i++)
            if (s->kept[i].logprob >= o->min_p) {
                total += s->kept[i].logprob;
                s->kept[m++] = s->kept[i];
            }
        n = m;
    }
    double at = rng_unit(&s->rng) * total;
    for (size_t i = 0; i < n; i++) {
        sum += s->kept[i].logprob;
        if (at < sum)
            return s->kept[i].id;
    }
    return s->kept[n - 1].id;
}

/* log of the sum of exp(logits), and whether all of them are numbers (-inf is one). */
static bool log_sum(const float *logits, int64_t n, double *lse_out)
{
    float max = -INFINITY;
    for (int64_t i = 0; i < n; i++) {
        if (!(logits[i] < INFINITY)) /* NaN too */
            return false;
        max = logits[i] > max ? logits[i] : max;
    }
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += expf(logits[i] - max);
    *lse_out = max + log(sum);
    return max > -INFINITY;
}

enum osso_status osso_sample(struct osso_sampler *s, const struct osso_session *session, struct osso_choice *choice_out,
                             struct osso_choice *top, size_t n_top, struct osso_error *err)
{
    size_t n;
    osso_session_tokens(session, &n);
    const float *logits = n > 0 ? osso_session_logits(session, n - 1) : NULL;
    double lse;
    *choice_out = (struct osso_choice){-1, 0};
    if (!logits)
        return error_set(err, OSSO_USAGE, "no logits for the session's last token: call osso_step first");
    if (session->engine->config.vocab != s->vocab)
        return error_set(err, OSSO_USAGE, "a sampler for %lld ids on a model of %lld", (long long)s->vocab,
                         (long long)session->engine->config.vocab);
    if (!log_sum(logits, s->vocab, &lse))
        return error_set(err, OSSO_NUMERIC, "the logits after token %zu are not finite: the model file may be damaged", n);
    memcpy(s->logits, logits, (size_t)s->vocab * sizeof *logits);
    if (top && n_top > 0) {
        size_t m = best_k(logits, s->vocab, top, n_top < (size_t)s->vocab ? n_top : (size_t)s->vocab);
        for (size_t i = 0; i < m; i++)
            top[i].logprob = (float)(top[i].logprob - lse);
    }
    penalize(s, session);
    for (size_t i = 0; i < s->o.n_bias; i++)
        s->logits[s->bias[i].id] += s->bias[i].bias;
    if (!apply_mask(s, session))
        return error_set(err, OSSO_USAGE, "the mask allows no token at all");
    int32_t best = argmax(s->logits, s->vocab);
    float max = s->logits[best];
    /* A temperature so small that its inverse may not exist leaves weight to the best one only. */
    choice_out->id = s->o.temperature < 1e-30 || !isfinite(max) ? best : draw(s, max);
    choice_out->logprob = (float)(logits[choice_out->id] - lse);
    return OSSO_OK;
}
