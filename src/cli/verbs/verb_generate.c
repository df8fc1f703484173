/* verb_generate.c: goes on with a text, or with --chat answers it. */
#include "cli/beam_args.h"
#include "cli/chat/chat_guard.h"
#include "cli/context.h"
#include "cli/conversation_args.h"
#include "cli/device.h"
#include "cli/draft_args.h"
#include "cli/input.h"
#include "cli/model_args.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "cli/spoken.h"
#include "cli/tool_call.h"

#include "base/error.h"
#include "json/jwrite.h"
#include "osso/answer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* One generation as it comes in. */
struct writing {
    const struct options *options;
    const struct osso_tokenizer *tokenizer;
    struct osso_parser *parser; /* --chat */
    struct osso_decoder decoder;
    struct buf tokens;                      /* --json: the list so far */
    struct buf text;                        /* --json: what would have been printed */
    bool silent;                            /* nothing came that is for a person, nor a call */
    bool shown;                             /* text was printed, and its line is open */
    struct osso_conversation *conversation; /* --chat */
    struct tools tools;
    struct tool_call call; /* --tools: that of the last answer */
};

/* All that one generation needs. */
struct generation {
    const struct options *options;
    struct runner runner;
    struct writing writing;
    struct osso_ids prompt;
};

static void show(struct writing *w, const char *text, size_t len)
{
    if (w->options->v[OPT_json].set)
        buf_add(&w->text, text, len);
    else if (len > 0) {
        progress_clear();
        out_model_text(text, len);
        out_flush();
        w->shown = true;
        progress_said(text[len - 1] != '\n');
    }
}

static void json_choice(const struct writing *w, struct buf *line, int32_t id, float logprob, const char *text,
                        size_t len)
{
    const char *bytes = "";
    size_t n = 0;
    osso_tokenizer_piece(w->tokenizer, id, &bytes, &n);
    buf_printf(line, "{\"id\":%d,\"text\":", (int)id);
    jwrite_string(line, text ? text : bytes, text ? len : n);
    buf_printf(line, ",\"logprob\":%.9g", isfinite(logprob) ? (double)logprob : -9999.0); /* JSON has no infinity */
}

static void json_token(struct writing *w, const struct osso_event *event)
{
    char space[OSSO_DECODE_SPACE];
    size_t len = osso_decoder_push(&w->decoder, w->tokenizer, event->id, space);
    buf_puts(&w->tokens, w->tokens.len ? "," : "");
    json_choice(w, &w->tokens, event->id, event->logprob, space, len);
    buf_puts(&w->tokens, ",\"top\":[");
    for (size_t i = 0; i < event->n_top; i++) {
        buf_puts(&w->tokens, i ? "," : "");
        json_choice(w, &w->tokens, event->top[i].id, event->top[i].logprob, NULL, 0);
        buf_putc(&w->tokens, '}');
    }
    buf_puts(&w->tokens, "]}");
}

/* Without --chat the name of a special token is no text, unless it was asked for. */
static size_t without_name(const struct writing *w, const struct osso_event *event)
{
    size_t len = event->text_len, n = 0;
    const char *bytes = NULL;
    if (!w->parser && !w->options->v[OPT_special].set && osso_tokenizer_is_special(w->tokenizer, event->id) &&
        osso_tokenizer_piece(w->tokenizer, event->id, &bytes, &n) && len >= n &&
        memcmp(event->text + len - n, bytes, n) == 0)
        len -= n;
    return len;
}

/* Without --preambles what was said on the way to the answer is left out, until nothing else came. */
static bool for_person(const struct writing *w, enum osso_voice voice)
{
    return voice == OSSO_VOICE_ANSWER || (voice == OSSO_VOICE_PREAMBLE && w->options->v[OPT_preambles].set);
}

static int on_event(void *user, const struct osso_event *event)
{
    struct writing *w = user;
    if (w->options->v[OPT_json].set)
        json_token(w, event);
    if (for_person(w, event->voice))
        show(w, event->text, without_name(w, event));
    if (!for_person(w, event->voice) || w->options->v[OPT_json].set)
        progress_token(event->voice);
    return out_failed() || interrupted();
}

/* ---- the prompt ----------------------------------------------------------------------------------------- */

/* The text of -p, -f or standard input; where the lines of that are results of calls, its first. */
static enum osso_status prompt_text(const struct options *o, struct tools *tools, struct buf *text,
                                    struct osso_error *err)
{
    bool given = o->v[OPT_prompt].set || o->v[OPT_file].set, line = !given && tools_take_lines(tools), came;
    const char *where = "standard input";
    if (!given && isatty(STDIN_FILENO))
        say(line ? "type the prompt, one line" : "type the prompt, then Ctrl-D");
    enum osso_status status = line ? tools_line(tools, text, &came, err) : input_text(o, text, &where, err);
    if (!status && !line && !o->v[OPT_prompt].set)
        input_chomp(text);
    if (!status && text->len == 0)
        status = error_set(err, OSSO_USAGE, "the prompt (%s) is empty; give some text, with -p for example", where);
    return status;
}

