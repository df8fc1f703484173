/* test_patch.c: values of one run put into another. What has to restore everything does, and nothing else is claimed;
 * forks side by side give the bits of whole runs, one after the other; the clean engine stays clean. */
#include "model_test.h"

#include "osso/patch.h"

static const char MODEL[] = "tests/golden/model/yarn-mxfp4";
enum { LENGTH = 40, AT = 11, LAYERS = 4, HEADS = 8, HEAD_DIM = 16 };

static struct rig open_rig(int threads)
{
    char path[512];
    struct osso_engine_options o = engine_options(false, LENGTH + 4);
    o.threads = threads;
    o.max_sessions = 34;
    return rig_open(test_path(path, sizeof path, MODEL), &o);
}

/* Two texts that differ in token AT, and again five tokens before the end when `twice`. */
static void texts(int32_t *clean, int32_t *corrupted, bool twice)
{
    char path[512];
    size_t n;
    int32_t *ids = ids_read(test_path(path, sizeof path, "tests/golden/model/yarn-mxfp4/ids.txt"), &n);
    memcpy(clean, ids, LENGTH * sizeof *clean);
    memcpy(corrupted, ids, LENGTH * sizeof *clean);
    corrupted[AT] = (clean[AT] + 7) % 200;
    if (twice)
        corrupted[LENGTH - 5] = (clean[LENGTH - 5] + 3) % 200;
    free(ids);
}

static struct osso_patch_result patch(struct rig *r, const char *component, int sessions, bool twice)
{
    int32_t clean[LENGTH], corrupted[LENGTH];
    struct osso_patch_result result = {.size = sizeof result};
    struct osso_patch_options o = {
        .size = sizeof o, .component = component, .answer = 5, .wrong = 90, .sessions = sessions};
    uint64_t runs, tokens;
    texts(clean, corrupted, twice);
    check_ok(osso_patch_measure(r->engine, clean, corrupted, LENGTH, &o, &runs, &tokens, &r->err), r->err);
    check_ok(osso_patch(r->engine, clean, corrupted, LENGTH, &o, &result, &r->err), r->err);
    assert_int_equal(result.runs, runs);
    assert_int_equal(result.tokens, tokens);
    return result;
}

/* Where the only token that differs enters, all of it is restored; so it is at the end of the last layer, behind the
 * last token, and nowhere else there. */
static void test_what_must_be(void **state)
{
    (void)state;
    struct rig r = open_rig(2);
    struct osso_patch_result pre = patch(&r, "resid_pre", 0, false), post = patch(&r, "resid_post", 7, true);
    assert_int_equal(pre.n, LAYERS * LENGTH);
    assert_int_equal(pre.runs, LAYERS * (LENGTH - AT));
    for (size_t i = 0; i < pre.n; i++) {
        const struct osso_patch_record *p = &pre.records[i];
        assert_int_equal(p->layer, i / LENGTH);
        assert_int_equal(p->position, i % LENGTH);
        assert_int_equal(p->head, -1);
        if (p->layer == 0)
            assert_true(p->share == (p->position == AT ? 1 : 0));
    }
    for (size_t i = 0; i < post.n; i++)
        if (post.records[i].layer == LAYERS - 1)
            assert_true(post.records[i].share == (post.records[i].position == LENGTH - 1 ? 1 : 0));
    osso_patch_free(&pre);
    osso_patch_free(&post);
    rig_close(&r);
}

/* ---- whole runs, one after the other -------------------------------------------------------------------------------
 */

struct whole {
    float z[LAYERS][LENGTH][HEADS * HEAD_DIM];
    int layer, head, position; /* layer -1: keep */
};

static int whole_tap(void *user, const struct osso_tap_value *v)
{
    struct whole *w = user;
    for (int r = 0; r < v->n_rows; r++) {
        float *mine = v->values + r * v->width, *kept = w->z[v->layer][v->positions[r]];
        if (w->layer < 0)
            memcpy(kept, mine, sizeof w->z[0][0]);
        else if (v->layer == w->layer && v->positions[r] == w->position)
            memcpy(mine + w->head * HEAD_DIM, kept + w->head * HEAD_DIM, HEAD_DIM * sizeof *mine);
    }
    return 0;
}

