/* test_answer_ends.c: where an answer ends: stop texts in pieces, limits of tokens and context, stop ids that may not
 * be chosen, and what was held back. */
#include "answer_test.h"

#include "engine/engine_parts.h"
#include "engine/stop_text.h"

/* ---- stop texts ----------------------------------------------------------------------------------------- */

static void test_find(void **state)
{
    (void)state;
    static const char *const texts[] = {"abcX", "", "cY", "."};
    static const struct {
        const char *text;
        size_t at;
        bool whole;
    } cases[] = {{"", 0, false},     {"zzz", 3, false}, {"zabc", 1, false}, {"zabcY", 3, true},
                 {"zabcX", 1, true}, {"a.b.", 1, true}, {"abc.", 3, true},  {"abcabc", 3, false}};
    struct osso_error err = {""};
    struct stop_texts stops;
    bool whole;
    check_ok(stop_texts_copy(texts, 4, &stops, &err), err);
    assert_int_equal(stops.n, 3);
    assert_int_equal(stops.longest, 4);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(stop_texts_find(&stops, cases[i].text, strlen(cases[i].text), &whole), cases[i].at);
        assert_int_equal(whole, cases[i].whole);
    }
    stop_texts_free(&stops);
}

static void test_stop_texts(void **state)
{
    (void)state;
    static const struct {
        const char *say, *stop, *want;
        bool stops;
    } cases[] = {{"one two three four", "three", "one two ", true},
                 {"one two three four", "wo thr", "one t", true},
                 {"aaaaab", "aab", "aaa", true},
                 {"one two thre", "three", "one two thre", false},
                 {"x" FOX "y", FOX, "x", true},
                 {"x" FOX "y", FOX "z", "x" FOX "y", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct talk t = {.say = cases[i].say, .o = {.stop = &cases[i].stop, .n_stop = 1}};
        expect(t, cases[i].want, cases[i].stops ? OSSO_STOP_STRING : OSSO_STOP_ID);
        char say[128];
        snprintf(say, sizeof say, FINAL("%s"), cases[i].say);
        t.say = say;
        t.harmony = true;
        expect(t, cases[i].want, cases[i].stops ? OSSO_STOP_STRING : OSSO_STOP_ID);
    }
}

static void test_stop_on(void **state)
{
    (void)state;
    static const char *const stop[] = {"END"}, *const over[] = {"bc"};
    struct talk t = {.say = THOUGHT("the END is near") FINAL("Well, the END comes"),
                     .harmony = true,
                     .o = {.stop = stop, .n_stop = 1, .stop_on = OSSO_STOP_ON_ANSWER}};
    struct talk r = talk_alone(t, 0);
    assert_string_equal(r.all.data, "the END is nearWell, the ");
    assert_string_equal(r.spoken.data, "Well, the ");
    assert_int_equal(r.stop, OSSO_STOP_STRING);
    talk_free(&r);
    t.o.stop_on = OSSO_STOP_ON_ALL;
    r = talk_alone(t, 0);
    assert_string_equal(r.all.data, "the ");
    assert_string_equal(r.spoken.data, "");
    assert_int_equal(r.stop, OSSO_STOP_STRING);
    talk_free(&r);
    /* A stop text is one message's: what is held of one is shown with its end. */
    t = (struct talk){.say = "<|channel|>final<|message|>ab<|end|><|start|>assistant" FINAL("cd"),
                      .harmony = true,
                      .o = {.stop = over, .n_stop = 1}};
    r = talk_alone(t, 0);
    assert_string_equal(r.spoken.data, "abcd");
    assert_string_equal(r.tail.data, "");
    talk_free(&r);
}

/* ---- limits --------------------------------------------------------------------------------------------- */

static void test_lengths(void **state)
{
    (void)state;
    static const char *const stop[] = {"abc"};
    struct talk t = {.say = "one two three four", .o.max_tokens = 2};
    expect(t, "one two", OSSO_STOP_LENGTH);
    t = (struct talk){.say = "one", .o.n_top = 100};
    expect(t, "one", OSSO_STOP_ID);
    t = (struct talk){.say = "", .o.min_tokens = 3}; /* the model would end at once */
    plays[0].second = X;
    expect(t, "xxx", OSSO_STOP_ID);
    t.o.max_tokens = 3;
    expect(t, "xxx", OSSO_STOP_LENGTH);
    t = (struct talk){.say = " abc abc abc abc abc", .o = {.min_tokens = 3, .stop = stop, .n_stop = 1}};
    expect(t, " abc abc abc ", OSSO_STOP_STRING);
    plays[0].second = 0;
}

static void test_eos(void **state)
{
    (void)state;
    static const int32_t x[] = {X};
    static const struct {
        struct osso_answer_options o;
        enum osso_stop stop;
        const char *spoken;
    } cases[] = {
        {{.max_tokens = 4}, OSSO_STOP_ID, ""}, /* the model's own ids */
        {{.max_tokens = 4, .ignore_eos = true}, OSSO_STOP_LENGTH, "xxxx"},
        {{.max_tokens = 4, .ignore_eos = true, .stop_ids = x, .n_stop_ids = 1}, OSSO_STOP_ID, ""},
        {{.max_tokens = 4, .stop_ids = x}, OSSO_STOP_LENGTH, "<|return|><|return|><|return|><|return|>"}}; /* none */
    struct osso_engine *e = engine_open(1);
    e->config.stop_ids[0] = RETURN; /* as if the model's file had said so */
    e->config.n_stop_ids = 1;
    plays[0].second = X;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct talk t = {.say = "", .o = cases[i].o, .own_stops = true};
        talk_run(&t, e, 0);
        assert_int_equal(t.stop, cases[i].stop);
        assert_string_equal(t.spoken.data, cases[i].spoken);
        talk_free(&t);
    }
    /* Somebody else may choose it: it is no stop then. */
    struct osso_error err = {""};
    struct osso_event event = {.size = sizeof event};
    struct talk t = {.say = "", .o.ignore_eos = true, .own_stops = true};
    talk_open(&t, e, 0);
    check_ok(osso_answer_take(t.answer, (struct osso_choice){RETURN, 0}, &event, &err), err);
    assert_int_equal(event.stop, OSSO_STOP_NONE);
    talk_finish(&t);
    talk_free(&t);
    osso_engine_free(e);
    plays[0].second = 0;
}

