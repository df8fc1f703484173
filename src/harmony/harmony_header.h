/* harmony_header.h: what stands between <|start|> and <|message|>, from text to fields. */
#ifndef OSSO_HARMONY_HEADER_H
#define OSSO_HARMONY_HEADER_H

#include "harmony/conversation.h"

/* Reads a header into the fields of *m (role, name, recipient, channel, content type). The text is valid UTF-8 and is
 * rewritten in place. `hint` is the role the prompt opened, or NULL. Strict: exactly openai-harmony's reading, with its
 * errors. Otherwise only memory can fail: what is not recognised is dropped. */
enum osso_status harmony_header_read(struct buf *header, const enum osso_role *hint, bool strict, struct message *m,
                                     struct osso_error *err);

/* A message that ended before its <|message|>: what is not header is its text. *text_out points into `header`. */
enum osso_status harmony_header_bare(struct buf *header, const enum osso_role *hint, struct message *m,
                                     struct jtext *text_out, struct osso_error *err);

#endif
