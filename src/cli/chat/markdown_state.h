/* markdown_state.h: what the files of the Markdown drawing share: markdown.c (characters and line ends) and
 * markdown_block.c (what a line is). */
#ifndef OSSO_CLI_MARKDOWN_STATE_H
#define OSSO_CLI_MARKDOWN_STATE_H

#include "cli/chat/markdown_inline.h"
#include "cli/chat/markdown_table.h"
#include "cli/chat/wrap.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct markdown {
    struct wrap *to;
    bool draws; /* no: text stays as it is, and only code is told from it, which is not wrapped */
    char character[4];
    size_t n_character;
    /* Held back, no longer than it must be: the beginning of a line until it is known what it is, */
    char line[MARKDOWN_HELD];
    size_t line_len;
    /* text from a marker on whose other half has not come, */
    char held[MARKDOWN_HELD];
    size_t held_len;
    uint32_t before; /* the character before that */
    /* and a table until its last row. */
    struct table table;
    enum { LINE_BEGINS, LINE_TEXT, LINE_HEADING, LINE_AS_IS, LINE_ROW } line_is;
    unsigned style; /* of the line's text */
    bool inner;     /* the line had a mark */
    bool silent;    /* it is not shown: a fence */
    bool ending;    /* nothing comes any more, */
    bool cut;       /* and the line end of a row was not the model's */
    bool after_blank, after_code, in_list;
    char prefix[64]; /* what the rest of the line begins with when it is wrapped */
    size_t prefix_len;
    char fence;           /* in a block of code: what it began with, */
    size_t fence_run;     /* how many, */
    size_t fence_columns; /* how far indented, */
    int fence_quotes;     /* inside how many quotes */
    int quotes;           /* of this line */
    char formula;         /* in a formula: ']' or '$', which will end it */
    size_t formula_len;   /* so far, without the blanks before it */
    char formula_last;
};

#endif
