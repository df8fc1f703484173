/* Parsing: golden streams of openai-harmony 0.0.8, what the tolerant parser makes of malformed ones (docs/harmony.md),
 * and that it is total: any ids give messages, and the deltas add up to their texts. */
#include "builtin_test.h"
#include "fault_test.h"
#include "json_test.h"

#include "base/rng.h"
#include "json/jwrite.h"

/* ---- helpers -------------------------------------------------------------------------------------------- */

struct sink {
    char *text;
    size_t len, cap;
};

static void sink_add(struct sink *s, const struct osso_parser_state *state)
{
    while (s->len + state->delta_len > s->cap)
        s->text = realloc(s->text, s->cap = s->cap * 2 + 256);
    if (state->delta_len)
        memcpy(s->text + s->len, state->delta, state->delta_len);
    s->len += state->delta_len;
}

/* Do the deltas, one after the other, make the texts of the messages? */
static void check_deltas(const struct sink *s, const struct osso_conversation *c)
{
    size_t at = 0;
    for (size_t i = 0; i < osso_conversation_size(c); i++) {
        struct osso_message m = {.size = sizeof m};
        struct osso_error err;
        check_ok(osso_conversation_get(c, i, &m, &err), err);
        assert_true(at + m.text_len <= s->len);
        assert_memory_equal(s->text + at, m.text, m.text_len);
        at += m.text_len;
    }
    assert_int_equal(at, s->len);
}

/* The messages as JSON (osso_free), or NULL when the stream was refused. */
static char *parse(const int32_t *ids, size_t n, const char *role, unsigned flags, bool *refused)
{
    struct osso_parser *p;
    struct osso_parser_state s = {.size = sizeof s};
    struct osso_error err;
    struct sink sink = {0};
    char *json;
    enum osso_status status = OSSO_OK;
    check_ok(osso_parser_create(builtin, role, flags, &p, &err), err);
    for (size_t i = 0; i < n && !status; i++) {
        status = osso_parser_push(p, ids[i], &s, &err);
        sink_add(&sink, &s);
    }
    if (!status) {
        status = osso_parser_finish(p, &s, &err);
        sink_add(&sink, &s);
    }
    *refused = status != OSSO_OK;
    if (!status)
        check_deltas(&sink, osso_parser_messages(p));
    check_ok(osso_conversation_to_json(osso_parser_messages(p), &json, &err), err);
    osso_parser_free(p);
    free(sink.text);
    return json;
}

/* A stream spelled as text, special tokens by name. */
static struct osso_ids ids_of(const char *text)
{
    struct osso_ids ids = {0};
    struct osso_error err;
    check_ok(osso_tokenizer_encode(builtin, text, strlen(text), OSSO_ENCODE_SPECIAL, &ids, &err), err);
    return ids;
}

static void expect(const char *stream, const char *role, unsigned flags, const char *messages)
{
    struct osso_ids ids = ids_of(stream);
    bool refused;
    char want[1024], *json = parse(ids.data, ids.len, role, flags, &refused);
    snprintf(want, sizeof want, "{\"messages\":[%s]}", messages ? messages : "");
    if (refused != (messages == NULL) || (messages && strcmp(json, want) != 0))
        fail_msg("%s\n gives %s%s\n   want %s", stream, json, refused ? " (refused)" : "",
                 messages ? want : "a refusal");
    osso_free(json);
    osso_ids_free(&ids);
}

/* ---- golden --------------------------------------------------------------------------------------------- */

/* A list of messages in one spelling: the members of each in the order of their keys. */
static char *spell_messages(const struct jval *list)
{
    static const char *const keys[] = {"role", "name", "recipient", "content", "channel", "content_type"};
    struct buf b = {0};
    for (const struct jval *m = list->first; m; m = m->next) {
        size_t n = 0;
        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
            const struct jval *v = jval_get(m, keys[i]);
            if (!v)
                continue;
            n++;
            buf_printf(&b, "%s ", keys[i]);
            jwrite_value(&b, v, JWRITE_SPELT);
        }
        assert_int_equal(n, m->n_children);
        buf_putc(&b, '\n');
    }
    return buf_take(&b);
}

