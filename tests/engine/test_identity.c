/* test_identity.c: a row's logits are the same bits however it is computed: token by token, in one pass, in random
 * chunks, alone or among 16 sessions, with 1, 2 or 5 threads, after fork, rewind and prefix sharing; fast, exact, and
 * with Q8_0 K and V. */
#include "model_test.h"

#include "engine/engine_parts.h"

enum { LENGTH = 420 };

/* Tokens; always more than two pages. */
static size_t length(void)
{
    return test_quick() > 1 ? 270 : LENGTH;
}

/* Of one of 16 sessions; where a row takes long, most are short. */
static size_t length_in_company(int i, struct rng *rng)
{
    return 1 + rng_below(rng, test_quick() > 1 && i > 3 ? 30 : length() - 1);
}

static int trials(void)
{
    return test_quick() > 1 ? 1 : test_quick() ? 2 : 12;
}

struct fixture {
    struct rig rig;
    int32_t ids[LENGTH];
    float *want; /* one pass, one thread */
};

static const char *const models[] = {"yarn-mxfp4", "q8-gguf/model.gguf", "window128-sharded", "f16-sliding"};

struct mode {
    bool exact;
    const char *kv_type;
};
static const struct mode modes[] = {{false, NULL}, {true, NULL}, {false, "q8_0"}, {false, "bf16"}, {false, "f32"}};

/* The last two are for another backend than the CPU's own. */
static int n_modes(void)
{
    return test_backend() && !test_quick() ? 5 : 3;
}

static struct osso_engine_options options_for(struct mode mode, int threads)
{
    struct osso_engine_options o = engine_options(mode.exact, 1024);
    o.kv_type = mode.kv_type;
    o.threads = threads;
    o.max_rows = 512;
    o.max_logit_rows = 512;
    return o;
}

static struct fixture fixture_open(const char *model, struct mode mode, int threads)
{
    struct fixture f = {0};
    char relative[128], path[512];
    struct rng rng;
    snprintf(relative, sizeof relative, "tests/golden/model/%s", model);
    struct osso_engine_options o = options_for(mode, threads);
    f.rig = rig_open(test_path(path, sizeof path, relative), &o);
    rng_seed(&rng, 7);
    for (int i = 0; i < LENGTH; i++)
        f.ids[i] = (int32_t)rng_below(&rng, (uint64_t)f.rig.vocab);
    f.want = all_logits(&f.rig, f.ids, length(), 0);
    return f;
}

static void fixture_close(struct fixture *f)
{
    free(f->want);
    rig_close(&f->rig);
}

static void check_row(const struct fixture *f, const struct osso_session *s, size_t pos, const char *what)
{
    const float *have = osso_session_logits(s, pos);
    size_t vocab = (size_t)f->rig.vocab;
    if (!have)
        fail_msg("%s: no logits at %zu", what, pos);
    if (memcmp(have, f->want + pos * vocab, vocab * sizeof *have) != 0)
        fail_msg("%s: logits at %zu differ", what, pos);
}

static void run(struct fixture *f, struct osso_session *s, int max_rows)
{
    while (!osso_session_ready(s))
        check_ok(osso_step(f->rig.engine, &s, 1, max_rows, &f->rig.err), f->rig.err);
}

static void check_chunks(struct fixture *f)
{
    size_t bytes = length() * (size_t)f->rig.vocab * sizeof(float);
    static const int rows[] = {1, 17, 129, 3, 100};
    for (int i = 0; i < (test_quick() > 1 ? 3 : 5); i++) {
        float *have = all_logits(&f->rig, f->ids, length(), rows[i]);
        if (memcmp(have, f->want, bytes) != 0)
            fail_msg("steps of %d rows differ", rows[i]);
        free(have);
    }
}

/* 16 sessions with prefixes of their own lengths, advanced together with random row limits. */
static void check_company(struct fixture *f, struct rng *rng)
{
    struct osso_session *s[16];
    for (int i = 0; i < 16; i++) {
        size_t n = length_in_company(i, rng);
        check_ok(osso_session_create(f->rig.engine, 1000 + (uint64_t)i, &s[i], &f->rig.err), f->rig.err);
        check_ok(osso_session_sync(s[i], f->ids, n, &f->rig.err), f->rig.err);
    }
    for (bool busy = true; busy;) {
        check_ok(osso_step(f->rig.engine, s, 16, (int)(1 + rng_below(rng, 200)), &f->rig.err), f->rig.err);
        busy = false;
        for (int i = 0; i < 16; i++) {
            size_t n;
            osso_session_tokens(s[i], &n);
            if (osso_session_ready(s[i]) && osso_session_logits(s[i], n - 1)) {
                check_row(f, s[i], n - 1, "in company");
                if (n < length() && rng_below(rng, 3) > 0)
                    check_ok(osso_session_append(s[i], f->ids[n], &f->rig.err), f->rig.err);
            }
            busy = busy || !osso_session_ready(s[i]);
        }
    }
    for (int i = 0; i < 16; i++)
        osso_session_free(s[i]);
}

