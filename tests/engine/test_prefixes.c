/* test_prefixes.c: what sessions take over from each other, counted: the longest common prefix with anything that was
 * computed under their salt, to the token; a prefix that several need at once, computed once; sliding pages where
 * prefixes ended; a pool in which everything runs whose pages fit; what is given back, and what must not be found. */
#include "model_test.h"

#include "engine/engine_parts.h"

enum { VOCAB = 64 };

static bool nan_next; /* the next logits are no numbers */

static void script(void *user, const int32_t *tokens, size_t n, float *logits)
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

static struct rig open_scripted(int64_t context, int sessions, int max_rows, uint64_t kv_bytes)
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

static struct osso_session *open_session(struct rig *r, uint64_t salt)
{
    struct osso_session *s;
    check_ok(osso_session_create(r->engine, salt, &s, &r->err), r->err);
    return s;
}

static struct osso_engine_stats stats_of(const struct rig *r)
{
    struct osso_engine_stats stats = {.size = sizeof stats};
    osso_engine_stats(r->engine, &stats);
    return stats;
}

static void sync_to(struct rig *r, struct osso_session *s, const int32_t *ids, size_t n)
{
    check_ok(osso_session_sync(s, ids, n, &r->err), r->err);
    assert_int_equal(osso_session_reused(s), osso_session_computed(s));
}

static void run_all(struct rig *r, struct osso_session **s, int n, int max_rows)
{
    for (bool busy = true; busy;) {
        check_ok(osso_step(r->engine, s, n, max_rows, &r->err), r->err);
        busy = false;
        for (int i = 0; i < n; i++)
            busy = busy || !osso_session_ready(s[i]);
    }
}

/* A session that has computed these tokens and is gone again. Returns how many were there before. */
static size_t once(struct rig *r, uint64_t salt, const int32_t *ids, size_t n)
{
    struct osso_session *s = open_session(r, salt);
    sync_to(r, s, ids, n);
    size_t had = osso_session_computed(s);
    run_all(r, &s, 1, 0);
    osso_session_free(s);
    return had;
}

static void fill(int32_t *ids, size_t n, uint64_t seed)
{
    struct rng rng;
    rng_seed(&rng, seed);
    for (size_t i = 0; i < n; i++)
        ids[i] = (int32_t)rng_below(&rng, VOCAB);
}

/* ---- to the token ---------------------------------------------------------------------------------------- */

static void test_to_the_token(void **state)
{
    (void)state;
    enum { N = 900 };
    int32_t a[N], b[N];
    static const size_t lengths[] = {2, 127, 128, 129, 200, 255, 256, 257, 400, 513, N};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct rig r = open_scripted(1000, 4, 0, 0);
        size_t n = lengths[i];
        fill(a, N, 1);
        memcpy(b, a, sizeof a);
        assert_int_equal(once(&r, 7, a, n), 0);
        assert_int_equal(once(&r, 7, a, n), n - 1);
        assert_int_equal(once(&r, 8, a, n), 0); /* another salt */
        if (n < N) {
            b[n] = (a[n] + 1) % VOCAB; /* other tokens behind */
            assert_int_equal(once(&r, 7, b, N), n);
            assert_int_equal(once(&r, 7, a, N), n);
            assert_int_equal(once(&r, 7, b, N), N - 1);
        }
        if (n > 2) {
            assert_int_equal(once(&r, 7, a, n - 1), n - 2); /* a beginning of it */
            a[n / 2] = (a[n / 2] + 1) % VOCAB;
            assert_int_equal(once(&r, 7, a, n), n / 2); /* leaves it in the middle of a page */
        }
        assert_int_equal(stats_of(&r).pages_used, 0);
        rig_close(&r);
    }
}

