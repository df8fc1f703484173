/* test_attention.c: patterns and what is said of them: rows and sink add up to 1, nothing stands outside the window or
 * in the future, the measures are those of their definitions, counted by hand, whatever threads and steps there are. */
#include "model_test.h"

#include "osso/attention.h"
#include "osso/inspect.h"

enum { HALF = 30, LENGTH = 2 * HALF };
static const struct {
    const char *path;
    int window;
} models[] = {{"tests/golden/taps", 8}, {"tests/golden/model/window128-sharded", 128}};

static struct rig open_rig(const char *model, int threads, int max_rows)
{
    char path[512];
    struct osso_engine_options o = engine_options(true, LENGTH);
    o.threads = threads;
    o.max_rows = max_rows;
    o.max_logit_rows = 4;
    return rig_open(test_path(path, sizeof path, model), &o);
}

/* A text that is there twice, and in its second half one token thrice in a row, one three tokens behind itself, and one
 * eight: a window of 8 does not see the copy, but what followed it. */
static void some_ids(const struct rig *r, int32_t *ids)
{
    struct rng rng;
    rng_seed(&rng, 29);
    for (int i = 0; i < HALF; i++)
        ids[i] = ids[HALF + i] = (int32_t)rng_below(&rng, (uint64_t)r->vocab);
    ids[41] = ids[42] = ids[40];
    ids[53] = ids[50];
    ids[57] = ids[49];
}

static struct osso_attention_result look(struct rig *r, const struct osso_layers *layers, const int32_t *heads,
                                         int n_heads)
{
    int32_t ids[LENGTH];
    struct osso_attention_result result = {.size = sizeof result};
    struct osso_attention_options o = {
        .size = sizeof o, .layers = layers, .heads = heads, .n_heads = n_heads, .patterns = true};
    some_ids(r, ids);
    check_ok(osso_attention(r->engine, ids, LENGTH, &o, &result, &r->err), r->err);
    return result;
}

static double sinks[16][64][LENGTH]; /* by layer, head, query, as hook_sink has them */

static int keep_sinks(void *user, const struct osso_hook_value *v)
{
    (void)user;
    for (int r = 0; r < v->n_rows; r++)
        for (int64_t h = 0; h < v->width; h++)
            sinks[v->layer][h][v->positions[r]] = (double)v->values[r * v->width + h];
    return 0;
}

static void find_sinks(struct rig *r)
{
    static const char *const name = "blocks.*.attn.hook_sink";
    struct osso_hooks_options o = {.size = sizeof o, .names = &name, .n_names = 1};
    struct osso_hooks *hooks;
    struct osso_session *s;
    int32_t ids[LENGTH];
    some_ids(r, ids);
    check_ok(osso_hooks_create(r->model, &o, &hooks, &r->err), r->err);
    check_ok(osso_session_create(r->engine, 0, &s, &r->err), r->err);
    check_ok(osso_session_hook(s, hooks, keep_sinks, NULL, false, 0, 0, &r->err), r->err);
    check_ok(osso_session_sync(s, ids, LENGTH, &r->err), r->err);
    while (!osso_session_ready(s))
        check_ok(osso_step(r->engine, &s, 1, 0, &r->err), r->err);
    osso_session_free(s);
    osso_hooks_free(hooks);
}

static bool near(double a, double b)
{
    return fabs(a - b) <= 2e-6 * fmax(1, fabs(b));
}

/* One head's measures, by their definitions. */
static void check_head(const struct osso_head_attention *h, const float *pattern, const int32_t *ids, int window)
{
    double previous = 0, first = 0, same = 0, sink = 0, entropy = 0, span = 0, weight = 0;
    double duplicate = 0, induction = 0;
    int queries = LENGTH - 1, duplicates = 0, inductions = 0, sees = h->sliding ? window : LENGTH;
    for (int q = 0; q < LENGTH; q++) {
        const float *w = pattern + q * LENGTH;
        double sum = 0, own = sinks[h->layer][h->head][q], on_copies = 0, behind = 0;
        bool copy = false, follower = false;
        for (int k = 0; k < LENGTH; k++) {
            assert_true(w[k] >= 0 && (w[k] == 0 || (k <= q && q - k < sees)));
            sum += (double)w[k];
        }
        assert_true(fabs(sum + own - 1) <= 1e-6);
        for (int k = 0; k < q; k++) {
            if (ids[k] == ids[q] && q - k < sees)
                on_copies += (double)w[k], copy = true;
            if (ids[k] == ids[q] && k + 1 < q && q - k - 1 < sees)
                behind += (double)w[k + 1], follower = true;
        }
        if (q == 0)
            continue;
        duplicate += on_copies, duplicates += copy;
        induction += behind, inductions += follower;
        previous += (double)w[q - 1], first += (double)w[0], same += (double)w[q], sink += own, weight += sum;
        entropy -= own > 0 ? own * log(own) : 0;
        for (int k = 0; k <= q; k++) {
            entropy -= w[k] > 0 ? (double)w[k] * log((double)w[k]) : 0;
            span += (double)w[k] * (q - k);
        }
    }
    assert_true(near(h->previous, previous / queries) && near(h->first, first / queries) &&
                near(h->same, same / queries));
    assert_true(fabs(h->sink - sink / queries) < 2e-6 && fabs(h->entropy - entropy / queries) < 1e-4);
    assert_true(near(h->span, span / weight));
    assert_int_equal(h->duplicates, duplicates);
    assert_int_equal(h->inductions, inductions);
    assert_true(duplicates ? near(h->duplicate, duplicate / duplicates) : isnan(h->duplicate));
    assert_true(inductions ? near(h->induction, induction / inductions) : isnan(h->induction));
}

