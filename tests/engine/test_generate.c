/* test_generate.c: stop ids, stop strings across tokens and characters, lengths, cancelling, and no allocation per
 * token; over the scripted engine with the o200k tokenizer. KV pool exhaustion and recovery too. */
#include "model_test.h"

enum { VOCAB = 201088 };

struct play {
    struct osso_ids ids; /* what the model is made to say */
    size_t prompt;
};

/* The next id of the play gets all the probability. */
static void script(void *user, const int32_t *tokens, size_t n, float *logits)
{
    (void)tokens;
    const struct play *p = user;
    size_t i = n - p->prompt;
    for (int v = 0; v < VOCAB; v++)
        logits[v] = -10;
    logits[i < p->ids.len ? p->ids.data[i] : 200002] = 10;
}

struct seen {
    char text[4096];
    size_t len;
    int events, cancel_at;
    uint64_t allocations_before, allocations; /* of the last event, and between the first and the last */
};

static int on_event(void *user, const struct osso_event *e)
{
    struct seen *s = user;
    memcpy(s->text + s->len, e->text, e->text_len);
    s->len += e->text_len;
    if (s->events++ == 1)
        s->allocations_before = mem_count();
    s->allocations = mem_count() - s->allocations_before;
    return s->cancel_at && s->events == s->cancel_at;
}

struct outcome {
    char text[4096];
    struct osso_generate_result result;
    uint64_t allocations;
};

static struct outcome speak(const char *words, const char *const *stop, size_t n_stop, int64_t max_tokens,
                            int cancel_at)
{
    struct osso_error err = {""};
    struct osso_engine *engine;
    struct osso_session *session;
    struct osso_sampler *sampler;
    struct osso_tokenizer *tokenizer;
    struct play play = {.prompt = 3};
    struct seen seen = {.cancel_at = cancel_at};
    struct osso_engine_options eo = {.size = sizeof eo, .backend = test_backend(), .threads = 1, .context = 256};
    struct osso_sampling so;
    struct outcome out = {.result.size = sizeof out.result};
    int32_t prompt[] = {1, 2, 3}, stops[] = {200002};
    osso_sampling_defaults(&so);
    so.temperature = 0;
    check_ok(osso_tokenizer_builtin(&tokenizer, &err), err);
    check_ok(osso_tokenizer_encode(tokenizer, words, strlen(words), 0, &play.ids, &err), err);
    check_ok(osso_engine_create_scripted(VOCAB, script, &play, &eo, &engine, &err), err);
    check_ok(osso_session_create(engine, 0, &session, &err), err);
    check_ok(osso_session_sync(session, prompt, 3, &err), err);
    check_ok(osso_sampler_create(&so, VOCAB, &sampler, &err), err);
    struct osso_generate_options o = {.size = sizeof o,
                                      .max_tokens = max_tokens,
                                      .no_tokens = max_tokens == 0,
                                      .stop_ids = stops,
                                      .n_stop_ids = 1,
                                      .stop = stop,
                                      .n_stop = n_stop,
                                      .on_event = on_event,
                                      .user = &seen};
    check_ok(osso_generate(engine, session, sampler, tokenizer, &o, &out.result, &err), err);
    memcpy(seen.text + seen.len, out.result.tail, out.result.tail_len);
    seen.len += out.result.tail_len;
    memcpy(out.text, seen.text, seen.len);
    out.allocations = seen.allocations;
    out.result.tail = NULL;
    osso_ids_free(&play.ids);
    osso_sampler_free(sampler);
    osso_session_free(session);
    osso_engine_free(engine);
    osso_tokenizer_free(tokenizer);
    return out;
}

static void test_stop_id(void **state)
{
    (void)state;
    struct outcome o = speak(
        "A fox met a \xf0\x9f\xa6\x8a in the snow. na\xc3\xafve caf\xc3\xa9 \xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e", NULL,
        0, -1, 0);
    assert_string_equal(
        o.text,
        "A fox met a \xf0\x9f\xa6\x8a in the snow. na\xc3\xafve caf\xc3\xa9 \xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e");
    assert_int_equal(o.result.stop, OSSO_STOP_ID);
    assert_int_equal(o.result.stop_id, 200002);
    assert_int_equal(o.allocations, 0);
}

