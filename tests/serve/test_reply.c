/* test_reply.c: what a model says, as each dialect tells it: whole and streamed. */
#include "answer_test.h"

#include "base/mem.h"
#include "json/jdoc.h"
#include "serve/api/items_in.h"
#include "serve/api/dialect.h"

static struct osso_sampling defaults;
static const char *stored;

static const char *find_stored(void *user, const char *id)
{
    (void)user;
    return strcmp(id, "resp_1") == 0 ? stored : NULL;
}

static struct request *ask(unsigned api, const char *body)
{
    struct request_world world = {.tokenizer = builtin, .vocab = VOCAB, .defaults = &defaults, .stored = find_stored};
    struct refusal r = {0};
    struct request *q;
    osso_sampling_defaults(&defaults);
    if (!request_read(api, body, strlen(body), &world, &q, &r))
        fail_msg("%s (%s)", r.err.text, r.param);
    return q;
}

/* The model says `says` (special tokens by name) in sequence `i`. */
static void speak(struct reply *reply, const struct request *q, size_t i, const char *says, int64_t most)
{
    struct osso_error err = {""};
    struct osso_engine *engine = engine_open(1);
    struct osso_session *session;
    struct osso_parser *parser = NULL;
    struct osso_answer *answer;
    struct osso_ids ids = {0};
    static const int32_t stops[] = {RETURN, 200012};
    check_ok(osso_tokenizer_encode(builtin, says, strlen(says), OSSO_ENCODE_SPECIAL, &ids, &err), err);
    check_ok(osso_session_create(engine, 0, &session, &err), err);
    if (q->harmony)
        check_ok(osso_parser_create(builtin, "assistant", 0, &parser, &err), err);
    struct osso_answer_options o = {.size = sizeof o,
                                    .tokenizer = q->harmony ? NULL : builtin,
                                    .parser = parser,
                                    .max_tokens = most,
                                    .stop_ids = stops,
                                    .n_stop_ids = 2,
                                    .stop = q->stop,
                                    .n_stop = q->n_stop,
                                    .stop_on = OSSO_STOP_ON_ANSWER};
    check_ok(osso_answer_create(session, NULL, &o, &answer, &err), err);
    struct osso_event e = {.size = sizeof e};
    for (size_t k = 0; k < ids.len && !osso_answer_stop(answer); k++) {
        check_ok(osso_answer_take(answer, (struct osso_choice){ids.data[k], -0.5F}, &e, &err), err);
        reply_event(reply, i, &e);
    }
    check_ok(osso_answer_finish(answer, &e, &err), err);
    reply_end(reply, i, &e);
    osso_answer_free(answer);
    osso_parser_free(parser);
    osso_session_free(session);
    osso_engine_free(engine);
    osso_ids_free(&ids);
}

/* All that is sent, for n sequences of the same words. */
static char *reply_all(unsigned api, const char *body, const char *says, int64_t most)
{
    struct request *q = ask(api, body);
    struct reply_about about = {.model = "small", .id = "x", .created = 1, .tokenizer = builtin};
    struct reply *reply;
    struct refusal r = {0};
    assert_true(reply_create(q, &about, &reply, &r));
    for (size_t i = 0; i < q->n_prompts * (size_t)q->n; i++)
        speak(reply, q, i, says, most);
    assert_true(reply_done(reply, &(struct reply_usage){7, 3}, &r));
    char *all = strdup(reply_out(reply)->data);
    reply_free(reply);
    request_free(q);
    return all;
}

static void expect_piece(const char *all, const char *piece)
{
    if (!strstr(all, piece))
        fail_msg("not in it: %s\n%s", piece, all);
}

static struct jdoc *read_json(const char *text)
{
    struct osso_error err = {""};
    struct jdoc *doc;
    check_ok(jdoc_read(text, strlen(text), "reply", &doc, &err), err);
    return doc;
}

#define ASK "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define TOOLS                                                                                                          \
    "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"get\",\"parameters\":{\"type\":\"object\"}}},"         \
    "{\"type\":\"custom\",\"name\":\"patch\"},"                                                                        \
    "{\"type\":\"namespace\",\"name\":\"agent\",\"tools\":[{\"type\":\"function\",\"name\":\"stop\"}]}]"
#define CALL(to, args) "<|channel|>commentary to=" to " <|constrain|>json<|message|>" args "<|call|>"

