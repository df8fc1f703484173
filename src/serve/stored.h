/* stored.h: responses that are kept, to be read and to be continued. */
#ifndef OSSO_SERVE_STORED_H
#define OSSO_SERVE_STORED_H

#include "json/jlex.h"
#include "serve/shelf.h"

/* object: the response; output: its items without brackets, within the object; input: the same of what it was asked. */
void stored_keep(struct shelf *shelf, uint64_t owner, const char *id, struct jtext object, struct jtext output,
                 const struct buf *input);
/* Which of them; all: input and output. All but the object are lists. Appends a JSON text. */
enum stored_part { STORED_OBJECT, STORED_INPUT, STORED_OUTPUT, STORED_ALL };
bool stored_get(struct shelf *shelf, uint64_t owner, const char *id, enum stored_part part, struct buf *out);

#endif
