/* verb_chat.c: a conversation with a model: the loop of questions and answers, or a single answer without a terminal.
 */
#include "cli/chat/chat.h"
#include "cli/chat/chat_guard.h"
#include "cli/context.h"
#include "cli/input.h"
#include "cli/out.h"

#include "base/error.h"
#include "base/mem.h"
#include "osso/osso.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static enum osso_status start(struct chat *chat, struct osso_error *err)
{
    enum osso_status status = opening_args(&chat->options, &chat->opening, err);
    if (!status)
        status = tool_args(&chat->options, &chat->tools, err);
    chat->opening.tools = chat->tools.shown.data;
    if (!status)
        status = runner_open(&chat->options, &chat->r, err);
    if (!status)
        status = runner_tokenizer(&chat->r, err);
    if (!status)
        status = context_start(&chat->options, &chat->r, err);
    if (!status)
        status = runner_sampler(&chat->options, &chat->r, err);
    if (!status)
        status = chat_reopen(chat, false, err);
    return status || !chat->options.v[OPT_continue].set ? status : chat_continue(chat, err);
}

/* ---- one answer ----------------------------------------------------------------------------------------- */

static enum osso_status add_part(struct buf *message, struct buf *part, const char *where, struct osso_error *err)
{
    input_chomp(part);
    enum osso_status status = part->failed ? error_nomem(err, part->len, where)
                                           : input_check_utf8(part->data, part->len, where, err);
    if (!status && part->len > 0) {
        if (message->len > 0)
            buf_puts(message, "\n\n");
        buf_add(message, part->data, part->len);
    }
    buf_free(part);
    return status;
}

/* -p, -f and a standard input that is no terminal, in this order, are one message. Where its lines are results of
 * calls, the first is the message if nothing else is. */
static enum osso_status whole_message(const struct options *o, struct tools *tools, struct buf *message,
                                      struct osso_error *err)
{
    const struct option_value *prompt = &o->v[OPT_prompt], *file = &o->v[OPT_file];
    bool by_lines = tools_take_lines(tools), came;
    bool from_stdin = !by_lines && !isatty(STDIN_FILENO) && !(file->set && strcmp(file->s, "-") == 0);
    struct buf part = {0};
    if (by_lines && !prompt->set && !file->set) {
        enum osso_status failed = tools_line(tools, message, &came, err);
        if (failed)
            return failed;
    }
    enum osso_status status = OSSO_OK;
    if (prompt->set) {
        buf_puts(&part, prompt->s);
        status = add_part(message, &part, "the text of -p", err);
    }
    if (!status && file->set && !(status = input_read(file->s, &part, err)))
        status = add_part(message, &part, file->s, err);
    if (!status && from_stdin && !(status = input_read(NULL, &part, err)))
        status = add_part(message, &part, "standard input", err);
    buf_free(&part);
    if (!status && message->len == 0)
        status = error_set(err, OSSO_USAGE,
                           "there is no message: standard input is empty; type one in a terminal or give -p");
    return status;
}

static int answer_once(struct chat *chat)
{
    struct buf message = {0};
    struct osso_error err = {0};
    enum osso_status status = start(chat, &err); /* first: a wrong model is the thing to say, not an empty input */
    if (!status)
        status = whole_message(&chat->options, &chat->tools, &message, &err);
    bool kept = chat->options.v[OPT_continue].set;
    if (kept || chat->tools.command) /* what is kept must not be lost by a second Ctrl-C, nor a command go on alone */
        guard_begin(false);
    else
        interrupt_catch(INTERRUPT_WORK);
    if (!status)
        status = chat_say(chat, message.data, message.len, &err);
    bool stopped = interrupted();
    if (kept && !status)
        chat_keep(chat);
    guard_end();
    interrupt_release();
    buf_free(&message);
    out_flush();
    guard_obey();
    return status ? exit_code(status, &err) : stopped ? 130 : chat->silent; /* no answer is no success */
}

