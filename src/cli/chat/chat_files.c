/* chat_files.c: conversations as files: /save, /load and what is kept for osso chat --continue; and texts: /read. */
#include "cli/chat/chat.h"
#include "cli/input.h"
#include "cli/out.h"
#include "cli/spoken.h"
#include "cli/state.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

static enum osso_status conversation_text(const struct chat *chat, struct buf *text, struct osso_error *err)
{
    char *json = NULL;
    enum osso_status status = osso_conversation_to_json(chat->conversation, &json, err);
    if (!status) {
        buf_puts(text, json);
        buf_putc(text, '\n');
        status = text->failed ? error_nomem(err, text->len, "the conversation") : OSSO_OK;
    }
    osso_free(json);
    return status;
}

void command_save(struct chat *chat, const char *argument)
{
    struct osso_error err = {0};
    struct buf text = {0};
    if (!*argument) {
        say("say where: /save FILE");
        return;
    }
    char *path = file_of_home(argument);
    bool replaced = path && file_exists(path);
    enum osso_status status = path ? conversation_text(chat, &text, &err)
                                   : error_nomem(&err, strlen(argument), "a path");
    if (!status)
        status = save_atomic(path, text.data, text.len, &err);
    mem_free(path);
    buf_free(&text);
    chat_report(status, &err);
    if (!status)
        chat_note(replaced ? "saved; it replaced the file that was there" : "saved");
}

/* ---- what was said last ------------------------------------------------------------------------------------ */

/* The last lines of a text. */
static void show_tail(const char *text, size_t len)
{
    enum { LINES = 12, BYTES = 2000 };
    size_t from = len, lines = 0;
    while (from > 0 && len - from < BYTES && !(text[from - 1] == '\n' && ++lines == LINES))
        from--;
    while (from > 0 && from < len && ((unsigned char)text[from] & 0xc0) == 0x80)
        from++; /* not in the middle of a character */
    if (from > 0)
        chat_note("...");
    err_model_text(text + from, len - from);
    fputs(len > from && text[len - 1] != '\n' ? "\n" : "", stderr);
}

/* What a person wrote, or was told. */
static bool was_seen(const struct osso_message *m)
{
    enum osso_voice voice = spoken_voice(m);
    return m->role == OSSO_ROLE_USER ||
           ((voice == OSSO_VOICE_ANSWER || voice == OSSO_VOICE_PREAMBLE) && m->text_len > 0);
}

/* The last message of the person and what was answered. */
static void show_end(const struct chat *chat)
{
    struct osso_message m = {.size = sizeof m};
    size_t n = osso_conversation_size(chat->conversation), users, seen = 0;
    for (size_t i = chat_last_user(chat->conversation, &users); i < n; i++) {
        if (osso_conversation_get(chat->conversation, i, &m, NULL) || !was_seen(&m))
            continue;
        chat_note(m.role == OSSO_ROLE_USER ? "you said:" : "the answer:");
        show_tail(m.text, m.text_len);
    }
    for (size_t i = 0; i < n; i++)
        seen += !osso_conversation_get(chat->conversation, i, &m, NULL) && was_seen(&m);
    char line[64];
    snprintf(line, sizeof line, "%zu message%s", seen, seen == 1 ? "" : "s");
    chat_note(line);
}

/* openai-harmony's form; a chat request in OpenAI's form is converted, never half read. */
static enum osso_status read_conversation(const struct buf *text, const char *path, struct osso_conversation **out,
                                          struct osso_error *err)
{
    const char *json = text->data ? text->data : "";
    char *ignored = NULL;
    if (osso_conversation_check_form(json, text->len, path, err) == OSSO_OK)
        return osso_conversation_from_json(json, text->len, path, out, err);
    enum osso_status status = osso_conversation_from_chat(json, text->len, path, NULL, &ignored, out, err);
    if (!status)
        say("%s is a chat request in OpenAI's form: converted%s%s", path, ignored ? "; left out: " : "",
            ignored ? ignored : "");
    osso_free(ignored);
    return status;
}

