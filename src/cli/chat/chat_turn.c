/* chat_turn.c: one answer, from the conversation to the screen: what is meant for the person as it is, everything else
 * dimmed or not at all. */
#define _POSIX_C_SOURCE 200809L
#include "cli/chat/chat.h"
#include "cli/context.h"
#include "cli/draft_args.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "cli/spoken.h"
#include "cli/chat/markdown.h"
#include "cli/chat/wrap.h"

#include "base/error.h"

#include <stdio.h>
#include <string.h>

struct speaking {
    struct chat *chat;
    struct osso_parser *parser;
    enum osso_voice voice; /* whose text came last: the answer, a thought, or nobody */
    struct wrap wrap;
    struct markdown markdown;
    bool line_open; /* of a thought on standard error: the last character was no line end */
    bool spoken;    /* something was shown before */
};

static bool shows_reasoning(const struct chat *chat)
{
    const struct option_value *v = &chat->options.v[OPT_reasoning];
    return v->set ? strcmp(v->s, "show") == 0 : out_is_terminal();
}

static bool is_on(const struct chat *chat, enum option_id id)
{
    const struct option_value *v = &chat->options.v[id];
    return !v->set || strcmp(v->s, "on") == 0;
}

enum osso_status chat_ids(struct chat *chat, struct osso_ids *ids, struct osso_error *err)
{
    struct osso_render_options how = {.size = sizeof how, .purpose = OSSO_RENDER_COMPLETION, .drop = OSSO_DROP_TURNS};
    return osso_conversation_render(chat->conversation, chat->r.tokenizer, &how, ids, err);
}

/* ---- the screen ----------------------------------------------------------------------------------------- */

/* The end of one voice's text. */
static void fall_silent(struct speaking *s)
{
    if (s->voice == OSSO_VOICE_THOUGHT) {
        if (out_is_terminal())
            out_puts(out_has_colour() ? PLAIN : "");
        else
            fputs(s->line_open ? "\n" : "", stderr);
    }
    if (s->voice == OSSO_VOICE_ANSWER)
        markdown_end(&s->markdown);
    if (s->voice != OSSO_VOICE_NONE && s->wrap.open)
        out_puts("\n");
    s->line_open = s->wrap.open = false;
    s->voice = OSSO_VOICE_NONE;
    out_flush();
}

/* Thoughts go to the terminal in dim letters; when standard output is for the answer alone, to standard error. */
static void speak(struct speaking *s, enum osso_voice voice, const char *text, size_t len)
{
    if (voice != s->voice) {
        fall_silent(s);
        if (out_is_terminal() && s->spoken)
            out_puts("\n");
        if (voice == OSSO_VOICE_THOUGHT && out_has_colour())
            out_puts(DIM);
        s->voice = voice;
        s->spoken = true;
        wrap_begin(&s->wrap, is_on(s->chat, OPT_wrap));
        markdown_begin(&s->markdown, &s->wrap, out_has_colour() && is_on(s->chat, OPT_markdown));
    }
    if (voice == OSSO_VOICE_THOUGHT && !out_is_terminal()) {
        err_model_text(text, len);
        s->line_open = text[len - 1] != '\n';
    } else if (voice == OSSO_VOICE_ANSWER && out_is_terminal())
        markdown_text(&s->markdown, text, len);
    else
        wrap_text(&s->wrap, text, len, 0);
    out_flush();
}

/* As what a text is shown; NONE: not at all. What is said to the person on the way to the answer looks like it; without
 * a terminal it waits for the end, unless it was asked for. A call is told when it is whole. */
static enum osso_voice shown_as(const struct speaking *s, enum osso_voice voice)
{
    bool preamble = out_is_terminal() || s->chat->options.v[OPT_preambles].set;
    switch (voice) {
    case OSSO_VOICE_ANSWER: return voice;
    case OSSO_VOICE_PREAMBLE: return preamble ? OSSO_VOICE_ANSWER : OSSO_VOICE_NONE;
    case OSSO_VOICE_THOUGHT: return shows_reasoning(s->chat) ? voice : OSSO_VOICE_NONE;
    default: return OSSO_VOICE_NONE;
    }
}

static void hear(struct speaking *s, enum osso_voice voice, const char *text, size_t len)
{
    voice = shown_as(s, voice);
    if (len == 0 || voice == OSSO_VOICE_NONE)
        return;
    if (progress_clear())
        s->line_open = false;
    speak(s, voice, text, len);
    progress_said(s->line_open);
}

static int on_event(void *user, const struct osso_event *event)
{
    struct speaking *s = user;
    hear(s, event->voice, event->text, event->text_len);
    if (event->message->message_done && s->voice != OSSO_VOICE_NONE) {
        if (progress_clear())
            s->line_open = false;
        fall_silent(s);
        progress_said(false);
    }
    if (shown_as(s, event->voice) == OSSO_VOICE_NONE)
        progress_token(event->voice);
    return out_failed() || interrupted();
}

