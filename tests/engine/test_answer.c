/* test_answer.c: answers token by token over the scripted engine with the o200k tokenizer: many side by side, stop
 * texts in pieces, characters in pieces, channels, limits, what is held at the end, and no allocation per token. */
#include "alloc_count.h"
#include "model_test.h"

#include "base/buf.h"
#include "base/utf8.h"
#include "engine/engine_parts.h"
#include "engine/stop_text.h"

enum { VOCAB = 201088, RETURN = 200002, X = 87, MANY = 7 }; /* X: the letter x, by the table of bytes */

static const struct osso_tokenizer *o200k;

/* What the model is made to say; the prompt's one token says which play it is. */
struct play {
    struct osso_ids ids;
    int32_t second; /* what comes when the play's id may not; 0: nothing */
};
static struct play plays[MANY];

static void script(void *user, const int32_t *tokens, size_t n, float *logits)
{
    (void)user;
    const struct play *p = &plays[tokens[0]];
    for (int v = 0; v < VOCAB; v++)
        logits[v] = -10;
    logits[p->second] = p->second ? 4 : -10;
    logits[n - 1 < p->ids.len ? p->ids.data[n - 1] : RETURN] = 10;
}

/* One answer as its reader sees it. */
struct talk {
    const char *say;
    struct osso_answer_options o;
    bool harmony, own_stops; /* parsed; stop ids as in o, else <|return|> */
    double temperature;
    struct osso_session *session;
    struct osso_sampler *sampler;
    struct osso_parser *parser;
    struct osso_answer *answer;
    struct buf log;               /* every event, a line each */
    struct buf all, spoken, tail; /* text of all voices, of the answer alone, of the end */
    enum osso_stop stop;
    size_t n, largest; /* tokens; the longest text of an event */
};

static struct osso_engine *engine_open(int max_sessions)
{
    struct osso_error err = {""};
    struct osso_engine *e;
    struct osso_engine_options o = {
        .size = sizeof o, .backend = test_backend(), .threads = 1, .context = 2048, .max_sessions = max_sessions};
    check_ok(osso_engine_create_scripted(VOCAB, script, NULL, &o, &e, &err), err);
    return e;
}

static void talk_open(struct talk *t, struct osso_engine *e, int32_t which)
{
    struct osso_error err = {""};
    struct osso_sampling so;
    static const int32_t stops[] = {-1, VOCAB, RETURN}; /* what is no id of the model does no harm */
    plays[which].ids.len = 0;
    check_ok(osso_tokenizer_encode(o200k, t->say, strlen(t->say), OSSO_ENCODE_SPECIAL, &plays[which].ids, &err), err);
    osso_sampling_defaults(&so);
    so.temperature = t->temperature;
    so.seed = (uint64_t)which;
    t->o.size = sizeof t->o;
    t->o.tokenizer = t->harmony ? NULL : o200k;
    t->o.max_tokens = t->o.max_tokens ? t->o.max_tokens : -1;
    if (!t->own_stops) {
        t->o.stop_ids = stops;
        t->o.n_stop_ids = 3;
    }
    if (t->harmony)
        check_ok(osso_parser_create(o200k, "assistant", 0, &t->parser, &err), err);
    t->o.parser = t->parser;
    check_ok(osso_sampler_create(&so, VOCAB, &t->sampler, &err), err);
    check_ok(osso_session_create(e, 0, &t->session, &err), err);
    check_ok(osso_session_sync(t->session, &which, 1, &err), err);
    check_ok(osso_answer_create(t->session, t->sampler, &t->o, &t->answer, &err), err);
    t->log = t->all = t->spoken = t->tail = (struct buf){0};
    buf_puts(&t->all, "");
    buf_puts(&t->spoken, "");
    buf_puts(&t->tail, "");
}