/* A session that still runs shares what it has by now, and neither sees what the other writes behind it. */
static void test_from_the_living(void **state)
{
    (void)state;
    enum { N = 600 };
    int32_t ids[N], other[N];
    struct rig r = open_scripted(N, 3, 0, 0);
    struct osso_session *s = open_session(&r, 1), *t = open_session(&r, 1);
    fill(ids, N, 2);
    memcpy(other, ids, sizeof ids);
    sync_to(&r, s, ids, 300);
    check_ok(osso_step(r.engine, &s, 1, 177, &r.err), r.err);
    sync_to(&r, t, ids, 300);
    assert_int_equal(osso_session_computed(t), 177);
    run_all(&r, &s, 1, 0);
    other[250]++;
    sync_to(&r, t, other, N);
    assert_int_equal(osso_session_computed(t), 250);
    run_all(&r, (struct osso_session *[]){s, t}, 2, 31);
    check_ok(osso_session_rewind(s, 270, &r.err), r.err); /* leaves what it had */
    check_ok(osso_session_append(s, other[270], &r.err), r.err);
    run_all(&r, &s, 1, 0);
    assert_int_equal(once(&r, 1, ids, N), 300);
    osso_session_free(s);
    osso_session_free(t);
    rig_close(&r);
}

/* ---- a random tree of prefixes against a list of everything that was ever computed ----------------------------- */

enum { TEXTS = 2500, LONG = 700, ACTORS = 6, SALTS = 3 };

static struct known {
    uint64_t salt;
    size_t n;
    int32_t tokens[LONG];
} * known;
static int n_known;

static void remember(const struct osso_session *s)
{
    size_t n = osso_session_computed(s), all;
    if (n == 0)
        return;
    const int32_t *tokens = osso_session_tokens(s, &all);
    struct known *k = &known[n_known];
    assert_true(n_known < TEXTS * 8);
    k->salt = s->salt;
    k->n = n;
    memcpy(k->tokens, tokens, n * sizeof *tokens);
    for (int i = 0; i < n_known; i++) /* only what is more than what we know */
        if (known[i].salt == k->salt && known[i].n >= n && memcmp(known[i].tokens, tokens, n * sizeof *tokens) == 0)
            return;
    n_known++;
}

static size_t longest_known(uint64_t salt, const int32_t *ids, size_t n)
{
    size_t best = 0;
    for (int i = 0; i < n_known; i++) {
        size_t same = 0;
        while (known[i].salt == salt && same < known[i].n && same < n && known[i].tokens[same] == ids[same])
            same++;
        best = same > best ? same : best;
    }
    return best;
}

/* A text that leaves an earlier one somewhere, often near a page's end, or is a beginning of one. */
static size_t grow(struct rng *rng, int32_t *ids)
{
    size_t n = 1 + rng_below(rng, LONG - 1), same = 0;
    for (size_t i = 0; i < LONG; i++)
        ids[i] = (int32_t)rng_below(rng, 3);
    if (n_known > 0 && rng_below(rng, 8) > 0) {
        const struct known *k = &known[rng_below(rng, (uint64_t)n_known)];
        same = rng_below(rng, 3) == 0 ? k->n : rng_below(rng, k->n + 1);
        if (rng_below(rng, 3) == 0)
            same = same / KV_PAGE * KV_PAGE + rng_below(rng, 3);
        same = same < k->n ? same : k->n;
        memcpy(ids, k->tokens, same * sizeof *ids);
        n = rng_below(rng, 4) == 0 ? same : same + rng_below(rng, 150);
    }
    n = n < LONG ? n : LONG;
    return n > 0 ? n : 1;
}

static void test_random_tree(void **state)
{
    (void)state;
    struct rig r = open_scripted(LONG, TEXTS, 300, 0); /* nothing is ever evicted */
    struct osso_session *s[ACTORS] = {NULL};
    struct rng rng;
    int32_t ids[LONG];
    int texts = test_quick() ? TEXTS / 5 : TEXTS;
    uint64_t hits = 0, inside = 0;
    known = calloc(TEXTS * 8 + 1, sizeof *known);
    n_known = 0;
    rng_seed(&rng, 11);
    for (int text = 0; text < texts; text++) {
        struct osso_session **a = &s[rng_below(&rng, ACTORS)];
        if (!*a || rng_below(&rng, 2) == 0) {
            osso_session_free(*a);
            *a = open_session(&r, rng_below(&rng, SALTS));
        }
        size_t n = grow(&rng, ids), want = longest_known((*a)->salt, ids, n), reused = stats_of(&r).tokens_reused;
        want = want < n ? want : n - 1;
        sync_to(&r, *a, ids, n);
        if (osso_session_computed(*a) != want)
            fail_msg("text %d of %zu tokens: %zu are there, %zu are known", text, n, osso_session_computed(*a), want);
        assert_int_equal(stats_of(&r).tokens_reused - reused, want);
        hits += want > 0;
        inside += want % KV_PAGE > 0;
        for (uint64_t steps = 1 + rng_below(&rng, 4); steps > 0; steps--) {
            check_ok(osso_step(r.engine, a, 1, 1 + (int)rng_below(&rng, 300), &r.err), r.err);
            remember(*a);
        }
        size_t computed = osso_session_computed(*a);
        if (rng_below(&rng, 6) == 0 && computed > 1) {
            check_ok(osso_session_rewind(*a, rng_below(&rng, computed), &r.err), r.err);
        } else if (rng_below(&rng, 6) == 0) {
            osso_session_release(*a);
            assert_int_equal(osso_session_computed(*a), 0);
        }
    }
    print_message("%d texts, %d of them new: %llu hits, %llu inside a page\n", texts, n_known, (unsigned long long)hits,
                  (unsigned long long)inside);
    assert_true(inside > (uint64_t)texts / 2 && stats_of(&r).pages_free > 0);
    for (int i = 0; i < ACTORS; i++)
        osso_session_free(s[i]);
    assert_int_equal(stats_of(&r).pages_used, 0);
    free(known);
    rig_close(&r);
}

