/* prefix_test.h: sessions over a scripted engine that share what they compute, counted: whose logits tell sequences
 * apart, or are no numbers when a test says so. */
#ifndef OSSO_PREFIX_TEST_H
#define OSSO_PREFIX_TEST_H

#include "model_test.h"

#include "engine/engine_parts.h"

enum { VOCAB = 64 };

static bool nan_next; /* the next logits are no numbers */

static inline void script(void *user, const int32_t *tokens, size_t n, float *logits)
{
    uint64_t state = 1;
    (void)user;
    for (size_t i = 0; i < n; i++) {
        state ^= (uint64_t)tokens[i] + 1;
        state = rng_splitmix(&state);
    }
    for (int i = 0; i < VOCAB; i++)
        logits[i] = nan_next ? NAN : (float)(state >> (i % 40) & 1023) / 64;
}

static inline struct rig open_scripted(int64_t context, int sessions, int max_rows, uint64_t kv_bytes)
{
    struct rig r = {.vocab = VOCAB};
    struct osso_engine_options o = {.size = sizeof o,
                                    .backend = test_backend(),
                                    .threads = 1,
                                    .context = context,
                                    .max_sessions = sessions,
                                    .max_rows = max_rows,
                                    .kv_bytes = kv_bytes};
    check_ok(osso_engine_create_scripted(VOCAB, script, NULL, &o, &r.engine, &r.err), r.err);
    nan_next = false;
    return r;
}

static inline struct osso_session *open_session(struct rig *r, uint64_t salt)
{
    struct osso_session *s;
    check_ok(osso_session_create(r->engine, salt, &s, &r->err), r->err);
    return s;
}

static inline struct osso_engine_stats stats_of(const struct rig *r)
{
    struct osso_engine_stats stats = {.size = sizeof stats};
    osso_engine_stats(r->engine, &stats);
    return stats;
}

static inline void sync_to(struct rig *r, struct osso_session *s, const int32_t *ids, size_t n)
{
    check_ok(osso_session_sync(s, ids, n, &r->err), r->err);
    assert_int_equal(osso_session_reused(s), osso_session_computed(s));
}

static inline void run_all(struct rig *r, struct osso_session **s, int n, int max_rows)
{
    for (bool busy = true; busy;) {
        check_ok(osso_step(r->engine, s, n, max_rows, &r->err), r->err);
        busy = false;
        for (int i = 0; i < n; i++)
            busy = busy || !osso_session_ready(s[i]);
    }
}

/* A session that has computed these tokens and is gone again. Returns how many were there before. */
static inline size_t once(struct rig *r, uint64_t salt, const int32_t *ids, size_t n)
{
    struct osso_session *s = open_session(r, salt);
    sync_to(r, s, ids, n);
    size_t had = osso_session_computed(s);
    run_all(r, &s, 1, 0);
    osso_session_free(s);
    return had;
}

static inline void fill(int32_t *ids, size_t n, uint64_t seed)
{
    struct rng rng;
    rng_seed(&rng, seed);
    for (size_t i = 0; i < n; i++)
        ids[i] = (int32_t)rng_below(&rng, VOCAB);
}

#endif
