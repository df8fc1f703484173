/* voice.c: words of an answer: why it ended, and what a text is for a person. */
#include "osso/answer.h"

#include <string.h>

const char *osso_stop_text(enum osso_stop stop)
{
    switch (stop) {
    case OSSO_STOP_NONE: return "none";
    case OSSO_STOP_ID: return "stop";
    case OSSO_STOP_STRING: return "stop_string";
    case OSSO_STOP_LENGTH: return "length";
    case OSSO_STOP_CONTEXT: return "context";
    case OSSO_STOP_CANCELLED: return "cancelled";
    }
    return "?";
}

static bool is(const char *a, const char *b)
{
    return a && strcmp(a, b) == 0;
}

enum osso_voice osso_voice_of(const char *role, const char *channel, const char *recipient)
{
    if (role && !is(role, "assistant"))
        return OSSO_VOICE_NONE;
    if (recipient && !is(recipient, "assistant"))
        return OSSO_VOICE_CALL;
    if (is(channel, "analysis"))
        return OSSO_VOICE_THOUGHT;
    return is(channel, "commentary") ? OSSO_VOICE_PREAMBLE : OSSO_VOICE_ANSWER;
}
