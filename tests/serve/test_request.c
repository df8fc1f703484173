/* test_request.c: bodies as prompts and settings, and what is refused about them: the field, the status, the words. */
#include "builtin_test.h"

#include "serve/api/request.h"

static struct osso_sampling defaults;

static const char *find_stored(void *user, const char *id)
{
    (void)user;
    return strcmp(id, "resp_1") == 0
               ? "[{\"type\":\"message\",\"role\":\"user\",\"content\":\"one\"},"
                 "{\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\",\"text\":\"two\"}]}]"
               : NULL;
}

/* The output of a response whose items have ids as the server makes them. */
static const char *find_said(void *user, const char *id)
{
    (void)user;
    return strcmp(id, "resp_ab") == 0
               ? "[{\"type\":\"reasoning\",\"id\":\"rs_ab0000\",\"content\":[{\"type\":\"reasoning_text\",\"text\":\"Hm.\"}]},"
                 "{\"type\":\"message\",\"id\":\"msg_ab0001\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\",\"text\":\"two\"}]}]"
               : NULL;
}

static bool ask(unsigned api, const char *body, struct request **q, struct refusal *r)
{
    struct request_world world = {.tokenizer = builtin,
                                  .vocab = 201088,
                                  .defaults = &defaults,
                                  .date = "2026-01-15",
                                  .stored = find_stored,
                                  .said = find_said};
    osso_sampling_defaults(&defaults);
    *r = (struct refusal){0};
    return request_read(api, body, strlen(body), &world, q, r);
}

/* The first prompt as text, specials by name. */
static char *prompt_of(unsigned api, const char *body)
{
    struct request *q;
    struct refusal r;
    static char text[8192];
    size_t n = 0;
    if (!ask(api, body, &q, &r))
        fail_msg("%s: %s (%s)", body, r.err.text, r.param);
    for (size_t i = 0; i < q->prompts->len; i++) {
        const char *bytes;
        size_t len;
        assert_true(osso_tokenizer_piece(builtin, q->prompts->data[i], &bytes, &len));
        assert_true(n + len < sizeof text);
        memcpy(text + n, bytes, len);
        n += len;
    }
    text[n] = 0;
    request_free(q);
    return text;
}

static void expect_prompt(unsigned api, const char *body, const char *end)
{
    const char *text = prompt_of(api, body);
    size_t n = strlen(text), len = strlen(end);
    if (n < len || strcmp(text + n - len, end) != 0)
        fail_msg("%s\nends in: %s\nnot in: %s", body, text, end);
}

#define CHAT(messages) "{\"messages\":[" messages "]}"
#define SAID(role, text) "{\"role\":\"" role "\",\"content\":\"" text "\"}"

static void test_prompts(void **state)
{
    (void)state;
    expect_prompt(API_CHAT, CHAT(SAID("user", "hi")), "<|start|>user<|message|>hi<|end|><|start|>assistant");
    expect_prompt(API_CHAT, CHAT(SAID("user", "<|start|>system")),
                  "<|message|><|start|>system<|end|><|start|>assistant");
    expect_prompt(API_CHAT, CHAT(SAID("system", "Be brief.") "," SAID("user", "")),
                  "# Instructions\n\nBe brief.<|end|><|start|>user<|message|><|end|><|start|>assistant");
    assert_non_null(strstr(prompt_of(API_CHAT, "{\"reasoning_effort\":\"xhigh\",\"messages\":[" SAID("user", "x") "]}"),
                           "Reasoning: high"));
    assert_non_null(strstr(
        prompt_of(API_CHAT,
                  "{\"chat_template_kwargs\":{\"reasoning_effort\":\"none\"},\"messages\":[" SAID("user", "x") "]}"),
        "Reasoning: low"));
    expect_prompt(API_CHAT, CHAT(SAID("developer", "First.") "," SAID("user", "hi") "," SAID("system", "Later.")),
                  "# Instructions\n\nFirst.<|end|><|start|>user<|message|>hi<|end|>"
                  "<|start|>developer<|message|># Instructions\n\nLater.<|end|><|start|>assistant");
    expect_prompt(API_CHAT,
                  CHAT("{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},"
                       "{\"type\":\"text\",\"text\":\"b\"}]}"),
                  "<|start|>user<|message|>ab<|end|><|start|>assistant");
    expect_prompt(API_RESPONSES, "{}", "<|start|>user<|message|><|end|><|start|>assistant");
    expect_prompt(
        API_RESPONSES, "{\"input\":\"three\",\"previous_response_id\":\"resp_1\",\"instructions\":\"Be brief.\"}",
        "Be brief.<|end|><|start|>user<|message|>one<|end|><|start|>assistant<|channel|>final<|message|>two<|end|>"
        "<|start|>user<|message|>three<|end|><|start|>assistant");
    expect_prompt(API_COMPLETIONS, "{\"prompt\":\"Once <|end|>\"}", "Once <|end|>");
    expect_prompt(API_COMPLETIONS, "{\"prompt\":\"\"}", "<|startoftext|>");
    expect_prompt(API_COMPLETIONS, "{\"prompt\":[87,200002]}", "x<|return|>");
}

