/* markdown_marks.h: what the beginning of a line of Markdown says about the line. */
#ifndef OSSO_CLI_MARKDOWN_MARKS_H
#define OSSO_CLI_MARKDOWN_MARKS_H

#include <stdbool.h>
#include <stddef.h>

enum mark_kind {
    MARK_WAIT,   /* not known yet */
    MARK_TEXT,   /* nothing: running text */
    MARK_BLANK,  /* nothing but blanks */
    MARK_QUOTE,  /* "> "; more marks may follow */
    MARK_BULLET, /* "- ", "* ", "+ "; more may follow */
    MARK_NUMBER, /* "12. ", "12) "; more may follow */
    MARK_HEADING,
    MARK_RULE,
    MARK_FENCE, /* code begins; the whole line is there */
    MARK_FENCE_END,
    MARK_QUOTE_END, /* the line has not the "> " of the code's quote: both are over; look again */
    MARK_CODE,      /* a line of code */
    MARK_ROW,       /* perhaps one of a table */
    MARK_FORMULA
};

struct mark {
    enum mark_kind kind;
    size_t blanks; /* bytes before the mark */
    int columns;   /* that they take */
    size_t len;    /* bytes of the mark with the blanks around it */
    size_t run;    /* signs of a heading, of a fence */
};

/* What lines before it say about a line. */
struct mark_context {
    bool only_code;       /* nothing but code is told from text */
    bool inner;           /* behind a mark of the same line */
    bool may_be_code;     /* a line that is far indented is code: not in a list, not in a paragraph */
    bool formula;         /* a formula has begun and not ended */
    bool quoted;          /* the code was opened in a quote, and the line has not its mark yet */
    char fence;           /* code has begun with this, 0: none has */
    size_t fence_run;     /* and so many of it */
    size_t fence_columns; /* so far indented */
};

/* The mark at the beginning of a line, of which s[0..n) is there; whole: that is all of it. With `whole` it is known.
 */
struct mark mark_of(const struct mark_context *context, const char *s, size_t n, bool whole);

#endif
