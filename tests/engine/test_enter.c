/* test_enter.c: a fork that is changed in one layer begins there. Its logits have the bits of the whole run, whatever
 * is beside it in the step and however its rows are cut; so have those of tokens that come later, and of a fork that
 * had to begin earlier. That layers are left out at all is seen by what was kept: other values there give another run's
 * logits. */
#include "tap_test.h"

#include "inspect/stream.h"
#include "model/layers.h"

static const char MODEL[] = "tests/golden/model/yarn-mxfp4"; /* layers 0 and 2 slide over 16 positions */
static const uint64_t PRE = (uint64_t)1 << OSSO_TAP_RESID_PRE, Z = (uint64_t)1 << OSSO_TAP_ATTN_Z,
                      OUT = (uint64_t)1 << OSSO_TAP_MLP_OUT;
enum { LAYERS = 4, LONG = 300, MORE = 3, FAR_TEXT = 1300 };

/* What a tap does from a position on: values become half as large. */
struct halving {
    struct osso_tap_options o;
    struct osso_layers layer;
};

static int halve(void *user, const struct osso_tap_value *v)
{
    (void)user;
    for (int64_t i = 0; i < v->n_rows * v->width; i++)
        v->values[i] *= 0.5F;
    return 0;
}

static struct halving *halving(uint64_t taps, int layer, int64_t first)
{
    struct halving *h = calloc(1, sizeof *h);
    layers_add(&h->layer, layer);
    h->o = (struct osso_tap_options){
        .size = sizeof h->o, .taps = taps, .replaces = taps, .layers = &h->layer, .first = first, .end = first + 1};
    h->o.fn = halve;
    return h;
}

static struct stream keep(struct rig *r, const int32_t *ids, size_t first, size_t n)
{
    struct osso_layers all = {{(1 << LAYERS) - 1}};
    struct stream stream = stream_of(r->engine, &all, first, n);
    assert_int_equal(stream_bytes(&stream), (LAYERS - 1) * (n - first) * (size_t)stream.hidden * sizeof(float));
    check_ok(stream_keep(r->engine, ids, &stream, &r->err), r->err);
    return stream;
}

static struct osso_session *fork_of(struct rig *r, struct osso_session *base, const struct halving *h,
                                    const struct stream *stream)
{
    struct osso_session *s;
    check_ok(osso_session_fork(base, &s, &r->err), r->err);
    set_tap(r, s, h->o);
    osso_session_want_logits(s, (size_t)h->o.first);
    if (stream)
        session_enter(s, base, stream);
    return s;
}

/* All logits from the changed position on, and those of MORE tokens that come after the text. */
static void collect_more(struct rig *r, struct osso_session *s, size_t from, int max_rows, float *out)
{
    while (!osso_session_ready(s)) {
        check_ok(osso_step(r->engine, &s, 1, max_rows, &r->err), r->err);
        collect(r, s, from, out);
    }
}

static void go_on(struct rig *r, struct osso_session *s, size_t from, float *out)
{
    for (int i = 0; i < MORE; i++) {
        check_ok(osso_session_append(s, 7 + i, &r->err), r->err);
        collect_more(r, s, from, 0, out);
    }
}

static float *whole_run(struct rig *r, const int32_t *ids, size_t n, const struct halving *h)
{
    static uint64_t salt = 100;
    size_t from = (size_t)h->o.first;
    float *out = calloc((n + MORE - from) * (size_t)r->vocab, sizeof *out);
    struct osso_session *s = session(r, salt++, ids, n);
    set_tap(r, s, h->o);
    osso_session_want_logits(s, from);
    collect_more(r, s, from, 0, out);
    go_on(r, s, from, out);
    osso_session_free(s);
    return out;
}

/* ---- what was kept is what is read --------------------------------------------------------------------------------
 */

struct swap {
    const struct stream *of;
};

static int put_kept(void *user, const struct osso_tap_value *v)
{
    const struct swap *w = user;
    memcpy(v->values, stream_at(w->of, v->layer, (size_t)v->positions[0]),
           (size_t)(v->n_rows * v->width) * sizeof *v->values);
    return 0;
}

