/* sched_test.h: a scheduler over the bundled model, and clients that remember what they were told. */
#ifndef OSSO_SCHED_TEST_H
#define OSSO_SCHED_TEST_H

#include "model_test.h"

#include "serve/sched.h"

#include <stdatomic.h>
#include <time.h>

enum { LONGEST = 512 };

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
    int n_done;
    size_t order; /* of its end among all */
    struct job_counts counts;
};
static atomic_size_t n_done;

static inline void on_admitted(void *user)
{
    struct client *c = user;
    atomic_store(&c->admitted, true);
}

static inline void on_event(void *user, size_t i, const struct osso_event *e)
{
    struct client *c = user;
    assert_true(c->said[i].n < LONGEST);
    c->said[i].choices[c->said[i].n++] = (struct osso_choice){e->id, e->logprob};
    atomic_fetch_add(&c->n_events, 1);
}

static inline void on_end(void *user, size_t i, const struct osso_event *e, const struct osso_conversation *said)
{
    struct client *c = user;
    assert_non_null(said);
    c->said[i].stop = e->stop;
}

static inline void on_done(void *user, enum osso_status status, const struct osso_error *why,
                           const struct job_counts *counts)
{
    struct client *c = user;
    (void)why;
    c->status = status;
    c->counts = *counts;
    c->n_done++;
    c->order = atomic_fetch_add(&n_done, 1);
    atomic_store(&c->done, true);
}

/* n_ids random tokens, answered `n` times by up to `most`. */
static inline struct client *client(uint64_t seed, size_t n_ids, size_t n, int64_t most)
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

static inline struct osso_engine *open_engine(int sessions, int64_t context, uint64_t kv)
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

static inline struct sched *open_sched(struct osso_engine *e, int slots)
{
    struct osso_error err = {""};
    struct sched *s;
    struct sched_options o = {.slots = slots, .max_queue = 256, .vocab = dims.vocab};
    check_ok(sched_create(e, &o, &s, &err), err);
    return s;
}

static inline void pause_ms(int ms)
{
    nanosleep(&(struct timespec){0, ms * 1000000L}, NULL);
}

static inline void wait_until(atomic_bool *flag)
{
    for (int i = 0; i < (test_quick() ? 600000 : 60000) && !atomic_load(flag); i++)
        pause_ms(1);
    assert_true(atomic_load(flag));
}

static inline void submit(struct sched *s, struct client *c)
{
    struct osso_error err = {""};
    check_ok(sched_submit(s, &c->job, &err), err);
}

static inline void expect_same(const struct client *a, const struct client *b)
{
    for (size_t k = 0; k < a->job.n; k++) {
        assert_int_equal(a->said[k].n, b->said[k].n);
        assert_int_equal(a->said[k].stop, b->said[k].stop);
        assert_memory_equal(a->said[k].choices, b->said[k].choices, a->said[k].n * sizeof *a->said[k].choices);
    }
}

static inline void expect_empty(struct sched *s)
{
    struct sched_counts c = {0};
    for (int i = 0; i < (test_quick() ? 20000 : 2000); i++) { /* figures are those of the last step */
        sched_counts(s, &c);
        if (c.running == 0 && c.pages_used == 0 && c.waiting == 0)
            return;
        pause_ms(1);
    }
    fail_msg("%zu run, %llu pages used, %zu waiting", c.running, (unsigned long long)c.pages_used, c.waiting);
}

/* Half of them under a sanitizer: a token takes seventy times as long there. */
static inline int few_jobs(int n)
{
    return test_quick() ? n / 2 : n;
}

/* Alone or among many, one thread's worth of slots or less, n answers or one: the same bits. */
static inline void run_together(int slots, uint64_t kv, uint64_t *preemptions)
{
    enum { MOST = 12 };
    const int n = few_jobs(MOST);
    struct client *alone[MOST], *together[MOST];
    struct osso_engine *e = open_engine(slots, 2048, kv);
    struct sched *s = open_sched(e, slots);
    for (int i = 0; i < n; i++) {
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
    for (int i = 0; i < n; i++)
        submit(s, together[i]);
    for (int i = 0; i < n; i++) {
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
    for (int i = 0; i < n; i++) {
        free(alone[i]);
        free(together[i]);
    }
}

static inline int setup(void **state)
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

static inline int teardown(void **state)
{
    (void)state;
    osso_model_free(model);
    return 0;
}

#endif
