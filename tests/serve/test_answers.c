/* test_answers.c: whatever ids a model says, each dialect makes an answer of them: whole and streamed alike, with as
 * many calls as the parser finds messages with a recipient, and no special token's name but where ordinary tokens
 * spell it. OSSO_SOAK_ANSWERS says how many (./run soak: a million), OSSO_SOAK_SEED which. */
#include "answer_test.h"
#include "noise.h"

#include "json/jdoc.h"
#include "serve/api/dialect.h"

#include <time.h>

enum { LONGEST = 160 };

static struct osso_sampling defaults;

/* What a client gets to know. */
struct heard {
    struct buf content, thoughts, arguments; /* a call's arguments end in a NUL */
    size_t n_calls;
    char finish[24];
};

static void heard_free(struct heard *h)
{
    buf_free(&h->content);
    buf_free(&h->thoughts);
    buf_free(&h->arguments);
}

static void add(struct buf *out, const struct jval *text)
{
    if (text && text->type == J_STRING)
        buf_add(out, text->text.s, text->text.len);
}

static struct jdoc *read_json(const char *text, size_t len)
{
    struct osso_error err = {""};
    struct jdoc *doc;
    if (jdoc_read(text, len, "what is sent", &doc, &err))
        fail_msg("%s: %.*s", err.text, (int)len, text);
    return doc;
}

/* ---- chat and completions ------------------------------------------------------------------------------- */

static void hear_calls(struct heard *h, const struct jval *calls)
{
    for (const struct jval *c = calls ? calls->first : NULL; c; c = c->next) {
        if (jval_get_type(c, "id", J_STRING)) {
            h->n_calls++;
            if (h->n_calls > 1)
                buf_putc(&h->arguments, 0);
            assert_non_null(jval_get_type(jval_get(c, "function"), "name", J_STRING));
        }
        add(&h->arguments, jval_get(jval_get(c, "function"), "arguments"));
    }
}

static void hear_choice(struct heard *h, const struct jval *root)
{
    const struct jval *choices = jval_get_type(root, "choices", J_ARRAY);
    assert_non_null(choices);
    for (const struct jval *c = choices->first; c; c = c->next) {
        const struct jval *said = jval_get(c, "message") ? jval_get(c, "message") : jval_get(c, "delta");
        const struct jval *finish = jval_get_type(c, "finish_reason", J_STRING);
        add(&h->content, said ? jval_get(said, "content") : jval_get(c, "text"));
        add(&h->thoughts, jval_get(said, "reasoning_content"));
        hear_calls(h, jval_get(said, "tool_calls"));
        if (finish)
            snprintf(h->finish, sizeof h->finish, "%s", finish->text.s);
    }
}

/* ---- responses ------------------------------------------------------------------------------------------ */

static void hear_parts(struct buf *out, const struct jval *item)
{
    for (const struct jval *part = jval_get(item, "content")->first; part; part = part->next)
        add(out, jval_get(part, "text"));
}

static void hear_response(struct heard *h, const struct jval *response)
{
    const struct jval *output = jval_get_type(response, "output", J_ARRAY);
    assert_non_null(output);
    for (const struct jval *item = output->first; item; item = item->next) {
        const char *type = jval_get_type(item, "type", J_STRING)->text.s;
        if (strcmp(type, "message") == 0)
            hear_parts(&h->content, item);
        else if (strcmp(type, "reasoning") == 0)
            hear_parts(&h->thoughts, item);
        else {
            assert_string_equal(type, "function_call");
            if (h->n_calls++)
                buf_putc(&h->arguments, 0);
            add(&h->arguments, jval_get(item, "arguments"));
        }
    }
    snprintf(h->finish, sizeof h->finish, "%s", jval_get_type(response, "status", J_STRING)->text.s);
}

