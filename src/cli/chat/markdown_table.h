/* markdown_table.h: a table of Markdown is held until its last row, since every row has a say in the columns' widths.
 */
#ifndef OSSO_CLI_MARKDOWN_TABLE_H
#define OSSO_CLI_MARKDOWN_TABLE_H

#include "cli/chat/wrap.h"

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

enum { TABLE_COLUMNS = 32 };

struct table {
    struct buf rows; /* as they came, a line each: the heads, the row below them, the others */
    size_t last;     /* where the line that is coming begins in it */
    size_t n_rows;   /* whole lines */
    bool drawn;      /* some of it was: the widths are fixed, */
    bool as_is;      /* or it is running text */
    size_t n_columns;
    char align[TABLE_COLUMNS]; /* l, r or c */
    int width[TABLE_COLUMNS];
};

/* Is this line the one below the heads, or can it still become it? n_heads: how many cells these have. */
bool table_rule_so_far(const char *line, size_t n);
bool table_rule(struct table *table, const char *line, size_t n, size_t n_heads);
/* The number of cells of a line. */
size_t table_cells(const char *line, size_t n);
/* Draws the whole rows and forgets them; the one that has begun stays. Too wide a table has its cells broken into
 * lines; where there is no room even for that, its lines are running text. false: memory ran out, nothing was drawn. */
bool table_draw(struct table *table, struct wrap *to);
/* No table any more; memory is kept. */
void table_clear(struct table *table);

#endif
