/* test_faults.c: memory that runs out at every single place: each call says NOMEM (or gets by), leaks nothing, and
 * works the next time. No allocation at all per decoded token. A model file that shrinks while it is mapped. */
#define _GNU_SOURCE
#include "model_test.h"

#include "alloc_count.h"

#include <unistd.h>

static const char HF[] = "tests/golden/model/yarn-mxfp4", GGUF[] = "tests/golden/model/q8-gguf/model.gguf";

static struct {
    struct rig rig;
    struct osso_session *session;
    struct osso_sampler *sampler;
    struct osso_tokenizer *o200k;
    char folder[64], hf[512], gguf[512], json[128];
} w;

typedef enum osso_status attempt_fn(struct osso_error *err);

/* Makes the n-th allocation fail for n = 1, 2, ... until the attempt needs fewer. */
static void each_allocation(const char *name, attempt_fn *attempt, bool any)
{
    struct osso_error err = {""};
    if (attempt(&err)) /* what is made once, by libc too, is made here */
        fail_msg("%s: %s", name, err.text);
    long long held = alloc_held(), before = any ? alloc_count() : (long long)mem_count();
    check_ok(attempt(&err), err);
    long long need = (any ? alloc_count() : (long long)mem_count()) - before, step = 1;
    if (need > 3000 || test_quick())
        step = need / (test_quick() ? 100 : 1500) + 1;
    assert_int_equal(alloc_held(), held);
    for (long long n = 1; n <= need; n += n < 200 && !test_quick() ? 1 : step) {
        err.text[0] = 0;
        if (any)
            alloc_fail_at(n);
        else
            mem_fail_at((uint64_t)n);
        enum osso_status status = attempt(&err);
        alloc_fail_at(0);
        mem_fail_at(0);
        if (!any && status && status != OSSO_NOMEM) /* a borrowed library may call it something else */
            fail_msg("%s: allocation %lld of %lld fails: %s (%s)", name, n, need, osso_status_text(status), err.text);
        if (status && !err.text[0])
            fail_msg("%s: allocation %lld of %lld fails without a word", name, n, need);
        if (alloc_held() > held)
            fail_msg("%s: allocation %lld of %lld fails: %lld blocks and pages leak (%s)", name, n, need,
                     alloc_held() - held, osso_status_text(status));
        if (n % 16 == 1)
            check_ok(attempt(&err), err);
    }
    check_ok(attempt(&err), err);
    print_message("%s: %lld %sallocations\n", name, need, any ? "of all " : "");
}

/* ---- attempts ------------------------------------------------------------------------------------------- */

static enum osso_status open_at(const char *path, struct osso_error *err)
{
    struct osso_model *m;
    enum osso_status status = osso_model_open(path, &m, err);
    assert_int_equal(status == OSSO_OK, m != NULL);
    osso_model_free(m);
    return status;
}

static enum osso_status open_hf(struct osso_error *err)
{
    return open_at(w.hf, err);
}

static enum osso_status open_gguf(struct osso_error *err)
{
    return open_at(w.gguf, err);
}

static enum osso_status synthesize(struct osso_error *err)
{
    char path[600];
    struct osso_model *m;
    snprintf(path, sizeof path, "%s/config.json", w.hf);
    enum osso_status status = osso_model_synthesize(path, 1, &m, err);
    assert_int_equal(status == OSSO_OK, m != NULL);
    osso_model_free(m);
    return status;
}

static int no_tap(void *user, const struct osso_tap_value *v)
{
    (void)user, (void)v;
    return 0;
}

static enum osso_status engine(struct osso_error *err)
{
    struct osso_engine *e;
    struct osso_session *s = NULL, *t = NULL;
    struct osso_engine_options o = engine_options(false, 300);
    o.threads = 1;
    o.max_rows = o.max_logit_rows = 32;
    enum osso_status status = osso_engine_create(w.rig.model, &o, &e, err);
    assert_int_equal(status == OSSO_OK, e != NULL);
    if (!status)
        status = osso_session_create(e, 0, &s, err);
    if (!status)
        status = osso_session_sync(s, (int32_t[]){1, 2, 3, 4}, 4, err);
    while (!status && !osso_session_ready(s))
        status = osso_step(e, &s, 1, 0, err);
    if (!status)
        status = osso_session_fork(s, &t, err);
    if (!status)
        status = osso_step(e, &t, 1, 0, err);
    if (!status)
        status = osso_engine_set_tap(e, OSSO_TAPS_ALL, NULL, no_tap, NULL, err);
    if (e && s && osso_session_ready(s)) { /* whatever failed, it goes on */
        struct osso_error other;
        check_ok(osso_session_append(s, 5, &other), other);
        uint64_t calls = mem_count();
        check_ok(osso_step(e, &s, 1, 0, &other), other);
        assert_int_equal(mem_count(), calls);
    }
    osso_session_free(t);
    osso_session_free(s);
    osso_engine_free(e);
    return status;
}