static void hear_event(struct heard *h, const struct jval *event)
{
    const struct jval *type = jval_get_type(event, "type", J_STRING), *delta = jval_get(event, "delta");
    assert_non_null(type);
    if (jtext_is(type->text, "response.output_text.delta"))
        add(&h->content, delta);
    else if (jtext_is(type->text, "response.reasoning_text.delta"))
        add(&h->thoughts, delta);
    else if (jtext_is(type->text, "response.function_call_arguments.delta"))
        add(&h->arguments, delta);
    else if (jtext_is(type->text, "response.output_item.added") &&
             jtext_is(jval_get(jval_get(event, "item"), "type")->text, "function_call")) {
        if (h->n_calls++)
            buf_putc(&h->arguments, 0);
    } else if (jtext_is(type->text, "response.completed") || jtext_is(type->text, "response.incomplete")) {
        struct heard whole = {0};
        hear_response(&whole, jval_get(event, "response"));
        snprintf(h->finish, sizeof h->finish, "%s", whole.finish);
        heard_free(&whole);
    }
}

/* ---- a reply -------------------------------------------------------------------------------------------- */

static void hear_whole(struct heard *h, unsigned api, const struct buf *out)
{
    struct jdoc *doc = read_json(out->data, out->len);
    if (api == API_RESPONSES)
        hear_response(h, jdoc_root(doc));
    else
        hear_choice(h, jdoc_root(doc));
    jdoc_release(doc);
}

/* Events as an SSE client reads them: each one a single line of data. */
static void hear_stream(struct heard *h, unsigned api, const struct buf *out)
{
    const char *at = out->data, *end = out->data + out->len;
    bool done = api == API_RESPONSES;
    while (at < end) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        assert_non_null(line_end);
        size_t n = (size_t)(line_end - at);
        if (n == 12 && memcmp(at, "data: [DONE]", 12) == 0)
            done = true;
        else if (n > 6 && memcmp(at, "data: ", 6) == 0) {
            struct jdoc *doc = read_json(at + 6, n - 6);
            if (api == API_RESPONSES)
                hear_event(h, jdoc_root(doc));
            else
                hear_choice(h, jdoc_root(doc));
            jdoc_release(doc);
        } else if (n > 7)
            assert_memory_equal(at, "event: ", 7);
        else
            assert_int_equal(n, 0);
        at = line_end + 1;
    }
    assert_true(done);
    assert_memory_equal(end - 2, "\n\n", 2);
}

/* ---- what it must be ------------------------------------------------------------------------------------ */

static struct osso_parser *parser_new(void)
{
    struct osso_error err = {""};
    struct osso_parser *p;
    check_ok(osso_parser_create(builtin, "assistant", 0, &p, &err), err);
    return p;
}

/* For a failure's words: what the model said. */
static const char *said(const int32_t *ids, size_t n)
{
    static char text[8192];
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        const char *bytes = "";
        size_t len = 0;
        osso_tokenizer_piece(builtin, ids[i], &bytes, &len);
        if (at + len + 1 < sizeof text)
            memcpy(text + at, bytes, len);
        at += at + len + 1 < sizeof text ? len : 0;
    }
    text[at] = 0;
    return text;
}

/* Calls by the parser alone, over the ids that the answer took. */
static void expect_calls(const struct heard *h, const int32_t *ids, size_t n)
{
    struct osso_error err = {""};
    struct osso_parser_state state = {.size = sizeof state};
    struct osso_message m = {.size = sizeof m};
    struct osso_parser *p = parser_new();
    struct buf arguments = {0};
    size_t calls = 0;
    for (size_t i = 0; i < n; i++)
        check_ok(osso_parser_push(p, ids[i], &state, &err), err);
    check_ok(osso_parser_finish(p, &state, &err), err);
    const struct osso_conversation *c = osso_parser_messages(p);
    for (size_t i = 0; i < osso_conversation_size(c); i++) {
        check_ok(osso_conversation_get(c, i, &m, &err), err);
        if (osso_voice_of(m.role == OSSO_ROLE_ASSISTANT ? NULL : "another", m.channel, m.recipient) != OSSO_VOICE_CALL)
            continue; /* what a tool says to the assistant, or it to itself, calls nobody */
        if (calls++)
            buf_putc(&arguments, 0);
        buf_add(&arguments, m.text, m.text_len);
    }
    if (calls != h->n_calls)
        fail_msg("%zu calls were told, %zu messages have a recipient: %s", h->n_calls, calls, said(ids, n));
    if (arguments.len != h->arguments.len ||
        (arguments.len && memcmp(arguments.data, h->arguments.data, arguments.len)))
        fail_msg("arguments '%.*s', told '%.*s': %s", (int)arguments.len, arguments.data, (int)h->arguments.len,
                 h->arguments.data, said(ids, n));
    buf_free(&arguments);
    osso_parser_free(p);
}