/* ---- the loop ------------------------------------------------------------------------------------------- */

static void welcome(const struct chat *chat)
{
    const char *name = strrchr(chat->r.path, '/');
    fprintf(stderr, "%sosso %s, %s, reasoning effort %s; /help lists commands%s\n", err_has_colour() ? DIM : "",
            osso_version(), name && name[1] ? name + 1 : chat->r.path, chat_effort(chat),
            err_has_colour() ? PLAIN : "");
    if (!chat->options.v[OPT_model].set && !chat->r.script)
        fprintf(stderr,
                "%sa toy of 12 million parameters that ships with osso; the README says how to get gpt-oss-20b%s\n",
                err_has_colour() ? DIM : "", err_has_colour() ? PLAIN : "");
}

/* typed: not pasted, nor a block: only then a line can be a command. */
static void answer(struct chat *chat, const struct buf *message, bool typed)
{
    struct osso_error err = {0};
    guard_begin(true);
    const char *word = message->data;
    if (typed && line_leaves(word))
        chat->quit = true;
    else if (typed && line_is_command(word))
        chat_command_run(chat, message->data);
    else {
        enum osso_status status = input_check_utf8(message->data, message->len, "what was typed", &err);
        if (!status)
            status = chat_say_staged(chat, message->data, message->len, &err);
        if (status)
            exit_code(status, &err);
    }
    interrupt_forget();
    chat_keep(chat);
    if (out_has_colour())
        out_puts(PLAIN);
    out_flush();
    guard_end();
    guard_obey();
}

static int loop(struct chat *chat)
{
    struct line_reader *reader = NULL;
    struct buf message = {0};
    struct osso_error err = {0};
    enum osso_status status = start(chat, &err);
    if (!status)
        status = line_reader_open(!chat->options.v[OPT_no_history].set, &reader, &err);
    if (!status)
        welcome(chat);
    while (!status && !chat->quit && !out_failed()) {
        interrupt_catch(INTERRUPT_PROMPT);
        enum line_result result = line_reader_message(reader, &message);
        if (result == LINE_END)
            break;
        bool blank = message.len == 0 || !message.data[strspn(message.data, " \t\n")];
        if (blank)
            buf_clear(&message);
        buf_puts(&message, ""); /* ends in NUL, also when it is empty */
        if (result == LINE_READ && (!blank || chat->staged.len > 0))
            answer(chat, &message, line_reader_typed(reader));
    }
    interrupt_release();
    line_reader_close(reader);
    buf_free(&message);
    return exit_code(status, &err);
}

int verb_chat(const struct options *o)
{
    struct chat chat = {.options = *o};
    bool once = !isatty(STDIN_FILENO) || o->v[OPT_prompt].set || o->v[OPT_file].set;
    chat.interactive = chat.tools.at_prompt = !once;
    chat.options.v[OPT_logit_bias].list = NULL; /* o keeps its own list: this copy may grow */
    chat.options.v[OPT_logit_bias].n = 0;
    struct osso_error err = {0};
    enum osso_status status = OSSO_OK;
    for (size_t i = 0; i < o->v[OPT_logit_bias].n && !status; i++)
        status = option_set(&option_table[OPT_logit_bias], &chat.options.v[OPT_logit_bias], "--logit-bias",
                            o->v[OPT_logit_bias].list[i], &err);
    int code = status ? exit_code(status, &err) : once ? answer_once(&chat) : loop(&chat);
    osso_conversation_free(chat.conversation);
    buf_free(&chat.staged);
    tool_call_free(&chat.call);
    tools_free(&chat.tools);
    runner_close(&chat.r);
    for (size_t i = 0; i < chat.n_kept; i++)
        mem_free(chat.kept[i]);
    mem_free(chat.kept);
    mem_free(chat.options.v[OPT_logit_bias].list);
    return code;
}
