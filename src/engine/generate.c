/* generate.c: from a prompt to a stop, token by token. Stop strings are matched on decoded text; what might still become
 * one is held back, across tokens and across the bytes of a character. */
#define _POSIX_C_SOURCE 200809L
#include "engine/engine_parts.h"

#include "base/error.h"
#include "base/mem.h"

#include <string.h>
#include <time.h>

enum { MAX_TOP = 64 };

/* Text that was decoded but not handed out yet. */
struct held {
    char *text; /* the session's own buffer */
    size_t len, cap;
    const struct osso_generate_options *o;
};

const char *osso_stop_text(enum osso_stop stop)
{
    switch (stop) {
    case OSSO_STOP_NONE: return "none";
    case OSSO_STOP_ID: return "stop";
    case OSSO_STOP_STRING: return "stop_string";
    case OSSO_STOP_LENGTH: return "length";
    case OSSO_STOP_CONTEXT: return "context";
    case OSSO_STOP_CANCELLED: return "cancelled";
    }
    return "?";
}

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

/* Where the earliest stop string begins in the held text, or SIZE_MAX. */
static size_t find_stop(const struct held *h)
{
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < h->o->n_stop; i++) {
        size_t n = strlen(h->o->stop[i]);
        for (size_t at = 0; n > 0 && at + n <= h->len && at < best; at++)
            if (memcmp(h->text + at, h->o->stop[i], n) == 0)
                best = at;
    }
    return best;
}

/* How many bytes at the end could be the beginning of a stop string. */
static size_t risky_tail(const struct held *h)
{
    size_t longest = 0;
    for (size_t i = 0; i < h->o->n_stop; i++) {
        size_t n = strlen(h->o->stop[i]);
        for (size_t k = n > 0 ? n - 1 : 0; k > longest; k--)
            if (k <= h->len && memcmp(h->text + h->len - k, h->o->stop[i], k) == 0) {
                longest = k;
                break;
            }
    }
    return longest;
}

static bool is_stop_id(const int32_t *ids, size_t n, int32_t id)
{
    for (size_t i = 0; i < n; i++)
        if (ids[i] == id)
            return true;
    return false;
}

/* Runs the prompt, reporting progress. A prompt that was computed before, but whose logits a later step has taken the
 * place of, has its last token run again. */
static enum osso_status run_prompt(struct osso_engine *e, struct osso_session *s, const struct osso_generate_options *o,
                                   bool *cancelled, struct osso_error *err)
{
    if (osso_session_ready(s) && !osso_session_logits(s, s->n - 1))
        session_set_computed(s, s->n - 1);
    while (!osso_session_ready(s)) {
        enum osso_status status = osso_step(e, &s, 1, 0, err);
        if (status)
            return status;
        if (o->on_progress && o->on_progress(o->user, s->next, s->n)) {
            *cancelled = true;
            return OSSO_OK;
        }
    }
    return OSSO_OK;
}

struct run {
    struct osso_engine *engine;
    struct osso_session *session;
    struct osso_sampler *sampler;
    const struct osso_tokenizer *tokenizer;
    const struct osso_generate_options *o;
    struct osso_generate_result *result;
    struct osso_choice top[MAX_TOP];
    const int32_t *stop_ids;
    size_t n_stop_ids;
    struct held held;
    size_t handed_out; /* bytes at the front of held that the last event showed */
};

/* Forgets what the last event showed. */
static void drop_shown(struct run *r)
{
    struct held *h = &r->held;
    memmove(h->text, h->text + r->handed_out, h->len - r->handed_out);
    h->len -= r->handed_out;
    r->handed_out = 0;
}

/* Decodes the id into the held text and says how much of it is safe to show. */
static size_t add_text(struct run *r, int32_t id)
{
    struct held *h = &r->held;
    drop_shown(r);
    if (!r->tokenizer)
        return 0;
    h->len += osso_decoder_push(&r->session->decoder, r->tokenizer, id, h->text + h->len);
    size_t stop = find_stop(h);
    if (stop != SIZE_MAX) {
        r->result->stop = OSSO_STOP_STRING;
        h->len = stop;
        return stop;
    }
    return h->len - risky_tail(h);
}

