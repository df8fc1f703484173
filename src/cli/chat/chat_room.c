/* chat_room.c: what helps when a conversation has filled its context. */
#include "cli/chat/chat.h"
#include "cli/context.h"
#include "cli/out.h"

#include "base/error.h"

#include <stdio.h>

size_t chat_last_user(const struct osso_conversation *c, size_t *n_users_out)
{
    struct osso_message m = {.size = sizeof m};
    size_t n = osso_conversation_size(c), at = n;
    *n_users_out = 0;
    for (size_t i = 0; i < n; i++)
        if (!osso_conversation_get(c, i, &m, NULL) && m.role == OSSO_ROLE_USER) {
            at = i;
            ++*n_users_out;
        }
    return at;
}

void chat_room(const struct chat *chat, size_t needed, bool answered, char *advice, size_t size)
{
    size_t users;
    int64_t larger = context_larger(&chat->options, &chat->r, needed);
    chat_last_user(chat->conversation, &users);
    /* A message that does not fit is taken back: only what was said before it can make room. */
    const char *undo = answered || users > 1 ? "/undo takes the last exchange back, /clear all" : NULL;
    char more[64] = "";
    if (larger)
        snprintf(more, sizeof more, "/ctx %lld makes room", (long long)larger);
    snprintf(advice, size, "%s%s%s", undo ? undo : "", undo && larger ? ", " : "",
             larger ? more
             : undo ? ""
                    : "send less at once");
}

enum osso_status chat_full(const struct chat *chat, size_t needed, struct osso_error *err)
{
    char advice[128], has[32], needs[32];
    if (!chat->interactive)
        return context_full(&chat->options, &chat->r, needed, err);
    chat_room(chat, needed, false, advice, sizeof advice);
    return error_set(err, OSSO_LIMIT, "the conversation takes %s tokens, the context holds %s; %s",
                     human_count(needs, needed), human_count(has, (uint64_t)osso_engine_context(chat->r.engine)),
                     advice);
}
