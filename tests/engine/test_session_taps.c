/* test_session_taps.c: a tap of a session. It sees that session's rows alone, each once, warm or cold, across windows
 * and pages; what it replaces stays with the session and its forks, and clean sessions keep their bits, whatever
 * happens beside them; residual rows become logits with a step's bits. */
#include "tap_test.h"

#include "engine/engine_parts.h"

static const char MODEL[] = "tests/golden/model/window128-sharded", SLIDING[] = "tests/golden/model/f16-sliding";
enum { LENGTH = 300, CONTEXT = LENGTH + 10 };

/* ---- what a callback is told --------------------------------------------------------------------------------------
 */

struct told {
    const struct osso_session *session;
    const int32_t *ids;
    int first[OSSO_TAP_COUNT][LENGTH], again;
    int32_t experts[LENGTH][8];
    int64_t from, end;
};

static int be_told(void *user, const struct osso_tap_value *v)
{
    struct told *t = user;
    assert_ptr_equal(v->session, t->session);
    for (int r = 0; r < v->n_rows; r += v->slots) {
        int i = r / v->slots, pos = v->positions[i];
        assert_true(pos >= t->from && pos < t->end);
        assert_int_equal(v->tokens[i], t->ids[pos]);
        t->again += v->replayed[i];
        if (v->layer <= 0 && !v->replayed[i])
            t->first[v->tap][pos]++;
        if (v->tap == OSSO_TAP_EXPERT_IDS)
            memcpy(t->experts[pos], v->ids + i * v->width, (size_t)v->width * sizeof *v->ids);
        for (int j = 0; v->slots > 1 && j < v->slots; j++) {
            assert_int_equal(v->experts[r + j], t->experts[pos][j]);
            assert_true(v->weights[r + j] > 0 && v->weights[r + j] <= 1);
        }
    }
    return 0;
}

/* Every row once: cold, after another session has computed the prompt, in pieces, beside others, and across a rewind.
 */
static void test_every_row_once(void **state)
{
    (void)state;
    int32_t ids[LENGTH];
    struct rig r = open_rig(SLIDING, false, 2, CONTEXT);
    random_ids(&r, 3, ids, LENGTH);
    for (int warm = 0; warm < 3; warm++) {
        static struct told t;
        const uint64_t taps = OSSO_TAPS_ALL & ~(1ull << OSSO_TAP_ATTN_PATTERN);
        struct osso_session *clean = session(&r, 7, ids, LENGTH), *s = session(&r, 7, ids, LENGTH);
        if (warm)
            run(&r, clean, 0);
        t = (struct told){.session = s, .ids = ids, .from = warm == 2 ? 130 : 0, .end = warm == 2 ? 290 : LENGTH};
        set_tap(&r, s,
                (struct osso_tap_options){
                    .taps = taps, .first = t.from, .end = warm == 2 ? t.end : 0, .fn = be_told, .user = &t});
        while (!osso_session_ready(s) || !osso_session_ready(clean))
            check_ok(osso_step(r.engine, (struct osso_session *[]){clean, s}, 2, 77, &r.err), r.err);
        for (int tap = 0; tap < OSSO_TAP_COUNT; tap++)
            for (int pos = 0; pos < LENGTH; pos++) {
                bool logits = tap == OSSO_TAP_FINAL_NORM || tap == OSSO_TAP_LOGITS;
                bool seen = (taps >> tap & 1) && pos >= t.from && pos < t.end && (!logits || pos == LENGTH - 1);
                if (t.first[tap][pos] != seen)
                    fail_msg("warm %d: %s saw position %d %d times", warm, osso_tap_name(tap), pos, t.first[tap][pos]);
            }
        osso_session_release(s); /* what the sliding layers lost is run again, and said to be */
        osso_session_free(s);
        osso_session_free(clean);
    }
    rig_close(&r);
}

/* Below its first position a session shares as ever; a fork shares what its mother computed, clean or not. */
static void test_shares_what_is_clean(void **state)
{
    (void)state;
    int32_t ids[LENGTH];
    static struct told t;
    struct osso_engine_stats before = {.size = sizeof before}, after = before;
    struct rig r = open_rig(MODEL, false, 1, CONTEXT);
    random_ids(&r, 5, ids, LENGTH);
    struct osso_session *clean = session(&r, 1, ids, LENGTH), *fork, *second;
    run(&r, clean, 0);
    check_ok(osso_session_fork(clean, &fork, &r.err), r.err);
    osso_engine_stats(r.engine, &before);
    t = (struct told){.session = fork, .ids = ids, .from = 200, .end = LENGTH};
    set_tap(&r, fork,
            (struct osso_tap_options){.taps = 1ull << OSSO_TAP_RESID_PRE, .first = 200, .fn = be_told, .user = &t});
    run(&r, fork, 0);
    osso_engine_stats(r.engine, &after);
    assert_int_equal(after.tokens_computed - before.tokens_computed, LENGTH - 200);
    assert_int_equal(session_shared(fork), 200);
    check_ok(osso_session_fork(fork, &second, &r.err), r.err);
    t.session = second;
    assert_int_equal(osso_session_computed(second), LENGTH - 1);
    run(&r, second, 0);
    struct osso_session *other = session(&r, 1, ids, LENGTH);
    assert_int_equal(osso_session_computed(other), LENGTH - 1); /* the clean one's, not the tapped ones' */
    osso_session_free(other);
    check_ok(osso_session_set_tap(second, NULL, &r.err), r.err);
    assert_int_equal(osso_session_computed(second), 200); /* computed again, as the model has it */
    run(&r, second, 0);
    run(&r, clean, 0);
    osso_session_free(second);
    osso_session_free(fork);
    osso_session_free(clean);
    rig_close(&r);
}

