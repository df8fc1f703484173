/* test_script.c: a model that a file of rules takes the place of: each field of a rule, what is refused, and a tool
 * loop over it in which every prompt goes on from what is computed. */
#include "builtin_test.h"
#include "fault_test.h"
#include "file_test.h"

#include "osso/answer.h"
#include "osso/script.h"

#include <math.h>
#include <time.h>

enum { VOCAB = 201088, END = 200007, RETURN = 200002 };

/* Waits of the script are counted, not waited. */
static double waited_ms;
static int waits;

int nanosleep(const struct timespec *t, struct timespec *left)
{
    (void)left;
    waited_ms += (double)t->tv_sec * 1e3 + (double)t->tv_nsec / 1e6;
    waits++;
    return 0;
}

/* ---- helpers -------------------------------------------------------------------------------------------- */

struct stage {
    struct osso_script *script;
    struct osso_engine *engine;
    struct osso_session *session;
    struct osso_sampler *sampler;
    struct osso_script_turn *turn;
    struct osso_generate_result result;
    char said[512];
    size_t len;
};

static char *folder;

static char *write_rules(const char *text)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/osso-script.jsonl", folder);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    fclose(f);
    return path;
}

static struct stage opened(const char *rules, int32_t forbidden)
{
    struct osso_error err = {""};
    struct stage s = {0};
    struct osso_engine_options o = {.size = sizeof o, .threads = 1, .max_sessions = 2};
    struct osso_logit_bias bias = {forbidden, -INFINITY};
    struct osso_sampling so;
    char *path = write_rules(rules);
    osso_sampling_defaults(&so);
    so.temperature = 0;
    so.bias = &bias;
    so.n_bias = forbidden >= 0;
    check_ok(osso_script_open(path, builtin, &s.script, &err), err);
    unlink(path);
    assert_int_equal(osso_script_vocab(s.script), VOCAB);
    check_ok(osso_script_engine(s.script, &o, &s.engine, &err), err);
    assert_int_equal(osso_engine_context(s.engine), 131072);
    check_ok(osso_session_create(s.engine, 0, &s.session, &err), err);
    check_ok(osso_sampler_create(&so, VOCAB, &s.sampler, &err), err);
    return s;
}

static void closed(struct stage *s)
{
    osso_sampler_free(s->sampler);
    osso_session_free(s->session);
    osso_engine_free(s->engine);
    osso_script_turn_free(s->turn);
    osso_script_free(s->script);
}

static int on_event(void *user, const struct osso_event *e)
{
    struct stage *s = user;
    const char *piece;
    size_t len;
    assert_true(osso_tokenizer_piece(builtin, e->id, &piece, &len) && s->len + len < sizeof s->said);
    memcpy(s->said + s->len, piece, len);
    s->len += len;
    s->said[s->len] = 0;
    return 0;
}

static struct osso_ids ids_of(const char *text)
{
    struct osso_ids ids = {0};
    struct osso_error err = {""};
    check_ok(osso_tokenizer_encode(builtin, text, strlen(text), OSSO_ENCODE_SPECIAL, &ids, &err), err);
    return ids;
}

/* One request, greedily; what it said is in s->said, with the names of special tokens. */
static enum osso_status ask_ids(struct stage *s, const struct osso_ids *ids, struct osso_parser *parser)
{
    struct osso_error err = {""};
    struct osso_script_turn *turn;
    s->result = (struct osso_generate_result){.size = sizeof s->result};
    s->len = 0;
    enum osso_status status = osso_script_admit(s->script, ids->data, ids->len, &turn, &err);
    if (status) {
        assert_non_null(strstr(err.text, "osso-script.jsonl")); /* the file */
        return status;
    }
    osso_session_set_user(s->session, turn);
    osso_script_turn_free(s->turn);
    s->turn = turn;
    struct osso_generate_options g = {
        .size = sizeof g, .max_tokens = 100, .on_event = on_event, .user = s, .parser = parser};
    check_ok(osso_session_sync(s->session, ids->data, ids->len, &err), err);
    return osso_generate(s->engine, s->session, s->sampler, builtin, &g, &s->result, &err);
}

