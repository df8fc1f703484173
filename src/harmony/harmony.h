/* harmony.h: what the harmony files share. */
#ifndef OSSO_TEXT_HARMONY_H
#define OSSO_TEXT_HARMONY_H

#include "harmony/conversation.h"

/* The text of a system or developer part (harmony_render.c). */
void harmony_part_text(struct buf *out, const struct part *part, bool has_functions);
/* "# Tools" and every namespace of a tools object, ordered by key (harmony_tools.c). */
void harmony_tools(struct buf *out, const struct jval *tools);
/* A JSON schema as a TypeScript type (harmony_schema.c). */
void harmony_schema(struct buf *out, const struct jval *schema);

/* The built-in namespaces as tool objects of `doc`; NULL when memory runs out (harmony_tools.c). */
struct jval *harmony_browser(struct jdoc *doc);
struct jval *harmony_python(struct jdoc *doc);

#endif