/* ---- the same prefix once --------------------------------------------------------------------------------- */

enum { MANY = 64 };

/* Sessions with `common` tokens and `own` ones behind, all stepped together: rows that were computed. */
static uint64_t together(int n, size_t common, size_t own, int max_rows)
{
    static int32_t ids[MANY][1100];
    struct rig r = open_scripted(1100, n, 0, 0);
    struct osso_session *s[MANY];
    for (int i = 0; i < n; i++) {
        fill(ids[i], common + own, 100 + (uint64_t)i);
        memcpy(ids[i], ids[0], common * sizeof *ids[i]);
        ids[i][common] = i;
        s[i] = open_session(&r, 3);
        sync_to(&r, s[i], ids[i], common + own);
    }
    run_all(&r, s, n, max_rows);
    uint64_t rows = stats_of(&r).tokens_computed, reused = 0;
    assert_int_equal(stats_of(&r).tokens_replayed, 0);
    for (int i = 0; i < n; i++) {
        reused += osso_session_reused(s[i]);
        osso_session_free(s[i]);
    }
    assert_int_equal(reused, stats_of(&r).tokens_reused);
    assert_int_equal(rows + reused, (uint64_t)n * (common + own));
    rig_close(&r);
    return rows;
}

static void test_computed_once(void **state)
{
    (void)state;
    assert_int_equal(together(8, 512, 20, 0), 512 + 8 * 20);
    assert_int_equal(together(8, 512, 20, 100), 512 + 8 * 20);
    assert_int_equal(together(8, 500, 20, 33), 500 + 8 * 20);
    assert_int_equal(together(3, 40, 5, 0), 40 + 3 * 5);
    assert_int_equal(together(MANY, 1000, 20, 0), 1000 + MANY * 20);
}

/* Whoever computes may leave at any moment, in any way: those who waited go on. */
static void test_nobody_hangs(void **state)
{
    (void)state;
    enum { N = 5, COMMON = 700 };
    int32_t ids[COMMON];
    fill(ids, COMMON, 9);
    for (int how = 0; how < 6; how++) {
        struct rig r = open_scripted(COMMON, N, 0, 0);
        struct osso_session *s[N];
        volatile sig_atomic_t stop = 0;
        osso_engine_set_interrupt(r.engine, &stop);
        for (int i = 0; i < N; i++) {
            s[i] = open_session(&r, 3);
            sync_to(&r, s[i], ids, COMMON);
        }
        check_ok(osso_step(r.engine, s, N, 150, &r.err), r.err);
        assert_int_equal(osso_session_computed(s[0]), 150);
        assert_true(osso_session_computed(s[1]) <= 150 && stats_of(&r).tokens_computed == 150);
        if (how == 0) {
            osso_session_free(s[0]);
            s[0] = open_session(&r, 4);
            sync_to(&r, s[0], ids, 1);
        } else if (how == 1) {
            check_ok(osso_session_rewind(s[0], 10, &r.err), r.err);
        } else if (how == 2) {
            int32_t other[1] = {(ids[0] + 1) % VOCAB};
            sync_to(&r, s[0], other, 1);
        } else if (how == 3) {
            osso_session_release(s[0]);
        } else if (how == 4) {
            session_spoil(s[0]);
        } else {
            stop = 1;
            assert_int_equal(osso_step(r.engine, s, N, 150, &r.err), OSSO_CANCELLED);
            stop = 0;
        }
        run_all(&r, s + 1, N - 1, 90); /* without the first of them */
        run_all(&r, s, N, 90);
        /* What the others need is computed once more at most. */
        assert_in_range(stats_of(&r).tokens_computed, COMMON, COMMON + 150 + 2 * N + (how == 4 ? COMMON : 0));
        for (int i = 0; i < N; i++)
            osso_session_free(s[i]);
        rig_close(&r);
    }
}

