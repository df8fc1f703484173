/* chat_commands.c: what can be typed in a chat instead of a message; the list is chat_commands.def. */
#include "cli/chat/chat.h"
#include "cli/context.h"
#include "cli/out.h"

#include "base/error.h"
#include "base/guess.h"
#include "base/mem.h"
#include "base/words.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

const struct chat_command chat_commands[CHAT_COMMANDS] = {
#define COMMAND(name, aliases, argument, help) {#name, aliases, argument, help, command_##name},
#include "cli/chat/chat_commands.def"
#undef COMMAND
};

size_t opening_size(const struct osso_conversation *conversation)
{
    struct osso_message message = {.size = sizeof message};
    size_t n = 0;
    while (n < osso_conversation_size(conversation) && !osso_conversation_get(conversation, n, &message, NULL) &&
           (message.role == OSSO_ROLE_SYSTEM || message.role == OSSO_ROLE_DEVELOPER))
        n++;
    return n;
}

static enum osso_status copy_messages(const struct osso_conversation *from, size_t first, struct osso_conversation *to,
                                      struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    for (size_t i = first; i < osso_conversation_size(from) && !status; i++) {
        struct osso_message message = {.size = sizeof message};
        status = osso_conversation_get(from, i, &message, err);
        if (!status)
            status = osso_conversation_add(to, &message, err);
    }
    return status;
}

/* A conversation that begins so, in the place of the one there is. */
static enum osso_status begin_again(struct chat *chat, const struct opening *opening, bool keep_messages,
                                    struct osso_error *err)
{
    struct osso_conversation *fresh, *old = chat->conversation;
    enum osso_status status = opening_start(opening, &fresh, err);
    if (!status && keep_messages && old)
        status = copy_messages(old, opening_size(old), fresh, err);
    if (status) {
        osso_conversation_free(fresh);
        return status;
    }
    chat->conversation = fresh;
    osso_conversation_free(old);
    return OSSO_OK;
}

enum osso_status chat_reopen(struct chat *chat, bool keep_messages, struct osso_error *err)
{
    return begin_again(chat, &chat->opening, keep_messages, err);
}

enum osso_status chat_retool(struct chat *chat, const char *effort, struct osso_error *err)
{
    const struct osso_conversation *old = chat->conversation;
    struct opening opening = {.instructions = osso_conversation_field(old, OSSO_FIELD_INSTRUCTIONS),
                              .effort = strcmp(effort, "none") ? effort : NULL,
                              .identity = osso_conversation_field(old, OSSO_FIELD_IDENTITY),
                              .tools = chat->opening.tools};
    const char *date = osso_conversation_field(old, OSSO_FIELD_DATE);
    if (!opening.identity)
        return error_set(err, OSSO_UNSUPPORTED,
                         "the conversation's system message is plain text: --tools cannot go on with it");
    snprintf(opening.date, sizeof opening.date, "%s", date ? date : "");
    return begin_again(chat, &opening, true, err);
}

/* Something the command has to say to whoever types. */
void chat_note(const char *text)
{
    fprintf(stderr, "%s%s%s\n", err_has_colour() ? DIM : "", text, err_has_colour() ? PLAIN : "");
}

void chat_report(enum osso_status status, const struct osso_error *err)
{
    if (status && status != OSSO_CANCELLED)
        exit_code(status, err);
}

/* ---- the commands --------------------------------------------------------------------------------------- */

void command_help(struct chat *chat, const char *argument)
{
    int window = terminal_columns(STDERR_FILENO), columns = window >= 20 ? window - 1 : 79;
    (void)chat, (void)argument;
    for (int i = 0; i < CHAT_COMMANDS; i++) {
        int n = fprintf(stderr, "  /%s %s", chat_commands[i].name, chat_commands[i].argument);
        bool narrow = columns < 59;
        fprintf(stderr, "%*s", narrow || n >= 26 ? 0 : 26 - n, "");
        print_words(stderr, chat_commands[i].help, narrow ? n : 26, narrow ? 6 : 26, columns);
    }
    print_words(
        stderr,
        "A line that ends in \\ goes on; so does a text between two lines of \"\"\". A pasted block is one message. "
        "Tab completes commands, settings and the paths of files. Ctrl-C stops an answer and clears a line; exit, quit or Ctrl-D leave.",
        0, 0, columns);
}

void command_clear(struct chat *chat, const char *argument)
{
    (void)argument;
    osso_conversation_truncate(chat->conversation, opening_size(chat->conversation));
    buf_free(&chat->staged);
    chat_note("the conversation begins anew");
}

void command_tool(struct chat *chat, const char *argument)
{
    struct osso_error err = {0};
    chat_report(chat_tool(chat, argument, strlen(argument), &err), &err);
}

void command_regen(struct chat *chat, const char *argument)
{
    struct osso_error err = {0};
    size_t users, n = chat_last_user(chat->conversation, &users) + 1; /* it stays */
    (void)argument;
    if (users == 0) {
        say("there is no message to answer yet");
        return;
    }
    struct osso_conversation *old;
    enum osso_status status = osso_conversation_create(&old, &err);
    if (!status)
        status = copy_messages(chat->conversation, n, old, &err);
    if (!status) {
        osso_conversation_truncate(chat->conversation, n);
        status = chat_answer(chat, &err);
        if (status || (chat->last.stop == OSSO_STOP_CANCELLED && chat->last.n_generated == 0)) {
            struct osso_error ignored;
            copy_messages(old, 0, chat->conversation, &ignored); /* the answer that there was is better than none */
        }
    }
    osso_conversation_free(old);
    chat_report(status, &err);
}

