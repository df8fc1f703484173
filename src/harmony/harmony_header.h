/* harmony_header.h: what stands between <|start|> and <|message|>, from text to fields. */
#ifndef OSSO_HARMONY_HEADER_H
#define OSSO_HARMONY_HEADER_H

#include "harmony/conversation.h"

/* Reads a header into the fields of *m (role, name, recipient, channel, content type), as openai-harmony does in its
 * strict mode, with its errors. The text is valid UTF-8 and is rewritten in place. `hint` is the role the prompt
 * opened, or NULL. */
enum osso_status harmony_header_read(struct buf *header, const enum osso_role *hint, struct message *m,
                                     struct osso_error *err);

#endif
