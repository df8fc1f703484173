/* chat_context.c: how much a conversation holds: /undo and /ctx. */
#include "cli/chat/chat.h"
#include "cli/context.h"
#include "cli/out.h"

#include "base/error.h"

#include <stdio.h>
#include <string.h>

void command_undo(struct chat *chat, const char *argument)
{
    struct osso_message m = {.size = sizeof m};
    size_t users, at = chat_last_user(chat->conversation, &users), len;
    char line[96];
    (void)argument;
    if (users == 0 || osso_conversation_get(chat->conversation, at, &m, NULL)) {
        say("there is no message to take back");
        return;
    }
    for (len = 0; len < m.text_len && m.text[len] != '\n' && len < 48;)
        len++;
    while (len > 0 && len < m.text_len && ((unsigned char)m.text[len] & 0xc0) == 0x80)
        len--; /* not in the middle of a character */
    snprintf(line, sizeof line, "%.*s", (int)len, m.text);
    fputs("taken back: ", stderr);
    err_model_text(line, strlen(line));
    fputs(len < m.text_len ? " ...\n" : "\n", stderr);
    osso_conversation_truncate(chat->conversation, at);
}

void command_ctx(struct chat *chat, const char *argument)
{
    struct osso_error err = {0};
    enum osso_status status = OSSO_OK;
    int64_t context = 0, now = osso_engine_context(chat->r.engine);
    size_t n;
    char a[32], b[32], c[32], line[128];
    osso_session_tokens(chat->r.session, &n);
    if (!*argument) {
        snprintf(line, sizeof line, "%s of %s tokens; the model has at most %s", human_count(a, n),
                 human_count(b, (uint64_t)now), human_count(c, (uint64_t)chat->r.dims.context));
        chat_note(line);
        return;
    }
    if (!parse_i64(argument, &context) || context < 0 || context > chat->r.dims.context)
        status = error_set(&err, OSSO_USAGE, "/ctx: '%s' is no number from 1 to %s (0: all that the model has)",
                           argument, human_count(a, (uint64_t)chat->r.dims.context));
    if (!status)
        status = context_change(&chat->options, &chat->r, context, &err);
    chat_report(status, &err);
    if (status)
        return;
    snprintf(line, sizeof line, "the context holds %s tokens now; the conversation is read again with the next message",
             human_count(a, (uint64_t)osso_engine_context(chat->r.engine)));
    chat_note(line);
}
