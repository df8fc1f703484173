/* own_ids.h: a message as the ids in which its model wrote it (struct message has them beside its fields and text). */
#ifndef OSSO_HARMONY_OWN_IDS_H
#define OSSO_HARMONY_OWN_IDS_H

#include "osso/text.h"

/* What is wrong with ids as one message (from behind its <|start|>; its end may be missing), in words; NULL: nothing.
 */
const char *own_ids_wrong(const struct osso_tokenizer *tokenizer, const int32_t *ids, size_t n);
/* Is it an id that ends a message: <|end|>, <|return|> or <|call|>? */
bool own_ids_end(const struct osso_tokenizer *tokenizer, int32_t id);

#endif
