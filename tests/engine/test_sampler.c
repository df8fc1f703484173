/* test_sampler.c: choices from known logits, over the scripted engine: real sessions, pages and steps, made-up numbers.
 */
#include "alloc_count.h"
#include "model_test.h"

enum { VOCAB = 50 };
static float script_logits[VOCAB];

static void script(void *user, const int32_t *tokens, size_t n, float *logits)
{
    (void)user, (void)tokens, (void)n;
    memcpy(logits, script_logits, sizeof script_logits);
}

struct bench {
    struct osso_engine *engine;
    struct osso_session *session;
    struct osso_error err;
};

static struct bench bench_open(const int32_t *ids, size_t n)
{
    struct bench b = {0};
    struct osso_engine_options o = {.size = sizeof o, .backend = test_backend(), .threads = 1, .context = 4096};
    check_ok(osso_engine_create_scripted(VOCAB, script, NULL, &o, &b.engine, &b.err), b.err);
    check_ok(osso_session_create(b.engine, 0, &b.session, &b.err), b.err);
    check_ok(osso_session_sync(b.session, ids, n, &b.err), b.err);
    while (!osso_session_ready(b.session))
        check_ok(osso_step(b.engine, &b.session, 1, 0, &b.err), b.err);
    return b;
}

static void bench_close(struct bench *b)
{
    osso_session_free(b->session);
    osso_engine_free(b->engine);
}

static int histogram(struct bench *b, const struct osso_sampling *o, int draws, int counts[VOCAB])
{
    struct osso_sampler *s;
    struct osso_choice c;
    int kinds = 0;
    memset(counts, 0, VOCAB * sizeof *counts);
    check_ok(osso_sampler_create(o, VOCAB, &s, &b->err), b->err);
    for (int i = 0; i < draws; i++) {
        check_ok(osso_sample(s, b->session, &c, NULL, 0, &b->err), b->err);
        kinds += counts[c.id]++ == 0;
    }
    osso_sampler_free(s);
    return kinds;
}

static struct osso_sampling plain(void)
{
    struct osso_sampling o;
    osso_sampling_defaults(&o);
    o.seed = 42;
    return o;
}

static void set_probabilities(const double *p, int n)
{
    for (int i = 0; i < VOCAB; i++)
        script_logits[i] = i < n ? (float)log(p[i]) + 3 : -INFINITY;
}

static void test_distribution(void **state)
{
    (void)state;
    static const double p[] = {0.5, 0.3, 0.15, 0.05};
    int counts[VOCAB], again[VOCAB];
    set_probabilities(p, 4);
    struct bench b = bench_open((int32_t[]){1, 2, 3}, 3);
    struct osso_sampling o = plain();
    assert_int_equal(histogram(&b, &o, 20000, counts), 4);
    for (int i = 0; i < 4; i++)
        assert_true(fabs(counts[i] / 20000.0 - p[i]) < 0.015);
    histogram(&b, &o, 20000, again);
    assert_memory_equal(counts, again, sizeof counts); /* the seed decides everything */
    o.temperature = 5e-324;                            /* its inverse is infinite */
    o.top_p = 0.9;
    assert_int_equal(histogram(&b, &o, 10, again), 1);
    assert_int_equal(again[0], 10);
    o.top_p = 1;
    o.temperature = 0.5; /* p squared, normalized */
    histogram(&b, &o, 20000, counts);
    assert_true(fabs(counts[0] / 20000.0 - 0.25 / 0.365) < 0.015);
    bench_close(&b);
}

static void test_filters(void **state)
{
    (void)state;
    static const double p[] = {0.5, 0.3, 0.15, 0.05};
    int counts[VOCAB];
    set_probabilities(p, 4);
    struct bench b = bench_open((int32_t[]){1, 2, 3}, 3);
    struct osso_sampling o = plain();
    o.temperature = 0;
    assert_int_equal(histogram(&b, &o, 10, counts), 1);
    assert_int_equal(counts[0], 10);
    o = plain();
    o.top_k = 2;
    assert_int_equal(histogram(&b, &o, 5000, counts), 2);
    assert_true(fabs(counts[0] / 5000.0 - 0.625) < 0.03);
    o = plain();
    o.top_p = 0.8; /* exactly two reach 0.8 */
    assert_int_equal(histogram(&b, &o, 5000, counts), 2);
    o.top_p = 0.81;
    assert_int_equal(histogram(&b, &o, 5000, counts), 3);
    for (int off = 0; off < 4; off++) { /* each way of saying that nothing is cut */
        o = plain();
        o.top_p = off & 1 ? 0 : 1;
        o.top_k = off & 2 ? -1 : 0;
        assert_int_equal(histogram(&b, &o, 5000, counts), 4);
        assert_true(fabs(counts[0] / 5000.0 - 0.5) < 0.03);
    }
    o = plain();
    o.min_p = 0.25; /* 0.15 / 0.5 is above, 0.05 / 0.5 below */
    assert_int_equal(histogram(&b, &o, 5000, counts), 3);
    o = plain();
    struct osso_logit_bias bias[] = {{0, -INFINITY}, {7, 0}};
    o.bias = bias;
    o.n_bias = 2;
    assert_int_equal(histogram(&b, &o, 5000, counts), 3);
    assert_int_equal(counts[0], 0);
    bench_close(&b);
}

