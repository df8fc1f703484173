/* clean.h: what two tasks do to their texts before anybody reads them. */
#ifndef OSSO_EVAL_CLEAN_H
#define OSSO_EVAL_CLEAN_H

#include "base/buf.h"

/* HellaSwag: no blanks around, " [title]" is ". ", what else stands in brackets goes, two blanks are one (once). */
void clean_hellaswag(struct buf *text);
/* WikiText: the spaces that its tokens were set apart with go again. */
void clean_wikitext(struct buf *text);

/* Every `from`, left to right and never overlapping, becomes `to`. */
void clean_replace(struct buf *text, const char *from, const char *to);

#endif