static double whole_run(struct rig *r, struct whole *w, const int32_t *ids)
{
    struct osso_session *s;
    const uint64_t z = (uint64_t)1 << OSSO_TAP_ATTN_Z;
    struct osso_tap_options tap = {.size = sizeof tap, .taps = z, .replaces = z, .fn = whole_tap, .user = w};
    check_ok(osso_session_create(r->engine, 0, &s, &r->err), r->err);
    check_ok(osso_session_set_tap(s, &tap, &r->err), r->err);
    check_ok(osso_session_sync(s, ids, LENGTH, &r->err), r->err);
    while (!osso_session_ready(s))
        check_ok(osso_step(r->engine, &s, 1, 0, &r->err), r->err);
    const float *logits = osso_session_logits(s, LENGTH - 1);
    double d = (double)logits[5] - logits[90];
    osso_session_free(s);
    return d;
}

static void test_whole_runs(void **state)
{
    (void)state;
    static struct whole w;
    int32_t clean[LENGTH], corrupted[LENGTH];
    struct rig r = open_rig(2), one = open_rig(1);
    struct osso_patch_result many = patch(&r, "z", 0, true), few = patch(&one, "z", 3, true);
    texts(clean, corrupted, true);
    w.layer = -1;
    double high = whole_run(&r, &w, clean);
    assert_true(many.clean == high && few.clean == high);
    assert_int_equal(many.n, LAYERS * HEADS * LENGTH);
    for (size_t i = 0; i < many.n; i++) {
        const struct osso_patch_record *p = &many.records[i];
        assert_true(p->share == few.records[i].share);
        assert_true(p->position >= AT || p->share == 0);
        if (i % 37)
            continue;
        w.layer = p->layer, w.head = p->head, w.position = (int)p->position;
        assert_true(p->share == (whole_run(&r, &w, corrupted) - many.corrupted) / (many.clean - many.corrupted));
    }
    struct osso_patch_result again = patch(&r, "z", 0, true);
    assert_memory_equal(again.records, many.records, many.n * sizeof *many.records);
    osso_patch_free(&many);
    osso_patch_free(&few);
    osso_patch_free(&again);
    rig_close(&r);
    rig_close(&one);
}

static void test_parts_and_refusals(void **state)
{
    (void)state;
    int32_t clean[LENGTH], corrupted[LENGTH];
    int64_t positions[] = {3, AT + 1}, beyond = LENGTH;
    struct rig r = open_rig(1);
    struct osso_layers layers = {{1 << 2}};
    struct osso_patch_result whole = patch(&r, "k", 0, false), part = {.size = sizeof part};
    struct osso_patch_options o = {.size = sizeof o,
                                   .component = "k",
                                   .answer = 5,
                                   .wrong = 90,
                                   .layers = &layers,
                                   .positions = positions,
                                   .n_positions = 2};
    texts(clean, corrupted, false);
    check_ok(osso_patch(r.engine, clean, corrupted, LENGTH, &o, &part, &r.err), r.err);
    assert_int_equal(part.n, 2); /* one head of keys */
    assert_int_equal(part.runs, 1);
    assert_true(part.records[0].share == 0 && part.records[1].share == whole.records[2 * LENGTH + AT + 1].share);
    osso_patch_free(&part);
    osso_patch_free(&whole);
    assert_int_equal(osso_patch(r.engine, clean, clean, LENGTH, &o, &part, &r.err), OSSO_USAGE);
    assert_non_null(strstr(r.err.text, "the same 40 tokens"));
    o.positions = &beyond, o.n_positions = 1;
    assert_int_equal(osso_patch(r.engine, clean, corrupted, LENGTH, &o, &part, &r.err), OSSO_USAGE);
    assert_non_null(strstr(r.err.text, "positions 0 to 39"));
    o.n_positions = 0, o.wrong = 5;
    assert_int_equal(osso_patch(r.engine, clean, corrupted, LENGTH, &o, &part, &r.err), OSSO_USAGE);
    o.wrong = 90, o.component = "zz";
    assert_int_equal(osso_patch(r.engine, clean, corrupted, LENGTH, &o, &part, &r.err), OSSO_USAGE);
    assert_non_null(strstr(r.err.text, "'zz' is no component"));
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_must_be),
        cmocka_unit_test(test_whole_runs),
        cmocka_unit_test(test_parts_and_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
