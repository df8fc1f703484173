/* test_sched.c: many jobs on one engine say what each says alone; they are cancelled in every phase, wait for room,
 * take turns. Over the bundled model, so that bits count. */
#include "model_test.h"

#include "serve/sched.h"

#include <stdatomic.h>
#include <time.h>

enum { MOST = 64, LONGEST = 512 };

static struct osso_model *model;
static struct osso_model_dims dims;
static const struct osso_tokenizer *tokenizer;

struct said {
    struct osso_choice choices[LONGEST];
    size_t n;
    enum osso_stop stop;
};

struct client {
    struct job job;
    struct said said[4];
    int32_t ids[2048];
    enum osso_status status;
    atomic_bool done, admitted;
    atomic_int n_events;
    size_t order; /* of its end among all */
    struct job_counts counts;
};
static atomic_size_t n_done;

static void on_admitted(void *user)
{
    struct client *c = user;
    atomic_store(&c->admitted, true);
}

static void on_event(void *user, size_t i, const struct osso_event *e)
{
    struct client *c = user;
    assert_true(c->said[i].n < LONGEST);
    c->said[i].choices[c->said[i].n++] = (struct osso_choice){e->id, e->logprob};
    atomic_fetch_add(&c->n_events, 1);
}

static void on_end(void *user, size_t i, const struct osso_event *e, const struct osso_conversation *said)
{
    struct client *c = user;
    assert_non_null(said);
    c->said[i].stop = e->stop;
}

static void on_done(void *user, enum osso_status status, const struct osso_error *why, const struct job_counts *counts)
{
    struct client *c = user;
    (void)why;
    c->status = status;
    c->counts = *counts;
    c->order = atomic_fetch_add(&n_done, 1);
    atomic_store(&c->done, true);
}

/* n_ids random tokens, answered `n` times by up to `most`. */
static struct client *client(uint64_t seed, size_t n_ids, size_t n, int64_t most)
{
    struct client *c = calloc(1, sizeof *c);
    struct rng rng;
    rng_seed(&rng, seed);
    for (size_t i = 0; i < n_ids; i++)
        c->ids[i] = (int32_t)(rng_next(&rng) % 2000);
    c->job = (struct job){.ids = c->ids,
                          .n_ids = n_ids,
                          .n = n,
                          .tokenizer = tokenizer,
                          .harmony = true,
                          .salt = 1,
                          .on_admitted = on_admitted,
                          .on_event = on_event,
                          .on_end = on_end,
                          .on_done = on_done,
                          .user = c};
    c->job.ends = (struct osso_answer_options){.size = sizeof c->job.ends, .max_tokens = most, .ignore_eos = true};
    osso_sampling_defaults(&c->job.sampling);
    c->job.sampling.temperature = seed % 3 ? 1 : 0;
    c->job.sampling.seed = seed;
    return c;
}

static struct osso_engine *open_engine(int sessions, int64_t context, uint64_t kv)
{
    struct osso_error err = {""};
    struct osso_engine *e;
    struct osso_engine_options o = {.size = sizeof o,
                                    .threads = 2,
                                    .context = context,
                                    .max_sessions = sessions,
                                    .max_logit_rows = 64,
                                    .kv_bytes = kv};
    check_ok(osso_engine_create(model, &o, &e, &err), err);
    return e;
}

static struct sched *open_sched(struct osso_engine *e, int slots)
{
    struct osso_error err = {""};
    struct sched *s;
    struct sched_options o = {.slots = slots, .max_queue = 256, .max_rows = 512, .vocab = dims.vocab};
    check_ok(sched_create(e, &o, &s, &err), err);
    return s;
}

static void pause_ms(int ms)
{
    nanosleep(&(struct timespec){0, ms * 1000000L}, NULL);
}

static void wait_until(atomic_bool *flag)
{
    for (int i = 0; i < 60000 && !atomic_load(flag); i++)
        pause_ms(1);
    assert_true(atomic_load(flag));
}

static void submit(struct sched *s, struct client *c)
{
    struct osso_error err = {""};
    check_ok(sched_submit(s, &c->job, &err), err);
}

static void expect_same(const struct client *a, const struct client *b)
{
    for (size_t k = 0; k < a->job.n; k++) {
        assert_int_equal(a->said[k].n, b->said[k].n);
        assert_int_equal(a->said[k].stop, b->said[k].stop);
        assert_memory_equal(a->said[k].choices, b->said[k].choices, a->said[k].n * sizeof *a->said[k].choices);
    }
}

