/* items_in.h: items of the Responses API as messages of a chat. */
#ifndef OSSO_SERVE_ITEMS_IN_H
#define OSSO_SERVE_ITEMS_IN_H

#include "json/jdoc.h"
#include "serve/api/refusal.h"
#include "serve/api/toolset.h"

/* The items of `list` as chat messages, each with a comma before it; `param` names the list. */
bool items_put_messages(struct buf *out, const struct jval *list, const char *param, const struct toolset *tools,
                        struct refusal *r);

/* {"id","type":"function","function":{"name","arguments"}}; custom: `arguments` is the text of its "input". */
void items_put_call(struct buf *out, struct jtext id, struct jtext name, struct jtext arguments, bool custom);
/* A tool's output: text, or a list of parts in which what is no text becomes a line that says so. */
void items_put_output(struct buf *out, const struct jval *output);
/* Text in an opaque form and back: what "encrypted_content" holds. False: it is not ours. */
void items_seal(struct buf *out, const char *text, size_t len);
bool items_unseal(struct buf *out, struct jtext sealed);

#endif