static void golden(void **state)
{
    (void)state;
    struct json_lines lines = json_lines_open("tests/golden/harmony/parse.jsonl");
    for (struct jdoc *doc; (doc = json_lines_next(&lines));) {
        const struct jval *j = jdoc_root(doc), *role = json_member(j, "role");
        bool refused;
        size_t n;
        int32_t *ids = json_ids(json_member(j, "ids"), &n);
        char *json = parse(ids, n, role->text.s, json_true(j, "strict") ? OSSO_PARSE_STRICT : 0, &refused);
        struct jdoc *mine = json_of(json, strlen(json));
        char *got = spell_messages(json_member(jdoc_root(mine), "messages"));
        char *want = spell_messages(json_member(j, "messages"));
        if (refused != json_true(j, "refused") || strcmp(got, want) != 0)
            fail_msg("line %zu: %s%s", lines.n, json, refused ? " (refused)" : "");
        mem_free(got);
        mem_free(want);
        free(ids);
        osso_free(json);
        jdoc_release(mine);
        jdoc_release(doc);
    }
    assert_true(lines.n > 300);
    json_lines_close(&lines);
}

/* ---- well-formed streams -------------------------------------------------------------------------------- */

/* The same call in the spellings of renderers and models. */
static void spellings_of_a_call(void **state)
{
    (void)state;
    static const char *const same[] = {
        " to=functions.get_time<|channel|>commentary <|constrain|>json<|message|>{\"tz\":\"UTC\"}<|call|>",
        "<|channel|>commentary to=functions.get_time <|constrain|>json<|message|>{\"tz\":\"UTC\"}<|call|>",
        "<|channel|>commentary to=functions.get_time<|constrain|>json<|message|>{\"tz\":\"UTC\"}<|call|>"};
    for (unsigned flags = 0; flags < 2; flags++) {
        for (int i = 0; i < 3; i++)
            expect(same[i], "assistant", flags,
                   "{\"role\":\"assistant\",\"recipient\":\"functions.get_time\",\"content\":\"{\\\"tz\\\":\\\"UTC\\\"}"
                   "\",\"channel\":"
                   "\"commentary\",\"content_type\":\"<|constrain|>json\"}");
        expect("<|start|>assistant to=functions.get_time<|channel|>commentary json<|message|>{}<|call|>", NULL, flags,
               "{\"role\":\"assistant\",\"recipient\":\"functions.get_time\",\"content\":\"{}\",\"channel\":"
               "\"commentary\","
               "\"content_type\":\"json\"}");
        expect("<|channel|>commentary<|message|>Checking.<|end|><|start|>assistant<|channel|>commentary "
               "to=functions.get_time "
               "<|constrain|>json<|message|>{}<|call|>",
               "assistant", flags,
               "{\"role\":\"assistant\",\"content\":\"Checking.\",\"channel\":\"commentary\"},{\"role\":\"assistant\","
               "\"recipient\":"
               "\"functions.get_time\",\"content\":\"{}\",\"channel\":\"commentary\",\"content_type\":\"<|constrain|>"
               "json\"}");
        expect("<|start|>python to=assistant<|channel|>analysis<|message|>42\n<|end|>", NULL, flags,
               "{\"role\":\"tool\",\"name\":\"python\",\"recipient\":\"assistant\",\"content\":\"42\\n\",\"channel\":"
               "\"analysis\"}");
    }
}

