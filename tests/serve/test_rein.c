/* test_rein.c: what may come where. Random answers under the mask are well-formed for the strict parser; well-formed
 * ones are never forbidden; tool_choice holds. */
#include "builtin_test.h"

#include "base/rng.h"
#include "osso/engine.h"
#include "serve/rein.h"

#include <time.h>

enum {
    VOCAB = 201088,
    END = 200007,
    START = 200006,
    MESSAGE = 200008,
    CHANNEL = 200005,
    RETURN = 200002,
    CALL = 200012
};

static void silent(void *user, const int32_t *tokens, size_t n, float *logits)
{
    (void)user, (void)tokens, (void)n, (void)logits;
}

struct stand {
    struct osso_engine *engine;
    struct osso_session *session;
    struct rein_table *table;
    struct rein rein;
    uint32_t *space;
};

static void stand_open(struct stand *s, const struct rein_rules *rules)
{
    struct osso_error err = {""};
    struct osso_engine_options o = {.size = sizeof o, .threads = 1, .context = 512};
    static const int32_t prompt[] = {START, 173781};
    check_ok(osso_engine_create_scripted(VOCAB, silent, NULL, &o, &s->engine, &err), err);
    check_ok(osso_session_create(s->engine, 0, &s->session, &err), err);
    check_ok(osso_session_sync(s->session, prompt, 2, &err), err);
    s->table = rein_table_create(builtin, VOCAB);
    assert_non_null(s->table);
    rein_begin(&s->rein, s->table, rules, 2);
    s->space = malloc((VOCAB + 31) / 32 * sizeof *s->space);
}

static void stand_close(struct stand *s)
{
    osso_session_free(s->session);
    osso_engine_free(s->engine);
    rein_table_free(s->table);
    free(s->space);
}

/* Back to the beginning of an answer. */
static void stand_again(struct stand *s, const struct rein_rules *rules)
{
    struct osso_error err = {""};
    check_ok(osso_session_rewind(s->session, 2, &err), err);
    rein_begin(&s->rein, s->table, rules, 2);
}

static bool allowed(struct stand *s, int32_t id)
{
    struct osso_mask mask = {.size = sizeof mask, .vocab = VOCAB, .space = s->space};
    switch (rein_mask(&s->rein, s->session, &mask)) {
    case OSSO_MASK_BITS: return mask.bits[id / 32] >> (id % 32) & 1;
    case OSSO_MASK_ALLOW:
        for (size_t i = 0; i < mask.n_ids; i++)
            if (mask.ids[i] == id)
                return true;
        return false;
    default: return true;
    }
}

/* One of the allowed ids, special ones often. */
static int32_t draw(struct stand *s, struct rng *rng)
{
    static const int32_t specials[] = {END, START, MESSAGE, CHANNEL, RETURN, CALL, 200003};
    struct osso_mask mask = {.size = sizeof mask, .vocab = VOCAB, .space = s->space};
    enum osso_mask_kind kind = rein_mask(&s->rein, s->session, &mask);
    if (kind == OSSO_MASK_ALLOW)
        return mask.ids[rng_next(rng) % mask.n_ids];
    assert_int_equal(kind, OSSO_MASK_BITS);
    for (int i = 0; i < 3; i++) {
        int32_t id = specials[rng_next(rng) % 7];
        if (mask.bits[id / 32] >> (id % 32) & 1)
            return id;
    }
    for (int32_t id = (int32_t)(rng_next(rng) % VOCAB);; id = (id + 1) % VOCAB)
        if (mask.bits[id / 32] >> (id % 32) & 1)
            return id;
}

static void test_random_answers(void **state)
{
    (void)state;
    struct rein_rules rules = {0};
    struct stand s;
    struct rng rng;
    const size_t trials = test_quick() ? 60 : 400;
    size_t calls = 0, ended = 0;
    rng_seed(&rng, 7);
    stand_open(&s, &rules);
    for (size_t trial = 0; trial < trials; trial++) {
        struct osso_error err = {""};
        struct osso_parser *parser;
        struct osso_parser_state m = {.size = sizeof m};
        stand_again(&s, &rules);
        check_ok(osso_parser_create(builtin, "assistant", OSSO_PARSE_STRICT, &parser, &err), err);
        for (int i = 0; i < 120; i++) {
            int32_t id = draw(&s, &rng);
            check_ok(osso_session_append(s.session, id, &err), err);
            check_ok(osso_parser_push(parser, id, &m, &err), err);
            calls += m.message_done && m.recipient;
            assert_true(!m.recipient || strcmp(m.recipient, "json") != 0); /* a content type is no recipient */
            if (m.in_content)
                assert_string_equal(m.role, "assistant");
            ended += id == RETURN || id == CALL;
            if (id == RETURN || id == CALL)
                break;
        }
        osso_parser_free(parser);
    }
    assert_true(calls > trials / 20 && ended > trials / 2);
    stand_close(&s);
}

