/* test_embed.c: vectors of texts: transformers' values pooled, the same bits alone and among 64 whatever was computed
 * before, texts that generate; what has no vector is refused. */
#include "model_test.h"

#include "osso/embed.h"

static const char MODEL[] = "tests/golden/model/bf16-export", FAST[] = "tests/golden/model/yarn-mxfp4";
enum { CONTEXT = 160, TEXTS = 64, WIDTH = 64 };

static struct rig open_rig(const char *model, bool exact, int threads, int max_rows)
{
    char path[512];
    struct osso_engine_options o = engine_options(exact, CONTEXT);
    o.threads = threads;
    o.max_rows = max_rows;
    o.max_logit_rows = 32;
    o.max_sessions = 32;
    return rig_open(test_path(path, sizeof path, model), &o);
}

static size_t hidden_of(const struct rig *r)
{
    struct osso_model_dims d = {.size = sizeof d};
    osso_model_dims(r->model, &d);
    assert_true(d.hidden <= WIDTH);
    return (size_t)d.hidden;
}

static void test_transformers(void **state)
{
    (void)state;
    static const size_t lengths[] = {1, 17, 129};
    static const enum osso_pool pools[] = {OSSO_POOL_MEAN, OSSO_POOL_LAST, OSSO_POOL_MAX};
    static const int layers[] = {0, 1, 2, OSSO_EMBED_LAST};
    char path[512];
    size_t n, row = 0;
    struct rig r = open_rig(MODEL, true, 2, 50);
    int32_t *ids = ids_read(test_path(path, sizeof path, "tests/golden/model/bf16-export/ids.txt"), &n);
    struct array want = array_read(test_path(path, sizeof path, "tests/golden/embed/vectors.npy"));
    assert_int_equal(want.cols, hidden_of(&r));
    for (int t = 0; t < 3; t++)
        for (int l = 0; l < 4; l++)
            for (int p = 0; p < 3; p++, row++) {
                float got[WIDTH], unit[WIDTH], *w = want.data + row * want.cols;
                double length = 0, most = 1;
                struct osso_embed_text text = {.ids = ids, .n = lengths[t]};
                struct osso_embed_options o = {
                    .size = sizeof o, .layer = layers[l], .pool = pools[p], .no_normalize = true};
                check_ok(osso_embed(r.engine, &text, 1, &o, got, NULL, &r.err), r.err);
                o.no_normalize = false;
                check_ok(osso_embed(r.engine, &text, 1, &o, unit, NULL, &r.err), r.err);
                for (size_t i = 0; i < want.cols; i++) {
                    length += (double)w[i] * w[i];
                    most = fabs((double)w[i]) > most ? fabs((double)w[i]) : most;
                }
                for (size_t i = 0; i < want.cols; i++) {
                    assert_true(fabs((double)got[i] - w[i]) <= 1e-4 * most);
                    assert_true(fabs(unit[i] - w[i] / sqrt(length)) <= 1e-4);
                }
            }
    assert_int_equal(row, want.rows);
    free(ids);
    free(want.data);
    rig_close(&r);
}

/* Texts that share beginnings, so that what one slot has computed is there for the next; some go on by themselves. */
static void make_texts(const int32_t *ids, struct osso_embed_text *texts)
{
    struct rng rng;
    rng_seed(&rng, 5);
    for (int i = 0; i < TEXTS; i++) {
        size_t from = 4 * (size_t)rng_below(&rng, 3), n = 1 + (size_t)rng_below(&rng, i % 8 == 0 ? 140 : 40);
        texts[i] = (struct osso_embed_text){.ids = ids + from, .n = n};
        if (i % 5 == 1 && n > 3)
            texts[i].from = n / 3, texts[i].to = n - 1;
        if (i % 7 == 2)
            texts[i].generate = 9;
    }
}

static void check_together(bool exact, int layer, enum osso_pool pool)
{
    static float together[TEXTS][WIDTH], alone[WIDTH];
    static float flat[TEXTS * WIDTH];
    char path[512];
    size_t n;
    int32_t stop = 7;
    struct osso_embed_text texts[TEXTS];
    struct rig many = open_rig(FAST, exact, 2, 100), one = open_rig(FAST, exact, 1, 13);
    size_t hidden = hidden_of(&many);
    int32_t *ids = ids_read(test_path(path, sizeof path, "tests/golden/model/yarn-mxfp4/ids.txt"), &n);
    struct osso_embed_options o = {
        .size = sizeof o, .layer = layer, .pool = pool, .sessions = 11, .stop_ids = &stop, .n_stop_ids = 1};
    make_texts(ids, texts);
    check_ok(osso_embed(many.engine, texts, TEXTS, &o, flat, NULL, &many.err), many.err);
    for (size_t i = 0; i < TEXTS; i++)
        memcpy(together[i], flat + i * hidden, hidden * sizeof *flat);
    o.sessions = 0;
    check_ok(osso_embed(many.engine, texts, TEXTS, &o, flat, NULL, &many.err), many.err);
    for (size_t i = 0; i < TEXTS; i++) {
        check_ok(osso_embed(one.engine, &texts[i], 1, &o, alone, NULL, &one.err), one.err);
        assert_memory_equal(alone, together[i], hidden * sizeof *alone);
        assert_memory_equal(alone, flat + i * hidden, hidden * sizeof *alone);
    }
    free(ids);
    rig_close(&many);
    rig_close(&one);
}