/* A fork that begins in layer L with a stream that no run has says what a run says into which that is put there. */
static void test_begins_there(void **state)
{
    (void)state;
    enum { N = 40, FROM = 9 };
    int32_t ids[N];
    struct rig r = open_rig(MODEL, false, 2, N);
    random_ids(&r, 1, ids, N);
    struct osso_session *base = session(&r, 1, ids, N);
    run(&r, base, 0);
    struct stream stream = keep(&r, ids, FROM, N);
    size_t bytes = (size_t)r.vocab * sizeof(float);
    float *last = NULL;
    for (size_t i = 0; i < stream_bytes(&stream) / sizeof(float); i++)
        stream.values[i] *= 1 + 0.1F * (float)(i % 17);
    for (int layer = LAYERS - 1; layer > 0; layer--) {
        int seen = 0;
        struct swap swap = {&stream};
        struct osso_layers in = {{0}};
        struct osso_tap_options put = {
            .taps = PRE, .replaces = PRE, .layers = &in, .first = FROM, .fn = put_kept, .user = &swap};
        struct osso_tap_options look = {.taps = PRE | Z, .layers = &in, .first = FROM, .fn = leave_be, .user = &seen};
        layers_add(&in, layer);
        struct osso_session *whole = session(&r, (uint64_t)layer + 10, ids, N), *part;
        set_tap(&r, whole, put);
        run(&r, whole, 0);
        float *want = last_logits(&r, whole);
        check_ok(osso_session_fork(base, &part, &r.err), r.err);
        set_tap(&r, part, look);
        session_enter(part, base, &stream);
        run(&r, part, layer == 2 ? 5 : 0);
        assert_true(seen > 0 && r.engine->forward.first_layer == layer);
        float *have = last_logits(&r, part);
        assert_memory_equal(have, want, bytes);
        assert_true(!last || memcmp(have, last, bytes) != 0); /* those tell layers apart */
        free(want);
        free(last);
        last = have;
        osso_session_free(whole);
        osso_session_free(part);
    }
    free(last);
    stream_free(&stream);
    osso_session_free(base);
    rig_close(&r);
}

/* ---- the bits of whole runs ----------------------------------------------------------------------------------------
 */

enum { FORKS = 7 };

/* Forks of every layer, two groups of pages, positions at both sides of a page's border; and a plain session beside. */
static void check_bits(bool exact, int threads, int max_rows, bool plain_beside)
{
    static const struct {
        uint64_t tap;
        int layer, first;
    } at[FORKS] = {{Z, 0, 130}, {Z, 1, 127},   {OUT, 2, 128},     {PRE, 3, 200},
                   {Z, 3, 0},   {OUT, 3, 255}, {PRE, 2, LONG - 1}};
    int32_t ids[LONG];
    struct rig r = open_rig(MODEL, exact, threads, LONG + MORE);
    random_ids(&r, 3, ids, LONG);
    struct osso_session *base = session(&r, 1, ids, LONG), *in_step[FORKS + 1];
    float *out[FORKS], *want[FORKS];
    struct halving *h[FORKS];
    run(&r, base, 0);
    struct stream stream = keep(&r, ids, 0, LONG);
    size_t row = (size_t)r.vocab * sizeof(float);
    int n = 0;
    for (; n < FORKS; n++) {
        h[n] = halving(at[n].tap, at[n].layer, at[n].first);
        want[n] = whole_run(&r, ids, LONG, h[n]);
        out[n] = calloc((size_t)(LONG + MORE - at[n].first), row);
        in_step[n] = fork_of(&r, base, h[n], &stream);
    }
    if (plain_beside)
        in_step[n++] = session(&r, 99, ids, LONG);
    for (bool on = true; on;) {
        on = false;
        check_ok(osso_step(r.engine, in_step, n, max_rows, &r.err), r.err);
        for (int i = 0; i < FORKS; i++) {
            collect(&r, in_step[i], (size_t)at[i].first, out[i]);
            on = on || !osso_session_ready(in_step[i]);
        }
    }
    for (int i = 0; i < FORKS; i++) {
        go_on(&r, in_step[i], (size_t)at[i].first, out[i]);
        assert_memory_equal(out[i], want[i], (size_t)(LONG + MORE - at[i].first) * row);
        osso_session_free(in_step[i]);
        free(out[i]);
        free(want[i]);
        free(h[i]);
    }
    if (plain_beside)
        osso_session_free(in_step[FORKS]);
    stream_free(&stream);
    osso_session_free(base);
    rig_close(&r);
}

static void test_bits(void **state)
{
    (void)state;
    check_bits(false, 2, 0, false);
    check_bits(false, 1, 50, true);
    check_bits(true, 2, 33, false);
    check_bits(true, 5, 0, true);
}