static enum osso_status ask(struct stage *s, const char *prompt)
{
    struct osso_ids ids = ids_of(prompt);
    enum osso_status status = ask_ids(s, &ids, NULL);
    osso_ids_free(&ids);
    return status;
}

static void expect(struct stage *s, const char *prompt, const char *said)
{
    assert_int_equal(ask(s, prompt), OSSO_OK);
    assert_string_equal(s->said, said);
}

/* ---- rules ---------------------------------------------------------------------------------------------- */

static void test_match(void **state)
{
    (void)state;
    struct stage s = opened("{\"match\":\"Name a prime\",\"times\":2,\"text\":\"7\"}\n"
                            "\r\n"
                            "{\"match\":\"prime\",\"times\":0,\"text\":\"never\"}\n"
                            "{\"match\":\"<|start|>user\",\"text\":\"Hello\"}\n"
                            "{\"match\":\"na\\u00efve\",\"ids\":[24912,2375,200012]}",
                            -1);
    expect(&s, "Name a prime.", "7<|return|>");
    expect(&s, "<|start|>user<|message|>Name a prime.", "7<|return|>"); /* the first that matches */
    expect(&s, "<|start|>user<|message|>Name a prime.", "Hello<|return|>");
    assert_int_equal(ask(&s, "Name a prime."), OSSO_FORMAT); /* used up */
    expect(&s, "So na\xc3\xafve!", "hello world<|call|>");
    assert_int_equal(s.result.stop_id, 200012); /* harmony's stops, without being told */
    assert_int_equal(ask(&s, "something else"), OSSO_FORMAT);
    closed(&s);
}

static void test_every_row(void **state)
{
    (void)state;
    struct osso_error err = {""};
    struct stage s = opened("{\"text\":\"<|channel|>final<|message|>a<|end|>\"}", -1);
    struct osso_ids want = ids_of("<|channel|>final<|message|>a<|end|><|return|><|return|>"),
                    prompt = ids_of("one two");
    check_ok(osso_script_admit(s.script, prompt.data, prompt.len, &s.turn, &err), err);
    osso_session_set_user(s.session, s.turn);
    check_ok(osso_session_sync(s.session, prompt.data, prompt.len, &err), err);
    for (size_t i = 0; i < want.len; i++) {
        check_ok(osso_step(s.engine, &s.session, 1, 0, &err), err);
        const float *logits = osso_session_logits(s.session, prompt.len + i - 1);
        assert_non_null(logits);
        for (int32_t id = 0; id < VOCAB; id++)
            if (logits[id] != (id == want.data[i] ? 100.0f : (float)(-(double)id / 1e6)))
                fail_msg("step %zu: id %d has %g", i, id, (double)logits[id]);
        check_ok(osso_session_append(s.session, want.data[i], &err), err);
    }
    osso_ids_free(&want);
    osso_ids_free(&prompt);
    closed(&s);
}

/* A forbidden id: the lowest that is allowed comes, and the script goes on behind it. */
static void test_forbidden(void **state)
{
    (void)state;
    struct stage s = opened("{\"text\":\"hello world.\"}", 2375);
    expect(&s, "x", "hello!.<|return|>"); /* id 0 is ! */
    closed(&s);
    s = opened("{\"ids\":[0,1]}", 0);
    expect(&s, "x", "\"\"<|return|>");
    closed(&s);
}

static void test_fail_at(void **state)
{
    (void)state;
    struct osso_error err = {""};
    struct stage s = opened("{\"match\":\"zero\",\"text\":\"a b c\",\"fail_at\":0}\n{\"text\":\"a b c\",\"fail_at\":2}",
                            -1);
    assert_int_equal(ask(&s, "x"), OSSO_NUMERIC);
    assert_string_equal(s.said, "a b");
    assert_int_equal(ask(&s, "zero"), OSSO_NUMERIC);
    assert_int_equal(s.len, 0);
    /* A session that was never admitted is told nothing that could be taken for an answer. */
    struct osso_session *other;
    struct osso_choice choice;
    check_ok(osso_session_create(s.engine, 0, &other, &err), err);
    check_ok(osso_session_sync(other, (int32_t[]){1, 2}, 2, &err), err);
    check_ok(osso_step(s.engine, &other, 1, 0, &err), err);
    assert_int_equal(osso_sample(s.sampler, other, &choice, NULL, 0, &err), OSSO_NUMERIC);
    osso_session_free(other);
    closed(&s);
}

