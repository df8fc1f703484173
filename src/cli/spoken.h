/* spoken.h: what an answer held for the person, once it is over: for `chat` and `generate --chat` alike. */
#ifndef OSSO_CLI_SPOKEN_H
#define OSSO_CLI_SPOKEN_H

#include "osso/answer.h"

struct spoken {
    size_t answers, preambles, calls; /* messages: with text for the person, said on the way, to tools */
};
/* Is message i a call that was cut off, in an answer whose last message is `cut`? It is none, then. */
bool spoken_cut_call(const struct osso_conversation *messages, size_t i, bool cut);
/* Whose voice a message has; none but the assistant's has one. */
enum osso_voice spoken_voice(const struct osso_message *message);
/* Counts the assistant's messages by voice; those without text say nothing. cut: of osso_generate_result. */
struct spoken spoken_count(const struct osso_conversation *messages, bool cut);
/* Says on standard error what standard output cannot: calls, with their arguments, and channels that nobody knows. */
enum spoken_calls {
    SPOKEN_CALLS_NOTED,
    SPOKEN_CALLS_OFFERED /* with how to give a result */,
    SPOKEN_CALLS_PRINTED /* by others */
};
void spoken_notes(const struct osso_conversation *messages, bool cut, enum spoken_calls calls);
/* Writes the preambles to standard output. */
void spoken_preambles(const struct osso_conversation *messages);
/* Are the preambles all there is for the person, and not shown yet? */
static inline bool spoken_late(const struct spoken *s, bool shown)
{
    return s->preambles > 0 && !shown && s->answers == 0 && s->calls == 0;
}
static inline bool spoken_nothing(const struct spoken *s)
{
    return s->answers == 0 && s->preambles == 0 && s->calls == 0;
}
/* Says why nothing came, if the answer is over. */
void spoken_why_nothing(const struct osso_generate_result *result);

/* The messages that came, into a conversation; what the model wrote in somebody else's name is nobody's, and half a
 * call asks for nothing. */
enum osso_status spoken_keep(struct osso_conversation *conversation, const struct osso_conversation *came, bool cut,
                             struct osso_error *err);
/* Is the last message a call? *call_out lives as long as it. */
bool spoken_open_call(const struct osso_conversation *conversation, struct osso_message *call_out);
/* The result of this call, behind it. USAGE when there is none. */
enum osso_status spoken_add_result(struct osso_conversation *conversation, const char *text, size_t len,
                                   struct osso_error *err);

#endif