static void test_penalties(void **state)
{
    (void)state;
    for (int i = 0; i < VOCAB; i++)
        script_logits[i] = i < 3 ? 2 : -5;
    struct bench b = bench_open((int32_t[]){0, 0, 0, 1}, 4);
    struct osso_sampling o = plain();
    struct osso_choice c;
    struct osso_sampler *s;
    o.temperature = 0;
    const struct {
        double repeat, presence, frequency;
        int64_t last;
        int32_t want;
    } cases[] = {{1, 0, 0, 0, 0}, {1.5, 0, 0, 0, 2}, {1, 0.5, 0, 0, 2}, {1, 0, 0.1, 0, 2}, {1, 0, 0.1, 1, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        o.repetition_penalty = cases[i].repeat;
        o.presence_penalty = cases[i].presence;
        o.frequency_penalty = cases[i].frequency;
        o.penalty_last_n = cases[i].last;
        check_ok(osso_sampler_create(&o, VOCAB, &s, &b.err), b.err);
        for (int twice = 0; twice < 2; twice++) {
            check_ok(osso_sample(s, b.session, &c, NULL, 0, &b.err), b.err);
            assert_int_equal(c.id, cases[i].want);
        }
        osso_sampler_free(s);
    }
    bench_close(&b);
}

static enum osso_mask_kind odd_only(void *user, const struct osso_session *session, struct osso_mask *mask)
{
    (void)user, (void)session;
    memset(mask->space, 0xaa, (size_t)(mask->vocab + 31) / 32 * sizeof *mask->space);
    return OSSO_MASK_BITS;
}

static enum osso_mask_kind nothing(void *user, const struct osso_session *session, struct osso_mask *mask)
{
    (void)user, (void)session, (void)mask;
    return OSSO_MASK_ALLOW; /* of no ids */
}

static void test_mask_and_logprobs(void **state)
{
    (void)state;
    static const double p[] = {0.5, 0.3, 0.15, 0.05};
    struct osso_choice c, top[6];
    struct osso_sampler *s;
    set_probabilities(p, 4);
    struct bench b = bench_open((int32_t[]){1}, 1);
    struct osso_sampling o = plain();
    o.temperature = 0;
    check_ok(osso_sampler_create(&o, VOCAB, &s, &b.err), b.err);
    check_ok(osso_sample(s, b.session, &c, top, 3, &b.err), b.err);
    assert_true(fabs(exp(c.logprob) - 0.5) < 1e-5);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(top[i].id, i);
        assert_true(fabs(exp(top[i].logprob) - p[i]) < 1e-5);
    }
    osso_sampler_set_mask(s, odd_only, NULL);
    check_ok(osso_sample(s, b.session, &c, NULL, 0, &b.err), b.err);
    assert_int_equal(c.id, 1);
    assert_true(fabs(exp(c.logprob) - 0.3) < 1e-5); /* the model's own distribution, not the masked one */
    osso_sampler_set_mask(s, nothing, NULL);
    assert_int_equal(osso_sample(s, b.session, &c, NULL, 0, &b.err), OSSO_USAGE);
    assert_int_equal(c.id, -1);
    osso_sampler_free(s);
    /* An infinite bias decides, whatever the model says; between mask and bias nothing may be left. */
    struct osso_logit_bias bias[] = {{7, INFINITY}, {1, -INFINITY}, {3, -INFINITY}};
    o.bias = bias;
    o.n_bias = 3;
    o.temperature = 1;
    check_ok(osso_sampler_create(&o, VOCAB, &s, &b.err), b.err);
    check_ok(osso_sample(s, b.session, &c, NULL, 0, &b.err), b.err);
    assert_int_equal(c.id, 7);
    osso_sampler_free(s);
    bias[0].bias = 0;
    check_ok(osso_sampler_create(&o, VOCAB, &s, &b.err), b.err);
    osso_sampler_set_mask(s, odd_only, NULL);
    assert_int_equal(osso_sample(s, b.session, &c, NULL, 0, &b.err), OSSO_USAGE);
    osso_sampler_free(s);
    bench_close(&b);
}

