/* test_prefixes.c: what sessions take over from each other, counted: the longest common prefix with anything that was
 * computed under their salt, to the token; a prefix that several need at once, computed once. */
#include "prefix_test.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_to_the_token), cmocka_unit_test(test_from_the_living),
        cmocka_unit_test(test_random_tree),  cmocka_unit_test(test_computed_once),
        cmocka_unit_test(test_nobody_hangs), cmocka_unit_test(test_decoding_is_not_waited_for),
        cmocka_unit_test(test_taps_see_all), cmocka_unit_test(test_waiting_copies_nothing),
    };
    return cmocka_run_group_tests_name("prefixes", tests, NULL, NULL);
}