static void expect_empty(struct sched *s)
{
    struct sched_counts c = {0};
    for (int i = 0; i < 2000; i++) { /* figures are those of the last step */
        sched_counts(s, &c);
        if (c.busy == 0 && c.pages_used == 0 && c.waiting == 0)
            return;
        pause_ms(1);
    }
    fail_msg("%zu busy, %llu pages used, %zu waiting", c.busy, (unsigned long long)c.pages_used, c.waiting);
}

/* Alone or among many, one thread's worth of slots or less, n answers or one: the same bits. */
static void run_together(int slots, uint64_t kv, uint64_t *preemptions)
{
    enum { N = 12 };
    struct client *alone[N], *together[N];
    struct osso_engine *e = open_engine(slots, 2048, kv);
    struct sched *s = open_sched(e, slots);
    for (int i = 0; i < N; i++) {
        alone[i] = client((uint64_t)i, 20 + 70 * (size_t)(i % 5), i == 3 ? 3 : 1, 20 + i);
        together[i] = client((uint64_t)i, 20 + 70 * (size_t)(i % 5), i == 3 ? 3 : 1, 20 + i);
        submit(s, alone[i]);
        wait_until(&alone[i]->done);
        assert_int_equal(alone[i]->status, OSSO_OK);
        assert_int_equal(alone[i]->counts.sampled, alone[i]->job.n * (20 + (size_t)i));
    }
    sched_free(s);
    osso_engine_free(e);
    e = open_engine(slots, 2048, kv); /* nothing computed before */
    s = open_sched(e, slots);
    for (int i = 0; i < N; i++)
        submit(s, together[i]);
    for (int i = 0; i < N; i++) {
        wait_until(&together[i]->done);
        assert_int_equal(together[i]->status, OSSO_OK);
        expect_same(alone[i], together[i]);
    }
    assert_memory_equal(alone[3]->said[0].choices, together[3]->said[0].choices, sizeof(struct osso_choice));
    expect_empty(s);
    struct sched_counts c;
    sched_counts(s, &c);
    *preemptions = c.preemptions;
    sched_free(s);
    osso_engine_free(e);
    for (int i = 0; i < N; i++) {
        free(alone[i]);
        free(together[i]);
    }
}

static void test_same_bits(void **state)
{
    (void)state;
    uint64_t preemptions;
    run_together(8, 0, &preemptions);
    assert_int_equal(preemptions, 0);
    run_together(2, 0, &preemptions);
}

/* Pages for one context, and twelve that grow: the youngest waits, everybody gets what it gets alone. */
static void test_little_memory(void **state)
{
    (void)state;
    enum { N = 12 };
    uint64_t preemptions = 0, kv, rest;
    struct osso_error err = {""};
    struct osso_engine_options o = {.size = sizeof o, .context = 2048, .max_sessions = 1};
    struct client *little[N], *plenty[N];
    check_ok(osso_engine_memory(model, &o, &kv, &rest, &err), err);
    run_together(8, kv, &preemptions);
    for (int round = 0; round < 2; round++) {
        struct client **c = round ? plenty : little;
        struct osso_engine *e = open_engine(N, 2048, round ? 0 : kv);
        struct sched *s = open_sched(e, N);
        for (int i = 0; i < N; i++)
            submit(s, c[i] = client((uint64_t)i + 100, 60, 1, 420));
        for (int i = 0; i < N; i++) {
            wait_until(&c[i]->done);
            assert_int_equal(c[i]->status, OSSO_OK);
        }
        expect_empty(s);
        struct sched_counts counts;
        sched_counts(s, &counts);
        assert_int_equal(counts.preemptions > 0, round == 0);
        sched_free(s);
        osso_engine_free(e);
    }
    for (int i = 0; i < N; i++) {
        expect_same(little[i], plenty[i]);
        free(little[i]);
        free(plenty[i]);
    }
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

static int setup(void **state)
{
    char path[512];
    struct osso_error err = {""};
    (void)state;
    test_path(path, sizeof path, "models/osso-small");
    dims.size = sizeof dims;
    if (osso_model_open(path, &model, &err) || osso_model_tokenizer(model, &tokenizer, &err))
        return 1;
    osso_model_dims(model, &dims);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    osso_model_free(model);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_same_bits), cmocka_unit_test(test_little_memory),
                                       cmocka_unit_test(test_cancel), cmocka_unit_test(test_turns),
                                       cmocka_unit_test(test_scores)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