/* One token: sample, decode, tell the caller, append. Sets result->stop when it is the last. */
static enum osso_status one_token(struct run *r, struct osso_error *err)
{
    const struct osso_generate_options *o = r->o;
    struct osso_generate_result *result = r->result;
    struct osso_choice choice;
    size_t n_top = o->n_top < MAX_TOP ? o->n_top : MAX_TOP, vocab = (size_t)r->engine->config.vocab;
    n_top = n_top < vocab ? n_top : vocab;
    enum osso_status status = osso_sample(r->sampler, r->session, &choice, r->top, n_top, err);
    if (status)
        return status;
    bool stops = is_stop_id(r->stop_ids, r->n_stop_ids, choice.id);
    size_t shown = stops ? 0 : add_text(r, choice.id); /* the id that stops is no text */
    if (stops)
        drop_shown(r);
    result->n_generated++;
    if (stops) {
        result->stop = OSSO_STOP_ID;
        result->stop_id = choice.id;
    }
    struct osso_event event = {choice.id, choice.logprob, r->top, n_top, r->held.text, shown};
    r->handed_out = shown;
    status = osso_session_append(r->session, choice.id, err);
    if (status)
        return status;
    if (o->on_event && o->on_event(o->user, &event) && result->stop == OSSO_STOP_NONE)
        result->stop = OSSO_STOP_CANCELLED;
    if (result->stop == OSSO_STOP_NONE && o->max_tokens >= 0 && (int64_t)result->n_generated >= o->max_tokens)
        result->stop = OSSO_STOP_LENGTH;
    else if (result->stop == OSSO_STOP_NONE && r->session->n >= (size_t)r->engine->context)
        result->stop = OSSO_STOP_CONTEXT;
    return OSSO_OK;
}

/* What is left when generation has ended: held text that turned out to be no stop string. */
static void finish_text(struct run *r)
{
    struct held *h = &r->held;
    drop_shown(r);
    if (r->tokenizer && r->result->stop != OSSO_STOP_STRING)
        h->len += osso_decoder_finish(&r->session->decoder, h->text + h->len);
    r->result->tail = h->text;
    r->result->tail_len = r->result->stop == OSSO_STOP_STRING ? 0 : h->len;
}

static enum osso_status prepare(struct run *r, struct osso_error *err)
{
    size_t longest = 0;
    for (size_t i = 0; i < r->o->n_stop; i++)
        longest = strlen(r->o->stop[i]) > longest ? strlen(r->o->stop[i]) : longest;
    mem_free(r->session->text);
    r->held = (struct held){.cap = longest + 2 * OSSO_DECODE_SPACE, .o = r->o};
    r->held.text = r->session->text = mem_alloc(r->held.cap);
    r->session->decoder = (struct osso_decoder){0};
    if (!r->held.text)
        return error_nomem(err, r->held.cap, "generated text");
    if (r->session->n == 0)
        return error_set(err, OSSO_USAGE, "the prompt is empty: generation needs at least one token");
    r->stop_ids = r->o->stop_ids;
    r->n_stop_ids = r->o->n_stop_ids;
    if (!r->stop_ids && r->engine->model) {
        r->stop_ids = r->engine->config.stop_ids;
        r->n_stop_ids = (size_t)r->engine->config.n_stop_ids;
    }
    return OSSO_OK;
}

enum osso_status osso_generate(struct osso_engine *engine, struct osso_session *session, struct osso_sampler *sampler,
                               const struct osso_tokenizer *tokenizer, const struct osso_generate_options *options,
                               struct osso_generate_result *result, struct osso_error *err)
{
    struct osso_generate_options o = {.max_tokens = -1};
    if (options)
        memcpy(&o, options, options->size < sizeof o ? options->size : sizeof o);
    *result = (struct osso_generate_result){.stop_id = -1, .n_prompt = session->n, .n_reused = session->computed};
    struct run r = {.engine = engine, .session = session, .sampler = sampler, .tokenizer = tokenizer, .o = &o,
                    .result = result};
    enum osso_status status = prepare(&r, err);
    if (status)
        return status;
    double t0 = now_ms();
    bool cancelled = false;
    status = run_prompt(engine, session, &o, &cancelled, err);
    double t1 = now_ms();
    result->prompt_ms = t1 - t0;
    if (cancelled)
        result->stop = OSSO_STOP_CANCELLED;
    else if (o.max_tokens == 0)
        result->stop = OSSO_STOP_LENGTH;
    else if (session->n >= (size_t)engine->context)
        result->stop = OSSO_STOP_CONTEXT;
    while (!status && result->stop == OSSO_STOP_NONE) {
        status = one_token(&r, err);
        if (!status && result->stop == OSSO_STOP_NONE)
            status = osso_step(engine, &session, 1, 0, err);
    }
    result->generate_ms = now_ms() - t1;
    finish_text(&r);
    return status;
}
