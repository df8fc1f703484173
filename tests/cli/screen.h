/* screen.h: a terminal's screen, as much of one as cli/chat/wrap.c writes for: text, line ends, tabs, "so many columns
 * to the left", "erase to the end", styles. Lines are as long as the window; what runs over it goes on in the next. */
#ifndef OSSO_TEST_SCREEN_H
#define OSSO_TEST_SCREEN_H

#include "cli/columns.h"

#include "base/buf.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { SCREEN_ROWS = 400, SCREEN_COLUMNS = 200 };

struct screen {
    struct {
        char text[12]; /* "" behind a wide character */
        char style[16];
    } cell[SCREEN_ROWS][SCREEN_COLUMNS];
    int width[SCREEN_ROWS]; /* cells in use */
    int columns, row, column;
    bool overrun; /* a line reached the edge: the window broke it, not the program */
    char style[16];
};

static void screen_char(struct screen *s, const char *text, size_t n, int columns)
{
    if (s->column + columns > s->columns) {
        s->overrun = true;
        s->row++;
        s->column = 0;
    }
    if (columns == 0 && s->column == 0) { /* it has nothing to stand with */
        text = "?";
        n = 1;
        columns = 1;
    }
    if (columns == 0) { /* it stands with the one before */
        int at = s->column - 1;
        at -= at > 0 && !s->cell[s->row][at].text[0]; /* a wide one */
        char *before = s->cell[s->row][at].text;
        if (strlen(before) + n < sizeof s->cell[0][0].text)
            strncat(before, text, n);
        return;
    }
    memset(&s->cell[s->row][s->column], 0, sizeof s->cell[0][0] * (size_t)columns);
    memcpy(s->cell[s->row][s->column].text, text, n);
    strcpy(s->cell[s->row][s->column].style, s->style);
    s->column += columns;
    if (s->width[s->row] < s->column)
        s->width[s->row] = s->column;
}

static size_t screen_escape(struct screen *s, const char *text)
{
    size_t n = 2 + strspn(text + 2, "0123456789;");
    if (text[n] == 'D')
        s->column -= atoi(text + 2);
    else if (text[n] == 'K')
        s->width[s->row] = s->column;
    else if (text[n] == 'm') { /* "0;1;36": without the 0 */
        size_t len = n > 4 ? n - 4 : 0;
        memcpy(s->style, text + 4, len);
        s->style[len] = 0;
    }
    return n + 1;
}

static void screen_feed(struct screen *s, const char *text, size_t len)
{
    for (size_t i = 0, n; i < len && s->row < SCREEN_ROWS - 2; i += n) {
        int columns;
        n = text_char(text + i, len - i, &columns);
        if (text[i] == '\033')
            n = screen_escape(s, text + i);
        else if (text[i] == '\n') {
            s->row++;
            s->column = 0;
        } else if (text[i] == '\t') {
            for (int to = (s->column / 8 + 1) * 8; s->column < to && s->column + 1 < s->columns;)
                screen_char(s, " ", 1, 1);
        } else
            screen_char(s, text + i, n, columns);
    }
}

/* The lines, without blanks at their ends; marks: styled letters stand in "<1;4>" and "<>". */
static void screen_text(const struct screen *s, bool marks, struct buf *out)
{
    buf_clear(out);
    for (int r = 0; r <= s->row; r++) {
        const char *style = "";
        size_t begin = out->len;
        for (int c = 0; c < s->width[r]; c++) {
            if (marks && s->cell[r][c].text[0] && strcmp(style, s->cell[r][c].style) != 0) {
                style = s->cell[r][c].style;
                buf_printf(out, "<%s>", style);
            }
            buf_puts(out, s->cell[r][c].text);
        }
        buf_puts(out, marks && *style ? "<>" : "");
        while (out->len > begin && out->data[out->len - 1] == ' ')
            out->data[--out->len] = 0;
        buf_puts(out, r < s->row ? "\n" : "");
    }
}

#endif