static void test_bad_numbers(void **state)
{
    (void)state;
    struct osso_choice c;
    struct osso_sampler *s;
    struct osso_error err;
    script_logits[3] = NAN;
    struct bench b = bench_open((int32_t[]){1}, 1);
    struct osso_sampling o = plain();
    check_ok(osso_sampler_create(&o, VOCAB, &s, &b.err), b.err);
    assert_int_equal(osso_sample(s, b.session, &c, NULL, 0, &b.err), OSSO_NUMERIC);
    osso_sampler_free(s);
    script_logits[3] = 0;
    bench_close(&b);
    const struct {
        double temperature, top_p, min_p, repeat;
        int64_t top_k;
    } bad[] = {{-1, 1, 0, 1, 0}, {NAN, 1, 0, 1, 0}, {1, -0.1, 0, 1, 0}, {1, 1.1, 0, 1, 0},
               {1, 1, -1, 1, 0}, {1, 1, 0, 0, 0},   {1, 1, 0, 1, -2}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        o = plain();
        o.temperature = bad[i].temperature;
        o.top_p = bad[i].top_p;
        o.min_p = bad[i].min_p;
        o.repetition_penalty = bad[i].repeat;
        o.top_k = bad[i].top_k;
        assert_int_equal(osso_sampler_create(&o, VOCAB, &s, &err), OSSO_USAGE);
        assert_null(s);
    }
}

/* What is as large as the vocabulary is the engine's: a server has a sampler for each of many sequences. */
static void test_small(void **state)
{
    (void)state;
#if ALLOC_COUNTED
    enum { N = 64 };
    struct osso_sampler *s[N];
    struct osso_error err;
    struct osso_sampling o = plain();
    struct mallinfo2 before = mallinfo2();
    for (int i = 0; i < N; i++)
        check_ok(osso_sampler_create(&o, 201088, &s[i], &err), err);
    struct mallinfo2 after = mallinfo2();
    assert_in_range(after.uordblks - before.uordblks + after.hblkhd - before.hblkhd, 1, N * 1024);
    for (int i = 0; i < N; i++)
        osso_sampler_free(s[i]);
#else
    skip_test("sampler: malloc is not counted in this build");
#endif
}

/* Samplers take turns in the engine's space: each gives what it gives alone. */
static void test_turns(void **state)
{
    (void)state;
    enum { N = 4, DRAWS = 50 };
    struct osso_sampler *s;
    struct osso_sampler *all[N];
    struct osso_choice c;
    int32_t alone[N][DRAWS];
    static const double p[] = {0.3, 0.2, 0.2, 0.1, 0.1, 0.05, 0.05};
    struct osso_logit_bias bias = {2, 3};
    struct osso_sampling o[N] = {plain(), plain(), plain(), plain()};
    set_probabilities(p, 7);
    struct bench b = bench_open((int32_t[]){1, 2, 2}, 3);
    o[1].frequency_penalty = 1;
    o[1].top_p = 0.9;
    o[2].bias = &bias;
    o[2].n_bias = 1;
    o[2].top_k = 5;
    o[3].min_p = 0.2;
    o[3].temperature = 0.7;
    for (int i = 0; i < N; i++) {
        check_ok(osso_sampler_create(&o[i], VOCAB, &s, &b.err), b.err);
        for (int j = 0; j < DRAWS; j++) {
            check_ok(osso_sample(s, b.session, &c, NULL, 0, &b.err), b.err);
            alone[i][j] = c.id;
        }
        osso_sampler_free(s);
        check_ok(osso_sampler_create(&o[i], VOCAB, &all[i], &b.err), b.err);
    }
    for (int j = 0; j < DRAWS; j++)
        for (int i = 0; i < N; i++) {
            check_ok(osso_sample(all[i], b.session, &c, NULL, 0, &b.err), b.err);
            assert_int_equal(c.id, alone[i][j]);
        }
    for (int i = 0; i < N; i++)
        osso_sampler_free(all[i]);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_distribution), cmocka_unit_test(test_filters),
                                       cmocka_unit_test(test_penalties),    cmocka_unit_test(test_mask_and_logprobs),
                                       cmocka_unit_test(test_bad_numbers),  cmocka_unit_test(test_small),
                                       cmocka_unit_test(test_turns)};
    return cmocka_run_group_tests_name("sampler", tests, NULL, NULL);
}