static enum osso_status sampler(struct osso_error *err)
{
    struct osso_sampler *s;
    struct osso_sampling o;
    struct osso_logit_bias bias[] = {{1, 2}, {3, 4}};
    osso_sampling_defaults(&o);
    o.bias = bias;
    o.n_bias = 2;
    enum osso_status status = osso_sampler_create(&o, w.rig.vocab, &s, err);
    assert_int_equal(status == OSSO_OK, s != NULL);
    osso_sampler_free(s);
    return status;
}

static enum osso_status generate(struct osso_error *err)
{
    static const char *const stop[] = {"never said"};
    struct osso_generate_options o = {.size = sizeof o, .max_tokens = 6, .stop = stop, .n_stop = 1, .n_top = 3};
    struct osso_generate_result result = {.size = sizeof result};
    enum osso_status status = osso_session_sync(w.session, (int32_t[]){5, 6, 7}, 3, err);
    if (!status)
        status = osso_generate(w.rig.engine, w.session, w.sampler, w.o200k, &o, &result, err);
    return status;
}

static enum osso_status answer(struct osso_error *err)
{
    static const char *const stop[] = {"", "never said", "nor this"};
    static const int32_t said[] = {39, 68, 75, 75, 78}; /* letters: a message without a header */
    struct osso_parser *parser;
    struct osso_answer *a = NULL;
    struct osso_event event = {.size = sizeof event};
    enum osso_status status = osso_parser_create(w.o200k, "assistant", 0, &parser, err);
    if (!status)
        status = osso_session_sync(w.session, (int32_t[]){5, 6, 7}, 3, err);
    struct osso_answer_options o = {.size = sizeof o,
                                    .parser = parser,
                                    .max_tokens = -1,
                                    .stop = stop,
                                    .n_stop = 3,
                                    .stop_ids = said + 4,
                                    .n_stop_ids = 1};
    if (!status) {
        status = osso_answer_create(w.session, w.sampler, &o, &a, err);
        assert_int_equal(status == OSSO_OK, a != NULL);
    }
    for (int i = 0; i < 5 && !status; i++)
        status = osso_answer_take(a, (struct osso_choice){said[i], 0}, &event, err);
    if (!status)
        status = osso_answer_finish(a, &event, err);
    if (!status)
        assert_int_equal(event.text_len, 5);
    osso_answer_free(a);
    osso_parser_free(parser);
    return status;
}

static enum osso_status tokenizer(struct osso_error *err)
{
    struct osso_tokenizer *t;
    struct osso_ids ids = {0};
    enum osso_status status = osso_tokenizer_open(w.json, &t, err);
    assert_int_equal(status == OSSO_OK, t != NULL);
    if (!status)
        status = osso_tokenizer_encode(t, "hello world, na\xc3\xafve \xf0\x9f\xa6\x8a<|end|>", 27, OSSO_ENCODE_SPECIAL,
                                       &ids, err);
    osso_ids_free(&ids);
    osso_tokenizer_free(t);
    return status;
}

static enum osso_status builtin(struct osso_error *err)
{
    struct osso_tokenizer *t;
    enum osso_status status = osso_tokenizer_builtin(&t, err);
    assert_int_equal(status == OSSO_OK, t != NULL);
    osso_tokenizer_free(t);
    return status;
}

