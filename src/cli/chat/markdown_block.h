/* markdown_block.h: what a line of Markdown is: how each kind begins, and what becomes of its text. */
#ifndef OSSO_CLI_MARKDOWN_BLOCK_H
#define OSSO_CLI_MARKDOWN_BLOCK_H

#include "cli/chat/markdown_marks.h"
#include "cli/chat/markdown_state.h"

/* The line, of which m->line has the beginning, has this mark. Returns how many bytes of it are done with. */
size_t block_begin_line(struct markdown *m, const struct mark *mark);

/* A character of running text, and the end of a paragraph: what is still open in it is no marker. */
void block_add_text(struct markdown *m, const char *s, size_t n);
void block_end_text(struct markdown *m);

/* A character of what may be a row of a table, the end of the row (its line end has come), the end of the table. */
void block_add_row(struct markdown *m, const char *s, size_t n);
void block_end_row(struct markdown *m);
void block_end_table(struct markdown *m);

#endif