static enum osso_status prompt_ids(const struct options *o, struct writing *w, struct osso_ids *ids,
                                   struct osso_error *err)
{
    struct buf text = {0};
    struct opening opening;
    enum osso_status status = prompt_text(o, &w->tools, &text, err);
    if (!status && !o->v[OPT_chat].set)
        status = osso_tokenizer_encode(w->tokenizer, text.data, text.len,
                                       o->v[OPT_special].set ? OSSO_ENCODE_SPECIAL : 0, ids, err);
    else if (!status) {
        status = opening_args(o, &opening, err);
        opening.tools = w->tools.shown.data;
        if (!status)
            status = opening_start(&opening, &w->conversation, err);
        if (!status)
            status = add_user(w->conversation, text.data, text.len, err);
        if (!status)
            status = osso_conversation_render(w->conversation, w->tokenizer, NULL, ids, err);
    }
    buf_free(&text);
    return status;
}

/* ---- the result ----------------------------------------------------------------------------------------- */

static double per_second(size_t n, double ms)
{
    return ms > 0 ? (double)n * 1000 / ms : 0;
}

static enum osso_status print_json(struct generation *g, const struct osso_generate_result *result,
                                   struct osso_error *err)
{
    struct writing *w = &g->writing;
    const struct osso_ids *prompt = &g->prompt;
    struct buf out = {0};
    buf_puts(&out, "{\"prompt_ids\":[");
    buf_ids(&out, prompt->data, prompt->len, ",");
    buf_puts(&out, "],\"tokens\":[");
    buf_add(&out, w->tokens.data, w->tokens.len);
    buf_puts(&out, "],\"text\":");
    jwrite_string(&out, w->text.data ? w->text.data : "", w->text.len);
    buf_puts(&out, ",\"stop_reason\":");
    const char *reason = osso_stop_text(result->stop);
    jwrite_string(&out, reason, strlen(reason));
    buf_printf(&out,
               ",\"timings\":{\"cache_n\":%zu,\"prompt_n\":%zu,\"prompt_ms\":%.3f,\"prompt_per_second\":%.3f,"
               "\"predicted_n\":%zu,\"predicted_ms\":%.3f,\"predicted_per_second\":%.3f,"
               "\"draft_n\":%zu,\"draft_n_accepted\":%zu",
               result->n_reused, result->n_prompt - result->n_reused, result->prompt_ms,
               per_second(result->n_prompt - result->n_reused, result->prompt_ms), result->n_generated,
               result->generate_ms, per_second(result->n_generated, result->generate_ms), result->n_guessed,
               result->n_guessed_right);
    draft_json(g->runner.drafting, &out);
    buf_putc(&out, '}');
    device_json(g->runner.engine, &out);
    if (w->call.line.len > 0) {
        buf_puts(&out, ",\"call\":");
        buf_add(&out, w->call.line.data, w->call.line.len);
    }
    buf_puts(&out, "}\n");
    bool failed = out.failed || w->tokens.failed || w->text.failed;
    if (!failed)
        out_write(out.data, out.len);
    out_flush(); /* somebody may wait for it, to give a result */
    buf_free(&out);
    return failed ? error_nomem(err, w->tokens.len, "the list of tokens") : OSSO_OK;
}

/* The last line: of a text its end, of an answer whatever else it held, with --tools the call. */
static void end_text(struct writing *w, const struct osso_generate_result *result)
{
    if (!w->parser) {
        out_puts("\n");
        return;
    }
    const struct osso_conversation *came = osso_parser_messages(w->parser);
    struct spoken s = spoken_count(came, result->cut);
    bool printed = tools_given(&w->tools);
    if (spoken_late(&s, w->options->v[OPT_preambles].set))
        spoken_preambles(came);
    else if (w->shown || !printed || !s.calls)
        out_puts("\n");
    tool_call_show(&w->tools, &w->call);
    out_flush();
    spoken_notes(came, result->cut, printed ? SPOKEN_CALLS_PRINTED : SPOKEN_CALLS_NOTED);
    w->silent = spoken_nothing(&s);
    if (w->silent)
        spoken_why_nothing(result);
}

/* ---- the generation ------------------------------------------------------------------------------------- */

static struct osso_generate_options generate_options(const struct options *o, struct generation *g)
{
    struct writing *w = &g->writing;
    return (struct osso_generate_options){.size = sizeof(struct osso_generate_options),
                                          .max_tokens = o->v[OPT_n_predict].i,
                                          .no_tokens = o->v[OPT_n_predict].set && o->v[OPT_n_predict].i == 0,
                                          .ignore_eos = o->v[OPT_ignore_eos].set,
                                          .stop = o->v[OPT_stop].list,
                                          .n_stop = o->v[OPT_stop].n,
                                          .stop_on = OSSO_STOP_ON_ANSWER,
                                          .parser = w->parser,
                                          .n_top = !o->v[OPT_json].set          ? 0
                                                   : o->v[OPT_top_logprobs].set ? (size_t)o->v[OPT_top_logprobs].i
                                                                                : 5,
                                          .drafter = draft_drafter(g->runner.drafting),
                                          .on_event = on_event,
                                          .on_progress = progress_of_prompt,
                                          .user = w};
}