static void test_measures(void **state)
{
    (void)state;
    for (int m = 0; m < 2; m++) {
        struct rig r = open_rig(models[m].path, 2, 256);
        struct osso_model_dims d = {.size = sizeof d};
        int32_t ids[LENGTH];
        osso_model_dims(r.model, &d);
        some_ids(&r, ids);
        find_sinks(&r);
        struct osso_attention_result a = look(&r, NULL, NULL, 0);
        assert_int_equal(a.n, d.n_layers * d.n_heads);
        bool full = false, sliding = false;
        for (size_t i = 0; i < a.n; i++) {
            assert_int_equal(a.heads[i].layer, (int64_t)i / d.n_heads);
            assert_int_equal(a.heads[i].head, (int64_t)i % d.n_heads);
            check_head(&a.heads[i], a.patterns + i * LENGTH * LENGTH, ids, models[m].window);
            full = full || a.heads[i].inductions >= HALF - 4;
            sliding = sliding ||
                      (m == 0 && a.heads[i].sliding && a.heads[i].inductions >= 2 && a.heads[i].inductions < HALF / 2);
        }
        assert_true(full && (sliding || m == 1)); /* two copies are so near that a window of 8 has what followed them */
        osso_attention_free(&a);
        rig_close(&r);
    }
}

static void test_parts_and_threads(void **state)
{
    (void)state;
    static const int32_t heads[] = {1, 3};
    struct osso_layers layers = {{1 << 2}};
    struct rig r = open_rig(models[0].path, 1, 256);
    struct osso_attention_result whole = look(&r, NULL, NULL, 0), part = look(&r, &layers, heads, 2);
    assert_int_equal(part.n, 2);
    for (size_t i = 0; i < 2; i++) {
        size_t from = 2 * 4 + (size_t)heads[i];
        assert_memory_equal(part.patterns + i * LENGTH * LENGTH, whole.patterns + from * LENGTH * LENGTH,
                            LENGTH * LENGTH * sizeof(float));
        assert_true(part.heads[i].layer == 2 && part.heads[i].head == heads[i] &&
                    part.heads[i].span == whole.heads[from].span);
    }
    for (int threads = 2; threads <= 5; threads += 3) {
        struct rig other = open_rig(models[0].path, threads, threads == 2 ? 7 : 16);
        struct osso_attention_result same = look(&other, NULL, NULL, 0);
        assert_memory_equal(same.patterns, whole.patterns, whole.n * LENGTH * LENGTH * sizeof(float));
        for (size_t i = 0; i < whole.n; i++)
            assert_true(same.heads[i].entropy == whole.heads[i].entropy && same.heads[i].kind == whole.heads[i].kind);
        osso_attention_free(&same);
        rig_close(&other);
    }
    osso_attention_free(&whole);
    osso_attention_free(&part);
    rig_close(&r);
}

static int stop(void *user, uint64_t done, uint64_t total)
{
    (void)user;
    (void)total;
    return done > 20;
}

static void test_refusals(void **state)
{
    (void)state;
    static const int32_t beyond = 4;
    struct rig r = open_rig(models[0].path, 1, 16);
    struct osso_attention_result a = {.size = sizeof a};
    struct osso_attention_options o = {.size = sizeof o, .heads = &beyond, .n_heads = 1};
    int32_t ids[LENGTH];
    some_ids(&r, ids);
    assert_int_equal(osso_attention(r.engine, ids, LENGTH, &o, &a, &r.err), OSSO_USAGE);
    assert_non_null(strstr(r.err.text, "heads 0 to 3"));
    o.n_heads = 0;
    assert_int_equal(osso_attention(r.engine, ids, 1, &o, &a, &r.err), OSSO_USAGE);
    o.max_bytes = 1000; /* only patterns are kept */
    check_ok(osso_attention(r.engine, ids, LENGTH, &o, &a, &r.err), r.err);
    assert_null(a.patterns);
    osso_attention_free(&a);
    o.patterns = true;
    assert_int_equal(osso_attention(r.engine, ids, LENGTH, &o, &a, &r.err), OSSO_LIMIT);
    o.max_bytes = 0, o.progress = stop;
    assert_int_equal(osso_attention(r.engine, ids, LENGTH, &o, &a, &r.err), OSSO_CANCELLED);
    ids[3] = (int32_t)r.vocab;
    assert_int_equal(osso_attention(r.engine, ids, LENGTH, &o, &a, &r.err), OSSO_USAGE);
    assert_null(a.heads);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_measures),
        cmocka_unit_test(test_parts_and_threads),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
