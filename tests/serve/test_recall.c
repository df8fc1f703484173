/* test_recall.c: the shelf's bounds, and turns of a model that come back as the ids it wrote. */
#include "builtin_test.h"

#include "serve/recall.h"

static void test_shelf(void **state)
{
    (void)state;
    struct shelf *s = shelf_create(3, 100);
    struct buf out = {0};
    char name[8];
    for (int i = 0; i < 5; i++) {
        snprintf(name, sizeof name, "n%d", i);
        assert_true(shelf_put(s, 1, name, name, 3));
        if (i == 2)
            assert_true(shelf_get(s, 1, "n0", &out)); /* looked at: n1 goes before it */
    }
    assert_true(shelf_get(s, 1, "n0", &out) || true);
    assert_false(shelf_get(s, 1, "n1", &out));
    assert_false(shelf_get(s, 1, "n2", &out));
    assert_true(shelf_get(s, 1, "n4", &out));
    assert_false(shelf_get(s, 2, "n4", &out)); /* another's */
    assert_true(shelf_put(s, 2, "n4", "other", 5));
    buf_clear(&out);
    assert_true(shelf_get(s, 2, "n4", &out));
    assert_memory_equal(out.data, "other", 5);
    char large[101] = {0};
    assert_false(shelf_put(s, 1, "large", large, 101));
    assert_true(shelf_put(s, 1, "large", large, 100)); /* everything else of this owner goes */
    assert_false(shelf_get(s, 1, "n4", &out));
    assert_true(shelf_get(s, 2, "n4", &out));
    assert_true(shelf_drop(s, 2, "n4"));
    assert_false(shelf_drop(s, 2, "n4"));
    buf_free(&out);
    shelf_free(s);
}

static void render(const struct osso_conversation *c, struct osso_ids *ids)
{
    struct osso_error err = {""};
    struct osso_render_options o = {.size = sizeof o, .drop = OSSO_DROP_TURNS};
    check_ok(osso_conversation_render(c, builtin, &o, ids, &err), err);
}

static struct osso_conversation *chat(const char *json)
{
    struct osso_error err = {""};
    struct osso_conversation *c;
    char *ignored;
    check_ok(osso_conversation_from_chat(json, strlen(json), "chat", NULL, &ignored, &c, &err), err);
    osso_free(ignored);
    return c;
}

/* What the model said after the first prompt, then the conversation that a client sends back. */
static void check_turn(const char *says, const char *turns, bool known)
{
    struct osso_error err = {""};
    struct shelf *shelf = shelf_create(100, 100000);
    struct osso_parser *parser;
    struct osso_ids said = {0}, prompt = {0}, again = {0};
    char json[2048];
    struct osso_conversation *c = chat(
        "{\"messages\":[{\"role\":\"system\",\"content\":\"Be brief.\"},{\"role\":\"user\",\"content\":\"hi\"}],"
        "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"get\"}}]}");
    render(c, &prompt);
    osso_conversation_free(c);
    check_ok(osso_tokenizer_encode(builtin, says, strlen(says), OSSO_ENCODE_SPECIAL, &said, &err), err);
    /* split anew, letter by letter, where that is possible: not what rendering would write */
    check_ok(osso_parser_create(builtin, "assistant", 0, &parser, &err), err);
    for (size_t i = 0; i < said.len; i++)
        check_ok(osso_parser_push(parser, said.data[i],
                                  &(struct osso_parser_state){.size = sizeof(struct osso_parser_state)}, &err),
                 err);
    check_ok(osso_parser_finish(parser, NULL, &err), err);
    recall_keep(shelf, 7, osso_parser_messages(parser));
    snprintf(
        json, sizeof json,
        "{\"messages\":[{\"role\":\"system\",\"content\":\"Be brief.\"},{\"role\":\"user\",\"content\":\"hi\"},%s],"
        "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"get\"}}]}",
        turns);
    c = chat(json);
    check_ok(recall_turns(shelf, 7, builtin, &c, &err), err);
    render(c, &again);
    size_t whole = prompt.len + said.len;
    bool same = again.len >= whole - 1 && memcmp(again.data, prompt.data, prompt.len * sizeof *again.data) == 0 &&
                memcmp(again.data + prompt.len, said.data, (said.len - 1) * sizeof *again.data) == 0;
    if (same != known)
        fail_msg("%s: %s", known ? "not known again" : "known", turns);
    osso_conversation_free(c);
    c = chat(json); /* for another owner it is nothing */
    struct osso_ids other = {0}, plain = {0};
    render(c, &plain);
    check_ok(recall_turns(shelf, 8, builtin, &c, &err), err);
    render(c, &other);
    assert_int_equal(other.len, plain.len);
    assert_memory_equal(other.data, plain.data, plain.len * sizeof *plain.data);
    osso_conversation_free(c);
    osso_parser_free(parser);
    osso_ids_free(&said);
    osso_ids_free(&prompt);
    osso_ids_free(&again);
    osso_ids_free(&other);
    osso_ids_free(&plain);
    shelf_free(shelf);
}

#define CALLED(args)                                                                                                                                                                    \
    "{\"role\":\"assistant\",\"content\":null,\"reasoning_content\":\"Use it.\",\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"get\",\"arguments\":" args \
    "}}]},{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":\"ok\"}"

static void test_turns(void **state)
{
    (void)state;
    const char *odd =
        "<|channel|>analysis<|message|>Use it.<|end|><|start|>assistant<|channel|>commentary to=functions.get <|constrain|>json<|message|>{\"a\": [1, 2.50]}<|call|>";
    check_turn(odd, CALLED("\"{\\\"a\\\": [1, 2.50]}\""), true);
    check_turn(odd, CALLED("\"{\\\"a\\\":[1,2.50]}\""), true); /* spaced otherwise */
    check_turn(odd, CALLED("\"{\\\"a\\\":[1,2.5]}\""), false);
    check_turn(
        "<|channel|>commentary<|message|>Let me see.<|end|><|start|>assistant<|channel|>commentary to=functions.get code<|message|>{}<|call|>",
        "{\"role\":\"assistant\",\"content\":\"Let me see.\",\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"get\",\"arguments\":\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":\"ok\"}",
        true);
    check_turn("<|channel|>final<|message|>Hello.<|return|>",
               "{\"role\":\"assistant\",\"content\":\"Hello.\"},{\"role\":\"user\",\"content\":\"more\"}", true);
    check_turn("<|channel|>final<|message|>Hello.<|return|>",
               "{\"role\":\"assistant\",\"content\":\"Hello!\"},{\"role\":\"user\",\"content\":\"more\"}", false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_shelf), cmocka_unit_test(test_turns)};
    return cmocka_run_group_tests(tests, builtin_setup, builtin_teardown);
}
