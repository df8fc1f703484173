/* generate.c: from a prompt to an answer's end: the loop over answer.c for a session that has the engine to itself. */
#define _POSIX_C_SOURCE 200809L
#include "engine/engine_parts.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/sized.h"

/* A step that its owner interrupts is no failure: the answer is cancelled. */
static enum osso_status step(struct osso_engine *e, struct osso_session *s, bool *cancelled, struct osso_error *err)
{
    enum osso_status status = osso_step(e, &s, 1, 0, err);
    if (status != OSSO_CANCELLED || !engine_interrupted(e))
        return status;
    *cancelled = true;
    return OSSO_OK;
}

static bool reported(const struct osso_session *s, const struct osso_generate_options *o)
{
    return o->on_progress && o->on_progress(o->user, s->next, s->n) != 0;
}

/* Runs the prompt, reporting progress. A prompt that was computed before, but whose logits a later step has taken the
 * place of, has its last token run again. */
static enum osso_status run_prompt(struct osso_engine *e, struct osso_session *s, const struct osso_generate_options *o,
                                   bool *cancelled, struct osso_error *err)
{
    if (osso_session_ready(s) && !osso_session_logits(s, s->n - 1))
        session_set_computed(s, s->n - 1);
    if (!osso_session_ready(s) && reported(s, o))
        *cancelled = true;
    while (!osso_session_ready(s) && !*cancelled) {
        enum osso_status status = step(e, s, cancelled, err);
        if (status)
            return status;
        if (!*cancelled && reported(s, o))
            *cancelled = true;
    }
    return OSSO_OK;
}

/* The token that was chosen last is run, and with it, where it is likely to pay, what may come next. */
static enum osso_status run_token(struct osso_engine *e, struct osso_session *s, struct osso_sampler *sampler,
                                  struct osso_drafter *d, bool *cancelled, struct osso_error *err)
{
    if (osso_session_ready(s)) /* it was guessed */
        return OSSO_OK;
    if (d)
        osso_drafter_guess(d, s, sampler, SIZE_MAX);
    double start = clock_seconds();
    enum osso_status status = step(e, s, cancelled, err);
    if (d)
        osso_drafter_took(d, (clock_seconds() - start) * 1e3);
    return status;
}

/* Tokens until the answer ends or its reader has had enough. */
static enum osso_status run_answer(struct osso_engine *e, struct osso_session *s, struct osso_sampler *sampler,
                                   const struct osso_generate_options *o, struct osso_generate_result *result,
                                   bool *cancelled, struct osso_error *err)
{
    struct osso_event event = {.size = sizeof event};
    while (osso_answer_stop(s->answer) == OSSO_STOP_NONE && !*cancelled) {
        enum osso_status status = osso_answer_next(s->answer, &event, err);
        if (status)
            return status;
        result->stop_id = event.stop_id;
        if (o->drafter)
            osso_drafter_came(o->drafter, event.id);
        bool over = event.stop == OSSO_STOP_ID || event.stop == OSSO_STOP_STRING; /* whatever the reader says */
        if (o->on_event && o->on_event(o->user, &event) && !over)
            *cancelled = true;
        else if (event.stop == OSSO_STOP_NONE)
            status = run_token(e, s, sampler, o->drafter, cancelled, err);
        if (status)
            return status;
    }
    return osso_session_guess(s, NULL, 0, err);
}

static enum osso_status begin(struct osso_session *s, struct osso_sampler *sampler,
                              const struct osso_tokenizer *tokenizer, const struct osso_generate_options *o,
                              struct osso_error *err)
{
    struct osso_answer_options a = {.size = sizeof a,
                                    .tokenizer = tokenizer,
                                    .parser = o->parser,
                                    .max_tokens = o->max_tokens,
                                    .min_tokens = o->min_tokens,
                                    .stop_ids = o->stop_ids,
                                    .n_stop_ids = o->n_stop_ids,
                                    .ignore_eos = o->ignore_eos,
                                    .stop = o->stop,
                                    .n_stop = o->n_stop,
                                    .stop_on = o->stop_on,
                                    .n_top = o->n_top,
                                    .no_tokens = o->no_tokens};
    osso_answer_free(s->answer);
    s->answer = NULL;
    s->answer_free = osso_answer_free;
    if (s->n == 0)
        return error_set(err, OSSO_USAGE, "the prompt is empty: generation needs at least one token");
    return osso_answer_create(s, sampler, &a, &s->answer, err);
}

/* What is left: text that turned out to be no stop text. */
static enum osso_status end(struct osso_session *s, bool cancelled, struct osso_generate_result *result,
                            struct osso_error *err)
{
    struct osso_event event = {.size = sizeof event};
    enum osso_status status = osso_answer_finish(s->answer, &event, err);
    result->tail = event.text;
    result->tail_len = event.text_len;
    result->tail_voice = event.voice;
    result->cut = event.cut;
    result->n_generated = osso_answer_length(s->answer);
    result->stop = cancelled ? OSSO_STOP_CANCELLED : event.stop;
    return status;
}

enum osso_status osso_generate(struct osso_engine *engine, struct osso_session *session, struct osso_sampler *sampler,
                               const struct osso_tokenizer *tokenizer, const struct osso_generate_options *options,
                               struct osso_generate_result *result_out, struct osso_error *err)
{
    struct osso_generate_options o = {0};
    struct osso_generate_result result = {.stop_id = -1, .n_prompt = session->n, .n_reused = session->computed};
    struct osso_error ignored;
    struct osso_drafter_counts before = {.size = sizeof before}, after = before;
    bool cancelled = false;
    enum osso_status status = sized_check(options, "osso_generate_options", err);
    if (!status)
        status = sized_check(result_out, "osso_generate_result", err);
    sized_in(&o, sizeof o, options);
    if (!status)
        status = begin(session, sampler, tokenizer, &o, err);
    if (!status) {
        if (o.drafter)
            osso_drafter_counts(o.drafter, &before);
        double start = clock_seconds() * 1e3;
        status = run_prompt(engine, session, &o, &cancelled, err);
        double prompt_done = clock_seconds() * 1e3;
        if (!status && !cancelled)
            status = run_answer(engine, session, sampler, &o, &result, &cancelled, err);
        result.prompt_ms = prompt_done - start;
        result.generate_ms = clock_seconds() * 1e3 - prompt_done;
        if (o.drafter)
            osso_drafter_counts(o.drafter, &after);
        result.n_guessed = after.n_made - before.n_made;
        result.n_guessed_right = after.n_came - before.n_came;
        enum osso_status ended = end(session, cancelled, &result, status ? &ignored : err);
        status = status ? status : ended;
    }
    sized_out(result_out, &result, sizeof result);
    return status;
}