/* A session that decodes is not waited for: whoever knows the tokens reads them at once. */
static void test_decoding_is_not_waited_for(void **state)
{
    (void)state;
    int32_t ids[300];
    struct rig r = open_scripted(300, 2, 0, 0);
    struct osso_session *s = open_session(&r, 1), *t = open_session(&r, 1), *both[2] = {s, t};
    fill(ids, 300, 4);
    sync_to(&r, s, ids, 100);
    run_all(&r, &s, 1, 0);
    check_ok(osso_session_append(s, ids[100], &r.err), r.err);
    sync_to(&r, t, ids, 300);
    check_ok(osso_step(r.engine, both, 2, 0, &r.err), r.err);
    assert_true(osso_session_ready(s) && osso_session_ready(t));
    osso_session_free(s);
    osso_session_free(t);
    rig_close(&r);
}

static int look(void *user, const struct osso_tap_value *value)
{
    (void)user, (void)value;
    return 0;
}

/* Whoever looks at rows sees those of every session. */
static void test_taps_see_all(void **state)
{
    (void)state;
    int32_t ids[300];
    struct rig r = open_scripted(300, 2, 0, 0);
    struct osso_session *both[2] = {open_session(&r, 1), open_session(&r, 1)};
    fill(ids, 300, 4);
    check_ok(osso_engine_set_tap(r.engine, 1ull << OSSO_TAP_ATTN_LSE, NULL, look, NULL, &r.err), r.err);
    sync_to(&r, both[0], ids, 300);
    sync_to(&r, both[1], ids, 300);
    run_all(&r, both, 2, 0);
    assert_int_equal(stats_of(&r).tokens_computed, 2 * 300);
    osso_session_free(both[0]);
    osso_session_free(both[1]);
    rig_close(&r);
}

/* While sessions wait for one that computes they take whole pages only: nobody copies what is still being filled, and
 * pages are held once. */
static void test_waiting_copies_nothing(void **state)
{
    (void)state;
    enum { N = 8, COMMON = 500 };
    int32_t ids[COMMON];
    struct rig r = open_scripted(COMMON, N, 0, 0);
    struct osso_session *s[N];
    fill(ids, COMMON, 4);
    for (int i = 0; i < N; i++) {
        s[i] = open_session(&r, 1);
        sync_to(&r, s[i], ids, COMMON);
    }
    osso_session_want_logits(s[0], 0); /* so it computes no more than 16 rows a step, and there is room for others */
    check_ok(osso_step(r.engine, s, 1, 5, &r.err), r.err);
    for (size_t done = 5 + 16; done < COMMON; done += 16) {
        size_t slot = (done - 16) / KV_PAGE;
        int32_t page = s[0]->kv.page[KV_FULL][slot];
        check_ok(osso_step(r.engine, s, N, 0, &r.err), r.err);
        assert_int_equal(stats_of(&r).tokens_computed, done);
        assert_true(page < 0 || s[0]->kv.page[KV_FULL][slot] == page);
        assert_int_equal(stats_of(&r).full_used, (done + KV_PAGE - 1) / KV_PAGE);
        assert_int_equal(stats_of(&r).sliding_used, (done + KV_PAGE - 1) / KV_PAGE);
    }
    for (int i = 0; i < N; i++)
        osso_session_free(s[i]);
    rig_close(&r);
}

/* ---- the pool --------------------------------------------------------------------------------------------- */

/* Bytes of a pool that holds so many whole contexts. */
static uint64_t budget_of(int64_t context, int contexts)
{
    struct rig r = open_scripted(context, contexts, 0, 0);
    uint64_t bytes = stats_of(&r).kv_bytes;
    rig_close(&r);
    return bytes;
}

