/* test_sample_all.c: choices that are made together against the same choices one by one, and masks of every kind
 * against what a mask means: logits of -infinity. */
#define _DEFAULT_SOURCE
#include "alloc_count.h"
#include "sample_all_test.h"

/* ---- together and one by one ------------------------------------------------------------------------------ */

struct result {
    struct osso_choice choice, top[8];
};
static struct result alone[ROUNDS][SESSIONS], again[ROUNDS][SESSIONS], meant[ROUNDS][SESSIONS];

static void append_all(struct osso_engine *e, struct one *ones, struct result (*of)[SESSIONS], int round)
{
    struct osso_error err;
    for (int i = 0; i < SESSIONS; i++)
        check_ok(osso_session_append(ones[i].session, of[round][i].choice.id, &err), err);
    step_all(e, ones, SESSIONS);
}

static void one_by_one(struct one *ones, struct one *masked, struct result (*out)[SESSIONS])
{
    struct osso_error err;
    struct osso_engine *e = open_all(ones, SESSIONS, masked, 1);
    memset(out, 0, sizeof alone);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = SESSIONS; i-- > 0;) {
            struct result *r = &out[round][i];
            check_ok(osso_sample(ones[i].sampler, ones[i].session, &r->choice, r->top, ones[i].n_top, &err), err);
        }
        append_all(e, ones, out, round);
    }
    close_all(e, ones, SESSIONS);
}

/* In an order of `turn`, with more threads than this machine has. */
static void together(struct one *ones, int threads, int turn)
{
    struct osso_error err, why[SESSIONS];
    static struct osso_draw draws[SESSIONS];
    struct osso_engine *e = open_all(ones, SESSIONS, NULL, threads);
    memset(again, 0, sizeof again);
    for (int round = 0; round < ROUNDS; round++) {
        for (int at = 0; at < SESSIONS; at++) {
            int i = (at * 5 + turn) % SESSIONS;
            draws[at] = (struct osso_draw){.size = sizeof draws[at],
                                           .sampler = ones[i].sampler,
                                           .session = ones[i].session,
                                           .top = again[round][i].top,
                                           .n_top = ones[i].n_top,
                                           .err = &why[i]};
        }
        check_ok(osso_sample_all(e, draws, SESSIONS, &err), err);
        for (int at = 0; at < SESSIONS; at++) {
            assert_int_equal(draws[at].status, OSSO_OK);
            again[round][(at * 5 + turn) % SESSIONS].choice = draws[at].choice;
        }
        append_all(e, ones, again, round);
    }
    close_all(e, ones, SESSIONS);
}

/* The model's own distribution, in double. */
static double logprob_of(const float *logits, int32_t id)
{
    double sum = 0;
    for (int i = 0; i < VOCAB; i++)
        sum += exp((double)logits[i] - logits[id]);
    return -log(sum);
}

static void test_together(void **state)
{
    (void)state;
    static struct one ones[SESSIONS];
    static const int threads[] = {1, 2, 3, 5};
    for (int set = 0; set < (test_quick() ? 2 : 6); set++) {
        struct rng rng;
        rng_seed(&rng, (uint64_t)set + 1);
        for (int i = 0; i < SESSIONS; i++)
            make_one(&ones[i], i, &rng);
        one_by_one(ones, NULL, alone);
        one_by_one(ones, ones, meant);
        for (int round = 0; round < ROUNDS; round++)
            for (int i = 0; i < SESSIONS; i++) {
                struct result *r = &alone[round][i];
                if (r->choice.id != meant[round][i].choice.id)
                    fail_msg("set %d, session %d, mask %d: %d, logits of -infinity give %d", set, i, ones[i].rule.form,
                             r->choice.id, meant[round][i].choice.id);
                assert_true(allowed(&ones[i].rule, r->choice.id));
                assert_true(fabs(r->choice.logprob - logprob_of(logits_of[i], r->choice.id)) < 1e-4);
                for (size_t t = 0; t < ones[i].n_top; t++)
                    assert_true(fabs(r->top[t].logprob - logprob_of(logits_of[i], r->top[t].id)) < 1e-4);
            }
        for (int t = 0; t < 4; t++) {
            together(ones, threads[t], 7 * t + set);
            assert_memory_equal(again, alone, sizeof alone);
        }
        for (int i = 0; i < SESSIONS; i++)
            assert_int_equal(ones[i].rule.calls, ones[i].rule.form == NO_MASK ? 0 : 5 * ROUNDS);
    }
}