/* What begins as a call's header may go on as one for nobody: no call is told that the answer does not have. */
static void test_header_that_changes_its_mind(void **state)
{
    (void)state;
    static const char says[] =
        "functions.get_time<|message|> to=assistant<|channel|>commentary<|message|>12:00<|end|><|start|>assistant" FINAL(
            "Noon.");
    for (int stream = 0; stream < 2; stream++) {
        char *chat = reply_all(API_CHAT, stream ? ASK ",\"stream\":true}" : ASK "}", says, -1);
        char *responses = reply_all(API_RESPONSES, stream ? "{\"input\":\"hi\",\"stream\":true}" : "{\"input\":\"hi\"}",
                                    says, -1);
        assert_null(strstr(chat, "tool_calls"));
        assert_null(strstr(responses, "function_call"));
        expect_piece(chat, "No");
        free(chat);
        free(responses);
    }
    char *call = reply_all(API_CHAT, ASK "}", "<|channel|>commentary to=functions.f<|message|><|call|>", -1);
    expect_piece(call, "\"arguments\":\"\""); /* without a word it is one all the same */
    free(call);
}

static void test_chat(void **state)
{
    (void)state;
    char *all = reply_all(API_CHAT, ASK "}", THOUGHT("Hm.") THOUGHT("So.") FINAL("Hello."), -1);
    jdoc_release(read_json(all));
    expect_piece(
        all,
        "\"content\":\"Hello.\",\"refusal\":null,\"reasoning_content\":\"Hm.\\nSo.\",\"reasoning\":\"Hm.\\nSo.\"}");
    expect_piece(all, "\"finish_reason\":\"stop\"");
    expect_piece(all, "\"prompt_tokens\":7,\"completion_tokens\":22,\"total_tokens\":29");
    expect_piece(all, "\"cached_tokens\":3");
    assert_null(strstr(all, "<|"));
    free(all);
    all = reply_all(API_CHAT, ASK ",\"n\":2}", FINAL("Yes."), -1);
    struct jdoc *doc = read_json(all);
    assert_int_equal(jval_get(jdoc_root(doc), "choices")->n_children, 2);
    jdoc_release(doc);
    free(all);
}

static void test_chat_cut(void **state)
{
    (void)state;
    for (int64_t most = 1; most < 4; most++) { /* within the header: no markup gets out */
        char *all = reply_all(API_CHAT, ASK "}", FINAL("Hello."), most);
        expect_piece(all, "\"content\":\"\"");
        expect_piece(all, "\"finish_reason\":\"length\"");
        free(all);
    }
    char *all = reply_all(API_CHAT, ASK ",\"stop\":\"lo\"}", THOUGHT("lo lo") FINAL("Hello."), -1);
    expect_piece(all, "\"content\":\"Hel\"");
    expect_piece(all, "\"reasoning\":\"lo lo\"");
    expect_piece(all, "\"finish_reason\":\"stop\"");
    free(all);
}

static void test_chat_calls(void **state)
{
    (void)state;
    char *all = reply_all(API_CHAT, ASK "," TOOLS "}", THOUGHT("Use it.") CALL("functions.get", "{\"a\": 1}"), -1);
    expect_piece(all, "\"content\":null");
    expect_piece(all, "\"type\":\"function\",\"function\":{\"name\":\"get\",\"arguments\":\"{\\\"a\\\": 1}\"}}");
    expect_piece(all, "\"finish_reason\":\"tool_calls\"");
    free(all);
    all = reply_all(API_CHAT, ASK "," TOOLS "}", CALL("functions.patch", "{\"input\": \"+a\\n\"}"), -1);
    expect_piece(all, "\"type\":\"custom\",\"custom\":{\"name\":\"patch\",\"input\":\"+a\\n\"}}");
    free(all);
    all = reply_all(API_CHAT, ASK "," TOOLS "}", CALL("functions.patch", "+a"), -1);
    expect_piece(all, "\"input\":\"+a\"");
    free(all);
    all = reply_all(API_CHAT, ASK "," TOOLS "}", CALL("stop", "{}"), -1);
    expect_piece(all, "\"name\":\"stop\",\"namespace\":\"agent\"");
    free(all);
    all = reply_all(API_CHAT, ASK "}", CALL("browser.search", "not JSON"), -1);
    expect_piece(all, "\"name\":\"browser.search\",\"arguments\":\"not JSON\"");
    free(all);
    all = reply_all(API_CHAT, ASK "," TOOLS "}",
                    "<|channel|>commentary<|message|>Let me see.<|end|><|start|>assistant" CALL("functions.get", ""),
                    -1);
    expect_piece(all, "\"content\":\"Let me see.\"");
    expect_piece(all, "\"name\":\"get\",\"arguments\":\"\"");
    free(all);
}