#define LOOP                                                                                                           \
    "{\"type\":\"reasoning\",\"summary\":[],\"content\":[{\"type\":\"reasoning_text\",\"text\":\"Hm.\"}]},"            \
    "{\"type\":\"function_call\",\"call_id\":\"c1\",\"name\":\"stop\",\"namespace\":\"b\",\"arguments\":\"{}\"},"      \
    "{\"type\":\"function_call_output\",\"call_id\":\"c1\",\"output\":[{\"type\":\"input_text\",\"text\":\"ok\"},"     \
    "{\"type\":\"input_image\",\"image_url\":\"data:\"}]}"

/* A tool loop that runs keeps its thoughts; a function of a namespace goes by the name that the model knows. */
static void test_tool_loops(void **state)
{
    (void)state;
    const char *tail =
        "<|start|>assistant<|channel|>analysis<|message|>Hm.<|end|>"
        "<|start|>assistant to=functions.b_stop<|channel|>commentary <|constrain|>json<|message|>{}<|call|>"
        "<|start|>functions.b_stop to=assistant<|channel|>commentary<|message|>"
        "ok[image left out: this model reads text]<|end|><|start|>assistant";
    expect_prompt(API_RESPONSES,
                  "{\"tools\":[{\"type\":\"function\",\"name\":\"stop\"},{\"type\":\"web_search\"},"
                  "{\"type\":\"namespace\",\"name\":\"b\",\"tools\":[{\"type\":\"function\",\"name\":\"stop\"}]}],"
                  "\"input\":[{\"role\":\"user\",\"content\":\"hi\"}," LOOP "]}",
                  tail);
    expect_prompt(
        API_CHAT,
        "{\"tools\":[{\"type\":\"custom\",\"custom\":{\"name\":\"patch\"}}],\"messages\":[" SAID(
            "user",
            "hi") ","
                  "{\"role\":\"assistant\",\"content\":null,\"reasoning\":\"Hm.\",\"tool_calls\":[{\"id\":\"c\",\"type\":\"custom\","
                  "\"custom\":{\"name\":\"patch\",\"input\":\"+a\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":\"done\"}]}",
        "<|channel|>analysis<|message|>Hm.<|end|>"
        "<|start|>assistant to=functions.patch<|channel|>commentary <|constrain|>json<|message|>{\"input\":\"+a\"}<|call|>"
        "<|start|>functions.patch to=assistant<|channel|>commentary<|message|>done<|end|><|start|>assistant");
}

/* Thoughts come in under any of three names; those of a turn that is over are left out, those of the loop stay. */
static void test_thoughts(void **state)
{
    (void)state;
    static const char *const names[] = {"reasoning_content", "reasoning", "thinking"};
    for (size_t i = 0; i < 3; i++) {
        char body[600];
        snprintf(
            body, sizeof body,
            "{\"messages\":[" SAID("user", "one") ",{\"role\":\"assistant\",\"content\":\"two\",\"%s\":\"Old.\"}," SAID(
                "user", "three") ",{\"role\":\"assistant\",\"%s\":\"New.\",\"tool_calls\":[{\"id\":\"c\",\"type\":"
                                 "\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},"
                                 "{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":\"ok\"}]}",
            names[i], names[i]);
        expect_prompt(API_CHAT, body,
                      "<|start|>assistant<|channel|>final<|message|>two<|end|><|start|>user<|message|>three<|end|>"
                      "<|start|>assistant<|channel|>analysis<|message|>New.<|end|><|start|>assistant to=functions.f"
                      "<|channel|>commentary <|constrain|>json<|message|>{}<|call|><|start|>functions.f to=assistant"
                      "<|channel|>commentary<|message|>ok<|end|><|start|>assistant");
    }
}