/* What a prompt costs is what of it is computed; who is said to in one step waits together. */
static void test_waits(void **state)
{
    (void)state;
    struct osso_error err = {""};
    struct stage s = opened("{\"match\":\"slow\",\"text\":\"a b c\",\"prefill_ms\":0.5,\"delay_ms\":20}\n"
                            "{\"text\":\"a b\",\"delay_ms\":30}",
                            -1);
    struct osso_ids ids = ids_of("slow");
    while (ids.len < 1000)
        check_ok(osso_ids_push(&ids, 64, &err), err);
    waited_ms = 0;
    assert_int_equal(ask_ids(&s, &ids, NULL), OSSO_OK);
    assert_string_equal(s.said, "a b c<|return|>");
    assert_true(fabs(waited_ms - (0.5 * 1000 + 20 * 4)) < 0.01); /* the stop was said too */
    waited_ms = 0;
    assert_int_equal(ask_ids(&s, &ids, NULL), OSSO_OK);
    assert_true(waited_ms < 0.5 * 200 + 20 * 4 && waited_ms > 20 * 4); /* most of it is there */
    assert_true(fabs(waited_ms - (0.5 * (double)(1000 - s.result.n_reused) + 20 * 4)) < 0.01);
    /* Far back sliding pages are gone: what is made again for them only costs nothing, and a token that was said and is
     * read again costs what a prompt's does. */
    struct osso_engine_stats stats = {.size = sizeof stats};
    while (ids.len < 4000)
        check_ok(osso_ids_push(&ids, 64, &err), err);
    assert_int_equal(ask_ids(&s, &ids, NULL), OSSO_OK);
    check_ok(osso_session_rewind(s.session, 2000, &err), err);
    osso_engine_stats(s.engine, &stats);
    uint64_t computed = stats.tokens_computed, replayed = stats.tokens_replayed;
    waited_ms = 0;
    check_ok(osso_step(s.engine, &s.session, 1, 0, &err), err);
    osso_engine_stats(s.engine, &stats);
    assert_true(stats.tokens_replayed > replayed && stats.tokens_computed == computed + 1);
    assert_true(fabs(waited_ms - 0.5) < 0.01);
    check_ok(osso_session_sync(s.session, ids.data, ids.len, &err), err);
    for (int i = 0; i < 200; i++)
        check_ok(osso_session_append(s.session, 65, &err), err);
    osso_engine_stats(s.engine, &stats);
    computed = stats.tokens_computed;
    waited_ms = 0;
    while (!osso_session_ready(s.session))
        check_ok(osso_step(s.engine, &s.session, 1, 0, &err), err);
    osso_engine_stats(s.engine, &stats);
    assert_true(stats.tokens_computed - computed >= 200);
    assert_true(fabs(waited_ms - (0.5 * (double)(stats.tokens_computed - computed - 1) + 20)) < 0.01);
    /* Two that speak together: the longer wait of each step, once. */
    struct osso_session *two[2] = {s.session, NULL};
    struct osso_script_turn *turns[2];
    struct osso_ids prompts[2] = {ids_of("slow"), ids_of("other")};
    check_ok(osso_session_create(s.engine, 7, &two[1], &err), err);
    for (int i = 0; i < 2; i++) {
        check_ok(osso_script_admit(s.script, prompts[i].data, prompts[i].len, &turns[i], &err), err);
        osso_session_set_user(two[i], turns[i]);
        check_ok(osso_session_sync(two[i], prompts[i].data, prompts[i].len, &err), err);
    }
    waited_ms = waits = 0;
    check_ok(osso_step(s.engine, two, 2, 0, &err), err);
    assert_true(fabs(waited_ms - (0.5 * (double)prompts[0].len + 30)) < 0.01);
    assert_int_equal(waits, 1);
    osso_session_free(two[1]);
    closed(&s);
    for (int i = 0; i < 2; i++) {
        osso_script_turn_free(turns[i]);
        osso_ids_free(&prompts[i]);
    }
    osso_ids_free(&ids);
}