/* ---- interventions ------------------------------------------------------------------------------------------------
 */

struct harm {
    struct rng *rng;
    int end_after; /* calls; the step is abandoned then */
    int calls, values;
};

static int do_harm(void *user, const struct osso_tap_value *v)
{
    struct harm *h = user;
    for (int64_t i = 0; v->values && i < v->n_rows * v->width; i += 7, h->values++)
        v->values[i] = h->values % 1000 == 999 ? NAN : 3 * v->values[i] + 1;
    return ++h->calls == h->end_after;
}

static void check_clean(struct rig *r, uint64_t salt, const int32_t *ids, size_t n, const float *want)
{
    struct osso_session *s = session(r, salt, ids, n);
    run(r, s, 0);
    float *have = last_logits(r, s);
    assert_memory_equal(have, want, (size_t)r->vocab * sizeof *have);
    free(have);
    osso_session_free(s);
}

/* One intervention, of random kind and place, with a clean session of the same salt and tokens in the same steps. */
static void intervene(struct rig *r, struct rng *rng, uint64_t salt, const int32_t *ids, const float *want)
{
    size_t n = LENGTH;
    uint64_t tap, bad = 1ull << OSSO_TAP_EXPERT_IDS | 1ull << OSSO_TAP_ATTN_LSE;
    struct osso_layers layers = {{1ull << rng_below(rng, (uint64_t)r->model->config.n_layers)}};
    struct harm harm = {.rng = rng, .end_after = rng_below(rng, 3) == 0 ? 1 + (int)rng_below(rng, 3) : 0};
    do
        tap = 1ull << rng_below(rng, OSSO_TAP_COUNT);
    while (tap & bad);
    if (rng_below(rng, 3) == 0) /* or it computes the prompt first, and others find what it leaves */
        check_clean(r, salt, ids, n, want);
    struct osso_session *harmed = session(r, salt, ids, n), *clean = NULL;
    set_tap(r, harmed,
            (struct osso_tap_options){.taps = tap,
                                      .replaces = tap,
                                      .layers = rng_below(rng, 2) ? &layers : NULL,
                                      .first = (int64_t)rng_below(rng, LENGTH),
                                      .fn = do_harm,
                                      .user = &harm});
    if (rng_below(rng, 2))
        clean = session(r, salt, ids, n);
    for (bool on = true; on && !(osso_session_ready(harmed) && (!clean || osso_session_ready(clean)));) {
        enum osso_status status = osso_step(r->engine, (struct osso_session *[]){harmed, clean}, clean ? 2 : 1, 200,
                                            &r->err);
        assert_true(status == OSSO_OK || (status == OSSO_CANCELLED && harm.calls == harm.end_after));
        if (status && rng_below(rng, 2)) {
            check_ok(osso_session_set_tap(harmed, NULL, &r->err), r->err);
            check_clean(r, salt, ids, n, want);
        }
        on = !status || clean; /* else it is abandoned */
    }
    if (clean) {
        float *have = osso_session_logits(clean, n - 1) ? last_logits(r, clean) : NULL;
        if (have)
            assert_memory_equal(have, want, (size_t)r->vocab * sizeof *have);
        free(have);
    }
    if (osso_session_ready(harmed) && osso_session_logits(harmed, n - 1))
        osso_session_check_logits(harmed, n - 1, &r->err); /* NaN or not: nobody else minds */
    osso_session_free(harmed);
    osso_session_free(clean);
    check_clean(r, salt, ids, n, want);
}

static void test_interventions(void **state)
{
    (void)state;
    int32_t ids[LENGTH];
    struct rng rng;
    rng_seed(&rng, 99);
    for (int m = 0; m < 2; m++) {
        struct rig r = open_rig(m ? SLIDING : MODEL, m == 0, 2, CONTEXT);
        random_ids(&r, 8, ids, LENGTH);
        float *all = all_logits(&r, ids, LENGTH, 0), *want = all + (size_t)(LENGTH - 1) * (size_t)r.vocab;
        for (int i = 0; i < (getenv("OSSO_TEST_QUICK") ? 5 : 100); i++)
            intervene(&r, &rng, (uint64_t)i + 1, ids, want);
        free(all);
        rig_close(&r);
    }
}

/* ---- logits after the fact ------------------------------------------------------------------------------------------
 */

struct residual {
    float *rows, *normed;
    int layer;
    struct osso_engine *engine;
};

