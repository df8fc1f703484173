/* nul.h: texts that a model has written, as C strings though it may write NUL bytes: each is NUL_HIDDEN, which is no
 * UTF-8 and so is nothing else of a text. */
#ifndef OSSO_EVAL_NUL_H
#define OSSO_EVAL_NUL_H

#include "base/buf.h"

#define NUL_HIDDEN "\xc0\x80"
void nul_hide(struct buf *out, const char *s, size_t n); /* appends */
void nul_show(struct buf *out, const char *text);        /* appends it as it was written */
char *nul_text(const char *s, size_t n);                 /* hidden; mem_free it; NULL: no memory */

#endif
