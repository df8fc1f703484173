/* answer_test.h: answers over the scripted engine with the built-in tokenizer: what the model is made to say, and what
 * its reader hears. Pass builtin_setup and answer_teardown to cmocka. */
#ifndef OSSO_ANSWER_TEST_H
#define OSSO_ANSWER_TEST_H

#include "builtin_test.h"
#include "model_test.h"

#include "base/buf.h"
#include "base/utf8.h"

enum { VOCAB = 201088, RETURN = 200002, X = 87, MANY = 7 }; /* X: the letter x, by the table of bytes */

/* What the model is made to say; the prompt's one token says which play it is. */
struct play {
    struct osso_ids ids;
    int32_t second; /* what comes when the play's id may not; 0: nothing */
};
static struct play plays[MANY];

static inline void script(void *user, const int32_t *tokens, size_t n, float *logits)
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

static inline struct osso_engine *engine_open(int max_sessions)
{
    struct osso_error err = {""};
    struct osso_engine *e;
    struct osso_engine_options o = {
        .size = sizeof o, .backend = test_backend(), .threads = 1, .context = 2048, .max_sessions = max_sessions};
    check_ok(osso_engine_create_scripted(VOCAB, script, NULL, &o, &e, &err), err);
    return e;
}

static inline void talk_open(struct talk *t, struct osso_engine *e, int32_t which)
{
    struct osso_error err = {""};
    struct osso_sampling so;
    static const int32_t stops[] = {-1, VOCAB, RETURN}; /* what is no id of the model does no harm */
    plays[which].ids.len = 0;
    check_ok(osso_tokenizer_encode(builtin, t->say, strlen(t->say), OSSO_ENCODE_SPECIAL, &plays[which].ids, &err), err);
    osso_sampling_defaults(&so);
    so.temperature = t->temperature;
    so.seed = (uint64_t)which;
    t->o.size = sizeof t->o;
    t->o.tokenizer = t->harmony ? NULL : builtin;
    t->o.max_tokens = t->o.max_tokens ? t->o.max_tokens : -1;
    if (!t->own_stops) {
        t->o.stop_ids = stops;
        t->o.n_stop_ids = 3;
    }
    if (t->harmony)
        check_ok(osso_parser_create(builtin, "assistant", 0, &t->parser, &err), err);
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

static inline void hear(struct talk *t, const struct osso_event *e)
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

static inline void talk_next(struct talk *t)
{
    struct osso_error err = {""};
    struct osso_event e = {.size = sizeof e};
    check_ok(osso_answer_next(t->answer, &e, &err), err);
    hear(t, &e);
}

static inline void talk_finish(struct talk *t)
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

static inline void talk_free(struct talk *t)
{
    buf_free(&t->log);
    buf_free(&t->all);
    buf_free(&t->spoken);
    buf_free(&t->tail);
}

/* From beginning to end; talk_free when the text was looked at. */
static inline void talk_run(struct talk *t, struct osso_engine *e, int32_t which)
{
    struct osso_error err = {""};
    talk_open(t, e, which);
    while (osso_answer_stop(t->answer) == OSSO_STOP_NONE) {
        check_ok(osso_step(e, &t->session, 1, 0, &err), err);
        talk_next(t);
    }
    talk_finish(t);
}

static inline struct talk talk_alone(struct talk t, int32_t which)
{
    struct osso_engine *e = engine_open(1);
    talk_run(&t, e, which);
    osso_engine_free(e);
    return t;
}

static inline void expect(struct talk t, const char *spoken, enum osso_stop stop)
{
    t = talk_alone(t, 0);
    assert_string_equal(t.spoken.data, spoken);
    assert_int_equal(t.stop, stop);
    talk_free(&t);
}

#define THOUGHT(text) "<|channel|>analysis<|message|>" text "<|end|><|start|>assistant"
#define FINAL(text) "<|channel|>final<|message|>" text "<|return|>"
#define FOX "\xf0\x9f\xa6\x8a"

static inline int answer_teardown(void **state)
{
    for (int i = 0; i < MANY; i++)
        osso_ids_free(&plays[i].ids);
    return builtin_teardown(state);
}

#endif