static int keep_residual(void *user, const struct osso_tap_value *v)
{
    struct residual *k = user;
    float *to = v->tap == OSSO_TAP_FINAL_NORM ? k->normed : v->layer == k->layer ? k->rows : NULL;
    struct osso_error err;
    assert_int_equal(osso_unembed(k->engine, k->rows, 1, NULL, NULL, &err), OSSO_USAGE);
    for (int r = 0; to && r < v->n_rows; r++)
        memcpy(to + v->positions[r] * v->width, v->values + r * v->width, (size_t)v->width * sizeof *to);
    return 0;
}

static void test_unembed(void **state)
{
    (void)state;
    for (int exact = 0; exact < 2; exact++) {
        char path[512];
        int32_t ids[LENGTH];
        struct osso_engine_options o = engine_options(exact, LENGTH);
        o.max_logit_rows = 64; /* several pieces */
        struct rig r = rig_open(test_path(path, sizeof path, MODEL), &o);
        const struct config *c = &r.model->config;
        size_t bytes = LENGTH * (size_t)r.vocab * sizeof(float), hidden = LENGTH * (size_t)c->hidden;
        random_ids(&r, 10, ids, LENGTH);
        float *want = all_logits(&r, ids, LENGTH, 0), *have = malloc(bytes), *normed = malloc(hidden * sizeof *normed);
        struct residual k = {malloc(hidden * sizeof *k.rows), malloc(hidden * sizeof *k.rows), c->n_layers - 1,
                             r.engine};
        struct osso_session *s = session(&r, 3, ids, LENGTH);
        osso_session_want_logits(s, 0);
        set_tap(&r, s,
                (struct osso_tap_options){.taps = 1ull << OSSO_TAP_RESID_POST | 1ull << OSSO_TAP_FINAL_NORM,
                                          .fn = keep_residual,
                                          .user = &k});
        run(&r, s, 0);
        check_ok(osso_unembed(r.engine, k.rows, LENGTH, normed, have, &r.err), r.err);
        assert_null(osso_session_logits(s, LENGTH - 1));
        assert_memory_equal(have, want, bytes);
        assert_memory_equal(normed, k.normed, hidden * sizeof *normed);
        osso_session_free(s);
        free(want);
        free(have);
        free(normed);
        free(k.rows);
        free(k.normed);
        rig_close(&r);
    }
}

/* ---- refusals -----------------------------------------------------------------------------------------------------
 */

static void test_refused(void **state)
{
    (void)state;
    struct rig r = open_rig(MODEL, false, 1, CONTEXT);
    int calls = 0;
    int32_t ids[3] = {1, 2, 3}, heads[2] = {0, r.model->config.n_heads}, twice[2] = {1, 1};
    struct osso_layers beyond = {{1ull << r.model->config.n_layers}};
    const struct osso_tap_options bad[] = {
        {.taps = 1ull << 63, .fn = leave_be},
        {.taps = 1},
        {.taps = 1, .replaces = 2, .fn = leave_be},
        {.taps = 1ull << OSSO_TAP_EXPERT_IDS, .replaces = 1ull << OSSO_TAP_EXPERT_IDS, .fn = leave_be},
        {.taps = 1, .fn = leave_be, .heads = heads, .n_heads = 2},
        {.taps = 1, .fn = leave_be, .heads = twice, .n_heads = 2},
        {.taps = 2, .fn = leave_be, .by_tap = &beyond, .n_by_tap = 1},
        {.taps = 1, .fn = leave_be, .first = -1},
        {.taps = 1, .fn = leave_be, .first = 5, .end = 5},
    };
    struct osso_session *s = session(&r, 0, ids, 3);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct osso_tap_options o = bad[i];
        r.err.text[0] = 0;
        assert_int_equal(osso_session_set_tap(s, &o, &r.err), OSSO_USAGE); /* no size */
        o.size = sizeof o;
        assert_int_equal(osso_session_set_tap(s, &o, &r.err), OSSO_USAGE);
        assert_true(strlen(r.err.text) > 10);
    }
    set_tap(&r, s, (struct osso_tap_options){.taps = 1, .fn = leave_be, .user = &calls});
    assert_int_equal(osso_engine_set_tap(r.engine, 1, NULL, leave_be, &calls, &r.err), OSSO_USAGE);
    run(&r, s, 0);
    assert_int_equal(calls, 1);
    check_ok(osso_session_set_tap(s, NULL, &r.err), r.err);
    check_ok(osso_engine_set_tap(r.engine, 1, NULL, leave_be, &calls, &r.err), r.err);
    struct osso_tap_options one = {.size = sizeof one, .taps = 1, .fn = leave_be, .user = &calls};
    assert_int_equal(osso_session_set_tap(s, &one, &r.err), OSSO_USAGE);
    osso_session_free(s);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row_once), cmocka_unit_test(test_shares_what_is_clean),
        cmocka_unit_test(test_interventions), cmocka_unit_test(test_unembed), cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests_name("session taps", tests, NULL, NULL);
}