/* Fork and rewind at random places, each branch with wrong tokens in between. */
static void check_fork_rewind(struct fixture *f, struct rng *rng)
{
    struct osso_session *s, *t;
    check_ok(osso_session_create(f->rig.engine, 5, &s, &f->rig.err), f->rig.err);
    for (int trial = 0; trial < trials(); trial++) {
        size_t n = 2 + rng_below(rng, length() - 2), back = 1 + rng_below(rng, n - 1);
        check_ok(osso_session_sync(s, f->ids, n, &f->rig.err), f->rig.err);
        run(f, s, 0);
        check_row(f, s, n - 1, "after sync");
        check_ok(osso_session_fork(s, &t, &f->rig.err), f->rig.err);
        check_ok(osso_session_rewind(s, back, &f->rig.err), f->rig.err);
        for (int i = 0; i < 5; i++) /* another future for s */
            check_ok(osso_session_append(s, (int32_t)rng_below(rng, (uint64_t)f->rig.vocab), &f->rig.err), f->rig.err);
        run(f, s, 3);
        if (n < length())
            check_ok(osso_session_append(t, f->ids[n], &f->rig.err), f->rig.err);
        run(f, t, 0);
        check_row(f, t, n < length() ? n : n - 1, "fork goes on");
        check_ok(osso_session_rewind(s, back, &f->rig.err), f->rig.err);
        run(f, s, 0);
        check_row(f, s, back - 1, "after rewind");
        osso_session_release(s);
        run(f, s, 7);
        check_row(f, s, back - 1, "released and continued");
        osso_session_free(t);
    }
    osso_session_free(s);
}

/* Sessions with one salt find each other's pages; what they compute on top is the same. Long gone sliding pages are
 * replayed. */
static void check_prefixes(struct fixture *f, struct rng *rng)
{
    struct osso_engine_stats before = {.size = sizeof before}, after = before;
    osso_engine_stats(f->rig.engine, &before);
    for (int trial = 0; trial < trials(); trial++) {
        struct osso_session *s;
        int32_t ids[LENGTH];
        size_t same = 1 + rng_below(rng, length()), n = length();
        memcpy(ids, f->ids, sizeof ids);
        for (size_t i = same; i < n; i++)
            ids[i] = (int32_t)rng_below(rng, (uint64_t)f->rig.vocab);
        check_ok(osso_session_create(f->rig.engine, 77, &s, &f->rig.err), f->rig.err);
        check_ok(osso_session_sync(s, ids, n, &f->rig.err), f->rig.err);
        run(f, s, (int)rng_below(rng, 100));
        check_ok(osso_session_sync(s, f->ids, same, &f->rig.err), f->rig.err);
        osso_session_want_logits(s, same > 3 ? same - 3 : 0);
        while (!osso_session_ready(s))
            check_ok(osso_step(f->rig.engine, &s, 1, 0, &f->rig.err), f->rig.err);
        check_row(f, s, same - 1, "with shared prefix");
        osso_session_free(s);
    }
    osso_engine_stats(f->rig.engine, &after);
    assert_true(after.tokens_reused > before.tokens_reused);
}

/* Sessions with one salt that are stepped together compute what they have in common once, each a part of it; what they
 * say is the same. One of them is released on the way. */
static void check_together(struct fixture *f, struct rng *rng)
{
    enum { N = 6 };
    struct osso_session *s[N];
    struct osso_engine_stats before = {.size = sizeof before}, after = before;
    uint64_t wanted = 0;
    osso_engine_stats(f->rig.engine, &before);
    for (int i = 0; i < N; i++) {
        size_t n = length() / 2 + rng_below(rng, length() / 2);
        check_ok(osso_session_create(f->rig.engine, 78, &s[i], &f->rig.err), f->rig.err);
        check_ok(osso_session_sync(s[i], f->ids, n, &f->rig.err), f->rig.err);
        wanted += n;
    }
    for (int step = 0, busy = 1; busy > 0; step++) {
        check_ok(osso_step(f->rig.engine, s, N, (int)(1 + rng_below(rng, 50)), &f->rig.err), f->rig.err);
        if (step == 2)
            osso_session_release(s[rng_below(rng, N)]);
        busy = 0;
        for (int i = 0; i < N; i++) {
            size_t n;
            osso_session_tokens(s[i], &n);
            if (osso_session_logits(s[i], n - 1))
                check_row(f, s[i], n - 1, "with its like");
            busy += !osso_session_ready(s[i]);
        }
    }
    osso_engine_stats(f->rig.engine, &after);
    bool shares = f->rig.engine->kv.group[KV_FULL].n_layers > 0; /* one of the models has sliding layers only */
    assert_true(!shares || after.tokens_computed - before.tokens_computed < wanted / 2);
    for (int i = 0; i < N; i++)
        osso_session_free(s[i]);
}

