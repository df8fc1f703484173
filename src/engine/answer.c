/* answer.c: from choices to an answer. A choice is appended to the session and becomes text: a decoder's, or with a
 * parser that of messages. What may still become a stop text is held back, across tokens and across the bytes of a
 * character.
 *
 * The way of a token ends in harmony/harmony_parse.c. */
#include "engine/engine_parts.h"
#include "engine/stop_text.h"
#include "engine/stops.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/sized.h"
#include "harmony/harmony_parser.h"

#include <string.h>

enum { MAX_TOP = 64 };

struct osso_answer {
    struct osso_session *session;
    struct osso_sampler *sampler;
    struct osso_answer_options o; /* its arrays are the caller's: gone */
    struct stop_texts stops;
    struct end_ids ends;
    size_t n; /* tokens */
    enum osso_stop stop;
    int32_t stop_id; /* -1: none came */
    bool finished, cut;
    size_t n_calls, n_of[OSSO_VOICE_COUNT]; /* as osso_answer_counts says */
    const struct osso_tokenizer *tokenizer; /* the options', else the parser's */
    struct osso_decoder decoder;
    struct osso_parser_state message;
    enum osso_voice voice;
    /* Text in order: what the last event showed, then what is held back. */
    char *text;
    size_t len, cap, shown;
    const char *out; /* what the last event showed, where it did not have to be held */
    size_t out_len;
    struct osso_choice top[MAX_TOP];
};

/* ---- making one ----------------------------------------------------------------------------------------- */

static enum osso_status reserve(struct osso_answer *a, size_t cap, struct osso_error *err)
{
    if (cap <= a->cap)
        return OSSO_OK;
    char *text = mem_grow(a->text, cap, 1);
    if (!text)
        return error_nomem(err, cap, "generated text");
    a->text = text;
    a->cap = cap;
    return OSSO_OK;
}

static void look_at_lengths(struct osso_answer *a)
{
    if (a->o.no_tokens || (a->o.max_tokens > 0 && (int64_t)a->n >= a->o.max_tokens))
        a->stop = OSSO_STOP_LENGTH;
    else if (a->session->n >= (size_t)a->session->engine->context)
        a->stop = OSSO_STOP_CONTEXT;
}

enum osso_status osso_answer_create(struct osso_session *session, struct osso_sampler *sampler,
                                    const struct osso_answer_options *options, struct osso_answer **answer_out,
                                    struct osso_error *err)
{
    *answer_out = NULL;
    enum osso_status status = sized_check(options, "osso_answer_options", err);
    if (status)
        return status;
    struct osso_answer *a = mem_alloc(sizeof *a);
    if (!a)
        return error_nomem(err, sizeof *a, "an answer");
    a->session = session;
    a->sampler = sampler;
    a->message.size = sizeof a->message;
    a->stop_id = -1;
    sized_in(&a->o, sizeof a->o, options);
    a->tokenizer = a->o.tokenizer || !a->o.parser ? a->o.tokenizer : parser_tokenizer(a->o.parser);
    size_t vocab = (size_t)session->engine->config.vocab, most = vocab < MAX_TOP ? vocab : MAX_TOP;
    a->o.n_top = a->o.n_top < most ? a->o.n_top : most;
    a->voice = a->o.parser ? OSSO_VOICE_NONE : OSSO_VOICE_ANSWER;
    status = end_ids_make(a->session->engine, a->o.stop_ids, a->o.n_stop_ids, a->o.ignore_eos, &a->ends, err);
    if (!status)
        status = stop_texts_copy(a->o.stop, a->o.n_stop, &a->stops, err);
    bool holds = a->o.parser ? a->stops.n > 0 : a->o.tokenizer != NULL;
    if (!status && holds)
        status = reserve(a, a->stops.longest + OSSO_DECODE_SPACE, err);
    if (status) {
        osso_answer_free(a);
        return status;
    }
    look_at_lengths(a);
    *answer_out = a;
    return OSSO_OK;
}

void osso_answer_free(struct osso_answer *a)
{
    if (!a)
        return;
    stop_texts_free(&a->stops);
    end_ids_free(&a->ends);
    mem_free(a->text);
    mem_free(a);
}

enum osso_stop osso_answer_stop(const struct osso_answer *a)
{
    return a->stop;
}

size_t osso_answer_length(const struct osso_answer *a)
{
    return a->n;
}

void osso_answer_counts(const struct osso_answer *a, struct osso_answer_counts *out)
{
    struct osso_answer_counts counts = {.tokens = a->n, .calls = a->n_calls};
    memcpy(counts.voice, a->n_of, sizeof a->n_of);
    sized_out(out, &counts, sizeof counts);
}

/* ---- text ----------------------------------------------------------------------------------------------- */

