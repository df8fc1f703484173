/* tool_call.c: from a model's call to its result. A call that no function of the list can have been meant by, or whose
 * arguments are no JSON, is made by nobody: the model is told at once. */
#define _POSIX_C_SOURCE 200809L
#include "cli/tool_call.h"
#include "cli/input.h"
#include "cli/out.h"
#include "cli/spoken.h"
#include "cli/tool_command.h"

#include "base/error.h"
#include "base/utf8.h"
#include "json/jwrite.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SHOWN_RESULT = 400 };

/* {"error": the sentence} for the model, and the sentence for the person on standard error. */
__attribute__((format(printf, 2, 3))) static void put_error(struct buf *result, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    buf_clear(result);
    buf_puts(result, "{\"error\":");
    jwrite_string(result, text, strlen(text));
    buf_putc(result, '}');
    say("the model is told: %s", text);
}

/* A command that failed, and said why: its own words are what a model can tell. */
static void put_failure(struct buf *result, const struct buf *output, bool by_signal, int code)
{
    const char *how = by_signal ? "signal" : "exit status", *key = by_signal ? "signal" : "exit_status";
    if (output->len == 0) {
        put_error(result, "the tool failed with %s %d", how, code);
        return;
    }
    buf_puts(result, "{\"error\":");
    jwrite_string(result, output->data, output->len);
    buf_printf(result, ",\"%s\":%d}", key, code);
    say("the model is told that the tool failed with %s %d, and what it wrote", how, code);
}

/* ---- the call ----------------------------------------------------------------------------------------------- */

static void put_names(char *text, size_t size, const struct toolset *set)
{
    size_t n = 0;
    for (size_t i = 0; i < set->n && n < size; i++)
        n += (size_t)snprintf(text + n, size - n, "%s%s", i ? ", " : "", set->tools[i].shown);
}

static void put_head(struct buf *line, const struct tool *tool)
{
    buf_puts(line, "{\"name\":");
    jwrite_string(line, tool->name, strlen(tool->name));
    if (tool->space) {
        buf_puts(line, ",\"namespace\":");
        jwrite_string(line, tool->space, strlen(tool->space));
    }
}

static void put_call(struct tool_call *call, const struct tool *tool, const struct osso_message *m)
{
    struct jdoc *doc = NULL;
    struct osso_error why = {0};
    bool blank = m->text_len == 0 || strspn(m->text, " \t\r\n") >= m->text_len; /* how some call what takes nothing */
    const char *text = blank ? "{}" : m->text;
    if (tool->custom) {
        struct buf input = {0};
        toolset_input(&input, m->text ? m->text : "", m->text_len);
        put_head(&call->line, tool);
        buf_puts(&call->line, ",\"input\":");
        jwrite_string(&call->line, input.data ? input.data : "", input.len);
        buf_putc(&call->line, '}');
        call->line.failed |= input.failed;
        buf_free(&input);
    } else if (jdoc_read_harmony(text, blank ? 2 : m->text_len, "arguments", &doc, &why))
        put_error(&call->result, "the arguments are not valid JSON: %s", why.text);
    else if (jdoc_root(doc)->type != J_OBJECT)
        put_error(&call->result, "the arguments must be a JSON object");
    else {
        put_head(&call->line, tool);
        buf_puts(&call->line, ",\"arguments\":");
        jwrite_value(&call->line, jdoc_root(doc), JWRITE_SPELT);
        buf_putc(&call->line, '}');
    }
    jdoc_release(doc);
}

enum osso_status tool_call_find(const struct tools *tools, const struct osso_conversation *conversation,
                                struct tool_call *call, struct osso_error *err)
{
    struct osso_message m;
    char names[256];
    buf_clear(&call->line);
    buf_clear(&call->result);
    call->is_open = spoken_open_call(conversation, &m);
    if (!call->is_open)
        return OSSO_OK;
    const struct tool *tool = toolset_called(&tools->set, m.recipient);
    if (tool)
        put_call(call, tool, &m);
    else {
        put_names(names, sizeof names, &tools->set);
        put_error(&call->result, "there is no function \"%.100s\"; there are: %s", toolset_plain(m.recipient), names);
    }
    return call->line.failed || call->result.failed ? error_nomem(err, m.text_len, "a call") : OSSO_OK;
}

void tool_call_free(struct tool_call *call)
{
    buf_free(&call->line);
    buf_free(&call->result);
}

void tool_call_show(const struct tools *tools, const struct tool_call *call)
{
    if (!call->is_open || call->line.len == 0)
        return;
    out_puts(out_has_colour() ? DIM : "");
    out_model_text(call->line.data, call->line.len);
    out_puts(out_has_colour() ? PLAIN "\n" : "\n");
    out_flush(); /* somebody may wait for it, to give a result */
    if (tools->at_prompt && !tools->command)
        fprintf(stderr, "%s[/tool TEXT gives it a result]%s\n", err_has_colour() ? DIM : "",
                err_has_colour() ? PLAIN : "");
}