static void test_context(void **state)
{
    (void)state;
    struct osso_error err = {""};
    struct osso_engine *e;
    struct osso_engine_options o = {.size = sizeof o, .backend = test_backend(), .threads = 1, .context = 6};
    struct osso_event event = {.size = sizeof event};
    struct talk t = {.say = "one two three four five six seven eight"};
    check_ok(osso_engine_create_scripted(VOCAB, script, NULL, &o, &e, &err), err);
    talk_open(&t, e, 0);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(osso_answer_stop(t.answer), OSSO_STOP_NONE);
        check_ok(osso_step(e, &t.session, 1, 0, &err), err);
        talk_next(&t);
    }
    assert_int_equal(osso_answer_stop(t.answer), OSSO_STOP_CONTEXT);
    assert_int_equal(osso_answer_next(t.answer, &event, &err), OSSO_USAGE);
    assert_non_null(strstr(err.text, "has ended"));
    struct osso_answer *none;
    check_ok(osso_answer_create(t.session, t.sampler, NULL, &none, &err), err); /* there is no room for a token */
    assert_int_equal(osso_answer_stop(none), OSSO_STOP_CONTEXT);
    osso_answer_free(none);
    talk_finish(&t);
    assert_string_equal(t.spoken.data, "one two three four five");
    talk_free(&t);
    osso_engine_free(e);
}

static enum osso_mask_kind only_return(void *user, const struct osso_session *session, struct osso_mask *mask)
{
    static const int32_t id = RETURN;
    (void)user, (void)session;
    mask->ids = &id;
    mask->n_ids = 1;
    return OSSO_MASK_ALLOW;
}

/* When nothing else is allowed, a stop id may come before min_tokens: then it does not stop. */
static void test_min_and_mask(void **state)
{
    (void)state;
    struct osso_error err = {""};
    struct osso_engine *e = engine_open(1);
    struct talk t = {.say = "one two", .o.min_tokens = 2};
    talk_open(&t, e, 0);
    osso_sampler_set_mask(t.sampler, only_return, NULL);
    while (!osso_answer_stop(t.answer)) {
        check_ok(osso_step(e, &t.session, 1, 0, &err), err);
        talk_next(&t);
    }
    talk_finish(&t);
    assert_int_equal(t.n, 3);
    assert_int_equal(t.stop, OSSO_STOP_ID);
    talk_free(&t);
    osso_engine_free(e);
}

/* ---- the end -------------------------------------------------------------------------------------------- */

static void test_held(void **state)
{
    (void)state;
    static const char *const stop[] = {"four!"};
    struct talk t = {.say = "one two four", .o = {.stop = stop, .n_stop = 1, .max_tokens = 3}};
    for (int harmony = 0; harmony < 2; harmony++) {
        struct talk r = talk_alone(t, 0);
        assert_string_equal(r.spoken.data, "one two four");
        assert_string_equal(r.tail.data, "four");
        assert_int_equal(r.stop, OSSO_STOP_LENGTH);
        talk_free(&r);
        t.say = FINAL("one two four and more");
        t.harmony = true;
        t.o.max_tokens = 6;
    }
    t.o.max_tokens = -1; /* a message that ends takes along what is held */
    t.say = FINAL("one two four");
    struct talk r = talk_alone(t, 0);
    assert_string_equal(r.spoken.data, "one two four");
    assert_string_equal(r.tail.data, "");
    talk_free(&r);
}

static void test_half_a_character(void **state)
{
    (void)state;
    struct osso_error err = {""};
    struct osso_ids ids = {0};
    check_ok(osso_tokenizer_encode(builtin, "a" FOX, 5, 0, &ids, &err), err);
    assert_true(ids.len > 2); /* the character is in pieces */
    struct talk t = {.say = "a" FOX, .o.max_tokens = (int64_t)ids.len - 1};
    struct talk r = talk_alone(t, 0);
    assert_string_equal(r.spoken.data, "a" UTF8_REPLACEMENT);
    assert_string_equal(r.tail.data, UTF8_REPLACEMENT);
    talk_free(&r);
    t.say = FINAL("a" FOX);
    t.harmony = true;
    t.o.max_tokens += 3;
    r = talk_alone(t, 0);
    assert_string_equal(r.spoken.data, "a" UTF8_REPLACEMENT);
    assert_string_equal(r.tail.data, UTF8_REPLACEMENT);
    talk_free(&r);
    osso_ids_free(&ids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),         cmocka_unit_test(test_stop_texts), cmocka_unit_test(test_stop_on),
        cmocka_unit_test(test_lengths),      cmocka_unit_test(test_eos),        cmocka_unit_test(test_context),
        cmocka_unit_test(test_min_and_mask), cmocka_unit_test(test_held),       cmocka_unit_test(test_half_a_character),
    };
    return cmocka_run_group_tests_name("answer_ends", tests, builtin_setup, answer_teardown);
}