static void test_stop_strings(void **state)
{
    (void)state;
    static const struct {
        const char *say, *stop, *want;
        bool stopped;
    } cases[] = {{"one two three four", "three", "one two ", true},
                 {"one two three four", "wo thr", "one t", true}, /* across tokens */
                 {"aaaaab", "aab", "aaa", true}, /* a beginning that fails and starts again inside itself */
                 {"one two thre", "three", "one two thre", false}, /* held back, then released at the end */
                 {"caf\xc3\xa9 au lait", "\xc3\xa9 au", "caf", true},
                 {"x\xf0\x9f\xa6\x8ay", "\xf0\x9f\xa6\x8a", "x", true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct outcome o = speak(cases[i].say, &cases[i].stop, 1, -1, 0);
        assert_string_equal(o.text, cases[i].want);
        assert_int_equal(o.result.stop, cases[i].stopped ? OSSO_STOP_STRING : OSSO_STOP_ID);
    }
}

static void test_lengths(void **state)
{
    (void)state;
    char many[2001];
    memset(many, 0, sizeof many);
    for (int i = 0; i < 1000; i++)
        memcpy(many + 2 * i, " x", 2);
    struct outcome o = speak(many, NULL, 0, 5, 0);
    assert_int_equal(o.result.stop, OSSO_STOP_LENGTH);
    assert_int_equal(o.result.n_generated, 5);
    o = speak(many, NULL, 0, -1, 0);
    assert_int_equal(o.result.stop, OSSO_STOP_CONTEXT);
    assert_int_equal(o.result.n_generated, 256 - 3);
    assert_int_equal(o.allocations, 0);
    o = speak(many, NULL, 0, -1, 7);
    assert_int_equal(o.result.stop, OSSO_STOP_CANCELLED);
    assert_int_equal(o.result.n_generated, 7);
    o = speak(many, NULL, 0, 0, 0);
    assert_int_equal(o.result.n_generated, 0);
}

static void flat(void *user, const int32_t *tokens, size_t n, float *logits)
{
    (void)user, (void)tokens, (void)n;
    for (int v = 0; v < 64; v++)
        logits[v] = 0;
}

/* More sessions than pages: a clear LIMIT, nothing lost, and going on once one has left. */
static void test_pool_full(void **state)
{
    (void)state;
    enum { N = 6 };
    struct osso_error err = {""};
    struct osso_engine *engine;
    struct osso_session *s[N];
    struct osso_engine_options o = {
        .size = sizeof o, .backend = test_backend(), .threads = 1, .context = 512, .max_sessions = 2, .max_rows = 64};
    int32_t ids[512];
    check_ok(osso_engine_create_scripted(64, flat, NULL, &o, &engine, &err), err);
    enum osso_status status = OSSO_OK;
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < 512; j++)
            ids[j] = (i * 7 + j) % 64;
        check_ok(osso_session_create(engine, (uint64_t)i, &s[i], &err), err);
        check_ok(osso_session_sync(s[i], ids, 500, &err), err);
    }
    int ready = 0;
    for (int step = 0; step < 200 && !status; step++)
        status = osso_step(engine, s, N, 0, &err);
    assert_int_equal(status, OSSO_LIMIT);
    assert_non_null(strstr(err.text, "KV cache is full"));
    for (int i = 0; i < N; i++)
        ready += osso_session_ready(s[i]);
    assert_true(ready >= 2 && ready < N);
    for (int i = 0; i < N; i++)
        if (osso_session_ready(s[i])) {
            osso_session_free(s[i]);
            s[i] = NULL;
        }
    for (int i = 0; i < N; i++) {
        if (!s[i])
            continue;
        while (!osso_session_ready(s[i]))
            check_ok(osso_step(engine, &s[i], 1, 0, &err), err);
        osso_session_free(s[i]);
    }
    struct osso_engine_stats stats = {.size = sizeof stats};
    osso_engine_stats(engine, &stats);
    assert_int_equal(stats.pages_used, 0);
    osso_engine_free(engine);
}