static void streaming_view(void **state)
{
    (void)state;
    struct osso_parser *p;
    struct osso_parser_state s = {.size = sizeof s};
    struct osso_error err;
    struct osso_ids ids = ids_of("<|channel|>commentary to=f <|constrain|>json<|message|>{}<|call|>");
    check_ok(osso_parser_create(builtin, "assistant", 0, &p, &err), err);
    for (size_t i = 0; i < ids.len; i++) {
        check_ok(osso_parser_push(p, ids.data[i], &s, &err), err);
        assert_string_equal(s.role, "assistant");
        if (i + 3 < ids.len) {
            assert_false(s.in_content);
            assert_null(s.channel);
        } else {
            assert_int_equal(s.in_content, i + 1 < ids.len);
            assert_string_equal(s.channel, "commentary");
            assert_string_equal(s.recipient, "f");
            assert_string_equal(s.content_type, "<|constrain|>json");
        }
        assert_int_equal(s.message_done, i + 1 == ids.len);
        assert_int_equal(s.delta_len, i + 2 == ids.len ? 2 : 0);
    }
    assert_int_equal(s.end_id, 200012);
    check_ok(osso_parser_push(p, 200006, &s, &err), err);
    assert_null(s.role);
    assert_false(s.message_done);
    check_ok(osso_parser_push(p, 1428, &s, &err), err);
    check_ok(osso_parser_push(p, 200008, &s, &err), err);
    assert_string_equal(s.role, "user");
    check_ok(osso_parser_push(p, 9552, &s, &err), err); /* " " and half an emoji */
    assert_int_equal(s.delta_len, 1);
    check_ok(osso_parser_finish(p, &s, &err), err);
    assert_true(s.message_done);
    assert_int_equal(s.end_id, -1);
    assert_int_equal(s.delta_len, 3);
    assert_memory_equal(s.delta, "\xef\xbf\xbd", 3);
    osso_parser_free(p);
    osso_ids_free(&ids);
    assert_int_equal(osso_parser_create(builtin, "robot", 0, &p, &err), OSSO_USAGE);
    assert_null(p);
}

/* ---- malformed streams ---------------------------------------------------------------------------------- */

#define FINAL(text) "{\"role\":\"assistant\",\"content\":\"" text "\",\"channel\":\"final\"}"
#define BARE(text) "{\"role\":\"assistant\",\"content\":\"" text "\"}"
#define CALL_F(text)                                                                                                   \
    "{\"role\":\"assistant\",\"recipient\":\"functions.f\",\"content\":\"" text "\",\"channel\":\"commentary\"}"

