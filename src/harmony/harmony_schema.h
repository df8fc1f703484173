/* harmony_schema.h: a JSON schema as a TypeScript type. */
#ifndef OSSO_HARMONY_SCHEMA_H
#define OSSO_HARMONY_SCHEMA_H

#include "json/jdoc.h"

void harmony_schema(struct buf *out, const struct jval *schema);

#endif