/* The pieces of a stream, put together, are the whole. */
static void test_chat_stream(void **state)
{
    (void)state;
    char *all = reply_all(API_CHAT, ASK ",\"stream\":true,\"stream_options\":{\"include_usage\":true}," TOOLS "}",
                          THOUGHT("Use it.") CALL("functions.get", "{\"a\": 1}"), -1);
    struct buf thought = {0}, arguments = {0};
    size_t n = 0, names = 0;
    assert_string_equal(all + strlen(all) - 14, "data: [DONE]\n\n");
    for (char *at = all; strncmp(at, "data: {", 7) == 0; n++) {
        char *end = strstr(at, "\n\n");
        *end = 0;
        struct jdoc *doc = read_json(at + 6);
        const struct jval *choice = jval_get(jdoc_root(doc), "choices")->first, *delta = jval_get(choice, "delta");
        const struct jval *text = jval_get(delta, "reasoning"), *calls = jval_get(delta, "tool_calls");
        const struct jval *f = calls ? jval_get(calls->first, "function") : NULL, *args = jval_get(f, "arguments");
        buf_puts(&thought, text ? text->text.s : "");
        buf_puts(&arguments, args ? args->text.s : "");
        names += jval_get(f, "name") != NULL;
        jdoc_release(doc);
        at = end + 2;
    }
    assert_string_equal(thought.data, "Use it.");
    assert_string_equal(arguments.data, "{\"a\": 1}");
    assert_int_equal(names, 1);
    assert_true(n > 8);
    buf_free(&thought);
    buf_free(&arguments);
    free(all);
}

static void test_logprobs(void **state)
{
    (void)state;
    char *all = reply_all(API_CHAT, ASK ",\"logprobs\":true}", THOUGHT("Hm.") FINAL("a b"), -1);
    expect_piece(all,
                 "\"logprobs\":{\"content\":[{\"token\":\"a\",\"logprob\":-0.5,\"bytes\":[97],\"top_logprobs\":[]},"
                 "{\"token\":\" b\",\"logprob\":-0.5,\"bytes\":[32,98],\"top_logprobs\":[]}],\"refusal\":null}");
    free(all);
    all = reply_all(API_COMPLETIONS, "{\"prompt\":\"x\",\"logprobs\":0}", "a b", 2);
    expect_piece(all, "\"text\":\"a b\",\"logprobs\":{\"tokens\":[\"a\",\" b\"],\"token_logprobs\":[-0.5,-0.5],"
                      "\"top_logprobs\":null,\"text_offset\":[0,1]},\"finish_reason\":\"length\"");
    free(all);
}

/* A stream holds a text back that may become a stop text, not where its tokens stand. */
static void test_offsets_of_a_stream(void **state)
{
    (void)state;
    char *all = reply_all(API_COMPLETIONS, "{\"prompt\":\"x\",\"logprobs\":1,\"stop\":\"b!\",\"stream\":true}",
                          "ab c d", -1);
    struct buf tokens = {0}, offsets = {0};
    size_t n = 0;
    for (char *at = all; strncmp(at, "data: {", 7) == 0; n++) {
        char *end = strstr(at, "\n\n");
        *end = 0;
        struct jdoc *doc = read_json(at + 6);
        const struct jval *logprobs = jval_get(jval_get(jdoc_root(doc), "choices")->first, "logprobs");
        for (const struct jval *v = jval_get(logprobs, "tokens")->first; v; v = v->next)
            buf_printf(&tokens, "%s|", v->text.s);
        for (const struct jval *v = jval_get(logprobs, "text_offset")->first; v; v = v->next)
            buf_printf(&offsets, "%s|", v->spelt.s);
        jdoc_release(doc);
        at = end + 2;
    }
    assert_string_equal(tokens.data, "ab| c| d|");
    assert_string_equal(offsets.data, "0|2|4|");
    assert_true(n > 3);
    buf_free(&tokens);
    buf_free(&offsets);
    free(all);
}

static void test_responses(void **state)
{
    (void)state;
    char *all = reply_all(API_RESPONSES, "{\"input\":\"hi\",\"include\":[\"reasoning.encrypted_content\"]}",
                          THOUGHT("Hm.") FINAL("Hello."), -1);
    jdoc_release(read_json(all));
    expect_piece(all, "{\"type\":\"reasoning_text\",\"text\":\"Hm.\"}");
    expect_piece(all, "\"encrypted_content\":\"osso1:SG0u\"");
    expect_piece(all, "{\"type\":\"output_text\",\"text\":\"Hello.\",\"annotations\":[],\"logprobs\":[]}");
    expect_piece(all, "\"status\":\"completed\",\"model\":\"small\"");
    free(all);
    all = reply_all(API_RESPONSES, "{\"input\":\"hi\"}", FINAL("Hello, hello."), 5);
    expect_piece(all, "\"status\":\"incomplete\",\"model\"");
    expect_piece(all, "\"incomplete_details\":{\"reason\":\"max_output_tokens\"}");
    free(all);
}