static void hear(struct talk *t, const struct osso_event *e)
{
    bool done = e->message && e->message->message_done;
    assert_int_equal(utf8_valid_prefix((const uint8_t *)e->text, e->text_len), e->text_len);
    assert_int_equal(e->message != NULL, t->harmony);
    assert_int_equal(e->n_top, e->id < 0 ? 0 : t->o.n_top < 64 ? t->o.n_top : 64);
    assert_true(e->n_top == 0 || e->top[0].logprob >= e->logprob);
    buf_printf(&t->log, "%d %a '%.*s' %d %d %d\n", e->id, (double)e->logprob, (int)e->text_len, e->text, e->voice, done,
               e->stop);
    buf_add(&t->all, e->text, e->text_len);
    if (e->voice == OSSO_VOICE_ANSWER)
        buf_add(&t->spoken, e->text, e->text_len);
    t->stop = e->stop;
    t->largest = e->text_len > t->largest ? e->text_len : t->largest;
}

static void talk_next(struct talk *t)
{
    struct osso_error err = {""};
    struct osso_event e = {.size = sizeof e};
    check_ok(osso_answer_next(t->answer, &e, &err), err);
    hear(t, &e);
}

static void talk_finish(struct talk *t)
{
    struct osso_error err = {""};
    struct osso_event e = {.size = sizeof e};
    check_ok(osso_answer_finish(t->answer, &e, &err), err);
    assert_int_equal(e.id, -1);
    hear(t, &e);
    buf_add(&t->tail, e.text, e.text_len);
    t->n = osso_answer_length(t->answer);
    check_ok(osso_answer_finish(t->answer, &e, &err), err);
    assert_int_equal(e.text_len, 0);
    assert_int_equal(e.stop, t->stop);
    osso_answer_free(t->answer);
    osso_parser_free(t->parser);
    osso_sampler_free(t->sampler);
    osso_session_free(t->session);
}

static void talk_free(struct talk *t)
{
    buf_free(&t->log);
    buf_free(&t->all);
    buf_free(&t->spoken);
    buf_free(&t->tail);
}

/* From beginning to end; talk_free when the text was looked at. */
static void talk_run(struct talk *t, struct osso_engine *e, int32_t which)
{
    struct osso_error err = {""};
    talk_open(t, e, which);
    while (osso_answer_stop(t->answer) == OSSO_STOP_NONE) {
        check_ok(osso_step(e, &t->session, 1, 0, &err), err);
        talk_next(t);
    }
    talk_finish(t);
}

static struct talk talk_alone(struct talk t, int32_t which)
{
    struct osso_engine *e = engine_open(1);
    talk_run(&t, e, which);
    osso_engine_free(e);
    return t;
}

static void expect(struct talk t, const char *spoken, enum osso_stop stop)
{
    t = talk_alone(t, 0);
    assert_string_equal(t.spoken.data, spoken);
    assert_int_equal(t.stop, stop);
    talk_free(&t);
}

#define THOUGHT(text) "<|channel|>analysis<|message|>" text "<|end|><|start|>assistant"
#define FINAL(text) "<|channel|>final<|message|>" text "<|return|>"
#define FOX "\xf0\x9f\xa6\x8a"

/* ---- side by side --------------------------------------------------------------------------------------- */

