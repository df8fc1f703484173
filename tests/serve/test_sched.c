/* test_sched.c: many jobs on one engine say what each says alone; they are cancelled in every phase, take turns.
 * Over the bundled model, so that bits count. */
#include "sched_test.h"

static void test_same_bits(void **state)
{
    (void)state;
    uint64_t preemptions;
    run_together(8, 0, &preemptions);
    assert_int_equal(preemptions, 0);
    run_together(2, 0, &preemptions);
}

static void test_cancel(void **state)
{
    (void)state;
    struct osso_engine *e = open_engine(2, 2048, 0);
    struct sched *s = open_sched(e, 2);
    struct client *c[5];
    for (int i = 0; i < 5; i++)
        c[i] = client((uint64_t)i, i == 1 ? 1900 : 20, i == 4 ? 3 : 1, 60);
    submit(s, c[0]);
    submit(s, c[1]);
    wait_until(&c[1]->admitted);
    submit(s, c[2]); /* waits */
    atomic_store(&c[2]->job.cancelled, true);
    atomic_store(&c[1]->job.cancelled, true);
    sched_wake(s);
    wait_until(&c[2]->done);
    wait_until(&c[1]->done);
    assert_int_equal(c[1]->status, OSSO_CANCELLED);
    assert_int_equal(c[2]->status, OSSO_CANCELLED);
    assert_int_equal(c[2]->said[0].n, 0);
    wait_until(&c[0]->done);
    assert_int_equal(c[0]->status, OSSO_OK);
    submit(s, c[4]);
    while (atomic_load(&c[4]->n_events) < 3)
        pause_ms(1);
    atomic_store(&c[4]->job.cancelled, true);
    wait_until(&c[4]->done);
    assert_int_equal(c[4]->status, OSSO_CANCELLED);
    assert_true(c[4]->said[0].n < 60);
    expect_empty(s);
    submit(s, c[3]);
    sched_give_up(s);
    wait_until(&c[3]->done);
    struct osso_error err = {""};
    assert_int_equal(sched_submit(s, &c[0]->job, &err), OSSO_LIMIT);
    sched_free(s);
    osso_engine_free(e);
    for (int i = 0; i < 5; i++)
        free(c[i]);
}

/* Many jobs of one key are no wall for another's. */
static void test_turns(void **state)
{
    (void)state;
    enum { N = 9 };
    struct osso_engine *e = open_engine(1, 2048, 0);
    struct sched *s = open_sched(e, 1);
    struct client *c[N];
    atomic_store(&n_done, 0);
    for (int i = 0; i < N; i++) {
        c[i] = client((uint64_t)i, 30, 1, 10);
        c[i]->job.key = i == N - 1 ? 5 : 2;
        submit(s, c[i]);
    }
    for (int i = 0; i < N; i++)
        wait_until(&c[i]->done);
    assert_true(c[N - 1]->order <= 3);
    for (int i = 1; i < N - 1; i++)
        assert_true(c[i]->order > c[i - 1]->order);
    sched_free(s);
    osso_engine_free(e);
    for (int i = 0; i < N; i++)
        free(c[i]);
}

static double scores[2048];
static size_t n_scores;

static void on_scored(void *user, const struct osso_event *event)
{
    (void)user;
    scores[n_scores++] = (double)event->logprob;
}

/* The scores of a prompt's tokens are the log-probabilities that the same tokens have as an answer. */
static void test_scores(void **state)
{
    (void)state;
    struct osso_engine *e = open_engine(2, 2048, 0);
    struct sched *s = open_sched(e, 2);
    struct client *a = client(3, 200, 1, 40), *b = client(3, 200, 1, 1);
    submit(s, a);
    wait_until(&a->done);
    for (size_t i = 0; i < a->said[0].n; i++)
        b->ids[200 + i] = a->said[0].choices[i].id;
    b->job.n_ids = 240;
    b->job.scores = true;
    b->job.on_scored = on_scored;
    b->job.ends.no_tokens = true;
    n_scores = 0;
    submit(s, b);
    wait_until(&b->done);
    assert_int_equal(b->status, OSSO_OK);
    assert_int_equal(n_scores, 240);
    assert_true(isnan(scores[0]));
    for (size_t i = 0; i < 40; i++)
        assert_true(fabs(scores[200 + i] - (double)a->said[0].choices[i].logprob) < 1e-5);
    sched_free(s);
    osso_engine_free(e);
    free(a);
    free(b);
}

/* Answers that are alone have guesses, from their text and from a model (the same: all of its guesses are right); those
 * that come meanwhile have none. All say what they say without. */
static void test_ahead(void **state)
{
    enum { N = 6 };
    struct client *without[N], *with[N];
    struct osso_error err = {""};
    struct osso_engine *e = open_engine(4, 1024, 0), *its = open_engine(1, 1024, 0);
    struct osso_drafter *drafter;
    struct osso_drafter_counts counts = {.size = sizeof counts};
    check_ok(osso_drafter_create(8, its, &drafter, &err), err);
    for (int ahead = 0; ahead < 2; ahead++) {
        struct client **c = ahead ? with : without;
        struct sched_options o = {.slots = 4, .max_queue = 256, .vocab = dims.vocab, .drafter = ahead ? drafter : NULL};
        struct sched *s;
        check_ok(sched_create(e, &o, &s, &err), err);
        for (int i = 0; i < N; i++) {
            c[i] = client(40 + (uint64_t)i / 2, 30 + 40 * (size_t)(i % 3), 1, 120);
            c[i]->job.salt = (uint64_t)(2 * i + ahead) + 9;
            for (size_t k = 12; k < c[i]->job.n_ids; k++) /* a text that repeats itself */
                c[i]->ids[k] = c[i]->ids[k - 12];
            submit(s, c[i]);
            while (i + 2 < N && !atomic_load(&c[i]->done)) /* the last two come while another is in work */
                pause_ms(1);
            while (i + 2 >= N && atomic_load(&c[i]->n_events) < 20 && !atomic_load(&c[i]->done))
                pause_ms(1);
        }
        for (int i = 0; i < N; i++) {
            wait_until(&c[i]->done);
            assert_int_equal(c[i]->status, OSSO_OK);
        }
        expect_empty(s);
        sched_free(s);
    }
    osso_drafter_counts(drafter, &counts);
    print_message("%zu guesses, %zu came; the model's: %zu, %zu\n", counts.n_made, counts.n_came, counts.n_model,
                  counts.n_model_came);
    assert_true(counts.n_came > 0 && !counts.why_none);
    for (int i = 0; i < N; i++) {
        expect_same(without[i], with[i]);
        free(without[i]);
        free(with[i]);
    }
    osso_drafter_free(drafter);
    osso_engine_free(its);
    osso_engine_free(e);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_same_bits), cmocka_unit_test(test_cancel),
                                       cmocka_unit_test(test_turns), cmocka_unit_test(test_scores),
                                       cmocka_unit_test(test_ahead)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