/* Several choices of one request are one use of a rule. */
static void test_choices(void **state)
{
    (void)state;
    struct osso_error err = {""};
    struct stage s = opened("{\"times\":1,\"text\":\"a b\"}", -1);
    struct osso_session *fork;
    struct osso_ids ids = ids_of("Say it");
    assert_int_equal(ask_ids(&s, &ids, NULL), OSSO_OK);
    check_ok(osso_session_rewind(s.session, ids.len, &err), err);
    check_ok(osso_session_fork(s.session, &fork, &err), err);
    osso_session_set_user(fork, s.turn);
    struct osso_session *both[2] = {s.session, fork};
    for (int step = 0; step < 3; step++) {
        struct osso_choice c[2];
        check_ok(osso_step(s.engine, both, 2, 0, &err), err);
        for (int i = 0; i < 2; i++) {
            check_ok(osso_sample(s.sampler, both[i], &c[i], NULL, 0, &err), err);
            check_ok(osso_session_append(both[i], c[i].id, &err), err);
        }
        assert_int_equal(c[0].id, c[1].id);
        assert_int_equal(c[0].id == RETURN, step == 2);
    }
    osso_session_free(fork);
    osso_ids_free(&ids);
    closed(&s);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *rules, *says;
    } cases[] = {{"", "no rule in it"},
                 {"\n \n", "no rule in it"},
                 {"{\"text\":\"a\"}\n{\"text\":}", "line 2: byte 9: not a JSON value"},
                 {"[]", "line 1: a rule must be an object"},
                 {"{}", "line 1: a rule needs \"text\" or \"ids\""},
                 {"{\"text\":\"a\",\"ids\":[1]}", "one of them"},
                 {"{\"text\":\"a\",\"delay\":1}", "\"delay\" is no key of a rule"},
                 {"{\"text\":\"a\",\"text\":\"b\"}", "\"text\" stands there twice"},
                 {"{\"text\":1}", "\"text\" must be text"},
                 {"{\"text\":\"a\",\"match\":[]}", "\"match\" must be text"},
                 {"{\"ids\":1}", "\"ids\" must be a list"},
                 {"{\"ids\":[1,201088]}", "from 0 to 201087"},
                 {"{\"ids\":[-1]}", "from 0 to 201087"},
                 {"{\"ids\":[1.5]}", "from 0 to 201087"},
                 {"{\"text\":\"a\",\"times\":-1}", "\"times\" is -1"},
                 {"{\"text\":\"a\",\"times\":\"2\"}", "\"times\" must be an integer"},
                 {"{\"text\":\"a\",\"prefill_ms\":-1}", "\"prefill_ms\" must be from 0"},
                 {"{\"text\":\"a\",\"delay_ms\":1e9}", "\"delay_ms\" must be from 0"},
                 {"{\"text\":\"a\",\"fail_at\":1.5}", "\"fail_at\" must be an integer"},
                 {"{\"text\":\"a\"} x", "line 1: byte 14: text after the end"}};
    struct osso_error err = {""};
    struct osso_script *script;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *path = write_rules(cases[i].rules);
        assert_int_equal(osso_script_open(path, builtin, &script, &err), OSSO_FORMAT);
        assert_null(script);
        if (!strstr(err.text, path) || !strstr(err.text, cases[i].says))
            fail_msg("%s: %s", cases[i].rules, err.text);
        unlink(path);
    }
    assert_int_equal(osso_script_open("/nowhere/script.jsonl", builtin, &script, &err), OSSO_IO);
    char *path = write_rules("\xef\xbb\xbf{\"text\":\"a\"}\r\n"); /* editors do this */
    check_ok(osso_script_open(path, builtin, &script, &err), err);
    osso_script_free(script);
    unlink(path);
}

/* ---- a tool loop ---------------------------------------------------------------------------------------- */

/* The model writes its header its own way, and "{" as no tokenizer would behind it: each prompt still begins with every
 * token of the last answer, and only what is new is computed. */
