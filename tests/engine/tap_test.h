/* tap_test.h: what the tests of sessions' taps share: a session with random tokens, a tap, steps until it is ready. */
#ifndef OSSO_TAP_TEST_H
#define OSSO_TAP_TEST_H

#include "model_test.h"

static inline void random_ids(const struct rig *r, uint64_t seed, int32_t *ids, int n)
{
    struct rng rng;
    rng_seed(&rng, seed);
    for (int i = 0; i < n; i++)
        ids[i] = (int32_t)rng_below(&rng, (uint64_t)r->vocab);
}

static inline struct rig open_rig(const char *model, bool exact, int threads, int64_t context)
{
    char path[512];
    struct osso_engine_options o = engine_options(exact, context);
    o.threads = threads;
    return rig_open(test_path(path, sizeof path, model), &o);
}

static inline struct osso_session *session(struct rig *r, uint64_t salt, const int32_t *ids, size_t n)
{
    struct osso_session *s;
    check_ok(osso_session_create(r->engine, salt, &s, &r->err), r->err);
    check_ok(osso_session_sync(s, ids, n, &r->err), r->err);
    return s;
}

static inline void run(struct rig *r, struct osso_session *s, int max_rows)
{
    while (!osso_session_ready(s))
        check_ok(osso_step(r->engine, &s, 1, max_rows, &r->err), r->err);
}

static inline float *last_logits(const struct rig *r, const struct osso_session *s)
{
    size_t n, bytes = (size_t)r->vocab * sizeof(float);
    osso_session_tokens(s, &n);
    const float *l = osso_session_logits(s, n - 1);
    assert_non_null(l);
    return memcpy(malloc(bytes), l, bytes);
}

static inline void set_tap(struct rig *r, struct osso_session *s, struct osso_tap_options o)
{
    o.size = sizeof o;
    check_ok(osso_session_set_tap(s, &o, &r->err), r->err);
}

static inline int leave_be(void *user, const struct osso_tap_value *v)
{
    (void)v;
    ++*(int *)user;
    return 0;
}

#endif
