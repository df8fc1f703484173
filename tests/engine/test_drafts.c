/* test_drafts.c: tokens that are run ahead: where they come from, when they pay, and that no bit depends on them. */
#include "model_test.h"

#include "engine/drafts.h"
#include "engine/engine_parts.h"

/* ---- looking into the text ------------------------------------------------------------------------------ */

static void looks(const int32_t *tokens, size_t n, int length, const int32_t *next, int most)
{
    int32_t found[DRAFTS_MOST];
    assert_int_equal(drafts_look(tokens, n, most, found), length);
    if (length > 0)
        assert_memory_equal(found, next, (size_t)most * sizeof *next);
}
#define TEXT(...) (int32_t[]){__VA_ARGS__}, sizeof((int32_t[]){__VA_ARGS__}) / sizeof(int32_t)

static void test_look(void **state)
{
    (void)state;
    looks(NULL, 0, 0, NULL, 3);
    looks(TEXT(1), 0, NULL, 3);
    looks(TEXT(1, 2, 3, 4), 0, NULL, 3);
    looks(TEXT(1, 9, 8, 1), 0, NULL, 3);                                      /* one token says too little */
    looks(TEXT(1, 2, 3, 4, 5, 1, 2), 2, (int32_t[]){3, 4, 5}, 3);             /* what followed */
    looks(TEXT(1, 2, 3, 0, 1, 2, 4, 0, 1, 2), 3, (int32_t[]){4, 0, 1, 2}, 4); /* 0 1 2 is longer than 1 2 */
    looks(TEXT(1, 2, 3, 7, 1, 2, 4, 8, 1, 2), 2, (int32_t[]){4}, 1);          /* the later of equals */
    looks(TEXT(5, 6, 7, 5, 6, 7), 3, (int32_t[]){5, 6, 7, 5, 6, 7, 5, 6}, 8); /* and on into itself */
    looks(TEXT(4, 4, 4, 4), 3, (int32_t[]){4, 4, 4, 4}, 4);
}

/* ---- when they pay -------------------------------------------------------------------------------------- */

/* A text that repeats, in which every guess comes (or none): how many of a thousand steps' guesses were made, when each
 * guess makes a step so much longer. */
static double made(bool come, double each)
{
    enum { STEPS = 1000 };
    static int32_t text[64 + STEPS * (DRAFTS_MOST + 1)];
    struct drafts d = {.most = 8};
    size_t n = 64, steps = 0;
    for (size_t i = 0; i < n; i++)
        text[i] = (int32_t)(i % 16);
    for (; steps < STEPS; steps++) {
        int k = drafts_make(&d, text, n, 8);
        assert_in_range(k, 0, 8);
        drafts_took(&d, 10 * (1 + each * k));
        for (int i = 0; i <= (come ? k : 0); i++, n++) {
            text[n] = come ? text[n - 16] : (int32_t)(n % 3 ? n % 16 : 100 + n);
            drafts_came(&d, text[n]);
        }
    }
    print_message("%s, %.2f each: %.3f a step\n", come ? "all come" : "none comes", each,
                  (double)d.lookup.n_made / STEPS);
    assert_true(!come || d.lookup.n_came == d.lookup.n_made);
    return (double)d.lookup.n_made / STEPS;
}

static void test_pays(void **state)
{
    (void)state;
    assert_true(made(true, 0.01) > 7); /* nearly free: all of them, but for the first step */
    assert_true(made(true, 0.3) > 5);
    assert_true(made(true, 1.2) < 0.1); /* a guess that costs more than the token it saves */
    assert_true(made(false, 0.3) < 0.1);
    struct drafts none = {0};
    int32_t text[] = {1, 2, 1, 2, 1, 2};
    assert_int_equal(drafts_make(&none, text, 6, 8), 0);
}

/* ---- bits ----------------------------------------------------------------------------------------------- */

enum { PROMPT = 20, LONG = 330 }; /* over two borders of pages, and past the window */

static struct osso_session *begin(struct rig *r, uint64_t salt, const int32_t *ids, size_t n)
{
    struct osso_session *s;
    check_ok(osso_session_create(r->engine, salt, &s, &r->err), r->err);
    check_ok(osso_session_sync(s, ids, n, &r->err), r->err);
    while (!osso_session_ready(s))
        check_ok(osso_step(r->engine, &s, 1, 0, &r->err), r->err);
    return s;
}

/* Every token's logits with guesses, the first so many of them right, are those without. */
static void guesses(struct rig *r, const int32_t *ids, const float *want, uint64_t seed)
{
    struct rng rng;
    size_t run = 0, right = 0;
    rng_seed(&rng, seed);
    struct osso_session *s = begin(r, 77 + seed, ids, PROMPT);
    for (size_t n = PROMPT; n < LONG; n++) {
        const float *have = osso_session_logits(s, n - 1);
        assert_non_null(have);
        assert_memory_equal(have, want + (n - 1) * (size_t)r->vocab, (size_t)r->vocab * sizeof *have);
        check_ok(osso_session_append(s, ids[n], &r->err), r->err);
        if (osso_session_ready(s)) {
            right++;
            continue;
        }
        int32_t guess[40];
        size_t most = rng_below(&rng, 10) == 0 ? 40 : rng_below(&rng, 8), k = most < LONG - n - 1 ? most : LONG - n - 1;
        for (size_t i = 0; i < k; i++)
            guess[i] = rng_below(&rng, 6) ? ids[n + 1 + i] : (int32_t)rng_below(&rng, 500);
        check_ok(osso_session_guess(s, guess, k, &r->err), r->err);
        check_ok(osso_step(r->engine, &s, 1, rng_below(&rng, 5) ? 0 : 3, &r->err), r->err);
        run++;
    }
    assert_true(right > LONG / 4 && run > LONG / 20);
    assert_int_equal(osso_session_guess(s, (int32_t[]){-1}, 1, &r->err), OSSO_USAGE);
    osso_session_free(s);
}