#define NAMED(id) "{\"type\":\"item_reference\",\"id\":\"" id "\"}"
#define INPUT(items) "{\"input\":[{\"role\":\"user\",\"content\":\"one\"}," items "]}"

/* Items that are named stand where their names stood, in the prompt and in what is kept; what is named with more than
 * an id is itself. */
static void test_named_items(void **state)
{
    (void)state;
    struct request *q;
    struct refusal r;
    const char *tail = "<|start|>user<|message|>one<|end|><|start|>assistant<|channel|>final<|message|>two<|end|>"
                       "<|start|>user<|message|>three<|end|><|start|>assistant";
    expect_prompt(API_RESPONSES, INPUT(NAMED("rs_ab0000") "," NAMED("msg_ab0001") "," SAID("user", "three")), tail);
    expect_prompt(API_RESPONSES, INPUT("{\"id\":\"msg_ab0001\"}," SAID("user", "three")), tail);
    expect_prompt(API_RESPONSES, INPUT("{\"id\":\"msg_ab0001\",\"role\":\"user\",\"content\":\"three\"}"),
                  "<|start|>user<|message|>one<|end|><|start|>user<|message|>three<|end|><|start|>assistant");
    assert_true(ask(API_RESPONSES, INPUT(NAMED("msg_ab0001") "," SAID("user", "three")), &q, &r));
    assert_non_null(strstr(q->items.data, "\"id\":\"msg_ab0001\",\"role\":\"assistant\""));
    assert_null(strstr(q->items.data, "item_reference"));
    request_free(q);
}

static void test_settings(void **state)
{
    (void)state;
    struct request *q;
    struct refusal r;
    assert_true(ask(
        API_CHAT,
        "{\"messages\":[" SAID(
            "user", "x") "],\"temperature\":0.5,\"top_p\":0,\"seed\":-1,\"n\":3,\"stop\":[\"a\",\"b\"],"
                         "\"logit_bias\":{\"87\":-100},\"max_tokens\":9,\"max_completion_tokens\":5,\"logprobs\":true,"
                         "\"top_logprobs\":20,\"frequency_penalty\":null,\"unknown\":[1]}",
        &q, &r));
    assert_true(q->sampling.temperature == 0.5 && q->sampling.top_k == 1 && q->seeded);
    assert_true(q->sampling.seed == UINT64_MAX);
    assert_int_equal(q->n, 3);
    assert_int_equal(q->n_stop, 2);
    assert_int_equal(q->max_tokens, 5);
    assert_int_equal(q->top_logprobs, 20);
    assert_int_equal(q->sampling.n_bias, 1);
    assert_int_equal(q->bias[0].id, 87);
    request_free(q);
    assert_true(ask(API_COMPLETIONS, "{\"prompt\":[[1,2],[3]],\"max_tokens\":0,\"echo\":true,\"logprobs\":1}", &q, &r));
    assert_int_equal(q->n_prompts, 2);
    assert_true(q->no_tokens && q->echo && q->logprobs);
    request_free(q);
    assert_true(
        ask(API_RESPONSES, "{\"tools\":[{\"type\":\"web_search\"},{\"type\":\"mcp\"},{\"type\":\"mcp\"}]}", &q, &r));
    assert_string_equal(q->tools.skipped.data, "web_search, mcp");
    request_free(q);
}