static void side_by_side(double temperature)
{
    static const char *const stops[] = {"wo thr", "never"}, *const fox[] = {FOX " in"};
    const struct talk talks[MANY] = {
        {.say = "one two three four", .o = {.stop = stops, .n_stop = 2}},
        {.say = "one two three four", .o.max_tokens = 3},
        {.say = THOUGHT("one two three?") FINAL("No, one two three four."),
         .harmony = true,
         .o = {.stop = stops, .n_stop = 2, .stop_on = OSSO_STOP_ON_ANSWER}},
        {.say = THOUGHT("A " FOX "?") FINAL("A " FOX " in the snow"),
         .harmony = true,
         .o = {.stop = fox, .n_stop = 1, .stop_on = OSSO_STOP_ON_ANSWER}},
        {.say = FINAL("na\xc3\xafve \xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e " FOX), .harmony = true},
        {.say = "", .o = {.min_tokens = 9, .n_top = 3}},
        {.say = "A " FOX FOX " ran", .o = {.stop = fox, .n_stop = 1}},
    };
    struct osso_error err = {""};
    struct talk alone[MANY], many[MANY];
    struct osso_session *sessions[MANY];
    plays[5].second = X;
    for (int i = 0; i < MANY; i++) {
        many[i] = talks[i];
        many[i].temperature = temperature;
        alone[i] = talk_alone(many[i], i);
    }
    struct osso_engine *e = engine_open(MANY);
    for (int i = 0; i < MANY; i++) {
        talk_open(&many[i], e, i);
        sessions[i] = many[i].session;
    }
    for (int going = MANY, step = 0; going > 0; step++) {
        check_ok(osso_step(e, sessions, going, 3 + step % 3, &err), err); /* not everybody gets on in every step */
        for (int i = 0; i < MANY; i++)
            if (!osso_answer_stop(many[i].answer) && osso_session_ready(many[i].session))
                talk_next(&many[i]);
        going = 0;
        for (int i = 0; i < MANY; i++)
            if (!osso_answer_stop(many[i].answer))
                sessions[going++] = many[i].session;
    }
    for (int i = 0; i < MANY; i++) {
        talk_finish(&many[i]);
        assert_true(alone[i].log.len > 20);
        assert_string_equal(many[i].log.data, alone[i].log.data);
    }
    osso_engine_free(e);
    for (int i = 0; i < MANY; i++) {
        talk_free(&alone[i]);
        talk_free(&many[i]);
    }
    plays[5].second = 0;
}

static void test_side_by_side(void **state)
{
    (void)state;
    side_by_side(0);
    side_by_side(1.5); /* one id in four is any id */
}

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

static void only_return(void *user, const struct osso_session *session, uint32_t *mask, int64_t vocab)
{
    (void)user, (void)session;
    memset(mask, 0, (size_t)(vocab + 31) / 32 * 4);
    mask[RETURN / 32] = 1u << RETURN % 32;
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
    check_ok(osso_tokenizer_encode(o200k, "a" FOX, 5, 0, &ids, &err), err);
    assert_true(ids.len > 2); /* the character is in pieces */
    struct talk t = {.say = "a" FOX, .o.max_tokens = (int64_t)ids.len - 1};
    struct talk r = talk_alone(t, 0);
    assert_string_equal(r.spoken.data, "a" UTF8_REPLACEMENT);
    assert_string_equal(r.tail.data, UTF8_REPLACEMENT);
    talk_free(&r);
    t.say = FINAL("a" FOX);
    t.harmony = true;
    t.o.max_tokens += 3;
    for (int no_end = 0; no_end < 2; no_end++) {
        t.o.flags = no_end ? OSSO_ANSWER_NO_END : 0;
        r = talk_alone(t, 0);
        assert_string_equal(r.spoken.data, no_end ? "a" : "a" UTF8_REPLACEMENT);
        assert_string_equal(r.tail.data, no_end ? "" : UTF8_REPLACEMENT);
        talk_free(&r);
    }
    osso_ids_free(&ids);
}

/* ---- messages ------------------------------------------------------------------------------------------- */