void command_tokens(struct chat *chat, const char *argument)
{
    struct osso_error err = {0};
    struct osso_ids ids = {0};
    (void)argument;
    enum osso_status status = chat_ids(chat, &ids, &err);
    for (size_t i = 0; i < ids.len && !status; i++)
        printf("%s%d", i ? " " : "", (int)ids.data[i]);
    if (!status)
        printf("\n");
    out_flush();
    osso_ids_free(&ids);
    chat_report(status, &err);
}

void command_raw(struct chat *chat, const char *argument)
{
    struct osso_error err = {0};
    struct osso_ids ids = {0};
    struct osso_decoder decoder = {0};
    char space[OSSO_DECODE_SPACE];
    (void)argument;
    enum osso_status status = chat_ids(chat, &ids, &err);
    for (size_t i = 0; i < ids.len && !status; i++)
        out_model_text(space, osso_decoder_push(&decoder, chat->r.tokenizer, ids.data[i], space));
    if (!status) {
        out_model_text(space, osso_decoder_finish(&decoder, space));
        out_puts("\n");
    }
    out_flush();
    osso_ids_free(&ids);
    chat_report(status, &err);
}

static double per_second(size_t n, double ms)
{
    return ms > 0 ? (double)n * 1000 / ms : 0;
}

void command_stats(struct chat *chat, const char *argument)
{
    struct osso_engine_stats stats = {.size = sizeof stats};
    const struct osso_generate_result *last = &chat->last;
    size_t n;
    char a[32], b[32], c[32], d[32], e[32];
    (void)argument;
    osso_engine_stats(chat->r.engine, &stats);
    osso_session_tokens(chat->r.session, &n);
    fprintf(stderr, "  model       %s (%s)\n", chat->r.path, human_bytes(a, chat->r.dims.file_bytes));
    int threads = osso_engine_threads(chat->r.engine);
    size_t messages = osso_conversation_size(chat->conversation);
    fprintf(stderr, "  engine      %s, %d thread%s\n", osso_engine_isa(chat->r.engine), threads,
            threads == 1 ? "" : "s");
    fprintf(stderr, "  context     %s of %s tokens, %zu message%s\n", human_count(d, n),
            human_count(e, (uint64_t)osso_engine_context(chat->r.engine)), messages, messages == 1 ? "" : "s");
    fprintf(stderr, "  memory      %s KV cache, %s scratch\n", human_bytes(b, stats.kv_bytes),
            human_bytes(c, stats.activation_bytes));
    fprintf(stderr, "  so far      %llu tokens computed, %llu reused\n", (unsigned long long)stats.tokens_computed,
            (unsigned long long)stats.tokens_reused);
    fprintf(stderr, "  seed        %llu\n", (unsigned long long)chat->r.seed);
    if (!chat->answered)
        return;
    size_t computed = chat->n_read > last->n_reused ? chat->n_read - last->n_reused : 0;
    fprintf(stderr, "  last prompt %s token%s, %s of them reused", human_count(d, last->n_prompt),
            last->n_prompt == 1 ? "" : "s", human_count(e, last->n_reused));
    if (computed > 0)
        fprintf(stderr, ", %s computed at %.1f per second", human_count(d, computed),
                per_second(computed, last->prompt_ms));
    fprintf(stderr, "\n  last answer %zu token%s", last->n_generated, last->n_generated == 1 ? "" : "s");
    if (last->n_generated > 1) /* one token is chosen, not computed */
        fprintf(stderr, " at %.1f per second", per_second(last->n_generated, last->generate_ms));
    if (last->n_guessed > 0)
        fprintf(stderr, ", %s of %s run ahead were right", human_count(d, last->n_guessed_right),
                human_count(e, last->n_guessed));
    fprintf(stderr, ", ended by: %s\n", osso_stop_text(last->stop));
}

void command_quit(struct chat *chat, const char *argument)
{
    (void)argument;
    chat->quit = true;
}

void chat_command_run(struct chat *chat, const char *line)
{
    char name[32];
    const char *word = line + 1;
    size_t n = strcspn(word, " \t\n");
    struct guess guess = {.typed = name};
    snprintf(name, sizeof name, "%.*s", n < sizeof name ? (int)n : (int)sizeof name - 1, word);
    char *argument = mem_strdup(word + n + strspn(word + n, " \t\n"));
    for (size_t end = argument ? strlen(argument) : 0; end > 0 && strchr(" \t\n", argument[end - 1]); end--)
        argument[end - 1] = 0;
    for (int i = 0; i < CHAT_COMMANDS && argument; i++) {
        if (strcmp(chat_commands[i].name, name) == 0 || word_in(chat_commands[i].aliases, ' ', name)) {
            chat_commands[i].run(chat, argument);
            mem_free(argument);
            return;
        }
        guess_try(&guess, chat_commands[i].name);
    }
    mem_free(argument);
    if (guess_best(&guess))
        say("there is no command /%s; did you mean /%s?", name, guess_best(&guess));
    else
        say("there is no command /%s; /help lists them (a space before the / sends it to the model)", name);
}