/* One pass on the CPU, beside one on another backend. */
static void check_scalar(const struct fixture *f, const char *model, struct mode mode)
{
    char relative[128], path[512];
    snprintf(relative, sizeof relative, "tests/golden/model/%s", model);
    struct osso_engine_options o = scalar_options(options_for(mode, 2));
    struct rig scalar = rig_open(test_path(path, sizeof path, relative), &o);
    float *want = all_logits(&scalar, f->ids, length(), 0);
    if (memcmp(want, f->want, length() * (size_t)scalar.vocab * sizeof *want) != 0)
        fail_msg("%s: other bits than the scalar kernels'", model);
    free(want);
    rig_close(&scalar);
}

static void check_mode(int m, struct mode mode)
{
    static const int threads[] = {2, 5};
    struct fixture one = fixture_open(models[m], mode, 1);
    check_scalar(&one, models[m], mode);
    check_chunks(&one);
    for (int t = 0; t < (test_quick() > 1 ? 1 : 2); t++) {
        struct fixture f = fixture_open(models[m], mode, threads[t]);
        struct rng rng;
        rng_seed(&rng, (uint64_t)(m * 10 + t));
        if (memcmp(f.want, one.want, length() * (size_t)f.rig.vocab * sizeof(float)) != 0)
            fail_msg("%s: %d threads differ from one", models[m], threads[t]);
        check_fork_rewind(&f, &rng);
        check_prefixes(&f, &rng);
        if (!mode.exact || test_quick() < 2) {
            check_company(&f, &rng);
            check_together(&f, &rng);
        }
        fixture_close(&f);
    }
    fixture_close(&one);
}

static void test_identity(void **state)
{
    (void)state;
    static const int n_models[] = {4, 2, 1};
    for (int m = 0; m < n_models[test_quick()]; m++)
        for (int i = 0; i < n_modes(); i++)
            if (!modes[i].kv_type || m == 1 || m == 2) /* those whose heads have a multiple of 32 dims */
                check_mode(m, modes[i]);
}

/* Sliding pages are really given back, and what needs them again is replayed, not recomputed from the start: at most
 * (sliding layers) x (window - 1) tokens. */
static void check_replay(const char *model, struct mode mode, uint64_t most)
{
    enum { LONG = 4000 };
    char path[512], relative[128];
    struct rng rng;
    size_t longest = test_quick() > 1 ? 1600 : LONG;
    static int32_t ids[LONG];
    struct osso_engine_options o = options_for(mode, 2);
    o.context = LONG;
    o.max_sessions = 2;
    snprintf(relative, sizeof relative, "tests/golden/model/%s", model);
    struct rig r = rig_open(test_path(path, sizeof path, relative), &o);
    struct osso_session *s;
    struct osso_engine_stats stats = {.size = sizeof stats};
    size_t vocab = (size_t)r.vocab, back = test_quick() > 1 ? 300 : 700;
    rng_seed(&rng, 3);
    for (int i = 0; i < LONG; i++)
        ids[i] = (int32_t)rng_below(&rng, (uint64_t)r.vocab);
    check_ok(osso_session_create(r.engine, 0, &s, &r.err), r.err);
    check_ok(osso_session_sync(s, ids, back, &r.err), r.err);
    while (!osso_session_ready(s))
        check_ok(osso_step(r.engine, &s, 1, 0, &r.err), r.err);
    float *want = malloc(vocab * sizeof *want);
    memcpy(want, osso_session_logits(s, back - 1), vocab * sizeof *want);
    check_ok(osso_session_sync(s, ids, longest, &r.err), r.err);
    while (!osso_session_ready(s))
        check_ok(osso_step(r.engine, &s, 1, 0, &r.err), r.err);
    check_ok(osso_session_rewind(s, back, &r.err), r.err);
    assert_int_equal(osso_session_computed(s), back - 1); /* full pages are kept */
    while (!osso_session_ready(s))
        check_ok(osso_step(r.engine, &s, 1, 5, &r.err), r.err);
    assert_memory_equal(osso_session_logits(s, back - 1), want, vocab * sizeof *want);
    osso_engine_stats(r.engine, &stats);
    assert_true(stats.tokens_replayed > 0 && stats.tokens_replayed <= most);
    free(want);
    osso_session_free(s);
    rig_close(&r);
}

static void test_replay(void **state)
{
    (void)state;
    check_replay("yarn-mxfp4", modes[1], 2 * 15);
    if (test_quick() < 2)
        check_replay("q8-gguf/model.gguf", modes[2], 2 * 7);
}

int main(void)
{
    const struct CMUnitTest same[] = {cmocka_unit_test(test_identity)}, again[] = {cmocka_unit_test(test_replay)};
    int failed = cmocka_run_group_tests_name("identity", same, NULL, NULL);
    if (!getenv("OSSO_TEST_BACKEND") || test_quick() < 2) /* long, and which rows are replayed is no backend's affair */
        failed += cmocka_run_group_tests_name("replay", again, NULL, NULL);
    return failed;
}