/* Eight chats in a pool for two contexts; and as many as have room with a page to spare, whatever their lengths. */
static void test_what_fits_runs(void **state)
{
    (void)state;
    enum { CONTEXT = 131072, CHATS = 150 };
    static int32_t ids[CONTEXT];
    struct osso_session *s[CHATS];
    struct rng rng;
    rng_seed(&rng, 5);
    struct rig r = open_scripted(CONTEXT, 8, 0, budget_of(CONTEXT, 2));
    uint64_t all = stats_of(&r).pages_free;
    assert_int_equal(all, 2 * (1025 + 15));
    fill(ids, CONTEXT, 6);
    for (int i = 0; i < 8; i++) {
        s[i] = open_session(&r, (uint64_t)i);
        sync_to(&r, s[i], ids, 1000);
    }
    run_all(&r, s, 8, 0);
    assert_int_equal(stats_of(&r).full_used, 8 * 8);
    for (int i = 0; i < 8; i++)
        osso_session_free(s[i]);
    for (int round = 0; round < 5; round++) { /* more sessions than the engine was made for, of any length */
        int n = 0;
        for (uint64_t pages = 0; n < CHATS; n++) {
            size_t tokens = 1 + rng_below(&rng, rng_below(&rng, 4) ? 3000 : 60000);
            uint64_t sliding = (uint64_t)(128 + KV_KEEP + 512) / KV_PAGE + 2, full = tokens / KV_PAGE + 1;
            pages += full + (full < sliding ? full : sliding);
            if (pages > all)
                break;
            s[n] = open_session(&r, 100 + rng_below(&rng, 1u << 30));
            sync_to(&r, s[n], ids, tokens);
        }
        run_all(&r, s, n, 0);
        assert_true(n > 8);
        for (int i = 0; i < n; i++)
            osso_session_free(s[i]);
        assert_int_equal(stats_of(&r).pages_used, 0);
    }
    rig_close(&r);
}

/* Twelve conversations in turns: while the full pages are there nothing is replayed, however tight the rest is. */
static void test_conversations_in_turns(void **state)
{
    (void)state;
    enum { TALKS = 12, FIRST = 3000, TURN = 60, CONTEXT = 4096 };
    static int32_t ids[TALKS][CONTEXT];
    uint64_t page = budget_of(CONTEXT, 1) / (33 + 15);
    struct rig r = open_scripted(CONTEXT, TALKS, 0, (TALKS * (29 + 4) + 20) * page);
    for (int i = 0; i < TALKS; i++) {
        fill(ids[i], CONTEXT, 50 + (uint64_t)i);
        memcpy(ids[i], ids[0], 200 * sizeof **ids); /* the same instructions, and then the same again in pairs */
        memcpy(ids[i], ids[i / 2 * 2], 333 * sizeof **ids);
    }
    for (int round = 0; round < 6; round++) {
        uint64_t computed = stats_of(&r).tokens_computed;
        for (int i = 0; i < TALKS; i++) {
            size_t n = FIRST + (size_t)round * 2 * TURN, had = once(&r, 1, ids[i], n);
            if (round > 0)
                assert_int_equal(had, n - TURN);
            assert_int_equal(once(&r, 1, ids[i], n + TURN), n);
        }
        if (round > 0)
            assert_int_equal(stats_of(&r).tokens_computed - computed, TALKS * 2 * TURN);
        if (stats_of(&r).tokens_replayed > 0)
            fail_msg("round %d: %llu tokens replayed", round, (unsigned long long)stats_of(&r).tokens_replayed);
    }
    assert_int_equal(stats_of(&r).pages_used, 0);
    rig_close(&r);
}

/* Full pages that fit into their share stay, however many prefixes ended: sliding pages give way. */
static void test_full_pages_stay(void **state)
{
    (void)state;
    enum { TEXTS_HERE = 11, N = 300 };
    int32_t ids[TEXTS_HERE][N];
    struct rig r = open_scripted(2048, 2, 0, 0);
    assert_int_equal(stats_of(&r).pages_free, 2 * (17 + 15));
    for (int round = 0; round < 4; round++)
        for (int i = 0; i < TEXTS_HERE; i++) { /* three full pages each: 33 of 34 */
            fill(ids[i], N, 200 + (uint64_t)i);
            ids[i][0] = i;
            assert_int_equal(once(&r, 1, ids[i], N), round > 0 ? N - 1 : 0);
        }
    assert_int_equal(stats_of(&r).full_cached, 3 * TEXTS_HERE);
    rig_close(&r);
}