static enum osso_status conversation(struct osso_error *err)
{
    static const char text[] =
        "{\"messages\":[{\"role\":\"system\",\"content\":[{\"type\":\"system_content\",\"model_identity\":\"You are osso.\","
        "\"reasoning_effort\":\"High\",\"conversation_start_date\":\"2026-11-21\"}]},{\"role\":\"developer\",\"content\":["
        "{\"type\":\"developer_content\",\"instructions\":\"Be short.\",\"tools\":{\"functions\":{\"name\":\"functions\","
        "\"description\":null,\"tools\":[{\"name\":\"add\",\"description\":\"adds\",\"parameters\":{\"type\":\"object\","
        "\"properties\":{\"a\":{\"type\":\"number\",\"enum\":[1,2]},\"b\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}}},"
        "\"required\":[\"a\"]}}]}}}]},{\"role\":\"user\",\"content\":\"hello \\ud83e\\udd8a\"},"
        "{\"role\":\"assistant\",\"channel\":\"final\",\"content\":\"hi\"}]}";
    struct osso_conversation *c;
    struct osso_parser *parser = NULL;
    struct osso_ids ids = {0};
    char *json = NULL;
    enum osso_status status = osso_conversation_from_json(text, sizeof text - 1, "test", &c, err);
    assert_int_equal(status == OSSO_OK, c != NULL);
    if (!status)
        status = osso_conversation_add_developer(c, "again",
                                                 "[{\"name\":\"f\",\"description\":\"d\",\"parameters\":{}}]", err);
    if (!status)
        status = osso_conversation_render(c, w.o200k, NULL, &ids, err);
    if (!status)
        status = osso_conversation_to_json(c, &json, err);
    if (!status)
        status = osso_parser_create(w.o200k, NULL, 0, &parser, err);
    for (size_t i = 0; !status && i < ids.len; i++) {
        struct osso_parser_state state = {.size = sizeof state};
        status = osso_parser_push(parser, ids.data[i], &state, err);
    }
    if (!status)
        status = osso_parser_finish(parser, NULL, err);
    osso_free(json);
    osso_parser_free(parser);
    osso_ids_free(&ids);
    osso_conversation_free(c);
    return status;
}

static enum osso_status info(struct osso_error *err)
{
    char *json;
    enum osso_status status = osso_info_json(w.hf, NULL, 0, NULL, true, &json, err);
    assert_int_equal(status == OSSO_OK, json != NULL);
    osso_free(json);
    return status;
}

static const struct {
    const char *name;
    attempt_fn *fn;
} attempts[] = {{"open a folder", open_hf},
                {"open a GGUF", open_gguf},
                {"synthesize", synthesize},
                {"engine and sessions", engine},
                {"sampler", sampler},
                {"generate", generate},
                {"answer", answer},
                {"tokenizer.json", tokenizer},
                {"conversation", conversation},
                {"info", info},
                {"o200k", builtin}};

static void test_own_allocations(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++)
        each_allocation(attempts[i].name, attempts[i].fn, false);
}

/* The same with every malloc and mmap of the process, libc's and the borrowed libraries' too. */
static void test_all_allocations(void **state)
{
    (void)state;
    if (!ALLOC_COUNTED)
        skip_test("faults: malloc is not counted in this build");
    for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++)
        each_allocation(attempts[i].name, attempts[i].fn, true);
}

/* ---- decoding ------------------------------------------------------------------------------------------- */

static enum osso_mask_kind allow_all(void *user, const struct osso_session *session, struct osso_mask *mask)
{
    (void)user, (void)session;
    memset(mask->space, 0xff, (size_t)(mask->vocab + 31) / 32 * sizeof *mask->space);
    return OSSO_MASK_BITS;
}

static void test_no_allocation(void **state)
{
    (void)state;
    for (int exact = 0; exact < 2; exact++) {
        struct osso_engine_options o = engine_options(exact, 1024);
        struct rig r = rig_open(w.hf, &o);
        struct osso_session *s, *t;
        struct osso_sampler *sampler_;
        struct osso_sampling so;
        struct osso_choice choice, top[5];
        int32_t prompt[300];
        osso_sampling_defaults(&so);
        so.top_p = 0.9;
        so.repetition_penalty = 1.1;
        for (int i = 0; i < 300; i++)
            prompt[i] = i % 50;
        check_ok(osso_session_create(r.engine, 0, &s, &r.err), r.err);
        check_ok(osso_sampler_create(&so, r.vocab, &sampler_, &r.err), r.err);
        osso_sampler_set_mask(sampler_, allow_all, NULL);
        check_ok(osso_session_sync(s, prompt, 300, &r.err), r.err);
        check_ok(osso_session_fork(s, &t, &r.err), r.err);
        struct osso_session *both[] = {s, t};
        long long calls = alloc_count(),
                  mem = (long long)mem_count(); /* the prompt counts too: pages, sharing, copies */
        while (!osso_session_ready(s) || !osso_session_ready(t))
            check_ok(osso_step(r.engine, both, 2, 0, &r.err), r.err);
        for (int j = 0; j < 2; j++)
            check_ok(osso_session_rewind(both[j], 300, &r.err),
                     r.err); /* the last token's logits for both in one step */
        check_ok(osso_step(r.engine, both, 2, 0, &r.err), r.err);
        for (int i = 0; i < 200; i++) {
            for (int j = 0; j < 2; j++) {
                check_ok(osso_sample(sampler_, both[j], &choice, top, 5, &r.err), r.err);
                check_ok(osso_session_append(both[j], choice.id, &r.err), r.err);
            }
            check_ok(osso_step(r.engine, both, 2, 0, &r.err), r.err);
        }
        check_ok(osso_session_rewind(s, 100, &r.err), r.err);
        check_ok(osso_session_sync(t, prompt, 290, &r.err), r.err);
        while (!osso_session_ready(s) || !osso_session_ready(t))
            check_ok(osso_step(r.engine, both, 2, 7, &r.err), r.err);
        calls = alloc_count() - calls, mem = (long long)mem_count() - mem;
        assert_int_equal(mem, 0);
        assert_int_equal(calls, 0);
        osso_session_free(s);
        osso_session_free(t);
        osso_sampler_free(sampler_);
        rig_close(&r);
    }
}