/* One line for each row of docs/harmony.md: the stream, the reference's non-strict result where it has one, ours. */
static void tolerant_rules(void **state)
{
    (void)state;
    /* a content type is not a recipient */
    expect("<|channel|>final <|constrain|>json<|message|>{}<|return|>", "assistant", 0,
           "{\"role\":\"assistant\",\"content\":\"{}\",\"channel\":\"final\",\"content_type\":\"<|constrain|>json\"}");
    expect("<|channel|>final json<|message|>{}<|return|>", "assistant", 0,
           "{\"role\":\"assistant\",\"content\":\"{}\",\"channel\":\"final\",\"content_type\":\"json\"}");
    expect("<|channel|>commentary to=functions.f <|constrain|> json<|message|>{}<|call|>", "assistant", 0,
           "{\"role\":\"assistant\",\"recipient\":\"functions.f\",\"content\":\"{}\",\"channel\":\"commentary\","
           "\"content_type\":\"json\"}");
    expect("<|channel|>final <|constrain|> foo<|message|>{}<|return|>", "assistant", 0,
           "{\"role\":\"assistant\",\"content\":\"{}\",\"channel\":\"final\",\"content_type\":\"foo\"}");
    /* authors */
    expect("<|start|>user:bob<|message|>x<|end|>", NULL, 0, "{\"role\":\"user\",\"name\":\"bob\",\"content\":\"x\"}");
    expect("<|start|>assistant:a to=functions.f<|channel|>commentary<|message|>{}<|call|>", NULL, 0,
           "{\"role\":\"assistant\",\"name\":\"a\",\"recipient\":\"functions.f\",\"content\":\"{}\",\"channel\":"
           "\"commentary\"}");
    expect("<|start|>functions.f<|channel|>commentary<|message|>x<|end|>", NULL, 0,
           "{\"role\":\"tool\",\"name\":\"functions.f\",\"content\":\"x\",\"channel\":\"commentary\"}");
    expect("<|start|> to=functions.f<|channel|>commentary<|message|>x<|call|>", NULL, 0, CALL_F("x"));
    expect("<|start|>assistantcommentary to=functions.f<|message|>x<|call|>", NULL, 0, CALL_F("x"));
    expect("<|start|>assistantassistant<|channel|>final<|message|>x<|return|>", NULL, 0, FINAL("x"));
    expect("<|start|><|message|>x<|return|>", NULL, 0, BARE("x"));
    /* channels */
    expect("final<|message|>x<|return|>", "assistant", 0, FINAL("x"));
    expect("<|start|>assistant commentary to=functions.f<|message|>x<|call|>", NULL, 0, CALL_F("x"));
    expect("<|channel|>commentary to=assistant<|channel|>analysis<|message|>x<|end|>", "assistant", 0,
           "{\"role\":\"assistant\",\"content\":\"x\",\"channel\":\"analysis\"}");
    expect("<|channel|><|message|>x<|return|>", "assistant", 0, BARE("x"));
    /* headers that begin again, headers with too many words */
    expect("<|start|>assistant<|channel|>final<|message|>x<|return|>", "assistant", 0, FINAL("x"));
    expect("<|channel|>commentary what to=functions.f is this<|message|>x<|call|>", "assistant", 0,
           "{\"role\":\"assistant\",\"recipient\":\"functions.f\",\"content\":\"x\",\"channel\":\"commentary\","
           "\"content_type\":\"this\"}");
    /* messages without <|message|> */
    expect("I'm sorry,\n\n  no.<|end|>", "assistant", 0, BARE("I'm sorry,\\n\\n  no."));
    expect("<|start|>assistant no.<|end|>", NULL, 0, BARE("no."));
    expect("<|start|>user:bob hi<|end|>", NULL, 0, "{\"role\":\"user\",\"name\":\"bob\",\"content\":\"hi\"}");
    expect("no.", "assistant", 0, BARE("no."));
    expect("<|channel|>final", "assistant", 0, "");
    expect("<|channel|>final<|end|>", "assistant", 0, FINAL(""));
    expect("<|channel|>commentary to=functions.f <|constrain|>json{}<|call|>", "assistant", 0,
           "{\"role\":\"assistant\",\"recipient\":\"functions.f\",\"content\":\"{}\",\"channel\":\"commentary\","
           "\"content_type\":\"json\"}");
    expect("no.<|start|>assistant<|channel|>final<|message|>x<|return|>", "assistant", 0, BARE("no.") "," FINAL("x"));
    /* between messages */
    expect("<|channel|>final<|message|>x<|return|><|endoftext|><|return|>more<|end|>", "assistant", 0,
           FINAL("x") "," BARE("more"));
    expect("<|channel|>analysis<|message|>x<|end|>assistant<|channel|>final<|message|>y<|return|>", "assistant", 0,
           "{\"role\":\"assistant\",\"content\":\"x\",\"channel\":\"analysis\"}," FINAL("y"));
    expect("<|channel|>analysis<|message|>x<|end|><|channel|>final<|message|>y<|return|>", "assistant", 0,
           "{\"role\":\"assistant\",\"content\":\"x\",\"channel\":\"analysis\"}," FINAL("y"));
    expect("<|message|>y<|return|>", NULL, 0, BARE("y"));
    expect("", NULL, 0, "");
    expect("", "assistant", 0, "");
}

