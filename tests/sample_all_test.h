/* sample_all_test.h: sessions, each with logits, settings and a mask of its own, for the tests of choices that are made
 * together. Functions are inline: not every test needs all. */
#ifndef OSSO_TEST_SAMPLE_ALL_H
#define OSSO_TEST_SAMPLE_ALL_H
#include "model_test.h"

#include <stdlib.h>
#include <unistd.h>

enum { VOCAB = 5003, SESSIONS = 64, WORDS = (VOCAB + 31) / 32, ROUNDS = 3 }; /* no multiple of anything */

enum form { NO_MASK, SAYS_NONE, SAYS_FORBID, SAYS_ALLOW, SAYS_BITS, OWN_BITS, FORMS };

struct rule {
    enum form form;
    int32_t ids[24]; /* with repetitions, and some that no vocabulary has */
    size_t n_ids;
    uint32_t bits[WORDS];
    int calls, wait_us; /* wait_us: each answer takes so long */
};

struct one {
    struct osso_sampling o;
    struct osso_logit_bias bias[3];
    struct rule rule;
    size_t n_top;
    struct osso_session *session;
    struct osso_sampler *sampler;
};

static float logits_of[SESSIONS][VOCAB];

static inline bool allowed(const struct rule *r, int32_t id)
{
    bool listed = false;
    for (size_t i = 0; i < r->n_ids; i++)
        listed = listed || r->ids[i] == id;
    switch (r->form) {
    case SAYS_FORBID: return !listed;
    case SAYS_ALLOW: return listed;
    case SAYS_BITS:
    case OWN_BITS: return r->bits[id / 32] >> id % 32 & 1;
    default: return true;
    }
}

static inline enum osso_mask_kind ask(void *user, const struct osso_session *session, struct osso_mask *mask)
{
    struct rule *r = user;
    size_t n;
    osso_session_tokens(session, &n);
    if (n == 0 || mask->vocab != VOCAB || mask->size < sizeof *mask)
        abort(); /* on any thread: no cmocka here */
    r->calls++;
    usleep((useconds_t)r->wait_us);
    mask->ids = r->ids;
    mask->n_ids = r->n_ids;
    switch (r->form) {
    case SAYS_FORBID: return OSSO_MASK_FORBID;
    case SAYS_ALLOW: return OSSO_MASK_ALLOW;
    case SAYS_BITS: memcpy(mask->space, r->bits, sizeof r->bits); return OSSO_MASK_BITS;
    case OWN_BITS: mask->bits = r->bits; return OSSO_MASK_BITS;
    default: memset(mask->space, 0, sizeof r->bits); return OSSO_MASK_NONE; /* it may scribble */
    }
}

static inline void script(void *user, const int32_t *tokens, size_t n, float *out)
{
    const struct one *ones = user; /* NULL: the logits as they are, else what masks leave of them */
    (void)n;
    memcpy(out, logits_of[tokens[0]], sizeof logits_of[0]);
    for (int32_t i = 0; ones && i < VOCAB; i++)
        if (!allowed(&ones[tokens[0]].rule, i))
            out[i] = -INFINITY;
}

static inline int32_t best_of(const float *logits)
{
    int32_t best = 0;
    for (int32_t i = 1; i < VOCAB; i++)
        best = logits[i] > logits[best] ? i : best;
    return best;
}

static inline void make_rule(struct rule *r, enum form form, const float *logits, struct rng *rng)
{
    *r = (struct rule){.form = form};
    r->n_ids = 1 + rng_below(rng, 20);
    for (size_t i = 0; i < r->n_ids; i++)
        r->ids[i] = (int32_t)rng_below(rng, VOCAB);
    if (form == SAYS_FORBID && rng_below(rng, 2))
        r->ids[r->n_ids - 1] = best_of(logits); /* another one becomes the largest */
    if (form == SAYS_FORBID && rng_below(rng, 8) == 0)
        r->n_ids = 0;
    if (form == SAYS_ALLOW && rng_below(rng, 4) == 0) {
        r->n_ids = 1;
        r->ids[0] = VOCAB - 1; /* in a word of bits that the vocabulary ends in */
    }
    if (r->n_ids) {
        r->ids[r->n_ids++] = r->ids[0];
        r->ids[r->n_ids++] = rng_below(rng, 2) ? VOCAB : -1;
        r->ids[r->n_ids++] = INT32_MAX;
    }
    uint64_t thin = rng_below(rng, 4);
    for (int w = 0; w < WORDS; w++)
        for (int b = 0; b < 32; b++) {
            bool on = thin == 0   ? true
                      : thin == 1 ? rng_below(rng, 2)
                      : thin == 2 ? rng_below(rng, 200) == 0
                                  : w % 64 == 3;
            r->bits[w] |= (uint32_t)on << b;
        }
}