/* ---- a file that shrinks -------------------------------------------------------------------------------- */

static void copy(const char *from, const char *to)
{
    struct osso_error err = {""};
    char *data;
    size_t len;
    check_ok(file_read(from, 64 << 20, &data, &len, &err), err);
    check_ok(save_atomic(to, data, len, &err), err);
    mem_free(data);
}

static void test_truncated(void **state)
{
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "%s/shrinks.gguf", w.folder);
    copy(w.gguf, path);
    struct osso_engine_options o = engine_options(false, 128);
    struct rig r = rig_open(path, &o);
    struct osso_session *s;
    check_ok(osso_session_create(r.engine, 0, &s, &r.err), r.err);
    check_ok(osso_session_sync(s, (int32_t[]){1, 2, 3}, 3, &r.err), r.err);
    check_ok(osso_step(r.engine, &s, 1, 0, &r.err), r.err);
    assert_int_equal(truncate(path, 5000), 0);
    check_ok(osso_session_append(s, 4, &r.err), r.err);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(osso_step(r.engine, &s, 1, 0, &r.err), OSSO_IO);
        assert_non_null(strstr(r.err.text, path));
    }
    copy(w.gguf, path); /* another file of that name: the mapped one is still short */
    assert_int_equal(osso_step(r.engine, &s, 1, 0, &r.err), OSSO_IO);
    osso_session_free(s);
    rig_close(&r);
    assert_int_equal(unlink(path), 0);
}

/* ---- setting up ----------------------------------------------------------------------------------------- */

/* Bytes as GPT-2's alphabet, ids 0..255, then a few merges. */
static void write_tokenizer(void)
{
    FILE *f = fopen(w.json, "w");
    assert_non_null(f);
    fputs(
        "{\"added_tokens\":[{\"id\":260,\"content\":\"<|end|>\",\"special\":true}],\"normalizer\":null,\"pre_tokenizer\":"
        "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":true},\"model\":{\"type\":\"BPE\",\"vocab\":{",
        f);
    uint32_t other = 0x100;
    for (int b = 0; b < 256; b++) {
        bool printable = (b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
        fprintf(f, "\"\\u%04x\":%d,", printable ? (unsigned)b : other++, b);
    }
    fputs("\"he\":256,\"ll\":257,\"hell\":258,\"hello\":259},"
          "\"merges\":[[\"h\",\"e\"],[\"l\",\"l\"],[\"he\",\"ll\"],[\"hell\",\"o\"]]}}\n",
          f);
    assert_int_equal(fclose(f), 0);
}

static int setup(void **state)
{
    (void)state;
    struct osso_engine_options o = engine_options(false, 64);
    strcpy(w.folder, "/tmp/osso-test-XXXXXX");
    if (!mkdtemp(w.folder))
        return -1;
    test_path(w.hf, sizeof w.hf, HF);
    test_path(w.gguf, sizeof w.gguf, GGUF);
    snprintf(w.json, sizeof w.json, "%s/tokenizer.json", w.folder);
    write_tokenizer();
    o.threads = 1;
    w.rig = rig_open(w.hf, &o);
    check_ok(osso_session_create(w.rig.engine, 0, &w.session, &w.rig.err), w.rig.err);
    check_ok(osso_sampler_create(NULL, w.rig.vocab, &w.sampler, &w.rig.err), w.rig.err);
    check_ok(osso_tokenizer_builtin(&w.o200k, &w.rig.err), w.rig.err);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    osso_session_free(w.session);
    osso_sampler_free(w.sampler);
    osso_tokenizer_free(w.o200k);
    rig_close(&w.rig);
    unlink(w.json);
    return rmdir(w.folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_own_allocations), cmocka_unit_test(test_all_allocations),
                                       cmocka_unit_test(test_no_allocation), cmocka_unit_test(test_truncated)};
    return cmocka_run_group_tests_name("faults", tests, setup, teardown);
}
