/* chat_loop.c: a turn of a chat: what is said or given, the answer, and as long as that calls a tool its result and the
 * next answer. */
#include "cli/chat/chat.h"
#include "cli/out.h"
#include "cli/spoken.h"

/* A call that got no result before the next message is taken back: no model is trained to see one unanswered. */
static void drop_open_calls(struct chat *chat)
{
    struct osso_message call;
    while (spoken_open_call(chat->conversation, &call))
        osso_conversation_truncate(chat->conversation, osso_conversation_size(chat->conversation) - 1);
}

static enum osso_status speak(void *user, struct osso_error *err)
{
    return chat_speak(user, err);
}

/* Calls and results, after an answer. */
static enum osso_status go_on(struct chat *chat, struct osso_error *err)
{
    enum tool_turns_end end = TOOL_TURNS_DONE;
    if (!tools_given(&chat->tools))
        return OSSO_OK;
    enum osso_status status = tool_turns(&chat->tools, chat->conversation, &chat->call, speak, chat, &end, err);
    if (end == TOOL_TURNS_OVER)
        chat->silent = true;
    if (end == TOOL_TURNS_WAIT && interrupted())
        say("stopped before the result of the call%s", chat->interactive ? "; /tool TEXT gives it one" : "");
    return status;
}

/* Was it stopped before anything came? */
static bool stopped_at_once(const struct chat *chat)
{
    return chat->last.stop == OSSO_STOP_CANCELLED && chat->last.n_generated == 0;
}

enum osso_status chat_answer(struct chat *chat, struct osso_error *err)
{
    enum osso_status status = chat_speak(chat, err);
    return status || stopped_at_once(chat) ? status : go_on(chat, err);
}

enum osso_status chat_tool(struct chat *chat, const char *text, size_t len, struct osso_error *err)
{
    size_t before = osso_conversation_size(chat->conversation);
    enum osso_status status = spoken_add_result(chat->conversation, text, len, err);
    if (!status)
        status = chat_speak(chat, err);
    if (status)
        osso_conversation_truncate(chat->conversation, before);
    return status ? status : go_on(chat, err);
}

enum osso_status chat_say(struct chat *chat, const char *text, size_t len, struct osso_error *err)
{
    drop_open_calls(chat);
    size_t before = osso_conversation_size(chat->conversation);
    enum osso_status status = add_user(chat->conversation, text, len, err);
    if (!status)
        status = chat_speak(chat, err);
    bool stopped = !status && stopped_at_once(chat);
    if (status || stopped)
        osso_conversation_truncate(chat->conversation, before);
    if (stopped)
        say("stopped before an answer; the message is taken back%s", chat->interactive ? " (the up arrow has it)" : "");
    return status || stopped ? status : go_on(chat, err);
}