/* A struct that says its size and nothing more does what no struct does: to the end of the context. */
static void test_plain_options(void **state)
{
    (void)state;
    struct osso_error err = {""};
    struct osso_engine_options o = {.size = sizeof o, .backend = test_backend(), .threads = 1, .context = 24};
    const struct osso_generate_options plain = {.size = sizeof plain}, none = {.size = sizeof none, .no_tokens = true},
                                       less = {.size = sizeof less, .max_tokens = -7},
                                       few = {.size = sizeof few, .max_tokens = 5};
    const struct {
        const struct osso_generate_options *options;
        size_t length;
        enum osso_stop stop;
    } cases[] = {{NULL, 21, OSSO_STOP_CONTEXT},
                 {&plain, 21, OSSO_STOP_CONTEXT},
                 {&less, 21, OSSO_STOP_CONTEXT},
                 {&few, 5, OSSO_STOP_LENGTH},
                 {&none, 0, OSSO_STOP_LENGTH}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct osso_engine *engine;
        struct osso_session *s;
        struct osso_sampler *sampler;
        struct osso_generate_result result = {.size = sizeof result};
        check_ok(osso_engine_create_scripted(64, flat, NULL, &o, &engine, &err), err);
        check_ok(osso_session_create(engine, 0, &s, &err), err);
        check_ok(osso_sampler_create(NULL, 64, &sampler, &err), err);
        check_ok(osso_session_sync(s, (int32_t[]){1, 2, 3}, 3, &err), err);
        check_ok(osso_generate(engine, s, sampler, NULL, cases[i].options, &result, &err), err);
        assert_int_equal(result.n_generated, cases[i].length);
        assert_int_equal(result.stop, cases[i].stop);
        assert_true(osso_session_computed(s) >= 3);
        osso_sampler_free(sampler);
        osso_session_free(s);
        osso_engine_free(engine);
    }
}

/* Another session's step takes the place of the logits of one that was ready: generating works all the same. */
static void test_logits_gone(void **state)
{
    (void)state;
    struct osso_error err = {""};
    struct osso_engine *engine, *other;
    struct osso_session *s, *t;
    struct osso_sampler *sampler;
    struct osso_engine_options o = {
        .size = sizeof o, .backend = test_backend(), .threads = 1, .context = 64, .max_sessions = 2};
    struct osso_generate_options g = {.size = sizeof g, .no_tokens = true, .n_top = 64};
    struct osso_generate_result result = {.size = sizeof result};
    check_ok(osso_engine_create_scripted(64, flat, NULL, &o, &engine, &err), err);
    check_ok(osso_session_create(engine, 0, &s, &err), err);
    check_ok(osso_session_create(engine, 0, &t, &err), err);
    check_ok(osso_sampler_create(NULL, 64, &sampler, &err), err);
    check_ok(osso_session_sync(s, (int32_t[]){1, 2, 3}, 3, &err), err);
    check_ok(osso_session_sync(t, (int32_t[]){4, 5}, 2, &err), err);
    check_ok(osso_generate(engine, s, sampler, NULL, &g, &result, &err), err);
    assert_true(osso_session_ready(s) && osso_session_logits(s, 2));
    check_ok(osso_step(engine, &t, 1, 0, &err), err);
    assert_null(osso_session_logits(s, 2));
    g.no_tokens = false;
    g.max_tokens = 2;
    check_ok(osso_generate(engine, s, sampler, NULL, &g, &result, &err), err);
    assert_int_equal(result.n_generated, 2);

    check_ok(osso_engine_create_scripted(64, flat, NULL, &o, &other, &err), err);
    check_ok(osso_session_append(t, 1, &err), err);
    assert_int_equal(osso_step(other, &t, 1, 0, &err), OSSO_USAGE); /* another engine's session */
    struct osso_session *twice[2] = {t, t};
    check_ok(osso_step(engine, twice, 2, 0, &err), err);
    assert_int_equal(osso_session_computed(t), 3);
    osso_engine_free(other);
    osso_sampler_free(sampler);
    osso_session_free(s);
    osso_session_free(t);
    osso_engine_free(engine);
}