static void test_tool_loop(void **state)
{
    (void)state;
    struct osso_error err = {""};
    struct stage s = opened(
        "{\"match\":\"three\",\"text\":\"<|channel|>final<|message|>Done.<|return|>\"}\n"
        "{\"match\":\"two\",\"ids\":[200005,35644,200008,64,65,66,200007,200006,173781,316,28,44580,775,6425,200005,12606,815,"
        "200008,90,92,200012]}\n"
        "{\"ids\":[200005,12606,815,316,28,44580,775,6425,220,200003,4108,200008,90,1,72,1,25,16,92,200012]}",
        -1);
    static const char *const results[] = {"two", "three"};
    struct osso_conversation *c;
    struct osso_ids last = {0};
    check_ok(osso_conversation_create(&c, &err), err);
    check_ok(osso_conversation_add_system(c, NULL, &err), err);
    struct osso_message m = {.size = sizeof m, .role = OSSO_ROLE_USER, .text = "Begin", .text_len = 5};
    check_ok(osso_conversation_add(c, &m, &err), err);
    for (int turn = 0; turn < 3; turn++) {
        struct osso_ids ids = {0};
        struct osso_parser *parser;
        size_t n;
        check_ok(osso_conversation_render(c, builtin, NULL, &ids, &err), err);
        assert_true(ids.len > last.len);
        if (last.len)
            assert_memory_equal(ids.data, last.data, last.len * sizeof(int32_t));
        check_ok(osso_parser_create(builtin, "assistant", 0, &parser, &err), err);
        assert_int_equal(ask_ids(&s, &ids, parser), OSSO_OK);
        if (last.len) /* all but the <|call|>, which was said and not read */
            assert_int_equal(s.result.n_reused, last.len - 1);
        const int32_t *tokens = osso_session_tokens(s.session, &n);
        last.len = 0;
        check_ok(osso_ids_append(&last, tokens, n, &err), err);
        const struct osso_conversation *came = osso_parser_messages(parser);
        for (size_t i = 0; i < osso_conversation_size(came); i++) {
            struct osso_message heard = {.size = sizeof heard};
            check_ok(osso_conversation_get(came, i, &heard, &err), err);
            check_ok(osso_conversation_add(c, &heard, &err), err);
        }
        osso_parser_free(parser);
        osso_ids_free(&ids);
        if (turn == 2)
            break;
        m = (struct osso_message){.size = sizeof m,
                                  .role = OSSO_ROLE_TOOL,
                                  .name = "functions.get_time",
                                  .recipient = "assistant",
                                  .channel = "commentary",
                                  .text = results[turn],
                                  .text_len = strlen(results[turn])};
        check_ok(osso_conversation_add(c, &m, &err), err);
    }
    assert_non_null(strstr(s.said, "Done."));
    osso_ids_free(&last);
    osso_conversation_free(c);
    closed(&s);
}

static enum osso_status attempt(void *path, struct osso_error *err)
{
    struct osso_script *script;
    struct osso_script_turn *turn = NULL;
    enum osso_status status = osso_script_open(path, builtin, &script, err);
    if (!status)
        status = osso_script_admit(script, (int32_t[]){64, 65}, 2, &turn, err);
    osso_script_turn_free(turn);
    osso_script_free(script);
    return status;
}

static void test_every_allocation_fails(void **state)
{
    (void)state;
    char *path = write_rules("{\"match\":\"a\",\"text\":\"b\"}\n{\"ids\":[1,2]}\n");
    assert_true(fault_each(attempt, path, false) > 8);
    unlink(path);
}

static int set_up(void **state)
{
    folder = scratch_dir();
    return builtin_setup(state);
}

static int tear_down(void **state)
{
    scratch_remove(folder);
    return builtin_teardown(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_match),   cmocka_unit_test(test_every_row), cmocka_unit_test(test_forbidden),
        cmocka_unit_test(test_fail_at), cmocka_unit_test(test_waits),     cmocka_unit_test(test_choices),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_tool_loop), cmocka_unit_test(test_every_allocation_fails),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