/* "[41 tokens, 38.2 per second; prompt 212, 180 of them reused; 253 of 32,768]" */
static void show_speed(const struct chat *chat, const struct osso_generate_result *result)
{
    char n[32], context[32];
    if (!err_is_terminal() || result->n_generated == 0)
        return;
    double per_second = result->generate_ms > 0 ? (double)result->n_generated * 1000 / result->generate_ms : 0;
    fprintf(stderr, "%s[%zu token%s", err_has_colour() ? DIM : "", result->n_generated,
            result->n_generated == 1 ? "" : "s");
    if (result->n_generated > 1) /* one is chosen from the prompt's logits in no time */
        fprintf(stderr, ", %.1f per second", per_second);
    fprintf(stderr, "; prompt %zu", result->n_prompt);
    if (result->n_reused > 0)
        fprintf(stderr, ", %zu of them reused", result->n_reused);
    fprintf(stderr, "; %s of %s]%s\n", human_count(n, result->n_prompt + result->n_generated),
            human_count(context, (uint64_t)osso_engine_context(chat->r.engine)), err_has_colour() ? PLAIN : "");
}

static void remark_full(const struct chat *chat, size_t n)
{
    char advice[128], context[32];
    if (chat->interactive)
        chat_room(chat, n, true, advice, sizeof advice);
    else if (!context_advice(&chat->options, &chat->r, n, advice, sizeof advice))
        snprintf(advice, sizeof advice, "the answer ends here");
    say("the context of %s tokens is full; %s", human_count(context, (uint64_t)osso_engine_context(chat->r.engine)),
        advice);
}

/* What a person should know about how the answer ended. */
static void remark(const struct speaking *s, const struct osso_generate_result *result)
{
    if (result->stop == OSSO_STOP_CONTEXT)
        remark_full(s->chat, result->n_prompt + result->n_generated);
    else if (s->chat->silent)
        spoken_why_nothing(result);
}

/* ---- the turn ------------------------------------------------------------------------------------------- */

/* What the answer held, for whoever cannot see it on standard output. */
static void sum_up(struct speaking *s, const struct osso_conversation *came, bool cut)
{
    struct chat *chat = s->chat;
    struct spoken n = spoken_count(came, cut);
    bool shown = out_is_terminal() || chat->options.v[OPT_preambles].set, printed = tools_given(&chat->tools);
    fall_silent(s);
    if (spoken_late(&n, shown))
        spoken_preambles(came);
    else if (!chat->interactive && n.answers == 0 && !(shown && n.preambles) && !(printed && n.calls))
        out_puts("\n"); /* even an empty answer is a line */
    out_flush();
    spoken_notes(came, cut,
                 printed             ? SPOKEN_CALLS_PRINTED
                 : chat->interactive ? SPOKEN_CALLS_OFFERED
                                     : SPOKEN_CALLS_NOTED);
    chat->silent = spoken_nothing(&n);
}

static enum osso_status prepare(struct chat *chat, struct osso_error *err)
{
    struct osso_ids ids = {0};
    int64_t context = osso_engine_context(chat->r.engine);
    enum osso_status status = chat_ids(chat, &ids, err);
    if (!status && ids.len >= (size_t)context)
        status = chat_full(chat, ids.len, err);
    if (!status)
        status = osso_session_sync(chat->r.session, ids.data, ids.len, err);
    if (!status)
        status = runner_admit(&chat->r, ids.data, ids.len, err);
    osso_ids_free(&ids);
    return status;
}

enum osso_status chat_speak(struct chat *chat, struct osso_error *err)
{
    const struct option_value *n = &chat->options.v[OPT_n_predict];
    struct speaking s = {.chat = chat};
    struct osso_generate_options g = {.size = sizeof g,
                                      .max_tokens = n->i,
                                      .no_tokens = n->set && n->i == 0,
                                      .ignore_eos = chat->options.v[OPT_ignore_eos].set,
                                      .drafter = draft_drafter(chat->r.drafting),
                                      .on_event = on_event,
                                      .on_progress = progress_of_prompt,
                                      .user = &s};
    struct osso_generate_result result = {.size = sizeof result};
    enum osso_status status = prepare(chat, err);
    if (!status)
        status = osso_parser_create(chat->r.tokenizer, "assistant", 0, &s.parser, err);
    if (status)
        return status;
    g.parser = s.parser;
    progress_begin(PROGRESS_PROMPT);
    status = osso_generate(chat->r.engine, chat->r.session, chat->r.sampler, chat->r.tokenizer, &g, &result, err);
    if (progress_end())
        s.line_open = false;
    if (!status) {
        hear(&s, result.tail_voice, result.tail, result.tail_len);
        sum_up(&s, osso_parser_messages(s.parser), result.cut);
        status = spoken_keep(chat->conversation, osso_parser_messages(s.parser), result.cut, err);
        if (!status && tools_given(&chat->tools))
            status = tool_call_find(&chat->tools, chat->conversation, &chat->call, err);
        if (!status)
            tool_call_show(&chat->tools, &chat->call);
    } else
        fall_silent(&s);
    markdown_free(&s.markdown);
    osso_parser_free(s.parser);
    if (status)
        return status;
    chat->last = result;
    chat->answered = true;
    chat->n_read = osso_session_computed(chat->r.session);
    chat->n_read = chat->n_read < result.n_prompt ? chat->n_read : result.n_prompt;
    remark(&s, &result);
    draft_say(chat->r.drafting);
    if (chat->interactive)
        show_speed(chat, &result);
    return OSSO_OK;
}