/* A special id is never text, and a message whose <|end|> was forgotten ends all the same. */
static void special_ids_in_content(void **state)
{
    (void)state;
#define THOUGHT(text) "{\"role\":\"assistant\",\"content\":\"" text "\",\"channel\":\"analysis\"}"
    expect("<|channel|>analysis<|message|>Say it.<|start|>assistant<|channel|>final<|message|>It.<|return|>",
           "assistant", 0, THOUGHT("Say it.") "," FINAL("It."));
    expect("<|channel|>analysis<|message|>Say it.<|channel|>final<|message|>It.<|return|>", "assistant", 0,
           THOUGHT("Say it.") "," FINAL("It."));
    expect("<|channel|>analysis<|message|>Call.<|channel|>commentary to=functions.f<|message|>{}<|call|>", "assistant",
           0, THOUGHT("Call.") "," CALL_F("{}"));
    expect(
        "<|channel|>analysis<|message|>Call.<|channel|>commentary to=functions.f <|constrain|>json<|message|>{}<|call|>",
        "assistant", 0,
        THOUGHT("Call.") ",{\"role\":\"assistant\",\"recipient\":\"functions.f\",\"content\":\"{}\",\"channel\":"
                         "\"commentary\",\"content_type\":\"<|constrain|>json\"}");
    expect("<|channel|>final<|message|>a<|channel|>b<|return|>", "assistant", 0, FINAL("ab"));
    expect("<|channel|>final<|message|>a<|channel|> b<|channel|>final<|message|>c<|return|>", "assistant", 0,
           FINAL("a b") "," FINAL("c"));
    expect("<|channel|>final<|message|>a<|channel|>b", "assistant", 0, FINAL("ab"));
    expect("<|channel|>final<|message|>a<|channel|>b<|start|>assistant<|channel|>final<|message|>c", "assistant", 0,
           FINAL("ab") "," FINAL("c"));
    expect("<|channel|>final<|message|><|message|>x<|message|> y<|return|>", "assistant", 0, FINAL("x y"));
    expect("<|channel|>final<|message|>a<|constrain|>b<|endoftext|>c<|reserved_200013|><|return|>", "assistant", 0,
           FINAL("abc"));
    expect("<|start|>assistant to=functions.f<|message|><|channel|>commentary<|message|>{}<|call|>", NULL, 0,
           CALL_F("{}"));
    expect("<|channel|>commentary<|message|> to=functions.f<|message|>{}<|call|>", "assistant", 0, CALL_F("{}"));
    expect("<|channel|>final<|message|> to=functions.f is how<|return|>", "assistant", 0,
           FINAL(" to=functions.f is how"));
    expect("<|channel|>commentary to=functions.f<|start|><|message|>{}<|call|>", "assistant", 0, CALL_F("{}"));
    expect("<|channel|>commentary<|start|> to=functions<|reserved_200013|>.f<|message|>{}<|call|>", "assistant", 0,
           CALL_F("{}"));
}

/* <|message|> is missing and text is glued to the header's last word. */
static void glued_texts(void **state)
{
    (void)state;
    expect("<|channel|>finalREADY now<|return|>", "assistant", 0, FINAL("READY now"));
    expect("<|channel|>final**Hi**<|return|>", "assistant", 0, FINAL("**Hi**"));
    expect("<|channel|>final: Hello<|return|>", "assistant", 0, FINAL(": Hello"));
    expect("<|channel|>analysisWe need<|end|>", "assistant", 0, THOUGHT("We need"));
    expect("<|channel|>commentary[1]<|end|>", "assistant", 0,
           "{\"role\":\"assistant\",\"content\":\"[1]\",\"channel\":\"commentary\"}");
    expect("<|channel|>finalfinal<|message|>x<|return|>", "assistant", 0, FINAL("x"));
    expect("<|channel|>analysisfinal<|message|>x<|return|>", "assistant", 0, FINAL("x"));
    expect("<|channel|>finalx<|message|>y<|return|>", "assistant", 0, FINAL("y"));
    expect("<|channel|>Hello there<|return|>", "assistant", 0, BARE("Hello there"));
    expect("<|channel|>commentary to=functions.f{\"n\":1}<|call|>", "assistant", 0, CALL_F("{\\\"n\\\":1}"));
    expect("<|channel|>commentaryto=functions.f<|message|>{}<|call|>", "assistant", 0, CALL_F("{}"));
    static const char *const typed[] = {"json {}", "json{}", "<|constrain|>json{}", "<|constrain|>json {}"};
    for (int i = 0; i < 4; i++) {
        char line[200];
        snprintf(line, sizeof line, "<|channel|>commentary to=functions.f %s<|call|>", typed[i]);
        expect(line, "assistant", 0,
               "{\"role\":\"assistant\",\"recipient\":\"functions.f\",\"content\":\"{}\",\"channel\":\"commentary\","
               "\"content_type\":\"json\"}");
    }
}