/* A name of a special token in what is told must stand in what ordinary tokens spell. */
static void expect_no_names(const struct buf *told, const struct buf *spelt)
{
    for (size_t i = 0; i + 4 < told->len; i++) {
        char name[40];
        size_t n = 2;
        if (told->data[i] != '<' || told->data[i + 1] != '|')
            continue;
        while (n < 30 && i + n < told->len && told->data[i + n] != '|')
            n++;
        snprintf(name, sizeof name, "%.*s|>", (int)n, told->data + i);
        if (osso_tokenizer_special(builtin, name) >= 0 && !(spelt->data && strstr(spelt->data, name)))
            fail_msg("%s got out: %.*s", name, (int)told->len, told->data);
    }
}

static void expect_same(const struct heard *a, const struct heard *b)
{
    const struct buf *x[] = {&a->content, &a->thoughts, &a->arguments},
                     *y[] = {&b->content, &b->thoughts, &b->arguments};
    assert_int_equal(a->n_calls, b->n_calls);
    assert_string_equal(a->finish, b->finish);
    for (size_t i = 0; i < 3; i++)
        if (x[i]->len != y[i]->len || (x[i]->len && memcmp(x[i]->data, y[i]->data, x[i]->len) != 0))
            fail_msg("whole '%.*s', streamed '%.*s'", (int)x[i]->len, x[i]->data, (int)y[i]->len, y[i]->data);
}

/* ---- answers -------------------------------------------------------------------------------------------- */

struct telling {
    struct request *q;
    struct reply *reply;
    struct heard heard;
};

static void telling_open(struct telling *t, unsigned api, bool stream)
{
    struct request_world world = {.tokenizer = builtin, .vocab = VOCAB, .defaults = &defaults};
    char id[] = "0123abcd", body[128];
    struct reply_about about = {.model = "small", .id = id, .created = 1, .tokenizer = builtin};
    struct refusal r = {0};
    snprintf(body, sizeof body, "{%s,\"stream\":%s%s}",
             api == API_CHAT        ? "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
             : api == API_RESPONSES ? "\"input\":\"hi\""
                                    : "\"prompt\":\"hi\"",
             stream ? "true" : "false", stream ? ",\"stream_options\":{\"include_usage\":true}" : "");
    *t = (struct telling){0};
    assert_true(request_read(api, body, strlen(body), &world, &t->q, &r));
    assert_true(reply_create(t->q, &about, &t->reply, &r));
    memset(id, '"', sizeof id - 1); /* it was copied */
}

static void telling_close(struct telling *t)
{
    reply_free(t->reply);
    request_free(t->q);
    heard_free(&t->heard);
}

/* The ids of one answer, until it ends; how many it took. */
static size_t tell(struct osso_engine *engine, struct telling t[2], const int32_t *ids, size_t n, int64_t most)
{
    static const int32_t stops[] = {RETURN, 200012};
    struct osso_error err = {""};
    struct osso_session *session;
    struct osso_answer *answer;
    struct refusal r = {0};
    bool harmony = t[0].q->harmony;
    struct osso_parser *parser = harmony ? parser_new() : NULL;
    struct osso_answer_options o = {.size = sizeof o,
                                    .no_special_names = !t[0].q->special_names,
                                    .tokenizer = harmony ? NULL : builtin,
                                    .parser = parser,
                                    .max_tokens = most,
                                    .stop_ids = stops,
                                    .n_stop_ids = 2,
                                    .stop_on = harmony ? OSSO_STOP_ON_ANSWER : OSSO_STOP_ON_ALL};
    struct osso_event e = {.size = sizeof e};
    size_t k = 0;
    check_ok(osso_session_create(engine, 0, &session, &err), err);
    check_ok(osso_answer_create(session, NULL, &o, &answer, &err), err);
    for (; k < n && !osso_answer_stop(answer); k++) {
        check_ok(osso_answer_take(answer, (struct osso_choice){ids[k], -0.5F}, &e, &err), err);
        for (int i = 0; i < 2; i++)
            reply_event(t[i].reply, 0, &e);
    }
    check_ok(osso_answer_finish(answer, &e, &err), err);
    for (int i = 0; i < 2; i++) {
        reply_end(t[i].reply, 0, &e);
        assert_true(reply_done(t[i].reply, &(struct reply_usage){7, 3}, &r));
    }
    osso_answer_free(answer);
    osso_parser_free(parser);
    osso_session_free(session);
    return k;
}