/* Alone, one layer after the other: nothing in the step begins below. */
static void test_alone(void **state)
{
    (void)state;
    int32_t ids[LONG];
    struct rig r = open_rig(MODEL, false, 2, LONG + MORE);
    random_ids(&r, 4, ids, LONG);
    struct osso_session *base = session(&r, 1, ids, LONG);
    run(&r, base, 0);
    struct stream stream = keep(&r, ids, 100, LONG);
    size_t row = (size_t)r.vocab * sizeof(float);
    for (int layer = 0; layer < LAYERS; layer++)
        for (int first = 100; first < LONG; first += 97) {
            size_t bytes = (size_t)(LONG + MORE - first) * row;
            struct halving *h = halving(layer % 2 ? OUT : Z, layer, first);
            float *want = whole_run(&r, ids, LONG, h), *have = malloc(bytes);
            struct osso_session *s = fork_of(&r, base, h, &stream);
            collect_more(&r, s, (size_t)first, 20, have);
            assert_int_equal(r.engine->forward.first_layer, layer);
            go_on(&r, s, (size_t)first, have);
            assert_int_equal(r.engine->forward.first_layer, 0);
            assert_memory_equal(have, want, bytes);
            osso_session_free(s);
            free(want);
            free(have);
            free(h);
        }
    stream_free(&stream);
    osso_session_free(base);
    rig_close(&r);
}

/* ---- where it cannot -----------------------------------------------------------------------------------------------
 */

/* Sliding pages that the run has given back are made again from the first layer on. */
static void test_replay(void **state)
{
    (void)state;
    enum { FROM = 60 };
    static int32_t ids[FAR_TEXT];
    struct rig r = open_rig(MODEL, false, 2, FAR_TEXT + MORE);
    random_ids(&r, 5, ids, FAR_TEXT);
    struct osso_session *base = session(&r, 1, ids, FAR_TEXT);
    run(&r, base, 0);
    assert_true(base->slide_from > FROM);
    struct stream stream = keep(&r, ids, FROM, FAR_TEXT);
    struct halving *h = halving(OUT, 2, FROM);
    struct osso_session *s = fork_of(&r, base, h, &stream);
    size_t bytes = (size_t)(FAR_TEXT + MORE - FROM) * (size_t)r.vocab * sizeof(float);
    float *want = whole_run(&r, ids, FAR_TEXT, h), *have = malloc(bytes);
    assert_null(s->stream);
    collect_more(&r, s, FROM, 0, have);
    go_on(&r, s, FROM, have);
    assert_memory_equal(have, want, bytes);
    free(want);
    free(have);
    free(h);
    stream_free(&stream);
    osso_session_free(s);
    osso_session_free(base);
    rig_close(&r);
}

/* A session that drops tokens, or has another tap, begins below again. */
static void test_forgets(void **state)
{
    (void)state;
    enum { N = 60, FROM = 20 };
    int32_t ids[N], other[N];
    struct rig r = open_rig(MODEL, false, 1, N + MORE);
    random_ids(&r, 6, ids, N);
    random_ids(&r, 7, other, N);
    memcpy(other, ids, 30 * sizeof *ids);
    struct osso_session *base = session(&r, 1, ids, N);
    run(&r, base, 0);
    struct stream stream = keep(&r, ids, FROM, N);
    struct halving *h = halving(OUT, 3, FROM), *low = halving(Z, 1, FROM);
    struct osso_session *s = fork_of(&r, base, h, &stream);
    run(&r, s, 15);
    check_ok(osso_session_sync(s, other, N, &r.err), r.err);
    size_t bytes = (size_t)(N + MORE - FROM) * (size_t)r.vocab * sizeof(float);
    float *want = whole_run(&r, other, N, h), *have = malloc(bytes);
    osso_session_want_logits(s, FROM);
    collect_more(&r, s, FROM, 0, have);
    go_on(&r, s, FROM, have);
    assert_memory_equal(have, want, bytes);
    free(want);
    osso_session_free(s);
    s = fork_of(&r, base, h, &stream);
    set_tap(&r, s, low->o);
    want = whole_run(&r, ids, N, low);
    collect_more(&r, s, FROM, 0, have);
    assert_int_equal(r.engine->forward.first_layer, 0);
    go_on(&r, s, FROM, have);
    assert_memory_equal(have, want, bytes);
    free(want);
    free(have);
    free(h);
    free(low);
    stream_free(&stream);
    osso_session_free(s);
    osso_session_free(base);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_begins_there), cmocka_unit_test(test_bits),    cmocka_unit_test(test_alone),
        cmocka_unit_test(test_replay),       cmocka_unit_test(test_forgets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
