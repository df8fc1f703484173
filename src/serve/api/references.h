/* references.h: items that a client names instead of sending them again. */
#ifndef OSSO_SERVE_REFERENCES_H
#define OSSO_SERVE_REFERENCES_H

#include "serve/api/request.h"

/* Whether a list of items has one: {"type": "item_reference", "id"}, or an id alone. */
bool references_any(const struct jval *list);
/* The list once more, each reference in it replaced by the item of a stored response that it names. */
bool references_resolve(struct buf *out, const struct jval *list, const struct request_world *world, struct refusal *r);

#endif