/* What a session has given back of its sliding pages the tree may still have; and it takes no more of them than a
 * session that has come so far itself. */
static void test_sliding_pages(void **state)
{
    (void)state;
    enum { N = 3000, BACK = 700 };
    int32_t ids[N];
    struct rig r = open_scripted(N, 2, 0, 0);
    struct osso_session *s = open_session(&r, 1);
    fill(ids, N, 12);
    sync_to(&r, s, ids, N);
    run_all(&r, &s, 1, 0);
    sync_to(&r, s, ids, BACK);
    assert_int_equal(osso_session_computed(s), BACK - 1);
    run_all(&r, &s, 1, 0);
    sync_to(&r, s, ids, N);
    assert_int_equal(osso_session_computed(s), N - 1);
    assert_in_range(stats_of(&r).sliding_used, 2, (128 + KV_KEEP) / KV_PAGE + 2);
    run_all(&r, &s, 1, 0);
    assert_int_equal(stats_of(&r).tokens_replayed, 0);
    assert_int_equal(stats_of(&r).tokens_computed, N + 2);
    osso_session_free(s);
    rig_close(&r);
}

/* ---- given back, and not to be found ----------------------------------------------------------------------- */

/* A session that was released goes on with the tokens it has, with its pages or, when others needed them, without. */
static void test_release(void **state)
{
    (void)state;
    enum { N = 1000 };
    int32_t ids[N], other[N];
    fill(ids, N, 3);
    fill(other, N, 4);
    for (int gone = 0; gone < 2; gone++) {
        struct rig r = open_scripted(N, 1, 100, 0);
        struct osso_session *s = open_session(&r, 1);
        float want[VOCAB];
        size_t n;
        sync_to(&r, s, ids, 900);
        check_ok(osso_step(r.engine, &s, 1, 0, &r.err), r.err);
        osso_session_release(s); /* in the middle of its prompt */
        assert_int_equal(stats_of(&r).pages_used, 0);
        run_all(&r, &s, 1, 0);
        assert_int_equal(stats_of(&r).tokens_computed, 900);
        memcpy(want, osso_session_logits(s, 899), sizeof want);
        osso_session_release(s);
        osso_session_release(s);
        osso_session_tokens(s, &n);
        assert_true(n == 900 && osso_session_computed(s) == 0 && !osso_session_ready(s));
        assert_null(osso_session_logits(s, 899));
        if (gone)
            assert_int_equal(once(&r, 2, other, N), 0); /* takes every page there is */
        uint64_t computed = stats_of(&r).tokens_computed;
        run_all(&r, &s, 1, 0);
        assert_memory_equal(osso_session_logits(s, 899), want, sizeof want);
        assert_true(gone ? stats_of(&r).tokens_computed - computed > 500
                         : stats_of(&r).tokens_computed - computed == 1);
        osso_session_free(s);
        rig_close(&r);
    }
}

/* Rows whose logits were read are not asked for again by a release; those that were not are. */
static void test_release_keeps_wants(void **state)
{
    (void)state;
    int32_t ids[300];
    struct rig r = open_scripted(300, 1, 50, 0);
    struct osso_session *s = open_session(&r, 1);
    fill(ids, 300, 3);
    sync_to(&r, s, ids, 200);
    osso_session_want_logits(s, 0);
    check_ok(osso_step(r.engine, &s, 1, 40, &r.err), r.err);
    size_t before = osso_session_computed(s), next = before;
    osso_session_release(s);
    while (!osso_session_ready(s)) {
        check_ok(osso_step(r.engine, &s, 1, 0, &r.err), r.err);
        for (; next < osso_session_computed(s); next++)
            assert_non_null(osso_session_logits(s, next));
    }
    assert_int_equal(stats_of(&r).tokens_computed, 200);
    osso_session_free(s);
    rig_close(&r);
}

/* Logits that are no numbers: nothing that the session computed is found again, by anybody; whole
 * pages that it had from others are. */