/* More sessions that decode than a step has rows: nobody waits for ever. */
static void test_fair(void **state)
{
    (void)state;
    enum { N = 20, ROWS = 3, STEPS = 400 };
    struct osso_error err = {""};
    struct osso_engine *engine;
    struct osso_session *s[N];
    struct osso_engine_options o = {
        .size = sizeof o, .backend = test_backend(), .threads = 1, .context = 256, .max_sessions = N, .max_rows = ROWS};
    int32_t first = 1;
    check_ok(osso_engine_create_scripted(64, flat, NULL, &o, &engine, &err), err);
    for (int i = 0; i < N; i++) {
        check_ok(osso_session_create(engine, (uint64_t)i, &s[i], &err), err);
        check_ok(osso_session_sync(s[i], &first, 1, &err), err);
    }
    for (int step = 0; step < STEPS; step++) {
        check_ok(osso_step(engine, s, N, 0, &err), err);
        for (int i = 0; i < N; i++)
            if (osso_session_ready(s[i]))
                check_ok(osso_session_append(s[i], 2, &err), err);
    }
    for (int i = 0; i < N; i++) {
        size_t n;
        osso_session_tokens(s[i], &n);
        if (n < STEPS * ROWS / N / 2)
            fail_msg("session %d got %zu tokens in %d steps", i, n, STEPS);
        osso_session_free(s[i]);
    }
    osso_engine_free(engine);
}

static void test_bad_calls(void **state)
{
    (void)state;
    struct osso_error err = {""};
    struct osso_engine *engine;
    struct osso_session *s;
    struct osso_engine_options o = {.size = sizeof o, .backend = test_backend(), .threads = 1, .context = 16};
    int32_t good[17] = {0}, bad[] = {1, 64}, negative[] = {-1};
    check_ok(osso_engine_create_scripted(64, flat, NULL, &o, &engine, &err), err);
    check_ok(osso_session_create(engine, 0, &s, &err), err);
    assert_int_equal(osso_session_sync(s, bad, 2, &err), OSSO_USAGE);
    assert_int_equal(osso_session_sync(s, negative, 1, &err), OSSO_USAGE);
    assert_int_equal(osso_session_sync(s, good, 17, &err), OSSO_LIMIT);
    check_ok(osso_session_sync(s, good, 16, &err), err);
    assert_int_equal(osso_session_append(s, 0, &err), OSSO_LIMIT);
    assert_int_equal(osso_session_rewind(s, 17, &err), OSSO_USAGE);
    osso_session_free(s);
    osso_engine_free(engine);
    o.kv_type = "f8";
    assert_int_equal(osso_engine_create_scripted(64, flat, NULL, &o, &engine, &err), OSSO_USAGE);
    o.kv_type = "q8_0"; /* the scripted model's heads have 2 dims */
    assert_int_equal(osso_engine_create_scripted(64, flat, NULL, &o, &engine, &err), OSSO_UNSUPPORTED);
    assert_non_null(strstr(err.text, "q8_0"));
    o.kv_type = NULL;
    o.isa = "mmx";
    assert_int_equal(osso_engine_create_scripted(64, flat, NULL, &o, &engine, &err), OSSO_UNSUPPORTED);
    assert_null(engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_stop_id),     cmocka_unit_test(test_stop_strings),
                                       cmocka_unit_test(test_lengths),     cmocka_unit_test(test_pool_full),
                                       cmocka_unit_test(test_logits_gone), cmocka_unit_test(test_fair),
                                       cmocka_unit_test(test_bad_calls),   cmocka_unit_test(test_plain_options)};
    return cmocka_run_group_tests_name("generate", tests, NULL, NULL);
}
