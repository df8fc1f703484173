/* test_fill.c: what `osso bench --fill` makes up stays out of everybody else's way, and the rate of kernels in the
 * cache is a number. */
#include "model_test.h"

#include "engine/engine_parts.h"
#include "osso/bench.h"

static const char MODEL[] = "tests/golden/model/window128-sharded";
enum { DEPTH = 1500, MORE = 200, ALL = DEPTH + MORE };

static struct rig open_rig(int32_t *ids)
{
    char path[512];
    struct osso_engine_options o = engine_options(false, ALL);
    struct rig r = rig_open(test_path(path, sizeof path, MODEL), &o);
    struct rng rng;
    rng_seed(&rng, 5);
    for (int i = 0; i < ALL; i++)
        ids[i] = (int32_t)rng_below(&rng, (uint64_t)r.vocab);
    return r;
}

static void step_until_ready(struct rig *r, struct osso_session *s)
{
    while (!osso_session_ready(s))
        check_ok(osso_step(r->engine, &s, 1, 0, &r->err), r->err);
}

static void test_made_up_pages_are_never_shared(void **state)
{
    (void)state;
    int32_t ids[ALL];
    struct rig r = open_rig(ids);
    struct osso_session *a, *b;
    check_ok(osso_session_create(r.engine, 1, &a, &r.err), r.err);
    check_ok(osso_bench_fill(a, ids, DEPTH, &r.err), r.err);
    assert_int_equal(osso_session_computed(a), DEPTH);
    for (int i = DEPTH; i < ALL; i++) { /* pages that are completed on top of noise are noise, too */
        check_ok(osso_session_append(a, ids[i], &r.err), r.err);
        step_until_ready(&r, a);
        assert_non_null(osso_session_logits(a, (size_t)i));
    }
    check_ok(osso_session_create(r.engine, 1, &b, &r.err), r.err);
    check_ok(osso_session_sync(b, ids, ALL, &r.err), r.err);
    assert_int_equal(osso_session_computed(b), 0);
    step_until_ready(&r, b);

    /* Once nothing of the noise is left, the session shares like any other: it finds the pages that b has computed. */
    check_ok(osso_session_rewind(a, 0, &r.err), r.err);
    check_ok(osso_session_sync(a, ids, ALL, &r.err), r.err);
    assert_int_equal(osso_session_computed(a), ALL - 1);
    step_until_ready(&r, a);
    assert_true(a->made_from == SIZE_MAX);
    osso_session_free(a);
    osso_session_free(b);
    rig_close(&r);
}

/* The same pages, and so the same work, as after computing the depth. */
static void test_as_many_pages_as_computed(void **state)
{
    (void)state;
    int32_t ids[ALL];
    struct rig r = open_rig(ids);
    struct osso_session *a, *b;
    check_ok(osso_session_create(r.engine, 1, &a, &r.err), r.err);
    check_ok(osso_session_create(r.engine, 2, &b, &r.err), r.err);
    check_ok(osso_bench_fill(a, ids, DEPTH, &r.err), r.err);
    check_ok(osso_session_sync(b, ids, DEPTH, &r.err), r.err);
    step_until_ready(&r, b);
    for (int g = 0; g < KV_GROUPS; g++)
        for (int i = 0; i < a->kv.n_slots; i++)
            assert_int_equal(a->kv.page[g][i] < 0, b->kv.page[g][i] < 0);
    check_ok(osso_session_rewind(a, DEPTH - 50, &r.err), r.err);
    step_until_ready(&r, a);
    check_ok(osso_bench_fill(a, ids, 0, &r.err), r.err);
    assert_int_equal(osso_session_computed(a), 0);
    osso_session_free(a);
    osso_session_free(b);
    rig_close(&r);
}

static void test_resident(void **state)
{
    (void)state;
    int32_t ids[ALL];
    struct rig r = open_rig(ids);
    struct osso_session *a;
    double gbps;
    check_ok(osso_session_create(r.engine, 1, &a, &r.err), r.err);
    check_ok(osso_session_sync(a, ids, 40, &r.err), r.err);
    step_until_ready(&r, a);
    check_ok(osso_bench_resident(r.engine, &gbps, &r.err), r.err);
    assert_true(isfinite(gbps) && gbps > 0);
    assert_null(osso_session_logits(a, 39));
    osso_session_free(a);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_made_up_pages_are_never_shared),
        cmocka_unit_test(test_as_many_pages_as_computed),
        cmocka_unit_test(test_resident),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
