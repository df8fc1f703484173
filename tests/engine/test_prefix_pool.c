/* test_prefix_pool.c: a pool in which everything runs whose pages fit, and what of shared prefixes stays in it: full
 * pages, sliding pages where prefixes ended. */
#include "prefix_test.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_fits_runs),
        cmocka_unit_test(test_conversations_in_turns),
        cmocka_unit_test(test_full_pages_stay),
        cmocka_unit_test(test_sliding_pages),
    };
    return cmocka_run_group_tests_name("prefix_pool", tests, NULL, NULL);
}