/* The role's word is damaged: only the assistant calls functions and answers. */
static void damaged_roles(void **state)
{
    (void)state;
    static const char *const authors[] = {"assistant\xe2\x80\x93\xe2\x80\x93"
                                          "commentary<|channel|>commentary",
                                          "Assistant<|channel|>commentary",
                                          "assistant.<|channel|>commentary",
                                          "assistant_final<|channel|>commentary",
                                          "commentary",
                                          "model<|channel|>commentary",
                                          "bash<|channel|>commentary",
                                          "ASSISTANT commentary",
                                          "<|constrain|>assistant<|channel|>commentary",
                                          "assistantcommentary",
                                          "<|channel|>assistantcommentary"};
    char line[300];
    for (size_t i = 0; i < sizeof authors / sizeof *authors; i++) {
        snprintf(line, sizeof line, "<|start|>%s to=functions.f<|message|>{}<|call|>", authors[i]);
        expect(line, NULL, 0, CALL_F("{}"));
    }
    expect("<|start|>assistantto=functions.f<|channel|>commentary<|message|>{}<|call|>", NULL, 0, CALL_F("{}"));
    expect("<|start|>final<|message|>x<|return|>", NULL, 0, FINAL("x"));
    expect("<|start|>Assistant<|channel|>final<|message|>x<|return|>", NULL, 0, FINAL("x"));
    expect("<|start|>assistantjson<|channel|>final<|message|>{}<|return|>", NULL, 0,
           "{\"role\":\"assistant\",\"content\":\"{}\",\"channel\":\"final\",\"content_type\":\"json\"}");
    expect("<|start|>User<|message|>x<|end|>", NULL, 0, "{\"role\":\"user\",\"content\":\"x\"}");
    /* tools keep their names */
    expect("<|start|>python<|message|>7<|end|>", NULL, 0, "{\"role\":\"tool\",\"name\":\"python\",\"content\":\"7\"}");
    expect("<|start|>lookup to=assistant<|channel|>commentary<|message|>7<|end|>", NULL, 0,
           "{\"role\":\"tool\",\"name\":\"lookup\",\"recipient\":\"assistant\",\"content\":\"7\",\"channel\":"
           "\"commentary\"}");
    /* without <|start|> a foreign role is still one, and a function's name is not */
    expect("<|channel|>final<|message|>x<|end|>user<|message|>y<|end|>", "assistant", 0,
           FINAL("x") ",{\"role\":\"user\",\"content\":\"y\"}");
    expect("<|channel|>commentary to=<|end|>functions.f<|message|>{}", NULL, 0,
           "{\"role\":\"assistant\",\"content\":\"\",\"channel\":\"commentary\"},"
           "{\"role\":\"assistant\",\"recipient\":\"functions.f\",\"content\":\"{}\"}");
}

/* The recipient and what may stand around it. */
static void damaged_recipients(void **state)
{
    (void)state;
    static const char *const words[] = {" to=functions.f to=assistant",
                                        " to=assistant to=functions.f",
                                        " to= functions.f",
                                        " to =functions.f",
                                        " to = functions.f",
                                        "\xe2\x80\x8b to=functions.f",
                                        "\xc2\xa0to=functions.f\xe2\x80\xaf",
                                        "\xe3\x80\x80to=functions.f\xe2\x80\x8b",
                                        " to==functions.f",
                                        " to to=functions.f"};
    char line[300];
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        snprintf(line, sizeof line, "<|channel|>commentary%s<|message|>{}<|call|>", words[i]);
        expect(line, "assistant", 0, CALL_F("{}"));
    }
    expect("<|channel|>commentary to=functions.f\xc2\xa0json<|message|>{}<|call|>", "assistant", 0,
           "{\"role\":\"assistant\",\"recipient\":\"functions.f\",\"content\":\"{}\",\"channel\":\"commentary\","
           "\"content_type\":\"json\"}");
    expect("<|start|>assistant\xc2\xa0to=functions.f<|channel|>commentary<|message|>{}<|call|>", NULL, 0, CALL_F("{}"));
}

/* Text waits for the next special id behind a <|channel|>, but not longer than 64 ids. */
static void waiting_ends(void **state)
{
    (void)state;
    struct osso_parser *p;
    struct osso_parser_state s = {.size = sizeof s};
    struct osso_error err;
    size_t waited = 0;
    static const int32_t begin[] = {200008, 22, 200005};
    check_ok(osso_parser_create(builtin, "assistant", 0, &p, &err), err);
    for (size_t i = 0; i < 3; i++)
        check_ok(osso_parser_push(p, begin[i], &s, &err), err);
    for (s.delta_len = 0; s.delta_len == 0; waited++) {
        assert_true(waited < 100);
        check_ok(osso_parser_push(p, 22, &s, &err), err);
    }
    assert_int_equal(waited, 64);
    assert_int_equal(s.delta_len, 64);
    check_ok(osso_parser_push(p, 22, &s, &err), err);
    assert_int_equal(s.delta_len, 1);
    osso_parser_free(p);
}