static void test_together_and_alone(void **state)
{
    (void)state;
    check_together(false, OSSO_EMBED_LAST, OSSO_POOL_MEAN);
    check_together(true, 1, OSSO_POOL_MAX);
    check_together(false, 0, OSSO_POOL_LAST);
}

/* What a text goes on with is pooled as if it had been there. */
static void test_generated_rows_count(void **state)
{
    (void)state;
    char path[512];
    size_t n, len = 12;
    float got[WIDTH], want[WIDTH];
    int32_t all[32];
    struct osso_session *s;
    struct rig r = open_rig(FAST, true, 2, 100);
    int32_t *ids = ids_read(test_path(path, sizeof path, "tests/golden/model/yarn-mxfp4/ids.txt"), &n);
    memcpy(all, ids, len * sizeof *all);
    check_ok(osso_session_create(r.engine, 0, &s, &r.err), r.err);
    while (len < 20) {
        check_ok(osso_session_sync(s, all, len, &r.err), r.err);
        check_ok(osso_step(r.engine, &s, 1, 0, &r.err), r.err);
        const float *logits = osso_session_logits(s, len - 1);
        int32_t best = 0;
        for (int32_t i = 1; i < r.vocab; i++)
            best = logits[i] > logits[best] ? i : best;
        all[len++] = best;
    }
    struct osso_embed_options o = {.size = sizeof o, .layer = OSSO_EMBED_LAST};
    struct osso_embed_text text = {.ids = all, .n = 12, .generate = 8}, whole = {.ids = all, .n = 20};
    check_ok(osso_embed(r.engine, &text, 1, &o, got, NULL, &r.err), r.err);
    check_ok(osso_embed(r.engine, &whole, 1, &o, want, NULL, &r.err), r.err);
    assert_memory_equal(got, want, hidden_of(&r) * sizeof *got);
    o.stop_ids = &all[12];
    o.n_stop_ids = 1; /* nothing comes of it */
    whole.n = 12;
    check_ok(osso_embed(r.engine, &text, 1, &o, got, NULL, &r.err), r.err);
    check_ok(osso_embed(r.engine, &whole, 1, &o, want, NULL, &r.err), r.err);
    assert_memory_equal(got, want, hidden_of(&r) * sizeof *got);
    osso_session_free(s);
    free(ids);
    rig_close(&r);
}

static int end_it(void *user, uint64_t done, uint64_t total)
{
    (void)done, (void)total;
    return ++*(int *)user == 3;
}

static void refuse(struct rig *r, struct osso_embed_text bad, int layer, const char *words)
{
    static float out[3 * WIDTH];
    static const int32_t ids[CONTEXT + 1] = {1};
    size_t failed = 77;
    struct osso_embed_text texts[3] = {{.ids = ids, .n = 3}, {.ids = ids, .n = 2}, bad};
    struct osso_embed_options o = {.size = sizeof o, .layer = layer};
    texts[2].ids = ids;
    assert_int_equal(osso_embed(r->engine, texts, 3, &o, out, &failed, &r->err), OSSO_USAGE);
    assert_non_null(strstr(r->err.text, words));
    assert_int_equal(failed, layer == OSSO_EMBED_LAST ? 2 : 3);
}

static void test_what_has_no_vector(void **state)
{
    (void)state;
    struct rig r = open_rig(FAST, false, 1, 20);
    int calls = 0;
    float out[2 * WIDTH];
    static const int32_t ids[CONTEXT] = {3, 1, 2};
    struct osso_embed_text texts[2] = {{.ids = ids, .n = 100}, {.ids = ids, .n = 50}};
    struct osso_embed_options o = {.size = sizeof o, .layer = 0, .progress = end_it, .user = &calls};
    refuse(&r, (struct osso_embed_text){.n = 0}, OSSO_EMBED_LAST, "without tokens");
    refuse(&r, (struct osso_embed_text){.n = CONTEXT + 1}, OSSO_EMBED_LAST, "161 tokens and the context holds 160");
    refuse(&r, (struct osso_embed_text){.n = 5, .from = 3, .to = 3}, OSSO_EMBED_LAST, "without tokens");
    refuse(&r, (struct osso_embed_text){.n = 5}, 4, "layers 0 to 3");
    refuse(&r, (struct osso_embed_text){.n = 5}, -2, "layers 0 to 3");
    assert_int_equal(osso_embed(r.engine, texts, 2, &o, out, NULL, &r.err), OSSO_CANCELLED);
    assert_int_equal(calls, 3);
    o.size = 0;
    assert_int_equal(osso_embed(r.engine, texts, 2, &o, out, NULL, &r.err), OSSO_USAGE);
    rig_close(&r);
}

static void test_similarity(void **state)
{
    (void)state;
    const float a[] = {3, 4}, b[] = {8, -6}, c[] = {6, 8}, zero[] = {0, 0};
    assert_true(fabs(osso_similarity(a, b, 2, OSSO_METRIC_COSINE)) < 1e-12);
    assert_true(fabs(osso_similarity(a, c, 2, OSSO_METRIC_COSINE) - 1) < 1e-12);
    assert_true(fabs(osso_similarity(a, c, 2, OSSO_METRIC_EUCLIDEAN) - 1.0 / 6) < 1e-12);
    assert_true(osso_similarity(a, zero, 2, OSSO_METRIC_COSINE) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transformers),         cmocka_unit_test(test_together_and_alone),
        cmocka_unit_test(test_generated_rows_count), cmocka_unit_test(test_what_has_no_vector),
        cmocka_unit_test(test_similarity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
