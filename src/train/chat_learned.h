/* chat_learned.h: what of a conversation is learned. */
#ifndef OSSO_TRAIN_CHAT_LEARNED_H
#define OSSO_TRAIN_CHAT_LEARNED_H

#include "harmony/conversation.h"

/* Renders the conversation for training, appending to ids, and writes into weights (room for `cap`, grown; the same
 * length as ids in the end) what each id weighs: 0, or the weight of its message, message_weight[request_message].
 *
 * Learned is exactly what the model itself would write. In the last turn, which begins behind the last message of the
 * user: everything from behind its first <|start|>assistant up to its last <|return|> or <|call|>, with the
 * <|end|><|start|>assistant between two messages of one answer; tools' messages are not, nor the <|start|>assistant
 * behind them or behind a <|call|>, where the model has stopped and is asked again. In earlier turns, which are
 * rendered without their analysis, as the model will see them: the contents of the assistant's messages, neither
 * headers nor the token that ends them; with those it would learn to answer without having thought. */
enum osso_status chat_learned(struct osso_conversation *c, const double *message_weight,
                              const struct osso_tokenizer *tokenizer, struct osso_ids *ids, float **weights,
                              size_t *cap, struct osso_error *err);

#endif