/* Forgets what the last event showed. */
static void drop_shown(struct osso_answer *a)
{
    if (a->shown)
        memmove(a->text, a->text + a->shown, a->len - a->shown);
    a->len -= a->shown;
    a->shown = a->out_len = 0;
}

/* a->n has the token that is being taken in it. */
static bool may_stop(const struct osso_answer *a)
{
    return (int64_t)a->n > a->o.min_tokens;
}

static bool looks_for_stops(const struct osso_answer *a)
{
    return a->stops.n > 0 && may_stop(a) && (a->o.stop_on == OSSO_STOP_ON_ALL || a->voice == OSSO_VOICE_ANSWER);
}

/* Says how much of the text is safe to show; all of it when it is `whole`: nothing more comes. */
static void release(struct osso_answer *a, bool whole)
{
    bool stops = false;
    size_t safe = looks_for_stops(a) ? stop_texts_find(&a->stops, a->text, a->len, &stops) : a->len;
    if (stops) {
        a->stop = OSSO_STOP_STRING;
        a->len = safe;
    }
    a->shown = whole ? a->len : safe;
    a->out = a->text;
    a->out_len = a->shown;
}

/* Text of a message. Nothing is copied where nothing has to be held. */
static enum osso_status add_text(struct osso_answer *a, const char *text, size_t len, bool whole,
                                 struct osso_error *err)
{
    if (a->len == 0 && !looks_for_stops(a)) {
        a->out = text;
        a->out_len = len;
        return OSSO_OK;
    }
    enum osso_status status = reserve(a, a->len + len, err); /* a header that turns out to be text may be long */
    if (status)
        return status;
    if (len)
        memcpy(a->text + a->len, text, len);
    a->len += len;
    release(a, whole);
    return OSSO_OK;
}

/* Takes over what the parser knows. Nobody but the assistant speaks in an answer: where the model begins to write what
 * a user, a tool or the system would say, it is stopped. */
static void read_message(struct osso_answer *a)
{
    const struct osso_parser_state *m = &a->message;
    bool known = m->in_content || m->message_done;
    a->voice = known ? osso_voice_of(m->role, m->channel, m->recipient) : OSSO_VOICE_NONE;
    if (known && m->role && strcmp(m->role, "assistant") != 0 && a->stop == OSSO_STOP_NONE)
        a->stop = OSSO_STOP_ID;
    a->n_calls += m->message_done && a->voice == OSSO_VOICE_CALL;
}

/* Whose token that was: content is its message's, everything else nobody's. */
static void count(struct osso_answer *a)
{
    bool content = a->o.parser ? a->message.is_content : a->stop != OSSO_STOP_ID;
    a->n_of[content ? a->voice : OSSO_VOICE_NONE]++;
}

static enum osso_status add_id(struct osso_answer *a, int32_t id, struct osso_error *err)
{
    if (a->o.parser) {
        enum osso_status status = osso_parser_push(a->o.parser, id, &a->message, err);
        if (status)
            return status;
        read_message(a);
        bool mine = a->voice != OSSO_VOICE_NONE;
        return add_text(a, a->message.delta, mine ? a->message.delta_len : 0, a->message.message_done, err);
    }
    bool unnamed = a->o.no_special_names && a->tokenizer && osso_tokenizer_is_special(a->tokenizer, id);
    if (a->o.tokenizer && a->stop == OSSO_STOP_NONE && !unnamed) { /* the id that stops is no text */
        a->len += osso_decoder_push(&a->decoder, a->o.tokenizer, id, a->text + a->len);
        release(a, false);
    }
    return OSSO_OK;
}

/* ---- tokens --------------------------------------------------------------------------------------------- */

static void say(const struct osso_answer *a, struct osso_choice choice, size_t n_top, struct osso_event *out)
{
    struct osso_event event = {.id = choice.id,
                               .logprob = choice.logprob,
                               .top = n_top ? a->top : NULL,
                               .n_top = n_top,
                               .text = a->out ? a->out : "",
                               .text_len = a->out_len,
                               .voice = a->voice,
                               .message = a->o.parser ? &a->message : NULL,
                               .stop = a->stop,
                               .stop_id = a->stop_id,
                               .cut = a->cut};
    if (a->tokenizer && choice.id >= 0 && !osso_tokenizer_piece(a->tokenizer, choice.id, &event.bytes, &event.n_bytes))
        event.bytes = NULL;
    sized_out(out, &event, sizeof event);
}

static enum osso_status go_on(struct osso_answer *a, const struct osso_event *event_out, struct osso_error *err)
{
    enum osso_status status = sized_check(event_out, "osso_event", err);
    if (status)
        return status;
    drop_shown(a);
    if (a->stop || a->finished)
        return error_set(err, OSSO_USAGE, "the answer has ended (%s); make another", osso_stop_text(a->stop));
    return OSSO_OK;
}

