/* markdown.h: an answer's Markdown, drawn on a terminal while it comes. */
#ifndef OSSO_CLI_MARKDOWN_H
#define OSSO_CLI_MARKDOWN_H

#include "cli/chat/markdown_state.h"

/* Begins a text on `to`, which is at the beginning of a line. Memory of a text before is kept. */
void markdown_begin(struct markdown *m, struct wrap *to, bool draws);
/* Takes text in pieces of any size; what is shown in the end does not depend on them. */
void markdown_text(struct markdown *m, const char *text, size_t len);
/* All that was held back comes out. */
void markdown_end(struct markdown *m);
void markdown_free(struct markdown *m);

#endif