static void test_no_numbers(void **state)
{
    (void)state;
    enum { N = 600 };
    int32_t ids[N];
    struct osso_choice choice;
    struct osso_sampler *sampler;
    fill(ids, N, 8);
    for (size_t shared = 0; shared <= 300; shared += 150) {
        struct rig r = open_scripted(N + 40, 4, 0, 0);
        check_ok(osso_sampler_create(NULL, VOCAB, &sampler, &r.err), r.err);
        if (shared)
            once(&r, 1, ids, shared);
        struct osso_session *s = open_session(&r, 1), *t = open_session(&r, 1);
        sync_to(&r, s, ids, N);
        assert_int_equal(osso_session_computed(s), shared);
        nan_next = true;
        run_all(&r, &s, 1, 0);
        sync_to(&r, t, ids, 550); /* has taken the same pages before anybody knows */
        assert_int_equal(osso_session_computed(t), 549);
        if (shared == 150)
            assert_int_equal(osso_session_check_logits(s, N - 1, &r.err), OSSO_NUMERIC);
        else
            assert_int_equal(osso_sample(sampler, s, &choice, NULL, 0, &r.err), OSSO_NUMERIC);
        nan_next = false;
        /* A page that others had begun was completed by s, and is s's own. */
        assert_int_equal(once(&r, 1, ids, N / 2 + 50), shared / KV_PAGE * KV_PAGE);
        sync_to(&r, t, ids, 550); /* has what is good by now */
        assert_int_equal(osso_session_computed(t), N / 2 + 50);
        sync_to(&r, s, ids, N);
        assert_int_equal(osso_session_computed(s), N / 2 + 50);
        run_all(&r, &t, 1, 0);
        run_all(&r, &s, 1, 0);
        check_ok(osso_sample(sampler, s, &choice, NULL, 0, &r.err), r.err);
        osso_session_free(s);
        osso_session_free(t);
        assert_int_equal(once(&r, 1, ids, N), N - 1);
        osso_sampler_free(sampler);
        rig_close(&r);
    }
}

/* Who has taken the beginning of a page has a copy of it as soon as it writes behind it, and a copy looks like work of
 * its own: with its own failure all of that page is computed again, not only what came behind. */
static void test_no_numbers_copied(void **state)
{
    (void)state;
    enum { N = 500, TAKEN = 300 };
    int32_t ids[N];
    fill(ids, N, 8);
    struct rig r = open_scripted(N, 4, 0, 0);
    once(&r, 1, ids, 2 * KV_PAGE);
    struct osso_session *s = open_session(&r, 1), *t = open_session(&r, 1);
    sync_to(&r, s, ids, TAKEN);
    check_ok(osso_step(r.engine, &s, 1, TAKEN - 1 - 2 * KV_PAGE, &r.err), r.err);
    sync_to(&r, t, ids, N);
    assert_int_equal(osso_session_computed(t), TAKEN - 1);
    nan_next = true;
    run_all(&r, (struct osso_session *[]){s, t}, 2, 0);
    assert_int_equal(osso_session_check_logits(s, TAKEN - 1, &r.err), OSSO_NUMERIC);
    assert_int_equal(osso_session_check_logits(t, N - 1, &r.err), OSSO_NUMERIC);
    nan_next = false;
    osso_session_free(s);
    sync_to(&r, t, ids, N);
    assert_int_equal(osso_session_computed(t), 2 * KV_PAGE);
    run_all(&r, &t, 1, 0);
    osso_session_free(t);
    assert_int_equal(once(&r, 1, ids, N), N - 1);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_to_the_token),    cmocka_unit_test(test_from_the_living),
        cmocka_unit_test(test_random_tree),     cmocka_unit_test(test_computed_once),
        cmocka_unit_test(test_nobody_hangs),    cmocka_unit_test(test_decoding_is_not_waited_for),
        cmocka_unit_test(test_taps_see_all),    cmocka_unit_test(test_waiting_copies_nothing),
        cmocka_unit_test(test_what_fits_runs),  cmocka_unit_test(test_conversations_in_turns),
        cmocka_unit_test(test_full_pages_stay), cmocka_unit_test(test_sliding_pages),
        cmocka_unit_test(test_release),         cmocka_unit_test(test_release_keeps_wants),
        cmocka_unit_test(test_no_numbers),      cmocka_unit_test(test_no_numbers_copied),
    };
    return cmocka_run_group_tests_name("prefixes", tests, NULL, NULL);
}