static void expect_path(struct stand *s, const struct rein_rules *rules, const char *text, bool good)
{
    struct osso_error err = {""};
    struct osso_ids ids = {0};
    bool all = true;
    stand_again(s, rules);
    check_ok(osso_tokenizer_encode(builtin, text, strlen(text), OSSO_ENCODE_SPECIAL, &ids, &err), err);
    for (size_t i = 0; i < ids.len && all; i++) {
        all = allowed(s, ids.data[i]);
        check_ok(osso_session_append(s->session, ids.data[i], &err), err);
    }
    if (all != good)
        fail_msg("%s: %s", good ? "forbidden" : "allowed", text);
    osso_ids_free(&ids);
}

#define GO_ON "<|end|><|start|>assistant"

static void test_paths(void **state)
{
    (void)state;
    struct stand s;
    struct rein_rules rules = {0};
    stand_open(&s, &rules);
    static const char *const good[] = {
        "<|channel|>final<|message|>Hi.<|return|>",
        "<|channel|>analysis<|message|>Hm." GO_ON "<|channel|>final<|message|>Hi.<|return|>",
        "<|channel|>commentary to=functions.get <|constrain|>json<|message|>{}<|call|>",
        "<|channel|>commentary to=functions.get<|message|>{}<|call|>",
        "<|channel|>analysis to=python code<|message|>1<|call|>",
        " to=functions.a-b_c.D9<|channel|>commentary <|constrain|>json<|message|>{}<|call|>",
        "<|channel|>commentary<|message|>Let me see." GO_ON
        " to=browser.search<|channel|>analysis<|message|>{}<|call|>",
        "<|channel|>final <|constrain|>json<|message|>{}<|return|>",
    };
    static const char *const bad[] = {
        "Hello",
        "<|message|>Hi",
        "<|channel|>thoughts<|message|>",
        "<|channel|>final<|channel|>",
        "<|channel|>final to=functions.get<|message|>",
        "<|channel|>analysis<|message|>a<|channel|>",
        "<|channel|>analysis<|message|>a<|start|>",
        "<|channel|>analysis<|message|>a<|constrain|>",
        "<|channel|>analysis<|message|>a<|end|>b",
        "<|channel|>analysis<|message|>a<|end|><|start|>user",
        "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|message|>",
        "<|channel|>commentary to=<|message|>",
        "<|channel|>commentary to=a b<|message|>",
        "<|channel|>commentary json <|constrain|>json<|message|>",
        "<|channel|>commentary json<|message|>",
        "<|channel|>analysis code<|message|>",
        "<|channel|>final json<|message|>",
        "<|channel|>final <|message|>",
        "<|channel|>commentary <|constrain|>json<|message|>",
        "<|channel|>final<|end|>",
        "<|channel|>analysis<|return|>",
        " to=a<|message|>",
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        expect_path(&s, &rules, good[i], true);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        expect_path(&s, &rules, bad[i], false);
    stand_close(&s);
}

static void test_tool_choice(void **state)
{
    (void)state;
    struct stand s;
    static const char *const names[] = {"functions.get", "functions.get_all"};
    struct rein_rules none = {.no_calls = true}, must = {.names = names, .n_names = 2, .must_call = true},
                      listed = {.names = names, .n_names = 1};
    stand_open(&s, &none);
    expect_path(&s, &none, "<|channel|>final<|message|>Hi.<|return|>", true);
    expect_path(&s, &none, "<|channel|>commentary to", false);
    expect_path(&s, &none, " to=", false);
    expect_path(&s, &must, "<|channel|>final", false);
    expect_path(&s, &must, "<|channel|>commentary<|message|>", false);
    expect_path(&s, &must, "<|channel|>analysis<|message|>Hm.<|return|>", false);
    expect_path(&s, &must,
                "<|channel|>analysis<|message|>Hm." GO_ON
                "<|channel|>commentary to=functions.get <|constrain|>json<|message|>{}<|call|>",
                true);
    expect_path(&s, &must, " to=functions.get_all<|channel|>commentary <|constrain|>json<|message|>{}<|call|>", true);
    expect_path(&s, &must, " to=functions.ge<|channel|>", false);
    expect_path(&s, &must, " to=functions.get_none", false);
    expect_path(&s, &listed, "<|channel|>final<|message|>Hi.<|return|>", true);
    expect_path(&s, &listed, "<|channel|>commentary to=functions.get<|message|>{}<|call|>", true);
    expect_path(&s, &listed, "<|channel|>commentary to=functions.get_all<|message|>", false);
    stand_close(&s);
}

/* Two namespaces may have a tool of one name: what the model calls it is as long as all three. */
static void test_long_name(void **state)
{
    (void)state;
    struct stand s;
    char name[300], path[400];
    const char *names[] = {name};
    struct rein_rules any = {0}, must = {.names = names, .n_names = 1, .must_call = true};
    snprintf(name, sizeof name, "functions.%0128d_%0128d", 1, 2);
    snprintf(path, sizeof path, "<|channel|>commentary to=%s <|constrain|>json<|message|>{}<|call|>", name);
    stand_open(&s, &must);
    expect_path(&s, &must, path, true);
    expect_path(&s, &any, path, true);
    stand_close(&s);
}

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* However many tools there were before, the places of the latest are found once. */
static void test_many_places(void **state)
{
    (void)state;
    struct stand s;
    char name[32];
    const char *names[] = {name};
    struct rein_rules rules = {.names = names, .n_names = 1};
    double first = 0, again = 0, start;
    stand_open(&s, &rules);
    for (int i = 0; i < 280; i++) {
        snprintf(name, sizeof name, "functions.f%d", i);
        stand_again(&s, &rules);
        start = cpu_seconds();
        allowed(&s, CHANNEL);
        first += i < 260 ? 0 : cpu_seconds() - start;
    }
    for (int i = 279; i >= 260; i--) {
        snprintf(name, sizeof name, "functions.f%d", i);
        stand_again(&s, &rules);
        start = cpu_seconds();
        assert_true(allowed(&s, CHANNEL));
        again += cpu_seconds() - start;
    }
    if (again > first / 2)
        fail_msg("twenty places took %.1f ms, and %.1f ms once more", 1e3 * first, 1e3 * again);
    stand_close(&s);
}

/* What a place allows is what the grammar says of the whole text and each id, one by one. */
static void check_place(struct stand *s, const struct rein_rules *rules)
{
    struct osso_mask mask = {.size = sizeof mask, .vocab = VOCAB, .space = s->space};
    const struct rein *r = &s->rein;
    char text[2 * REIN_TEXT];
    assert_int_equal(rein_mask(&s->rein, s->session, &mask), OSSO_MASK_BITS);
    memcpy(text, r->text, r->len);
    for (int32_t id = 0; id < VOCAB; id++) {
        const char *bytes;
        size_t len;
        if (osso_tokenizer_is_special(builtin, id) || !osso_tokenizer_piece(builtin, id, &bytes, &len) || !len)
            continue;
        memcpy(text + r->len, bytes, len);
        bool fits = r->len + len < REIN_TEXT && rein_fit(rules, r->place, r->called, text, r->len + len).alive;
        if (fits != (mask.bits[id / 32] >> id % 32 & 1))
            fail_msg("after \"%.*s\" id %d (\"%.*s\") is %s", (int)r->len, r->text, id, (int)len, bytes,
                     fits ? "forbidden" : "allowed");
    }
}

/* A name that the model makes up, byte by byte to its longest: each place is right, and only near the end is it looked
 * for; before, each cost a walk through all ids. */
static void test_free_names(void **state)
{
    (void)state;
    struct stand s;
    struct rein_rules any = {0};
    struct osso_error err = {""};
    struct osso_ids ids = {0};
    double found = 0, start;
    stand_open(&s, &any);
    check_ok(osso_session_append(s.session, CHANNEL, &err), err);
    check_ok(osso_tokenizer_encode(builtin, "commentary to=", 14, 0, &ids, &err), err);
    for (size_t i = 0; i < ids.len; i++)
        check_ok(osso_session_append(s.session, ids.data[i], &err), err);
    osso_ids_free(&ids);
    check_ok(osso_tokenizer_encode(builtin, "q", 1, 0, &ids, &err), err);
    for (int n = 0; n < REIN_NAME; n++) {
        if (n < 3 || n % 61 == 0 || n > REIN_NAME - 3)
            check_place(&s, &any);
        start = cpu_seconds();
        allowed(&s, MESSAGE);
        found += n > 2 && n < 160 ? cpu_seconds() - start : 0;
        check_ok(osso_session_append(s.session, ids.data[0], &err), err);
    }
    start = cpu_seconds();
    check_place(&s, &any); /* the longest name */
    if (found > 20 * (cpu_seconds() - start))
        fail_msg("157 places of one kind took %.0f ms", 1e3 * found);
    osso_ids_free(&ids);
    stand_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_answers), cmocka_unit_test(test_paths),
                                       cmocka_unit_test(test_tool_choice),    cmocka_unit_test(test_long_name),
                                       cmocka_unit_test(test_many_places),    cmocka_unit_test(test_free_names)};
    return cmocka_run_group_tests(tests, builtin_setup, builtin_teardown);
}
