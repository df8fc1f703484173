/* test_choose.c: draws against the plain way of doing it (sort everything, cut, add up), over shapes of logits that hit
 * every path; and the same ids and log-probabilities on every instruction set. */
#include "model_test.h"

#include "backend/backend.h"

#include <stdlib.h>

enum { VOCAB = 5003, DRAWS = 12 }; /* no multiple of anything */
static float script_logits[VOCAB];

static void script(void *user, const int32_t *tokens, size_t n, float *logits)
{
    (void)user, (void)tokens, (void)n;
    memcpy(logits, script_logits, sizeof script_logits);
}

enum shape { FLAT, PEAKED, EQUAL, STEPS, WIDE, FEW, ONE, LONELY, SHAPES };

static void make_logits(enum shape shape)
{
    struct rng r;
    rng_seed(&r, (uint64_t)shape);
    for (int i = 0; i < VOCAB; i++) {
        double u = rng_unit(&r), unit = u * u * u;
        switch (shape) {
        case PEAKED: unit = u > 0.995 ? 10 + 5 * rng_unit(&r) : 4 * u; break;
        case EQUAL: unit = -3.25; break;
        case STEPS: unit = floor(u * 6) / 2; break;
        case WIDE: unit = 400 * u - 300; break; /* most weights are zero */
        case FEW: unit = rng_below(&r, 500) ? -(double)INFINITY : u; break;
        case LONELY: unit = i / 100 == 41 ? 100 + u : -i / 1e6; break; /* the rest is less than any normal weight */
        case ONE: unit = i == 4321 ? 0 : -(double)INFINITY; break;
        default: break;
        }
        script_logits[i] = (float)unit;
    }
}

static struct osso_session *open_session(const char *isa, struct osso_engine **engine)
{
    struct osso_engine_options o = {
        .size = sizeof o, .backend = test_backend(), .threads = 1, .context = 16, .isa = isa};
    struct osso_session *session;
    struct osso_error err;
    check_ok(osso_engine_create_scripted(VOCAB, script, NULL, &o, engine, &err), err);
    check_ok(osso_session_create(*engine, 0, &session, &err), err);
    check_ok(osso_session_append(session, 1, &err), err);
    check_ok(osso_step(*engine, &session, 1, 0, &err), err);
    return session;
}

/* ---- the plain way -------------------------------------------------------------------------------------- */

struct plain {
    float weight[VOCAB], max;
    int32_t order[VOCAB]; /* best first */
};
static struct plain plain;

static int better(const void *a, const void *b)
{
    int32_t i = *(const int32_t *)a, j = *(const int32_t *)b;
    if (script_logits[i] != script_logits[j])
        return script_logits[i] > script_logits[j] ? -1 : 1;
    return i < j ? -1 : i > j;
}

static void weigh_plainly(double temperature)
{
    float x[VOCAB], inverse = (float)(1 / temperature);
    plain.max = -INFINITY;
    for (int i = 0; i < VOCAB; i++) {
        plain.max = script_logits[i] > plain.max ? script_logits[i] : plain.max;
        plain.order[i] = i;
    }
    for (int i = 0; i < VOCAB; i++)
        x[i] = (script_logits[i] - plain.max) * inverse;
    backend_cpu("scalar")->exp(backend_cpu("scalar"), x, VOCAB, plain.weight);
    qsort(plain.order, VOCAB, sizeof *plain.order, better);
}

static int32_t draw_plainly(const struct osso_sampling *o, double unit)
{
    static int32_t ids[VOCAB];
    bool ranked = (o->top_k > 0 && o->top_k < VOCAB) || o->top_p < 1;
    int n = o->top_k > 0 && o->top_k < VOCAB ? (int)o->top_k : VOCAB, m = 0;
    double total = 0, have = 0;
    for (int i = 0; i < n; i++)
        total += plain.weight[ids[i] = ranked ? plain.order[i] : i];
    if (o->top_p < 1) {
        while (m < n && have < o->top_p * total)
            have += plain.weight[ids[m++]];
        n = m;
    }
    m = 0;
    total = have = 0;
    for (int i = 0; i < n; i++)
        if (plain.weight[ids[i]] >= (float)o->min_p) {
            total += plain.weight[ids[i]];
            ids[m++] = ids[i];
        }
    for (int i = 0; i < m; i++)
        if (unit * total < (have += plain.weight[ids[i]]))
            return ids[i];
    return ids[m - 1];
}