/* The same streams in strict mode: refused, or read as the reference reads them. */
static void strict_rules(void **state)
{
    (void)state;
    expect("<|channel|>final <|constrain|>json<|message|>{}<|return|>", "assistant", OSSO_PARSE_STRICT,
           "{\"role\":\"assistant\",\"recipient\":\"<|constrain|>json\",\"content\":\"{}\",\"channel\":\"final\"}");
    expect("<|start|>user:bob<|message|>x<|end|>", NULL, OSSO_PARSE_STRICT, NULL);
    expect("<|channel|><|message|>x<|return|>", "assistant", OSSO_PARSE_STRICT, NULL);
    expect("I'm sorry.<|end|>", "assistant", OSSO_PARSE_STRICT, NULL);
    expect("x", NULL, OSSO_PARSE_STRICT, NULL);
    expect("<|channel|>final a b c<|message|>x", "assistant", OSSO_PARSE_STRICT, NULL);
}

/* After a refused header strict mode goes on as the reference does: the role from the prompt still holds. */
static void strict_after_refusal(void **state)
{
    (void)state;
    struct osso_parser *p;
    struct osso_message m = {.size = sizeof m};
    struct osso_error err;
    static const int32_t rest[] = {200006, 200005, 17196, 200008, 22, 200002};
    check_ok(osso_parser_create(builtin, "assistant", OSSO_PARSE_STRICT, &p, &err), err);
    check_ok(osso_parser_push(p, 200005, NULL, &err), err);
    assert_int_equal(osso_parser_push(p, 200008, NULL, &err), OSSO_FORMAT);
    assert_int_equal(osso_parser_push(p, 22, NULL, &err), OSSO_FORMAT);
    for (size_t i = 0; i < 6; i++)
        check_ok(osso_parser_push(p, rest[i], NULL, &err), err);
    check_ok(osso_conversation_get(osso_parser_messages(p), 0, &m, &err), err);
    assert_int_equal(m.role, OSSO_ROLE_ASSISTANT);
    assert_string_equal(m.channel, "final");
    osso_parser_free(p);
}

static void expect_text(const int32_t *ids, size_t n, unsigned flags, const char *want)
{
    bool refused;
    char line[256], *json = parse(ids, n, "assistant", flags, &refused);
    snprintf(line, sizeof line, "{\"messages\":[{\"role\":\"assistant\",\"content\":\"%s\"}]}", want);
    assert_false(refused);
    assert_string_equal(json, line);
    osso_free(json);
}

/* Ids without a meaning and bytes that are no text. 9552 is a space and the first two bytes of an emoji. */
static void broken_text(void **state)
{
    (void)state;
    expect_text((const int32_t[]){200008, 31446, 244, 200007}, 4, 0, "\xf0\x9f\x92\x96");
    expect_text((const int32_t[]){200008, 9552, 13225, 200007}, 4, 0, " \xef\xbf\xbdHello");
    expect_text((const int32_t[]){200008, 9552, 13225, 300000, 13225, 200007}, 6, 0,
                " \xef\xbf\xbdHello\xef\xbf\xbdHello");
    expect_text((const int32_t[]){200008, 9552, -5, 13225, 201088, 200007}, 6, 0,
                " \xef\xbf\xbd\xef\xbf\xbdHello\xef\xbf\xbd");
    expect_text((const int32_t[]){200008, 9552, 13225, 300000, 13225, 200007}, 6, OSSO_PARSE_STRICT,
                " \xef\xbf\xbd\xef\xbf\xbdHello");
    bool refused;
    free(parse((const int32_t[]){300000, 200008}, 2, "assistant", OSSO_PARSE_STRICT, &refused));
    assert_true(refused);
    char *json = parse((const int32_t[]){200005, 300000, 222, 200008, 22, 200002}, 6, "assistant", 0, &refused);
    assert_string_equal(
        json, "{\"messages\":[{\"role\":\"assistant\",\"content\":\"7\",\"channel\":\"\xef\xbf\xbd\xef\xbf\xbd\"}]}");
    osso_free(json);
}