/* ---- ids to be avoided ---------------------------------------------------------------------------------------- */

/* Avoided means forbidden, unless that leaves nothing; then the mask alone says what may come. */
static void test_avoid(void **state)
{
    (void)state;
    static struct one ones[FEW];
    struct osso_error err;
    for (int form = 0; form < FORMS; form++) {
        struct rng rng;
        rng_seed(&rng, (uint64_t)form + 9);
        for (int i = 0; i < FEW; i++) {
            make_one(&ones[i], i, &rng);
            make_rule(&ones[i].rule, (enum form)form, logits_of[i], &rng);
            ones[i].o.temperature = i % 2;
        }
        struct osso_engine *e = open_all(ones, FEW, NULL, 2);
        for (int i = 0; i < FEW; i++) {
            int32_t *all = malloc((VOCAB + 2) * sizeof *all);
            for (int32_t id = 0; id < VOCAB + 2; id++)
                all[id] = id - 1;
            struct osso_draw d = {.size = sizeof d, .sampler = ones[i].sampler, .session = ones[i].session};
            check_ok(osso_sample_all(e, &d, 1, &err), err);
            int32_t usual = d.choice.id;
            d.avoid = &usual;
            d.n_avoid = 1;
            size_t others = 0;
            for (int32_t id = 0; id < VOCAB; id++)
                others += id != usual && allowed(&ones[i].rule, id);
            check_ok(osso_sample_all(e, &d, 1, &err), err);
            assert_true(others == 0 || d.choice.id != usual);
            assert_true(allowed(&ones[i].rule, d.choice.id));
            d.avoid = all;
            d.n_avoid = VOCAB + 2;
            check_ok(osso_sample_all(e, &d, 1, &err), err);
            assert_true(allowed(&ones[i].rule, d.choice.id));
            free(all);
        }
        close_all(e, ones, FEW);
    }
}

/* ---- answers -------------------------------------------------------------------------------------------------- */

struct said {
    int32_t id[8];
    float logprob[8];
    struct osso_choice top[8][3];
    int n;
    enum osso_stop stop;
};

static void note(struct said *said, const struct osso_event *event)
{
    said->id[said->n] = event->id;
    said->logprob[said->n] = event->logprob;
    assert_int_equal(event->n_top, 3);
    memcpy(said->top[said->n++], event->top, sizeof said->top[0]);
    said->stop = event->stop;
}