/* What the table does not list for an API has no part in its requests. */
static void test_fields_of_others(void **state)
{
    (void)state;
    struct request *q;
    struct refusal r;
    assert_true(ask(API_RESPONSES,
                    "{\"input\":\"x\",\"n\":100000,\"functions\":{\"a\":{\"name\":\"f\"}},\"function_call\":7}", &q,
                    &r));
    assert_int_equal(q->n, 1);
    assert_int_equal(q->tools.n, 0);
    request_free(q);
    assert_true(ask(API_COMPLETIONS, "{\"prompt\":\"x\",\"max_completion_tokens\":\"many\"}", &q, &r));
    assert_int_equal(q->max_tokens, 16);
    assert_false(q->no_tokens);
    request_free(q);
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        unsigned api;
        const char *body, *param;
        int status;
    } cases[] = {
        {API_CHAT, "", "", 400},
        {API_CHAT, "[]", "", 400},
        {API_CHAT, "{", "", 400},
        {API_CHAT, "{}", "messages", 400},
        {API_CHAT, "{\"messages\":[]}", "messages", 400},
        {API_CHAT, "{\"messages\":\"hi\"}", "messages", 400},
        {API_CHAT, "{\"messages\":[1]}", "messages[0]", 400},
        {API_CHAT, CHAT(SAID("user", "a") "," SAID("robot", "x")), "messages[1]", 400},
        {API_CHAT, CHAT("{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{}}]}"), "messages[0]",
         400},
        {API_CHAT, CHAT("{\"role\":\"tool\",\"tool_call_id\":\"nix\",\"content\":\"x\"}"), "messages[0]", 400},
        {API_CHAT, "{\"messages\":[" SAID("user", "x") "],\"n\":17}", "n", 400},
        {API_CHAT, "{\"messages\":[" SAID("user", "x") "],\"n\":1.5}", "n", 400},
        {API_CHAT, "{\"messages\":[" SAID("user", "x") "],\"temperature\":\"1\"}", "temperature", 400},
        {API_CHAT, "{\"messages\":[" SAID("user", "x") "],\"temperature\":1e999}", "", 400},
        {API_CHAT, "{\"messages\":[" SAID("user", "x") "],\"stop\":[\"\"]}", "stop", 400},
        {API_CHAT, "{\"messages\":[" SAID("user", "x") "],\"stop\":[\"a\",\"b\",\"c\",\"d\",\"e\"]}", "stop", 400},
        {API_CHAT, "{\"messages\":[" SAID("user", "x") "],\"logit_bias\":{\"x\":1}}", "logit_bias", 400},
        {API_CHAT, "{\"messages\":[" SAID("user", "x") "],\"logit_bias\":{\"201088\":1}}", "logit_bias", 400},
        {API_CHAT, "{\"messages\":[" SAID("user", "x") "],\"logit_bias\":{\"5\\u0000\":1}}", "logit_bias", 400},
        {API_CHAT, "{\"messages\":[" SAID("user", "x") "],\"tools\":[{\"type\":5,\"name\":\"f\"}]}", "tools[0]", 400},
        {API_CHAT, "{\"messages\":[" SAID("user", "x") "],\"max_completion_tokens\":-1}", "max_completion_tokens", 400},
        {API_CHAT, "{\"messages\":[" SAID("user", "x") "],\"top_logprobs\":2}", "top_logprobs", 400},
        {API_CHAT, "{\"messages\":[" SAID("user", "x") "],\"response_format\":{\"type\":\"json_object\"}}",
         "response_format", 400},
        {API_CHAT, "{\"messages\":[" SAID("user", "x") "],\"reasoning_effort\":\"ultra\"}", "reasoning_effort", 400},
        {API_CHAT,
         "{\"messages\":[" SAID("user", "x") "],\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a b\"}}]}",
         "tools[0]", 400},
        {API_CHAT, "{\"messages\":[" SAID("user", "x") "],\"tools\":[{\"name\":\"a\"},{\"name\":\"a\"}]}", "tools[1]",
         400},
        {API_CHAT, "{\"messages\":[" SAID("user", "x") "],\"tool_choice\":\"required\"}", "tool_choice", 400},
        {API_CHAT,
         "{\"messages\":[" SAID("user", "x") "],\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"q\"}}}",
         "tool_choice", 400},
        {API_RESPONSES, "{\"previous_response_id\":\"resp_2\"}", "previous_response_id", 404},
        {API_RESPONSES,
         "{\"input\":[{\"role\":\"user\",\"content\":\"x\"},{\"type\":\"reasoning\",\"encrypted_content\":\"gAA\"}]}",
         "input[1]", 400},
        {API_RESPONSES, "{\"input\":[{\"type\":\"computer_call\"}]}", "input[0]", 400},
        {API_RESPONSES, "{\"input\":[{\"type\":\"function_call_output\",\"call_id\":\"x\",\"output\":\"y\"}]}", "input",
         400},
        {API_RESPONSES, INPUT(NAMED("msg_ab0002")), "input[1].id", 404},
        {API_RESPONSES, INPUT(NAMED("rs_ab0001")), "input[1].id", 404},
        {API_RESPONSES, INPUT(NAMED("msg_ac0001")), "input[1].id", 404},
        {API_RESPONSES, INPUT(NAMED("ab0001")), "input[1].id", 404},
        {API_RESPONSES, INPUT(NAMED("_0001")), "input[1].id", 404},
        {API_RESPONSES, INPUT(NAMED("")), "input[1].id", 404},
        {API_RESPONSES, INPUT("{\"type\":\"item_reference\"}"), "input[1]", 400},
        {API_RESPONSES, "{\"truncation\":\"auto\"}", "truncation", 400},
        {API_RESPONSES, "{\"background\":true}", "background", 400},
        {API_RESPONSES, "{\"max_output_tokens\":0}", "max_output_tokens", 400},
        {API_COMPLETIONS, "{}", "prompt", 400},
        {API_COMPLETIONS, "{\"prompt\":[]}", "prompt", 400},
        {API_COMPLETIONS, "{\"prompt\":[1,\"a\"]}", "prompt", 400},
        {API_COMPLETIONS, "{\"prompt\":[\"ok\",\"a\",7]}", "prompt", 400},
        {API_COMPLETIONS, "{\"prompt\":[-1]}", "prompt", 400},
        {API_COMPLETIONS, "{\"prompt\":[[1],[201088]]}", "prompt[1]", 400},
        {API_COMPLETIONS, "{\"prompt\":\"a\",\"suffix\":\"b\"}", "suffix", 400},
        {API_COMPLETIONS, "{\"prompt\":\"a\",\"best_of\":2}", "best_of", 400},
        {API_COMPLETIONS, "{\"prompt\":\"a\",\"min_tokens\":3,\"max_tokens\":2}", "min_tokens", 400},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct request *q;
        struct refusal r;
        if (ask(cases[i].api, cases[i].body, &q, &r))
            fail_msg("taken: %s", cases[i].body);
        if (r.status != cases[i].status || strcmp(r.param, cases[i].param) != 0 || !r.err.text[0])
            fail_msg("%s: %d, \"%s\": %s", cases[i].body, r.status, r.param, r.err.text);
        request_free(q);
    }
}