static inline void make_one(struct one *s, int i, struct rng *rng)
{
    static const double temperatures[] = {1, 1, 0, 0.7, 3, 1e-31}, top_ps[] = {1, 1, 0.95, 0.4},
                        min_ps[] = {0, 0, 0.05};
    static const int64_t top_ks[] = {0, 0, 1, 40, 256, 300, VOCAB};
    *s = (struct one){0};
    double width = i % 5 == 0 ? 0 : 1 + (double)rng_below(rng, 8); /* now and then all are equal */
    for (int j = 0; j < VOCAB; j++)
        logits_of[i][j] = (float)(width * rng_unit(rng) * rng_unit(rng) - 2);
    if (i % 3 == 1) /* far above: where it is forbidden the others' weights are not what they were beside it */
        logits_of[i][rng_below(rng, VOCAB)] = 300;
    osso_sampling_defaults(&s->o);
    s->o.seed = (uint64_t)i + 7;
    s->o.temperature = temperatures[rng_below(rng, 6)];
    s->o.top_p = top_ps[rng_below(rng, 4)];
    s->o.min_p = min_ps[rng_below(rng, 3)];
    s->o.top_k = top_ks[rng_below(rng, 7)];
    if (rng_below(rng, 3) == 0) {
        s->o.repetition_penalty = 1.3;
        s->o.frequency_penalty = 0.5;
    }
    if (rng_below(rng, 3) == 0) {
        for (int b = 0; b < 3; b++)
            s->bias[b] = (struct osso_logit_bias){(int32_t)rng_below(rng, VOCAB), (float)rng_below(rng, 9) - 2};
        s->o.bias = s->bias;
        s->o.n_bias = 3;
    }
    s->n_top = rng_below(rng, 8);
    make_rule(&s->rule, (enum form)(i % FORMS), logits_of[i], rng);
}

static inline struct osso_engine *open_engine(struct one *masked, int threads, int n)
{
    struct osso_engine_options o = {.size = sizeof o,
                                    .backend = test_backend(),
                                    .threads = threads,
                                    .context = 32,
                                    .max_sessions = n,
                                    .max_rows = n,
                                    .max_logit_rows = n,
                                    .isa = getenv("OSSO_ISA")};
    struct osso_engine *e;
    struct osso_error err;
    check_ok(osso_engine_create_scripted(VOCAB, script, masked, &o, &e, &err), err);
    return e;
}

static inline void step_all(struct osso_engine *e, struct one *ones, int n)
{
    struct osso_session *all[SESSIONS];
    struct osso_error err;
    for (int i = 0; i < n; i++)
        all[i] = ones[i].session;
    check_ok(osso_step(e, all, n, 0, &err), err);
}

/* Sessions of the tokens that say whose logits they want, and fresh samplers. */
static inline struct osso_engine *open_all(struct one *ones, int n, struct one *masked, int threads)
{
    struct osso_engine *e = open_engine(masked, threads, n);
    struct osso_error err;
    for (int i = 0; i < n; i++) {
        check_ok(osso_session_create(e, 0, &ones[i].session, &err), err);
        check_ok(osso_session_append(ones[i].session, i, &err), err);
        check_ok(osso_sampler_create(&ones[i].o, VOCAB, &ones[i].sampler, &err), err);
        if (!masked && ones[i].rule.form != NO_MASK)
            osso_sampler_set_mask(ones[i].sampler, ask, &ones[i].rule);
    }
    step_all(e, ones, n);
    return e;
}

static inline void close_all(struct osso_engine *e, struct one *ones, int n)
{
    for (int i = 0; i < n; i++) {
        osso_session_free(ones[i].session);
        osso_sampler_free(ones[i].sampler);
    }
    osso_engine_free(e);
}
enum { FEW = 6 };

/* broken: the logits of session 2 are. */
static inline struct osso_engine *open_few(struct one *ones, bool broken, int threads)
{
    struct rng rng;
    rng_seed(&rng, 3);
    for (int i = 0; i < FEW; i++) {
        make_one(&ones[i], i, &rng);
        ones[i].rule.form = NO_MASK;
        ones[i].o.temperature = 1;
    }
    ones[5].rule = (struct rule){.form = SAYS_ALLOW};
    logits_of[2][77] = broken ? NAN : 0;
    return open_all(ones, FEW, NULL, threads);
}

#endif