static void test_voices(void **state)
{
    (void)state;
    static const struct {
        const char *channel, *recipient;
        unsigned flags;
        enum osso_voice want;
    } cases[] = {{"final", NULL, 0, OSSO_VOICE_ANSWER},
                 {"analysis", NULL, 0, OSSO_VOICE_THOUGHT},
                 {"commentary", NULL, 0, OSSO_VOICE_PREAMBLE},
                 {"commentary", "functions.f", 0, OSSO_VOICE_CALL},
                 {"analysis", "python", 0, OSSO_VOICE_CALL},
                 {NULL, NULL, 0, OSSO_VOICE_THOUGHT},
                 {NULL, NULL, OSSO_ANSWER_BARE, OSSO_VOICE_ANSWER},
                 {"other", NULL, OSSO_ANSWER_BARE, OSSO_VOICE_THOUGHT}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(osso_voice_of(cases[i].channel, cases[i].recipient, cases[i].flags), cases[i].want);
    struct talk t = {.say = "<|channel|>commentary<|message|>Wait.<|end|><|start|>assistant to=functions.f<|channel|>"
                            "commentary<|constrain|>json<|message|>{}<|call|><|return|>",
                     .harmony = true};
    struct talk r = talk_alone(t, 0);
    assert_string_equal(r.all.data, "Wait.{}");
    assert_non_null(strstr(r.log.data, "'' 0 0 0\n")); /* of a header */
    assert_non_null(strstr(r.log.data, "'Wait' 2 0 0\n"));
    assert_non_null(strstr(r.log.data, "'{}' 4 0 0\n"));
    assert_int_equal(r.stop, OSSO_STOP_ID);
    talk_free(&r);
}

/* A model that knows no channels: all its text comes at once, when it ends and is no header after all; stop texts are
 * found even so. */
static void test_bare_text(void **state)
{
    (void)state;
    static const char *const stop[] = {"STOP"};
    struct buf want = {0}, say = {0};
    buf_puts(&want, "Well, there");
    for (int i = 0; i < 1500; i++)
        buf_puts(&want, " was");
    buf_printf(&say, "%s STOP here", want.data);
    buf_puts(&want, " ");
    struct talk t = {.say = say.data, .harmony = true, .o = {.stop = stop, .n_stop = 1, .flags = OSSO_ANSWER_BARE}};
    for (int cut = 0; cut < 2; cut++) {
        struct talk r = talk_alone(t, 0); /* the model ends, or has to */
        assert_string_equal(r.spoken.data, want.data);
        assert_int_equal(r.stop, OSSO_STOP_STRING);
        assert_string_equal(r.tail.data, cut ? want.data : "");
        assert_int_equal(r.largest, want.len);
        talk_free(&r);
        t.o.max_tokens = (int64_t)plays[0].ids.len;
    }
    buf_free(&say);
    buf_free(&want);
}

/* ---- the calls ------------------------------------------------------------------------------------------ */

static void test_take(void **state)
{
    (void)state;
    struct osso_error err = {""};
    struct osso_engine *e = engine_open(1);
    struct osso_session *s;
    struct osso_answer *a;
    struct osso_event event = {.size = sizeof event};
    int32_t stops[] = {7};
    size_t n;
    check_ok(osso_session_create(e, 0, &s, &err), err);
    check_ok(osso_session_sync(s, (int32_t[]){0}, 1, &err), err);
    struct osso_answer_options o = {
        .size = sizeof o, .max_tokens = -1, .stop_ids = stops, .n_stop_ids = 1, .min_tokens = 1};
    check_ok(osso_answer_create(s, NULL, &o, &a, &err), err);
    stops[0] = 9; /* it was copied */
    assert_int_equal(osso_answer_next(a, &event, &err), OSSO_USAGE);
    assert_non_null(strstr(err.text, "sampler"));
    assert_int_equal(osso_answer_take(a, (struct osso_choice){VOCAB, 0}, &event, &err), OSSO_USAGE);
    event.size = 0; /* it could not say that the answer ends */
    assert_int_equal(osso_answer_take(a, (struct osso_choice){7, 0}, &event, &err), OSSO_USAGE);
    assert_non_null(strstr(err.text, "sizeof(struct osso_event)"));
    event.size = sizeof event;
    assert_int_equal(osso_answer_length(a), 0);
    /* Before min_tokens it stops nothing. */
    check_ok(osso_answer_take(a, (struct osso_choice){7, -1.5f}, &event, &err), err);
    assert_true(event.id == 7 && event.logprob == -1.5f && !event.stop && event.text_len == 0 && !event.message);
    check_ok(osso_answer_take(a, (struct osso_choice){9, 0}, &event, &err), err);
    assert_int_equal(event.stop, OSSO_STOP_NONE);
    check_ok(osso_answer_take(a, (struct osso_choice){7, 0}, &event, &err), err);
    assert_int_equal(event.stop, OSSO_STOP_ID);
    assert_int_equal(osso_answer_take(a, (struct osso_choice){7, 0}, &event, &err), OSSO_USAGE);
    osso_session_tokens(s, &n);
    assert_int_equal(n, 4);
    check_ok(osso_answer_finish(a, NULL, &err), err);
    osso_answer_free(a);
    o.max_tokens = 0;
    check_ok(osso_answer_create(s, NULL, &o, &a, &err), err);
    assert_int_equal(osso_answer_stop(a), OSSO_STOP_LENGTH);
    osso_answer_free(a);
    /* An older caller's event is smaller: nothing is written behind it. */
    struct osso_event small = {.size = offsetof(struct osso_event, voice), .stop = OSSO_STOP_CANCELLED};
    check_ok(osso_answer_create(s, NULL, NULL, &a, &err), err);
    check_ok(osso_answer_take(a, (struct osso_choice){1, 0}, &small, &err), err);
    assert_int_equal(small.id, 1);
    assert_int_equal(small.stop, OSSO_STOP_CANCELLED);
    /* Structs that say no size would be passed over: nothing is done. */
    struct osso_event none = {.stop = OSSO_STOP_CANCELLED};
    assert_int_equal(osso_answer_take(a, (struct osso_choice){1, 0}, &none, &err), OSSO_USAGE);
    assert_non_null(strstr(err.text, "osso_event says no size"));
    assert_int_equal(osso_answer_length(a), 1);
    assert_int_equal(osso_answer_next(a, &none, &err), OSSO_USAGE);
    assert_int_equal(osso_answer_finish(a, &none, &err), OSSO_USAGE);
    osso_answer_free(a);
    o.size = 0;
    assert_int_equal(osso_answer_create(s, NULL, &o, &a, &err), OSSO_USAGE);
    assert_null(a);
    osso_session_free(s);
    osso_engine_free(e);
}

/* The answer itself allocates nothing; a parser's text grows by doubling. */
static void test_no_allocation(void **state)
{
    (void)state;
    static const char *const stop[] = {"thr\xc3\xa9\xc3\xa9", "never"};
    struct buf text = {0};
    for (int i = 0; i < 200; i++)
        buf_puts(&text, "one two thr\xc3\xa9 " FOX);
    for (int harmony = 0; harmony < 2; harmony++) {
        struct buf say = {0};
        struct osso_error err = {""};
        struct osso_engine *e = engine_open(1);
        buf_printf(&say, harmony ? FINAL("%s") : "%s", text.data);
        struct talk t = {
            .say = say.data, .harmony = harmony, .o = {.stop = stop, .n_stop = 2, .n_top = 3, .max_tokens = 1000}};
        struct osso_event event = {.size = sizeof event};
        talk_open(&t, e, 0);
        long long calls = alloc_count();
        size_t len = 0;
        while (!osso_answer_stop(t.answer)) {
            check_ok(osso_step(e, &t.session, 1, 0, &err), err);
            check_ok(osso_answer_next(t.answer, &event, &err), err);
            len += event.text_len;
        }
        calls = alloc_count() - calls;
        assert_in_range(calls, 0, harmony ? 20 : 0);
        assert_int_equal(osso_answer_length(t.answer), 1000);
        assert_true(len > 2000);
        t.stop = OSSO_STOP_LENGTH;
        talk_finish(&t);
        talk_free(&t);
        osso_engine_free(e);
        buf_free(&say);
    }
    buf_free(&text);
}

static int setup(void **state)
{
    (void)state;
    struct osso_error err = {""};
    struct osso_tokenizer *t;
    check_ok(osso_tokenizer_builtin(&t, &err), err);
    o200k = t;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (int i = 0; i < MANY; i++)
        osso_ids_free(&plays[i].ids);
    osso_tokenizer_free((struct osso_tokenizer *)(uintptr_t)o200k);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_side_by_side), cmocka_unit_test(test_find),
                                       cmocka_unit_test(test_stop_texts),   cmocka_unit_test(test_stop_on),
                                       cmocka_unit_test(test_lengths),      cmocka_unit_test(test_eos),
                                       cmocka_unit_test(test_context),      cmocka_unit_test(test_min_and_mask),
                                       cmocka_unit_test(test_held),         cmocka_unit_test(test_half_a_character),
                                       cmocka_unit_test(test_voices),       cmocka_unit_test(test_bare_text),
                                       cmocka_unit_test(test_take),         cmocka_unit_test(test_no_allocation)};
    return cmocka_run_group_tests_name("answer", tests, setup, teardown);
}