static void test_bits(void **state)
{
    (void)state;
    for (int exact = 0; exact < 2; exact++) {
        struct osso_engine_options o = engine_options(exact, 512);
        struct rig r = rig_open("models/osso-small", &o);
        struct rng rng;
        int32_t ids[LONG];
        rng_seed(&rng, 5);
        for (int i = 0; i < LONG; i++)
            ids[i] = (int32_t)rng_below(&rng, 2000);
        float *want = all_logits(&r, ids, LONG, 7);
        for (uint64_t seed = 0; seed < (test_quick() ? 2 : 4); seed++)
            guesses(&r, ids, want, seed);
        free(want);
        rig_close(&r);
    }
}

/* Sampled or not, with penalties that look back, an answer is the same with guesses and without. */
static void test_answers(void **state)
{
    (void)state;
    struct osso_engine_options o = engine_options(false, 512);
    struct rig r = rig_open("models/osso-small", &o);
    struct osso_drafter *drafter;
    size_t guessed = 0;
    check_ok(osso_drafter_create(DRAFTS_MOST, NULL, &drafter, &r.err), r.err);
    for (int how = 0; how < 6; how++) {
        int32_t text[2][512], prompt[60];
        size_t n[2];
        for (int i = 0; i < 60; i++)
            prompt[i] = 300 + i % 12;
        for (int with = 0; with < 2; with++) {
            struct osso_sampling so;
            struct osso_sampler *sampler;
            struct osso_generate_options g = {
                .size = sizeof g, .max_tokens = 150, .ignore_eos = true, .drafter = with ? drafter : NULL};
            struct osso_generate_result result = {.size = sizeof result};
            osso_sampling_defaults(&so);
            so.temperature = how % 2 ? 1 : 0;
            so.repetition_penalty = how < 4 ? 1 : 1.1f;
            so.seed = (uint64_t)how;
            check_ok(osso_sampler_create(&so, r.vocab, &sampler, &r.err), r.err);
            struct osso_session *s = begin(&r, 900 + (uint64_t)(2 * how + with), prompt, 60);
            check_ok(osso_generate(r.engine, s, sampler, NULL, &g, &result, &r.err), r.err);
            const int32_t *ids = osso_session_tokens(s, &n[with]);
            memcpy(text[with], ids, n[with] * sizeof *ids);
            assert_true(s->guessed == 0 && s->computed <= s->n && result.n_generated == 150);
            assert_true(result.n_guessed_right <= result.n_guessed && (with || result.n_guessed == 0));
            guessed += result.n_guessed_right;
            osso_session_free(s);
            osso_sampler_free(sampler);
        }
        assert_int_equal(n[0], n[1]);
        assert_memory_equal(text[0], text[1], n[0] * sizeof **text);
    }
    print_message("%zu guesses came\n", guessed);
    osso_drafter_free(drafter);
    rig_close(&r);
}

enum { ROUND = 20 };

/* A text that goes round. */
static void round_and_round(void *user, const int32_t *tokens, size_t n, float *logits)
{
    (void)user;
    for (int v = 0; v < 64; v++)
        logits[v] = v == tokens[n - ROUND] ? 1 : 0;
}

/* The first guesses are made before any clock has a say: eight, of which three are wanted. Nothing is left of the rest.
 */
static void test_an_end_within(void **state)
{
    (void)state;
    struct osso_engine_options o = {.size = sizeof o, .backend = test_backend(), .threads = 1, .context = 256};
    struct osso_generate_options g = {.size = sizeof g, .max_tokens = 5, .ignore_eos = true};
    struct osso_generate_result result = {.size = sizeof result};
    struct osso_sampling so;
    struct osso_sampler *sampler;
    struct rig r = {.vocab = 64};
    int32_t prompt[3 * ROUND];
    for (int i = 0; i < 3 * ROUND; i++)
        prompt[i] = i % ROUND;
    osso_sampling_defaults(&so);
    so.temperature = 0;
    check_ok(osso_engine_create_scripted(64, round_and_round, NULL, &o, &r.engine, &r.err), r.err);
    check_ok(osso_sampler_create(&so, 64, &sampler, &r.err), r.err);
    check_ok(osso_drafter_create(8, NULL, &g.drafter, &r.err), r.err);
    struct osso_session *s = begin(&r, 1, prompt, 3 * ROUND);
    check_ok(osso_generate(r.engine, s, sampler, NULL, &g, &result, &r.err), r.err);
    assert_int_equal(result.n_generated, 5);
    assert_int_equal(result.n_guessed, 8);
    assert_int_equal(result.n_guessed_right, 3);
    for (int i = 0; i < 5; i++)
        assert_int_equal(s->tokens[3 * ROUND + i], i % ROUND);
    assert_true(s->n == 3 * ROUND + 5 && s->guessed == 0 && s->computed <= s->n);
    osso_session_free(s);
    osso_drafter_free(g.drafter);
    osso_sampler_free(sampler);
    osso_engine_free(r.engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_look), cmocka_unit_test(test_pays),
                                       cmocka_unit_test(test_bits), cmocka_unit_test(test_answers),
                                       cmocka_unit_test(test_an_end_within)};
    return cmocka_run_group_tests_name("drafts", tests, NULL, NULL);
}
