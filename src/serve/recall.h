/* recall.h: the ids that the model wrote, for when its messages come back. A model need not write what rendering would:
 * the order of a header, the split of its words; rendered anew, a conversation would lose its computed prefix there.
 *
 * The unit is a turn: the assistant's messages between two of others. It is known by what a client sees of it: its
 * thoughts, its text, its calls (JSON arguments may come back spaced otherwise); a client that drops thoughts gets the
 * turn without them. */
#ifndef OSSO_SERVE_RECALL_H
#define OSSO_SERVE_RECALL_H

#include "osso/text.h"
#include "serve/shelf.h"

/* Keeps the messages of an answer. No memory: it is as if it had been forgotten. */
void recall_keep(struct shelf *shelf, uint64_t owner, const struct osso_conversation *said);
/* Replaces the turns of *conversation that are known by the very messages. */
enum osso_status recall_turns(struct shelf *shelf, uint64_t owner, const struct osso_tokenizer *tokenizer,
                              struct osso_conversation **conversation, struct osso_error *err);

#endif