/* ---- the result --------------------------------------------------------------------------------------------- */

static bool is_text(const struct buf *b)
{
    return b->len == 0 ||
           (utf8_valid_prefix((const uint8_t *)b->data, b->len) == b->len && !memchr(b->data, 0, b->len));
}

/* For whoever sits at the prompt: what the model is given. */
static void show_result(const struct buf *result)
{
    size_t len = result->len < SHOWN_RESULT ? result->len : SHOWN_RESULT;
    while (len > 0 && len < result->len && ((unsigned char)result->data[len] & 0xc0) == 0x80)
        len--; /* not in the middle of a character */
    fprintf(stderr, "%s[the tool says ", err_has_colour() ? DIM : "");
    err_line_text(result->data ? result->data : "", len);
    fprintf(stderr, "%s]%s\n", len < result->len ? " ..." : "", err_has_colour() ? PLAIN : "");
}

static enum osso_status by_command(const struct tools *tools, struct tool_call *call, bool *came_out,
                                   struct osso_error *err)
{
    struct buf out = {0};
    struct tool_end end = {0};
    buf_putc(&call->line, '\n');
    enum osso_status status = call->line.failed ? error_nomem(err, call->line.len, "a call")
                                                : tool_command(tools->command, call->line.data, call->line.len,
                                                               tools->seconds, &out, &end, err);
    *came_out = !status && end.how != TOOL_STOPPED;
    input_chomp(&out);
    if (*came_out && end.how == TOOL_TOO_LONG)
        put_error(&call->result, "the tool took longer than %g seconds and was ended", tools->seconds);
    else if (*came_out && end.how == TOOL_TOO_MUCH)
        put_error(&call->result, "the tool wrote more than %d bytes and was ended", TOOL_OUTPUT_LIMIT);
    else if (*came_out && !is_text(&out))
        put_error(&call->result, "the tool wrote what is no text (UTF-8)");
    else if (*came_out && end.how == TOOL_SIGNALED)
        put_failure(&call->result, &out, true, end.code);
    else if (*came_out && end.code != 0)
        put_failure(&call->result, &out, false, end.code);
    else if (*came_out) {
        buf_add(&call->result, out.data ? out.data : "", out.len);
        if (tools->at_prompt)
            show_result(&call->result);
    }
    buf_free(&out);
    return status;
}

/* The next line of standard input; its end is the end of everything. */
static enum osso_status by_line(struct tools *tools, struct tool_call *call, enum tool_turns_end *end,
                                struct osso_error *err)
{
    bool came;
    if (isatty(STDIN_FILENO))
        say("type the result of the call, one line");
    enum osso_status status = tools_line(tools, &call->result, &came, err);
    if (!status && !came && !interrupted()) {
        say("standard input has ended, without a result of the call");
        *end = TOOL_TURNS_OVER;
    } else if (!status && !came)
        *end = TOOL_TURNS_WAIT;
    return status;
}

/* DONE: the result is there. */
static enum osso_status find_result(struct tools *tools, struct tool_call *call, enum tool_turns_end *end,
                                    struct osso_error *err)
{
    bool came = true;
    enum osso_status status = OSSO_OK;
    *end = TOOL_TURNS_DONE;
    if (call->line.len == 0)
        return OSSO_OK; /* refused */
    if (tools->command)
        status = by_command(tools, call, &came, err);
    else if (!tools->at_prompt)
        status = by_line(tools, call, end, err);
    else
        came = false;
    if (!came)
        *end = TOOL_TURNS_WAIT;
    return !status && call->result.failed ? error_nomem(err, call->result.len, "a result") : status;
}

enum osso_status tool_turns(struct tools *tools, struct osso_conversation *conversation, struct tool_call *call,
                            enum osso_status (*answer)(void *user, struct osso_error *err), void *user,
                            enum tool_turns_end *end_out, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    *end_out = TOOL_TURNS_DONE;
    for (int64_t made = 0; call->is_open && !status && *end_out == TOOL_TURNS_DONE; made++) {
        if (tools->most == 0 && call->line.len > 0) /* to see the call was all that was asked for */
            return OSSO_OK;
        if (interrupted() || out_failed()) { /* nobody waits for what the tool does */
            *end_out = TOOL_TURNS_WAIT;
            return OSSO_OK;
        }
        if (made == tools->most) {
            say("the model calls more than %lld times in one turn; --max-tool-calls allows more",
                (long long)tools->most);
            *end_out = TOOL_TURNS_OVER;
            return OSSO_OK;
        }
        status = find_result(tools, call, end_out, err);
        if (status || *end_out != TOOL_TURNS_DONE)
            break;
        size_t before = osso_conversation_size(conversation);
        status = spoken_add_result(conversation, call->result.data ? call->result.data : "", call->result.len, err);
        if (!status)
            status = answer(user, err);
        if ((status || interrupted()) && osso_conversation_size(conversation) == before + 1) {
            osso_conversation_truncate(conversation, before);
            *end_out = TOOL_TURNS_WAIT;
        }
    }
    return status;
}
