/* spoken.h: what an answer held for the person, once it is over: for `chat` and `generate --chat` alike. */
#ifndef OSSO_CLI_SPOKEN_H
#define OSSO_CLI_SPOKEN_H

#include "osso/answer.h"

struct spoken {
    size_t answers, preambles, calls; /* messages: with text for the person, said on the way, to tools */
};
/* Counts the assistant's messages by voice; those without text say nothing. */
struct spoken spoken_count(const struct osso_conversation *messages);
/* Says on standard error what standard output cannot: calls, with their arguments, and channels that nobody knows. */
void spoken_notes(const struct osso_conversation *messages, bool interactive);
/* Writes the preambles to standard output: where nothing else came, they are all there is. */
void spoken_preambles(const struct osso_conversation *messages);

#endif