/* ---- any stream ----------------------------------------------------------------------------------------- */

static int32_t draw(struct rng *r)
{
    static const int32_t special[] = {200002, 200003, 200005, 200006, 200007, 200008, 200012};
    static const int32_t words[] = {173781, 35644, 17196, 12606, 815, 316, 28, 44580, 220, 198, 4108, 3056, 9552, 25};
    switch (rng_below(r, 8)) {
    case 0:
    case 1:
    case 2: return special[rng_below(r, 7)];
    case 3:
    case 4: return words[rng_below(r, 14)];
    case 5: return (int32_t)rng_below(r, 256);
    case 6: return (int32_t)rng_below(r, 201088);
    default: return (int32_t)rng_next(r) >> rng_below(r, 31);
    }
}

static void total(void **state)
{
    (void)state;
    struct rng r;
    rng_seed(&r, 1);
    for (int i = 0; i < 20000; i++) {
        int32_t ids[40];
        size_t n = rng_below(&r, 40);
        bool refused;
        for (size_t k = 0; k < n; k++)
            ids[k] = draw(&r);
        osso_free(parse(ids, n, i & 1 ? "assistant" : NULL, 0, &refused)); /* parse() checks the deltas */
        assert_false(refused);
        osso_free(parse(ids, n, i & 1 ? "assistant" : NULL, OSSO_PARSE_STRICT, &refused));
    }
}

/* A header, a text and a run of broken bytes of a million ids: linear time, or this does not end. */
static void long_messages(void **state)
{
    (void)state;
    enum { LONG = 1000000 };
    static const int32_t fill[] = {173781, 222, 9552, 200003, 200005, 220};
    for (size_t k = 0; k < 2 * sizeof fill / sizeof *fill; k++) {
        struct osso_parser *p;
        struct osso_parser_state s = {.size = sizeof s};
        struct osso_error err;
        check_ok(osso_parser_create(builtin, "assistant", k & 1 ? OSSO_PARSE_STRICT : 0, &p, &err), err);
        for (int part = 0; part < 2; part++) {
            for (int i = 0; i < LONG / 4; i++)
                check_ok(osso_parser_push(p, fill[k / 2], &s, &err), err);
            if (osso_parser_push(p, 200008, &s, &err))
                break; /* strict, and the header is refused */
        }
        osso_parser_finish(p, &s, &err);
        osso_parser_free(p);
    }
}

static enum osso_status everything(void *arg, struct osso_error *err)
{
    static const int32_t ids[] = {200005, 12606,  815,    316,   28,     44580,  220,    200003, 4108,
                                  200008, 9552,   300000, 13225, 200012, 200006, 222,    13225,  200007,
                                  200006, 173781, 25,     87,    200008, 22,     200002, 13225};
    struct osso_parser *p = NULL;
    (void)arg;
    enum osso_status status = osso_parser_create(builtin, "assistant", 0, &p, err);
    for (size_t i = 0; i < sizeof ids / sizeof *ids && !status; i++)
        status = osso_parser_push(p, ids[i], NULL, err);
    if (!status)
        status = osso_parser_finish(p, NULL, err);
    if (!status)
        assert_int_equal(osso_conversation_size(osso_parser_messages(p)), 4);
    osso_parser_free(p);
    return status;
}

static void every_allocation_fails(void **state)
{
    (void)state;
    assert_true(fault_each(everything, NULL, false) > 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden),
        cmocka_unit_test(spellings_of_a_call),
        cmocka_unit_test(streaming_view),
        cmocka_unit_test(tolerant_rules),
        cmocka_unit_test(special_ids_in_content),
        cmocka_unit_test(glued_texts),
        cmocka_unit_test(damaged_roles),
        cmocka_unit_test(damaged_recipients),
        cmocka_unit_test(waiting_ends),
        cmocka_unit_test(strict_rules),
        cmocka_unit_test(broken_text),
        cmocka_unit_test(strict_after_refusal),
        cmocka_unit_test(total),
        cmocka_unit_test(long_messages),
        cmocka_unit_test(every_allocation_fails),
    };
    return cmocka_run_group_tests_name("harmony_parse", tests, builtin_setup, builtin_teardown);
}