enum osso_status chat_load(struct chat *chat, const char *path, struct osso_error *err)
{
    struct buf text = {0};
    struct osso_conversation *loaded = NULL, *before = chat->conversation;
    enum osso_status status = input_read(path, &text, err);
    if (!status)
        status = read_conversation(&text, path, &loaded, err);
    buf_free(&text);
    if (status)
        return status;
    chat->conversation = loaded; /* how it was opened are the settings from now on, but for --tools */
    if (opening_size(loaded) == 0)
        status = chat_reopen(chat, true, err); /* which frees `loaded` */
    else if (tools_given(&chat->tools))
        status = chat_retool(chat, chat_effort(chat), err); /* and so does this */
    if (status) {
        osso_conversation_free(loaded);
        chat->conversation = before;
        return status;
    }
    osso_conversation_free(before);
    chat->answered = false; /* /stats: not of this conversation */
    if (chat->interactive)
        show_end(chat);
    return OSSO_OK;
}

void command_load(struct chat *chat, const char *argument)
{
    struct osso_error err = {0};
    if (!*argument) {
        say("say what: /load FILE");
        return;
    }
    char *path = file_of_home(argument);
    enum osso_status status = path ? chat_load(chat, path, &err) : error_nomem(&err, strlen(argument), "a path");
    mem_free(path);
    chat_report(status, &err);
}

void chat_keep(struct chat *chat)
{
    struct osso_error err = {0};
    struct buf text = {0};
    size_t n = osso_conversation_size(chat->conversation);
    if (chat->options.v[OPT_no_history].set || n == opening_size(chat->conversation))
        return;
    char *path = state_path("conversation.json");
    enum osso_status status = path ? conversation_text(chat, &text, &err) : OSSO_OK; /* no home: nothing is kept */
    if (!status && path)
        status = state_write(path, text.data, text.len, &err);
    mem_free(path);
    buf_free(&text);
    if (status && !chat->keep_failed)
        say("the conversation is not kept for --continue: %s", err.text);
    chat->keep_failed = status != OSSO_OK;
}

enum osso_status chat_continue(struct chat *chat, struct osso_error *err)
{
    char *path = state_path("conversation.json");
    enum osso_status status = path && file_exists(path) ? OSSO_OK
                                                        : error_set(err, OSSO_NOTFOUND,
                                                                    "there is no conversation to go on with yet; leave "
                                                                    "--continue out");
    if (!status)
        status = chat_load(chat, path, err);
    mem_free(path);
    return status;
}

enum osso_status chat_say_staged(struct chat *chat, const char *text, size_t len, struct osso_error *err)
{
    struct buf all = {0};
    if (chat->staged.len == 0)
        return chat_say(chat, text, len, err);
    buf_add(&all, chat->staged.data, chat->staged.len);
    if (len > 0)
        buf_puts(&all, "\n\n");
    buf_add(&all, text, len);
    size_t before = osso_conversation_size(chat->conversation);
    enum osso_status status = all.failed ? error_nomem(err, all.len, "a message")
                                         : chat_say(chat, all.data, all.len, err);
    if (osso_conversation_size(chat->conversation) > before)
        buf_free(&chat->staged);
    buf_free(&all);
    return status;
}

void command_read(struct chat *chat, const char *argument)
{
    struct osso_error err = {0};
    struct buf text = {0};
    if (!*argument) {
        say("say what: /read FILE");
        return;
    }
    char *path = file_of_home(argument);
    enum osso_status status = path ? input_read(path, &text, &err) : error_nomem(&err, strlen(argument), "a path");
    if (!status)
        status = input_check_utf8(text.data, text.len, path, &err);
    input_chomp(&text);
    if (!status && text.len == 0)
        status = error_set(&err, OSSO_USAGE, "%s is empty", path);
    if (!status) {
        buf_puts(&chat->staged, chat->staged.len ? "\n\n" : "");
        buf_add(&chat->staged, text.data, text.len);
        if (chat->staged.failed) {
            status = error_nomem(&err, text.len, path);
            buf_free(&chat->staged);
        }
    }
    mem_free(path);
    buf_free(&text);
    chat_report(status, &err);
    if (!status)
        chat_note("read; it goes with your next message (Enter alone sends it as it is, /clear drops it)");
}