/* Answers whose likeliest id stops them, from their second or third token on. */
static void run_answers(bool together_, struct said *said)
{
    static struct one ones[FEW];
    struct osso_answer *answers[FEW];
    struct osso_draw draws[FEW];
    struct osso_error err, why[FEW];
    struct osso_engine *e = open_few(ones, false, 3);
    memset(said, 0, FEW * sizeof *said);
    for (int i = 0; i < FEW; i++) {
        int32_t stop = best_of(logits_of[i]);
        struct osso_answer_options o = {
            .size = sizeof o, .stop_ids = &stop, .n_stop_ids = 1, .min_tokens = 1 + i % 2, .max_tokens = 6, .n_top = 3};
        osso_sampler_free(ones[i].sampler);
        ones[i].o.temperature = i < 3 ? 0 : 1;
        check_ok(osso_sampler_create(&ones[i].o, VOCAB, &ones[i].sampler, &err), err);
        check_ok(osso_answer_create(ones[i].session, ones[i].sampler, &o, &answers[i], &err), err);
    }
    for (int going = FEW; going > 0;) {
        struct osso_event event = {.size = sizeof event};
        int which[FEW], n = 0;
        step_all(e, ones, FEW);
        for (int i = 0; i < FEW; i++) {
            if (osso_answer_stop(answers[i]))
                continue;
            if (!together_) {
                check_ok(osso_answer_next(answers[i], &event, &err), err);
                note(&said[i], &event);
                continue;
            }
            draws[n].size = sizeof draws[n];
            check_ok(osso_answer_draw(answers[i], &draws[n], &err), err);
            draws[n].err = &why[i];
            which[n++] = i;
        }
        if (n)
            check_ok(osso_sample_all(e, draws, (size_t)n, &err), err);
        for (int j = 0; j < n; j++) {
            check_ok(osso_answer_take_drawn(answers[which[j]], &draws[j], &event, &err), err);
            note(&said[which[j]], &event);
        }
        going = 0;
        for (int i = 0; i < FEW; i++)
            going += osso_answer_stop(answers[i]) == OSSO_STOP_NONE;
    }
    struct osso_draw late = {.size = sizeof late};
    struct osso_event event = {.size = sizeof event};
    assert_int_equal(osso_answer_draw(answers[0], &late, &err), OSSO_USAGE); /* it has ended */
    late = (struct osso_draw){.size = sizeof late, .session = ones[0].session, .status = OSSO_NUMERIC, .err = &why[0]};
    snprintf(why[0].text, sizeof why[0].text, "the reason");
    assert_int_equal(osso_answer_take_drawn(answers[0], &late, &event, &err), OSSO_NUMERIC);
    assert_string_equal(err.text, "the reason");
    assert_int_equal(osso_answer_take_drawn(answers[1], &late, &event, &err), OSSO_USAGE); /* another's draw */
    for (int i = 0; i < FEW; i++)
        osso_answer_free(answers[i]);
    close_all(e, ones, FEW);
}

static void test_answers(void **state)
{
    (void)state;
    static struct said one[FEW], all[FEW];
    run_answers(false, one);
    run_answers(true, all);
    assert_memory_equal(all, one, sizeof one);
    for (int i = 0; i < 3; i++) { /* greedy: the stop comes as soon as it may */
        assert_int_equal(one[i].n, 2 + i % 2);
        assert_int_equal(one[i].stop, OSSO_STOP_ID);
        for (int j = 0; j + 1 < one[i].n; j++)
            assert_true(one[i].id[j] != best_of(logits_of[i]));
    }
}

/* ---- memory --------------------------------------------------------------------------------------------------- */

/* More draws than the engine takes at a time, all of one session, and no memory for any of them. */
static void test_many(void **state)
{
    (void)state;
    enum { N = 600 };
    static struct osso_draw draws[N];
    static struct one ones[FEW];
    struct osso_error err;
    struct osso_choice c;
    struct osso_engine *e = open_few(ones, false, 3);
    struct osso_sampling o;
    osso_sampling_defaults(&o);
    for (int i = 0; i < N; i++) {
        draws[i] = (struct osso_draw){.size = sizeof draws[i], .session = ones[0].session};
        o.seed = (uint64_t)i;
        check_ok(osso_sampler_create(&o, VOCAB, &draws[i].sampler, &err), err);
    }
    long long calls = alloc_count(), mem = (long long)mem_count();
    check_ok(osso_sample_all(e, draws, N, &err), err);
    assert_int_equal(alloc_count() - calls, 0);
    assert_int_equal((long long)mem_count() - mem, 0);
    for (int i = 0; i < N; i++) {
        struct osso_sampler *s;
        o.seed = (uint64_t)i;
        check_ok(osso_sampler_create(&o, VOCAB, &s, &err), err);
        check_ok(osso_sample(s, ones[0].session, &c, NULL, 0, &err), err);
        assert_memory_equal(&c, &draws[i].choice, sizeof c);
        osso_sampler_free(s);
        osso_sampler_free(draws[i].sampler);
    }
    close_all(e, ones, FEW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_together), cmocka_unit_test(test_avoid),
                                       cmocka_unit_test(test_answers), cmocka_unit_test(test_many)};
    return cmocka_run_group_tests_name("sample_all", tests, NULL, NULL);
}
