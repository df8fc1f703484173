/* line_draw.h: a line that is being typed, on the screen: libedit edits, this draws. */
#ifndef OSSO_CLI_LINE_DRAW_H
#define OSSO_CLI_LINE_DRAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <wchar.h>

/* Columns of a character. What has no picture takes one, for U+FFFD; the marks of the history (chat_line.h) none. */
int line_columns(wchar_t c);

struct line_place {
    int row, column;
};

struct line_draw {
    FILE *screen;
    const char *prompt;
    int width, height; /* columns that are used and rows of the window */
    bool shown;        /* the screen shows what follows, with the cursor at `at` */
    wchar_t *text;
    size_t len, cap;
    int top; /* the first row in the window */
    struct line_place at;
};

/* A new line begins where the cursor of the terminal stands, in column 0. */
void line_draw_begin(struct line_draw *d, const char *prompt);
/* The screen shows this text, the cursor stands on this character. Only what has changed is written. */
void line_draw(struct line_draw *d, const wchar_t *text, size_t len, size_t cursor);
/* The line is over: what follows, behind its last character, and the cursor on a row of its own. */
void line_draw_end(struct line_draw *d, const char *what);
/* Draws anew the next time: from where the line began after a resize, or from here on when something else was shown. */
void line_draw_anew(struct line_draw *d, bool in_place);
void line_draw_free(struct line_draw *d);

#endif