/* What came, for the next prompt. */
static enum osso_status keep(struct writing *w, bool cut, struct osso_error *err)
{
    if (!tools_given(&w->tools))
        return OSSO_OK;
    enum osso_status status = spoken_keep(w->conversation, osso_parser_messages(w->parser), cut, err);
    return status ? status : tool_call_find(&w->tools, w->conversation, &w->call, err);
}

/* From the prompt to the end of one answer or text. */
static enum osso_status write_one(struct generation *g, struct osso_error *err)
{
    const struct options *o = g->options;
    struct runner *r = &g->runner;
    struct writing *w = &g->writing;
    enum osso_status status = OSSO_OK;
    osso_parser_free(w->parser);
    w->parser = NULL;
    buf_clear(&w->tokens);
    buf_clear(&w->text);
    w->decoder = (struct osso_decoder){0};
    w->shown = false;
    if (g->prompt.len > (size_t)osso_engine_context(r->engine))
        status = context_full(o, r, g->prompt.len, err);
    if (!status && o->v[OPT_beams].set)
        return beams_write(o, r, &g->prompt, err);
    if (!status && o->v[OPT_chat].set && !o->v[OPT_special].set)
        status = osso_parser_create(r->tokenizer, "assistant", 0, &w->parser, err);
    if (!status)
        status = osso_session_sync(r->session, g->prompt.data, g->prompt.len, err);
    if (!status)
        status = runner_admit(r, g->prompt.data, g->prompt.len, err);
    if (status)
        return status;
    struct osso_generate_options options = generate_options(o, g);
    struct osso_generate_result result = {.size = sizeof result};
    progress_begin(PROGRESS_PROMPT);
    status = osso_generate(r->engine, r->session, r->sampler, r->tokenizer, &options, &result, err);
    progress_end();
    if (status)
        return status;
    if (for_person(w, result.tail_voice))
        show(w, result.tail, result.tail_len);
    if ((status = keep(w, result.cut, err)))
        return status;
    if (o->v[OPT_json].set)
        return print_json(g, &result, err);
    end_text(w, &result);
    return OSSO_OK;
}

/* After the result of a call. */
static enum osso_status write_again(void *user, struct osso_error *err)
{
    struct generation *g = user;
    osso_ids_free(&g->prompt);
    enum osso_status status = osso_conversation_render(g->writing.conversation, g->writing.tokenizer, NULL, &g->prompt,
                                                       err);
    return status ? status : write_one(g, err);
}

static enum osso_status run(struct generation *g, struct osso_error *err)
{
    const struct options *o = g->options;
    struct runner *r = &g->runner;
    struct writing *w = &g->writing;
    enum tool_turns_end end = TOOL_TURNS_DONE;
    enum osso_status status = tool_args(o, &w->tools, err);
    if (!status)
        status = runner_open(o, r, err);
    if (!status)
        status = runner_tokenizer(r, err);
    w->tokenizer = r->tokenizer;
    if (!status)
        status = prompt_ids(o, w, &g->prompt, err);
    if (!status)
        status = context_start(o, r, err);
    if (!status)
        status = runner_sampler(o, r, err);
    if (!status && w->tools.command) { /* which must not go on alone */
        if (interrupted())
            return OSSO_CANCELLED;
        guard_begin(false);
    }
    if (!status)
        status = write_one(g, err);
    if (!status && tools_given(&w->tools))
        status = tool_turns(&w->tools, w->conversation, &w->call, write_again, g, &end, err);
    if (end == TOOL_TURNS_OVER)
        w->silent = true;
    return status;
}

int verb_generate(const struct options *o)
{
    struct generation g = {.options = o, .writing = {.options = o}};
    struct osso_error err = {0};
    interrupt_catch(INTERRUPT_WORK);
    enum osso_status status = run(&g, &err);
    bool stopped = interrupted(), silent = g.writing.silent;
    guard_end();
    interrupt_release();
    draft_say(g.runner.drafting);
    osso_parser_free(g.writing.parser);
    osso_conversation_free(g.writing.conversation);
    tool_call_free(&g.writing.call);
    tools_free(&g.writing.tools);
    buf_free(&g.writing.tokens);
    buf_free(&g.writing.text);
    osso_ids_free(&g.prompt);
    runner_close(&g.runner);
    out_flush();
    guard_obey();
    if (stopped && (!status || status == OSSO_CANCELLED))
        return 130;
    return out_failed() || (!status && silent) ? 1 : exit_code(status, &err);
}