static void check_draws(const struct osso_session *session, const struct osso_sampling *o, enum shape shape)
{
    struct osso_sampler *sampler;
    struct osso_choice c;
    struct osso_error err;
    struct rng r;
    rng_seed(&r, o->seed);
    check_ok(osso_sampler_create(o, VOCAB, &sampler, &err), err);
    for (int i = 0; i < (test_quick() > 1 || test_tsan() ? 1 : DRAWS); i++) {
        int32_t want = draw_plainly(o, rng_unit(&r));
        check_ok(osso_sample(sampler, session, &c, NULL, 0, &err), err);
        if (c.id != want)
            fail_msg("shape %d, temperature %g, top-k %lld, top-p %g, min-p %g, draw %d: %d, expected %d", (int)shape,
                     o->temperature, (long long)o->top_k, o->top_p, o->min_p, i, c.id, want);
    }
    osso_sampler_free(sampler);
}

static void test_draws(void **state)
{
    (void)state;
    static const double temperatures[] = {1, 0.7, 0.05, 3}, top_ps[] = {1, 0.9, 0.3, 1e-9}, min_ps[] = {0, 0.05, 1};
    static const int64_t top_ks[] = {0, 1, 5, 256, 257, 3000, VOCAB};
    for (int shape = 0; shape < SHAPES; shape++) {
        struct osso_engine *engine;
        make_logits((enum shape)shape);
        struct osso_session *session = open_session(NULL, &engine);
        for (int t = 0; t < 4; t++) {
            weigh_plainly(temperatures[t]);
            for (int k = 0; k < 7; k++)
                for (int p = 0; p < 4; p++)
                    for (int m = 0; m < 3; m++) {
                        struct osso_sampling o;
                        osso_sampling_defaults(&o);
                        o.temperature = temperatures[t];
                        o.top_k = top_ks[k];
                        o.top_p = top_ps[p];
                        o.min_p = min_ps[m];
                        o.seed = (uint64_t)(k * 100 + p * 10 + m);
                        check_draws(session, &o, (enum shape)shape);
                    }
        }
        osso_session_free(session);
        osso_engine_free(engine);
    }
}

static void test_isas(void **state)
{
    (void)state;
    static const struct {
        double temperature, top_p;
        int64_t top_k;
    } ways[] = {{0, 1, 0}, {1, 1, 0}, {0.8, 1, 0}, {1, 0.9, 0}, {1, 1, 50}};
    for (int shape = 0; shape < SHAPES; shape++)
        for (int w = 0; w < 5; w++) {
            struct osso_choice first[50];
            make_logits((enum shape)shape);
            for (int i = 0; backend_cpu_isa(i); i++) {
                struct osso_engine *engine;
                struct osso_sampler *sampler;
                struct osso_choice c;
                struct osso_error err;
                struct osso_sampling o;
                if (!backend_cpu_available(backend_cpu_isa(i)))
                    continue;
                struct osso_session *session = open_session(backend_cpu_isa(i), &engine);
                osso_sampling_defaults(&o);
                o.temperature = ways[w].temperature;
                o.top_p = ways[w].top_p;
                o.top_k = ways[w].top_k;
                check_ok(osso_sampler_create(&o, VOCAB, &sampler, &err), err);
                for (int n = 0; n < (test_tsan() ? 5 : 50); n++) {
                    check_ok(osso_sample(sampler, session, &c, NULL, 0, &err), err);
                    if (i == 0)
                        first[n] = c;
                    assert_memory_equal(&c, &first[n], sizeof c);
                }
                osso_sampler_free(sampler);
                osso_session_free(session);
                osso_engine_free(engine);
            }
        }
}

/* One that is none is noticed also where everything beside it has no weight. */
static void test_none_far_off(void **state)
{
    (void)state;
    struct osso_engine *engine;
    struct osso_sampler *sampler;
    struct osso_choice c;
    struct osso_error err;
    struct osso_sampling o;
    make_logits(LONELY);
    script_logits[7] = NAN;
    struct osso_session *session = open_session(NULL, &engine);
    osso_sampling_defaults(&o);
    check_ok(osso_sampler_create(&o, VOCAB, &sampler, &err), err);
    assert_int_equal(osso_sample(sampler, session, &c, NULL, 0, &err), OSSO_NUMERIC);
    osso_sampler_free(sampler);
    osso_session_free(session);
    osso_engine_free(engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_draws), cmocka_unit_test(test_isas),
                                       cmocka_unit_test(test_none_far_off)};
    return cmocka_run_group_tests_name("choose", tests, NULL, NULL);
}