static void spell(struct buf *out, const int32_t *ids, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *bytes;
        size_t len;
        if (!osso_tokenizer_is_special(builtin, ids[i]) && osso_tokenizer_piece(builtin, ids[i], &bytes, &len))
            buf_add(out, bytes, strnlen(bytes, len)); /* names have no NUL */
    }
    buf_putc(out, 0);
}

static void one_answer(struct osso_engine *engine, struct rng *rng, const struct osso_ids *spoils)
{
    static const unsigned apis[] = {API_CHAT, API_RESPONSES, API_CHAT, API_RESPONSES, API_COMPLETIONS};
    unsigned api = apis[rng_below(rng, 5)];
    struct telling t[2];
    struct buf spelt = {0};
    int32_t ids[LONGEST];
    size_t n = 1 + rng_below(rng, LONGEST);
    noise_fill(rng, spoils, rng_below(rng, 2) ? 0 : rng_below(rng, spoils->len), ids, n);
    for (size_t i = 0; i < n; i++)
        ids[i] = (int32_t)((uint32_t)ids[i] % VOCAB);
    telling_open(&t[0], api, false);
    telling_open(&t[1], api, true);
    n = tell(engine, t, ids, n, rng_below(rng, 4) ? -1 : 1 + (int64_t)rng_below(rng, n));
    hear_whole(&t[0].heard, api, reply_out(t[0].reply));
    hear_stream(&t[1].heard, api, reply_out(t[1].reply));
    expect_same(&t[0].heard, &t[1].heard);
    if (api != API_COMPLETIONS)
        expect_calls(&t[0].heard, ids, n);
    spell(&spelt, ids, n);
    const struct heard *h = &t[0].heard;
    const struct buf *told[] = {&h->content, &h->thoughts, &h->arguments};
    for (size_t i = 0; i < 3; i++)
        expect_no_names(told[i], &spelt);
    buf_free(&spelt);
    telling_close(&t[0]);
    telling_close(&t[1]);
}

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void test_any_ids(void **state)
{
    (void)state;
    const char *number = getenv("OSSO_SOAK_ANSWERS"), *seed = getenv("OSSO_SOAK_SEED");
    unsigned long total = number ? strtoul(number, NULL, 10) : test_quick() ? 300 : 4000;
    struct osso_error err = {""};
    struct osso_engine *engine = engine_open(1);
    struct osso_ids spoils = {0};
    struct rng rng;
    double slowest = 0;
    osso_sampling_defaults(&defaults);
    check_ok(osso_tokenizer_encode(builtin, noise_spoils, strlen(noise_spoils), OSSO_ENCODE_SPECIAL, &spoils, &err),
             err);
    for (unsigned long i = 0; i < total; i++) {
        double start = cpu_seconds();
        rng_seed(&rng, (seed ? strtoull(seed, NULL, 10) : 0) + i); /* any one can be asked for again */
        one_answer(engine, &rng, &spoils);
        slowest = cpu_seconds() - start > slowest ? cpu_seconds() - start : slowest;
    }
    assert_true(slowest < 1);
    printf("%lu answers, the slowest took %.1f ms\n", total, 1e3 * slowest);
    osso_ids_free(&spoils);
    osso_engine_free(engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_any_ids)};
    return cmocka_run_group_tests(tests, builtin_setup, answer_teardown);
}
