/* harmony_tools.h: tools as a prompt names them. */
#ifndef OSSO_HARMONY_TOOLS_H
#define OSSO_HARMONY_TOOLS_H

#include "json/jdoc.h"

/* "# Tools" and every namespace of a tools object, ordered by key. */
void harmony_tools(struct buf *out, const struct jval *tools);
/* The built-in namespaces as tool objects of `doc`; NULL when memory runs out. */
struct jval *harmony_browser(struct jdoc *doc);
struct jval *harmony_python(struct jdoc *doc);

#endif
