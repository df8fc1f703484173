/* spoken.c: an answer's messages, sorted by whom they are for. */
#include "cli/spoken.h"
#include "cli/out.h"

#include "base/error.h"

#include <stdio.h>
#include <string.h>

enum osso_voice spoken_voice(const struct osso_message *m)
{
    return m->role == OSSO_ROLE_ASSISTANT ? osso_voice_of("assistant", m->channel, m->recipient) : OSSO_VOICE_NONE;
}

/* Message i, and whose voice it has. */
static enum osso_voice voice_at(const struct osso_conversation *messages, size_t i, struct osso_message *m)
{
    struct osso_error none;
    *m = (struct osso_message){.size = sizeof *m};
    return osso_conversation_get(messages, i, m, &none) ? OSSO_VOICE_NONE : spoken_voice(m);
}

bool spoken_cut_call(const struct osso_conversation *messages, size_t i, bool cut)
{
    struct osso_message m;
    return cut && i + 1 == osso_conversation_size(messages) && voice_at(messages, i, &m) == OSSO_VOICE_CALL;
}

struct spoken spoken_count(const struct osso_conversation *messages, bool cut)
{
    struct spoken s = {0};
    struct osso_message m;
    for (size_t i = 0; i < osso_conversation_size(messages); i++) {
        enum osso_voice voice = voice_at(messages, i, &m);
        s.answers += voice == OSSO_VOICE_ANSWER && m.text_len > 0;
        s.preambles += voice == OSSO_VOICE_PREAMBLE && m.text_len > 0;
        s.calls += voice == OSSO_VOICE_CALL && !spoken_cut_call(messages, i, cut);
    }
    return s;
}

static void note_call(const struct osso_message *m, bool offered)
{
    fputs(err_has_colour() ? DIM : "", stderr);
    fputs(offered ? "[the model calls " : "osso: the model calls ", stderr);
    err_line_text(m->recipient, strlen(m->recipient));
    fputs(" with ", stderr);
    err_line_text(m->text, m->text_len);
    fputs(offered ? "; /tool TEXT gives it a result]" : "", stderr);
    fprintf(stderr, "%s\n", err_has_colour() ? PLAIN : "");
}

void spoken_notes(const struct osso_conversation *messages, bool cut, enum spoken_calls calls)
{
    struct osso_message m;
    for (size_t i = 0; i < osso_conversation_size(messages); i++) {
        enum osso_voice voice = voice_at(messages, i, &m);
        if (spoken_cut_call(messages, i, cut))
            say("the model's call of %.100s was cut off: it is not made", m.recipient);
        else if (voice == OSSO_VOICE_CALL && calls != SPOKEN_CALLS_PRINTED)
            note_call(&m, calls == SPOKEN_CALLS_OFFERED);
        else if (voice == OSSO_VOICE_ANSWER && m.channel && strcmp(m.channel, "final") != 0)
            say("the answer came on a channel that nobody knows, '%.100s'", m.channel);
    }
}

void spoken_preambles(const struct osso_conversation *messages)
{
    struct osso_message m;
    for (size_t i = 0; i < osso_conversation_size(messages); i++)
        if (voice_at(messages, i, &m) == OSSO_VOICE_PREAMBLE && m.text_len > 0) {
            out_model_text(m.text, m.text_len);
            if (m.text[m.text_len - 1] != '\n')
                out_puts("\n");
        }
}

void spoken_why_nothing(const struct osso_generate_result *result)
{
    if (result->stop == OSSO_STOP_LENGTH)
        say("%zu tokens (-n) were not enough to get to an answer", result->n_generated);
    else if (result->stop == OSSO_STOP_ID || result->stop == OSSO_STOP_STRING)
        say("the model ended without an answer");
}

/* ---- into the conversation ------------------------------------------------------------------------------ */

enum osso_status spoken_keep(struct osso_conversation *conversation, const struct osso_conversation *came, bool cut,
                             struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    for (size_t i = 0; i < osso_conversation_size(came) && !status; i++) {
        struct osso_message message = {.size = sizeof message};
        status = osso_conversation_get(came, i, &message, err);
        if (!status && message.role == OSSO_ROLE_ASSISTANT && !spoken_cut_call(came, i, cut))
            status = osso_conversation_add(conversation, &message, err);
    }
    return status;
}

bool spoken_open_call(const struct osso_conversation *conversation, struct osso_message *call_out)
{
    size_t n = osso_conversation_size(conversation);
    return n > 0 && voice_at(conversation, n - 1, call_out) == OSSO_VOICE_CALL;
}

enum osso_status spoken_add_result(struct osso_conversation *conversation, const char *text, size_t len,
                                   struct osso_error *err)
{
    struct osso_message call;
    if (!spoken_open_call(conversation, &call))
        return error_set(err, OSSO_USAGE, "the last answer calls no tool: there is nothing to give a result to");
    struct osso_message result = {.size = sizeof result,
                                  .role = OSSO_ROLE_TOOL,
                                  .name = call.recipient,
                                  .recipient = "assistant",
                                  .channel = "commentary",
                                  .text = text,
                                  .text_len = len};
    return osso_conversation_add(conversation, &result, err);
}