/* Every field with values of the wrong kind: refused by its own name. */
static void test_every_field(void **state)
{
    (void)state;
    static const char *const values[] = {"\"t\"", "true", "[{}]", "{\"a\":1}", "3.5", "-1e9"};
    static const bool fits[][6] = {
        /* text, bool, list, object, real, far number */
        [FIELD_BOOL] = {0, 1, 0, 0, 0, 0},         [FIELD_INT] = {0, 0, 0, 0, 0, 0},
        [FIELD_REAL] = {0, 0, 0, 0, 2, 0},         [FIELD_TEXT] = {1, 0, 0, 0, 0, 0},
        [FIELD_LIST] = {0, 0, 1, 0, 0, 0},         [FIELD_OBJECT] = {0, 0, 0, 1, 0, 0},
        [FIELD_TEXT_OR_LIST] = {1, 0, 0, 0, 0, 0}, [FIELD_TEXT_OR_OBJECT] = {1, 0, 0, 1, 0, 0},
        [FIELD_PROMPT] = {1, 0, 0, 0, 0, 0},       [FIELD_TEXT_OR_LIST_OF_ITEMS] = {1, 0, 1, 0, 0, 0}};
    size_t n = 0;
    for (size_t i = 0; field_at(i); i++)
        for (size_t v = 0; v < 6; v++) {
            const struct field *f = field_at(i);
            char body[256];
            struct refusal r = {0};
            struct jdoc *doc;
            bool real = f->type == FIELD_REAL && v == 4;
            snprintf(body, sizeof body, "{\"%s\":%s}", f->name, values[v]);
            assert_int_equal(jdoc_read_harmony(body, strlen(body), "body", &doc, &r.err), OSSO_OK);
            for (unsigned api = 1; api < 8; api *= 2)
                if ((f->apis & api) && !fits[f->type][v] && !real) {
                    assert_false(fields_check(jdoc_root(doc), api, &r));
                    assert_string_equal(r.param, f->name);
                    n++;
                }
            jdoc_release(doc);
        }
    assert_true(n > 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_prompts),  cmocka_unit_test(test_tool_loops),
                                       cmocka_unit_test(test_thoughts), cmocka_unit_test(test_named_items),
                                       cmocka_unit_test(test_settings), cmocka_unit_test(test_fields_of_others),
                                       cmocka_unit_test(test_refusals), cmocka_unit_test(test_every_field)};
    return cmocka_run_group_tests(tests, builtin_setup, builtin_teardown);
}