static enum osso_status take(struct osso_answer *a, struct osso_choice choice, size_t n_top,
                             struct osso_event *event_out, struct osso_error *err)
{
    enum osso_status status = osso_session_append(a->session, choice.id, err);
    if (status)
        return status;
    a->n++;
    if (may_stop(a) && ids_hold(a->ends.ids, a->ends.n_stop, choice.id)) {
        a->stop = OSSO_STOP_ID;
        a->stop_id = choice.id;
    }
    status = add_id(a, choice.id, err);
    if (status)
        return status;
    count(a);
    if (a->stop == OSSO_STOP_NONE)
        look_at_lengths(a);
    say(a, choice, n_top, event_out);
    return OSSO_OK;
}

/* What is to be chosen now: before min_tokens without the ids that stop. */
static enum osso_status ask(struct osso_answer *a, struct osso_draw *draw, struct osso_error *err)
{
    if (!a->sampler)
        return error_set(err, OSSO_USAGE, "an answer without a sampler takes choices, it makes none");
    bool early = (int64_t)a->n < a->o.min_tokens;
    *draw = (struct osso_draw){.size = sizeof *draw,
                               .sampler = a->sampler,
                               .session = a->session,
                               .avoid = a->ends.ids + (early ? 0 : a->ends.n_stop),
                               .n_avoid = a->ends.n_never + (early ? a->ends.n_stop : 0),
                               .top = a->top,
                               .n_top = a->o.n_top,
                               .choice = {-1, 0}};
    return OSSO_OK;
}

enum osso_status osso_answer_draw(struct osso_answer *a, struct osso_draw *draw_out, struct osso_error *err)
{
    struct osso_draw draw;
    enum osso_status status = sized_check(draw_out, "osso_draw", err);
    if (!status)
        status = go_on(a, NULL, err);
    if (!status)
        status = ask(a, &draw, err);
    if (!status)
        sized_out(draw_out, &draw, sizeof draw);
    return status;
}

enum osso_status osso_answer_take_drawn(struct osso_answer *a, const struct osso_draw *draw,
                                        struct osso_event *event_out, struct osso_error *err)
{
    struct osso_draw d = {.choice = {-1, 0}};
    enum osso_status status = sized_check(draw, "osso_draw", err);
    sized_in(&d, sizeof d, draw);
    if (!status && d.session != a->session)
        status = error_set(err, OSSO_USAGE, "a draw of another session than the answer's");
    if (!status && d.status)
        status = error_set(err, d.status, "%s", d.err ? d.err->text : osso_status_text(d.status));
    if (!status)
        status = go_on(a, event_out, err);
    return status ? status : take(a, d.choice, d.top == a->top ? d.n_top : 0, event_out, err);
}

enum osso_status osso_answer_take(struct osso_answer *a, struct osso_choice choice, struct osso_event *event_out,
                                  struct osso_error *err)
{
    enum osso_status status = go_on(a, event_out, err);
    return status ? status : take(a, choice, 0, event_out, err);
}

enum osso_status osso_answer_next(struct osso_answer *a, struct osso_event *event_out, struct osso_error *err)
{
    struct osso_draw draw;
    enum osso_status status = go_on(a, event_out, err);
    if (!status)
        status = ask(a, &draw, err);
    if (!status)
        status = sampler_draw(&draw, err);
    return status ? status : take(a, draw.choice, draw.n_top, event_out, err);
}

/* Was the message in progress left in the middle? The parser's end has just closed it. */
static void look_at_cut(struct osso_answer *a)
{
    bool open = a->message.message_done && a->stop_id < 0;
    a->cut = open && (a->stop != OSSO_STOP_STRING || a->voice == OSSO_VOICE_CALL);
    if (a->cut && a->voice == OSSO_VOICE_CALL)
        a->n_calls--;
}

/* What was held back turns out to be no stop text. */
static enum osso_status end_text(struct osso_answer *a, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    if (a->o.parser) {
        status = osso_parser_finish(a->o.parser, &a->message, err);
        read_message(a);
        look_at_cut(a);
        bool gives = !status && a->stop != OSSO_STOP_STRING && a->voice != OSSO_VOICE_NONE;
        if (gives)
            return add_text(a, a->message.delta, a->message.delta_len, true, err);
    } else if (a->o.tokenizer && a->stop != OSSO_STOP_STRING)
        a->len += osso_decoder_finish(&a->decoder, a->text + a->len);
    a->out = a->text;
    a->out_len = a->shown = a->len;
    return status;
}

enum osso_status osso_answer_finish(struct osso_answer *a, struct osso_event *event_out, struct osso_error *err)
{
    enum osso_status status = sized_check(event_out, "osso_event", err);
    if (status)
        return status;
    drop_shown(a);
    status = a->finished ? OSSO_OK : end_text(a, err);
    a->finished = true;
    if (event_out)
        say(a, (struct osso_choice){-1, 0}, 0, event_out);
    return status;
}
