/* test_tap_ends.c: layers that nobody asked for are not shown; a tap, or an interrupt, ends a step in its middle, and
 * the engine goes on with the same bits. */
#include "model_test.h"

#include "checkpoint/model_open.h"

static const char MODEL[] = "tests/golden/model/window128-sharded";
enum { LENGTH = 200, SHORT = 20 };

/* ---- layers, and the end of a step ---------------------------------------------------------------------------- */

struct ending {
    int calls[MAX_LAYERS + 1]; /* [layer + 1] */
    enum osso_tap tap;
    int layer, result;
};

static int end_there(void *user, const struct osso_tap_value *v)
{
    struct ending *e = user;
    e->calls[v->layer + 1]++;
    return v->tap == e->tap && v->layer == e->layer ? e->result : 0;
}

static void test_layers(void **state)
{
    (void)state;
    char path[512];
    static struct ending e;
    int32_t ids[SHORT] = {0};
    struct osso_layers last = {{0}};
    struct osso_engine_options o = engine_options(false, 64);
    struct rig r = rig_open(test_path(path, sizeof path, MODEL), &o);
    int n = r.model->config.n_layers, calls[MAX_LAYERS + 1];
    assert_true(n > 1);
    check_ok(osso_engine_set_tap(r.engine, OSSO_TAPS_ALL, NULL, end_there, &e, &r.err), r.err);
    free(all_logits(&r, ids, SHORT, 0));
    memcpy(calls, e.calls, sizeof calls);
    memset(e.calls, 0, sizeof e.calls);
    assert_true(calls[0] >= 3 && calls[1] >= 22 && calls[0] + calls[1] == OSSO_TAP_COUNT);
    last.bits[(n - 1) / 64] = 1ull << (n - 1) % 64;
    check_ok(osso_engine_set_tap(r.engine, OSSO_TAPS_ALL, &last, end_there, &e, &r.err), r.err);
    free(all_logits(&r, ids, SHORT, 0));
    for (int l = -1; l < n; l++)
        assert_int_equal(e.calls[l + 1], l < 0 || l == n - 1 ? calls[l + 1] : 0);
    rig_close(&r);
}

/* Ends steps at every kind of place: prompt and decode, first and last tap. */
static void check_end(struct rig *r, const int32_t *ids, const float *want, enum osso_tap tap, int layer)
{
    static struct ending e;
    struct osso_session *s, *other;
    struct osso_engine_stats before = {.size = sizeof before}, after = before;
    size_t vocab = (size_t)r->vocab, n = 0;
    e = (struct ending){.tap = tap, .layer = layer};
    check_ok(osso_engine_set_tap(r->engine, OSSO_TAPS_ALL, NULL, end_there, &e, &r->err), r->err);
    check_ok(osso_session_create(r->engine, (uint64_t)tap + 100, &s, &r->err), r->err);
    check_ok(osso_session_create(r->engine, (uint64_t)tap + 200, &other, &r->err), r->err);
    check_ok(osso_session_sync(s, ids, LENGTH - 1, &r->err), r->err);
    check_ok(osso_session_sync(other, ids, LENGTH, &r->err), r->err);
    for (int round = 0; n < LENGTH; round++) {
        if (n == LENGTH - 1)
            check_ok(osso_session_append(s, ids[n], &r->err), r->err);
        osso_engine_stats(r->engine, &before);
        e.result = 1 + round;
        memset(e.calls, 0, sizeof e.calls);
        assert_int_equal(osso_step(r->engine, (struct osso_session *[]){s, other}, 2, 170, &r->err), OSSO_CANCELLED);
        assert_non_null(strstr(r->err.text, osso_tap_name(tap)));
        assert_int_equal(osso_session_computed(s), n);
        assert_null(osso_session_logits(s, n ? n - 1 : 0));
        for (int l = layer + 1; l < r->model->config.n_layers; l++)
            assert_int_equal(e.calls[l + 1], 0);
        osso_engine_stats(r->engine, &after);
        assert_int_equal(after.tokens_computed, before.tokens_computed);
        e.result = 0;
        check_ok(osso_step(r->engine, (struct osso_session *[]){s, other}, 2, 170, &r->err), r->err);
        n = osso_session_computed(s);
        if (osso_session_ready(s))
            assert_memory_equal(osso_session_logits(s, n - 1), want + (n - 1) * vocab, vocab * sizeof *want);
    }
    osso_session_free(s);
    osso_session_free(other);
}