/* Where memory runs out, whole events were sent, and the last one says so. */
static void test_no_memory(void **state)
{
    (void)state;
    static const char *const bodies[] = {ASK ",\"stream\":true}", "{\"input\":\"hi\",\"stream\":true}"};
    struct osso_parser_state m = {.size = sizeof m, .in_content = true};
    char text[300];
    memset(text, 'a', sizeof text);
    struct osso_event e = {.size = sizeof e, .id = 64, .voice = OSSO_VOICE_ANSWER, .message = &m, .text = text};
    e.text_len = sizeof text;
    size_t refused = 0;
    for (int i = 0; i < 2; i++)
        for (uint64_t n = 1; n < 12; n++) {
            struct request *q = ask(i ? API_RESPONSES : API_CHAT, bodies[i]);
            struct reply_about about = {.model = "small", .id = "x", .created = 1, .tokenizer = builtin};
            struct reply *reply;
            struct refusal r = {0};
            assert_true(reply_create(q, &about, &reply, &r));
            mem_fail_at(n);
            for (int k = 0; k < 5; k++) {
                reply_event(reply, 0, &e);
                struct buf *out = reply_out(reply);
                assert_true(out->len == 0 || memcmp(out->data + out->len - 2, "\n\n", 2) == 0);
                buf_clear(out);
            }
            mem_fail_at(0);
            if (!reply_done(reply, &(struct reply_usage){7, 3}, &r)) {
                reply_fail(reply, &r);
                struct buf *out = reply_out(reply);
                assert_memory_equal(out->data, i ? "event: " : "data: ", 6);
                assert_memory_equal(out->data + out->len - 2, "\n\n", 2);
                refused++;
            }
            reply_free(reply);
            request_free(q);
        }
    assert_true(refused > 6);
}

static void test_responses_stream(void **state)
{
    (void)state;
    static const char *const order[] = {"response.created",
                                        "response.in_progress",
                                        "response.output_item.added",
                                        "response.content_part.added",
                                        "response.reasoning_text.delta",
                                        "response.reasoning_text.delta",
                                        "response.reasoning_text.done",
                                        "response.content_part.done",
                                        "response.output_item.done",
                                        "response.output_item.added",
                                        "response.function_call_arguments.delta",
                                        "response.function_call_arguments.done",
                                        "response.output_item.done",
                                        "response.completed"};
    char *all = reply_all(API_RESPONSES, "{\"input\":\"hi\",\"stream\":true," TOOLS "}",
                          THOUGHT("Hm.") CALL("functions.stop", "{}"), -1);
    size_t n = 0;
    for (char *at = all; *at; n++) {
        char *data = strstr(at, "\ndata: "), *end = strstr(at, "\n\n");
        assert_true(data && end);
        *data = *end = 0;
        assert_true(n < sizeof order / sizeof *order);
        assert_string_equal(at + 7, order[n]);
        struct jdoc *doc = read_json(data + 7);
        assert_string_equal(jval_get(jdoc_root(doc), "type")->text.s, order[n]);
        assert_int_equal(atoi(jval_get(jdoc_root(doc), "sequence_number")->spelt.s), n);
        jdoc_release(doc);
        at = end + 2;
    }
    assert_int_equal(n, sizeof order / sizeof *order);
    free(all);
}

static void test_seal(void **state)
{
    (void)state;
    for (size_t n = 0; n < 300; n++) {
        char text[300];
        struct buf sealed = {0}, back = {0};
        for (size_t i = 0; i < n; i++)
            text[i] = (char)(i * 37 + n);
        items_seal(&sealed, text, n);
        assert_true(items_unseal(&back, (struct jtext){sealed.data, sealed.len}));
        assert_int_equal(back.len, n);
        assert_true(n == 0 || memcmp(back.data, text, n) == 0);
        buf_free(&sealed);
        buf_free(&back);
    }
    struct buf back = {0};
    assert_false(items_unseal(&back, (struct jtext){"gAAAA", 5}));
    assert_false(items_unseal(&back, (struct jtext){"osso1:a!", 8}));
    buf_free(&back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_chat),
                                       cmocka_unit_test(test_header_that_changes_its_mind),
                                       cmocka_unit_test(test_chat_cut),
                                       cmocka_unit_test(test_chat_calls),
                                       cmocka_unit_test(test_chat_stream),
                                       cmocka_unit_test(test_logprobs),
                                       cmocka_unit_test(test_offsets_of_a_stream),
                                       cmocka_unit_test(test_responses),
                                       cmocka_unit_test(test_responses_stream),
                                       cmocka_unit_test(test_seal),
                                       cmocka_unit_test(test_no_memory)};
    return cmocka_run_group_tests(tests, builtin_setup, answer_teardown);
}
