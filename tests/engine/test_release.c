/* test_release.c: K and V that a session gives back, to come again or be computed again, and those that nobody may
 * find: of logits that are no numbers. */
#include "prefix_test.h"

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
        assert_int_equal(osso_session_reused(s), 0); /* whatever it took back had been its own */
        osso_session_free(s);
        rig_close(&r);
    }
}

/* What others have had is reuse, what was its own before a release is not; and of a prompt what was computed counts,
 * again, too, but nothing of what was appended. */
static void test_what_counts(void **state)
{
    (void)state;
    enum { N = 1000, COMMON = 300, PROMPT = 600, SAID = 50 };
    int32_t ids[N], other[N];
    fill(ids, N, 3);
    fill(other, N, 4);
    struct rig r = open_scripted(N, 1, 100, 0);
    once(&r, 1, ids, COMMON);
    struct osso_session *s = open_session(&r, 1);
    sync_to(&r, s, ids, PROMPT);
    check_ok(osso_step(r.engine, &s, 1, 100, &r.err), r.err);
    osso_session_release(s); /* with 400 of them, of which it had found 300 */
    run_all(&r, &s, 1, 0);
    assert_int_equal(osso_session_reused(s), COMMON);
    assert_int_equal(stats_of(&r).tokens_prompt, PROMPT);
    for (int i = 0; i < SAID; i++) {
        check_ok(osso_session_append(s, ids[PROMPT + i], &r.err), r.err);
        run_all(&r, &s, 1, 0);
    }
    assert_int_equal(stats_of(&r).tokens_prompt, PROMPT);
    assert_int_equal(stats_of(&r).tokens_computed, PROMPT + SAID);
    osso_session_release(s);
    assert_int_equal(once(&r, 2, other, N), 0); /* takes what pages there are */
    run_all(&r, &s, 1, 0);
    assert_int_equal(osso_session_reused(s), COMMON);
    uint64_t again = stats_of(&r).tokens_prompt - PROMPT - N;
    assert_in_range(again, 300, PROMPT); /* but those of pages that nobody took */
    assert_int_equal(stats_of(&r).tokens_computed, PROMPT + SAID + N + again + SAID);
    osso_session_free(s);
    rig_close(&r);
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
        cmocka_unit_test(test_release),
        cmocka_unit_test(test_what_counts),
        cmocka_unit_test(test_release_keeps_wants),
        cmocka_unit_test(test_no_numbers),
        cmocka_unit_test(test_no_numbers_copied),
    };
    return cmocka_run_group_tests_name("release", tests, NULL, NULL);
}