static void test_end(void **state)
{
    (void)state;
    char path[512];
    int32_t ids[LENGTH];
    struct rng rng;
    rng_seed(&rng, 13);
    struct osso_engine_options o = engine_options(false, LENGTH);
    struct rig r = rig_open(test_path(path, sizeof path, MODEL), &o);
    for (int i = 0; i < LENGTH; i++)
        ids[i] = (int32_t)rng_below(&rng, (uint64_t)r.vocab);
    float *want = all_logits(&r, ids, LENGTH, 0);
    check_end(&r, ids, want, OSSO_TAP_EMBED, -1);
    check_end(&r, ids, want, OSSO_TAP_K_ROT, 0);
    check_end(&r, ids, want, OSSO_TAP_EXPERT_GATE, 1);
    check_end(&r, ids, want, OSSO_TAP_RESID_POST, r.model->config.n_layers - 1);
    free(want);
    rig_close(&r);
}

/* ---- an interrupted step ----------------------------------------------------------------------------------------- */

struct interrupter {
    volatile sig_atomic_t flag;
    enum osso_tap tap;
    int layer, shown_after; /* attention and logits that were computed nevertheless */
};

/* Sets the flag in the middle of a step, as a signal would. */
static int interrupt_there(void *user, const struct osso_tap_value *v)
{
    struct interrupter *i = user;
    i->shown_after += i->flag && ((v->tap == OSSO_TAP_Q && v->layer > i->layer) || v->tap == OSSO_TAP_LOGITS);
    if (v->tap == i->tap && v->layer == i->layer && !i->flag)
        i->flag = 1;
    return 0;
}

/* Wherever a step is interrupted, and with however many threads: it ends before the next layer, counts for nothing, and
 * the same rows give the same bits afterwards. */
static void check_interrupt(int threads, enum osso_tap tap, int layer)
{
    char path[512];
    int32_t ids[LENGTH];
    struct osso_session *s;
    struct osso_engine_options o = engine_options(false, LENGTH);
    o.threads = threads;
    struct rig r = rig_open(test_path(path, sizeof path, MODEL), &o);
    struct interrupter at = {.tap = tap, .layer = layer};
    for (int i = 0; i < LENGTH; i++)
        ids[i] = (int32_t)(i * 7 % r.vocab);
    float *want = all_logits(&r, ids, LENGTH, 0);
    check_ok(osso_engine_set_tap(r.engine, OSSO_TAPS_ALL, NULL, interrupt_there, &at, &r.err), r.err);
    osso_engine_set_interrupt(r.engine, &at.flag);
    check_ok(osso_session_create(r.engine, 9, &s, &r.err), r.err);
    check_ok(osso_session_sync(s, ids, LENGTH, &r.err), r.err);
    assert_int_equal(osso_step(r.engine, &s, 1, 0, &r.err), OSSO_CANCELLED);
    assert_int_equal(at.shown_after, 0);
    assert_int_equal(osso_session_computed(s), 0);
    assert_null(osso_session_logits(s, LENGTH - 1));
    assert_int_equal(osso_step(r.engine, &s, 1, 0, &r.err), OSSO_CANCELLED); /* the flag is still up */
    at.layer = -2;
    at.flag = 0;
    check_ok(osso_step(r.engine, &s, 1, 0, &r.err), r.err);
    assert_memory_equal(osso_session_logits(s, LENGTH - 1), want + (size_t)(LENGTH - 1) * (size_t)r.vocab,
                        (size_t)r.vocab * sizeof *want);
    free(want);
    osso_session_free(s);
    rig_close(&r);
}

static void test_interrupt(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 3; threads++) {
        check_interrupt(threads, OSSO_TAP_EMBED, -1);
        check_interrupt(threads, OSSO_TAP_ATTN_IN, 0);
        check_interrupt(threads, OSSO_TAP_MLP_IN, 0);
        check_interrupt(threads, OSSO_TAP_EXPERT_H, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_layers), cmocka_unit_test(test_end),
                                       cmocka_unit_test(test_interrupt)};
    return cmocka_run_group_tests_name("ends of steps", tests, NULL, NULL);
}
