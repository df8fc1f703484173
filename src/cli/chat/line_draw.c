/* line_draw.c: draws a line that is being typed. libedit counts a combining mark as a character with a place of its own
 * and puts the cursor beside a wide one, so its drawing goes nowhere (line_edit.c) and this stands in its place: every
 * row is ended here, never by the terminal's own wrapping, and what is not in the window is not drawn. */
#define _GNU_SOURCE
#include "cli/chat/line_draw.h"
#include "cli/chat/chat_line.h"
#include "cli/out.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "cli/columns.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int line_columns(wchar_t c)
{
    if (c == MARK_TEXT || c == MARK_END)
        return 0;
    return char_columns((uint32_t)c);
}

/* Where a character stands if the one before ends at p. */
static struct line_place place_of(struct line_place p, wchar_t c, int width)
{
    bool fits = c == L'\n' || p.column + (c == L'\t' ? 1 : line_columns(c)) <= width;
    return fits ? p : (struct line_place){p.row + 1, 0};
}

/* Where it ends. */
static struct line_place after(struct line_place p, wchar_t c, int width)
{
    p = place_of(p, c, width);
    if (c == L'\n')
        return (struct line_place){p.row + 1, 0};
    p.column += c == L'\t' ? 8 - p.column % 8 : line_columns(c);
    if (p.column > width)
        p.column = width; /* a tab */
    return p;
}

static struct line_place after_prompt(const struct line_draw *d)
{
    return (struct line_place){0, (int)strlen(d->prompt)};
}

static void window(struct line_draw *d)
{
    int columns = terminal_columns(STDIN_FILENO), rows = terminal_rows(STDIN_FILENO);
    d->width = columns > 9   ? columns - 1
               : columns > 0 ? 8
                             : 79; /* in the last column a cursor is neither here nor there */
    d->height = rows > 1 ? rows : rows == 1 ? 1 : 24;
}

/* ---- the terminal's cursor -------------------------------------------------------------------------------- */

static void move_to(struct line_draw *d, struct line_place to)
{
    int down = to.row - d->at.row;
    if (down != 0)
        fprintf(d->screen, "\033[%d%c", down > 0 ? down : -down, down > 0 ? 'B' : 'A');
    if (to.column != d->at.column) {
        fputs("\r", d->screen);
        if (to.column > 0)
            fprintf(d->screen, "\033[%dC", to.column);
    }
    d->at = to;
}

/* The same over rows that may not be there yet, and empties what is left of those it leaves. */
static void go_on_to(struct line_draw *d, struct line_place to)
{
    for (; d->at.row < to.row; d->at = (struct line_place){d->at.row + 1, 0})
        fputs("\033[K\r\n", d->screen);
}

static void put_char(struct line_draw *d, wchar_t c, struct line_place end)
{
    uint8_t bytes[4];
    bool picture = c >= L' ' && c < 0x110000 && char_is_shown((uint32_t)c);
    if (c == L'\t')
        fprintf(d->screen, "%*s", end.column - d->at.column, "");
    else if (picture)
        fwrite(bytes, 1, utf8_put(bytes, (uint32_t)c), d->screen);
    else if (line_columns(c) > 0)
        fputs(UTF8_REPLACEMENT, d->screen);
    d->at = end;
}

/* Characters from `first` on, the first of which stands at p, as far as the window shows them. */
static void put_text(struct line_draw *d, struct line_place p, size_t first)
{
    int bottom = d->top + d->height - 1;
    for (size_t i = first; i < d->len; i++) {
        struct line_place begin = place_of(p, d->text[i], d->width), end = after(p, d->text[i], d->width);
        if (begin.row > bottom)
            return;
        if (begin.row >= d->top) {
            go_on_to(d, begin);
            if (d->text[i] != L'\n')
                put_char(d, d->text[i], end);
        }
        p = end;
    }
    if (p.row <= bottom && p.row >= d->top)
        go_on_to(d, p);
}

/* ---- the line --------------------------------------------------------------------------------------------- */

void line_draw_begin(struct line_draw *d, const char *prompt)
{
    d->prompt = prompt;
    d->len = 0;
    line_draw_anew(d, false);
}

/* Does the terminal wrap anew what stands in it when its window gets narrower? Many do, none tells; a wrong yes would
 * cost rows above the line, a wrong no leaves a copy of some of it. */
static bool rewraps(void)
{
    static const char *const names[] = {"VTE_VERSION",     "KITTY_WINDOW_ID", "WEZTERM_PANE", "ALACRITTY_WINDOW_ID",
                                        "KONSOLE_VERSION", "WT_SESSION",      "TERM_PROGRAM"};
    if (getenv("TMUX"))
        return true;
    if (getenv("STY") || getenv("XTERM_VERSION")) /* what these were started from is not where this runs */
        return false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (getenv(names[i]))
            return true;
    return false;
}

/* Rows that a window of so many columns has added above the cursor, by wrapping the rows of the line. */
static int rows_added(const struct line_draw *d, int columns)
{
    struct line_place p = after_prompt(d);
    int added = 0;
    if (columns <= 0 || columns > d->width || !rewraps())
        return 0;
    for (size_t i = 0; i < d->len && p.row < d->at.row; i++) {
        struct line_place end = after(p, d->text[i], d->width);
        if (end.row > p.row && p.row >= d->top && p.column > 0)
            added += (p.column - 1) / columns;
        p = end;
    }
    return added + (d->at.column > 0 ? (d->at.column - 1) / columns : 0);
}

void line_draw_anew(struct line_draw *d, bool in_place)
{
    int up = d->shown && in_place ? d->at.row - d->top + rows_added(d, terminal_columns(STDIN_FILENO)) : 0;
    if (up > 0)
        fprintf(d->screen, "\033[%dA", up);
    fputs("\r\033[J", d->screen);
    fflush(d->screen);
    d->shown = false;
    d->top = 0;
    window(d);
}

/* Characters that are as they were. One that a combining mark follows, then or now, is drawn with it. */
static size_t same_start(const struct line_draw *d, const wchar_t *text, size_t len)
{
    size_t n = 0;
    while (n < len && n < d->len && text[n] == d->text[n])
        n++;
    bool mark = (n < len && line_columns(text[n]) == 0) || (n < d->len && line_columns(d->text[n]) == 0);
    while (mark && n > 0) {
        n--;
        mark = line_columns(text[n]) == 0;
    }
    return n;
}

static bool keep_text(struct line_draw *d, const wchar_t *text, size_t len)
{
    if (len > d->cap) {
        wchar_t *grown = mem_grow(d->text, len + 256, sizeof *grown);
        if (!grown)
            return false;
        d->text = grown;
        d->cap = len + 256;
    }
    if (len > 0)
        wmemmove(d->text, text, len);
    d->len = len;
    return true;
}

/* Places of character `n` and of the cursor. */
static struct line_place place_at(const struct line_draw *d, const wchar_t *text, size_t len, size_t n)
{
    struct line_place p = after_prompt(d);
    for (size_t i = 0; i < n; i++)
        p = after(p, text[i], d->width);
    return n < len ? place_of(p, text[n], d->width) : p;
}

void line_draw(struct line_draw *d, const wchar_t *text, size_t len, size_t cursor)
{
    size_t same = d->shown ? same_start(d, text, len) : 0;
    struct line_place to = place_at(d, text, len, cursor), from = place_at(d, text, len, same);
    int top = to.row < d->top ? to.row : to.row >= d->top + d->height ? to.row - d->height + 1 : d->top;
    bool shorter = d->shown && same < d->len, whole = !d->shown || top != d->top || from.row < d->top;
    if (!keep_text(d, text, len))
        return;
    if (whole) {
        if (d->shown) {
            move_to(d, (struct line_place){d->top, 0});
            fputs("\r\033[J", d->screen);
        }
        d->top = top;
        d->shown = true;
        d->at = (struct line_place){top, 0};
        from = after_prompt(d);
        if (top == 0) {
            fputs(d->prompt, d->screen);
            d->at = from;
        }
        put_text(d, from, 0);
    } else if (same < len || shorter) {
        if (from.row < d->top + d->height) {
            move_to(d, from);
            put_text(d, from, same);
            fputs(shorter ? "\033[J" : "", d->screen);
        }
    }
    move_to(d, to);
    fflush(d->screen);
}

void line_draw_end(struct line_draw *d, const char *what)
{
    line_draw(d, d->text, d->len, d->len);
    fprintf(d->screen, "%s\r\n", what);
    fflush(d->screen);
    d->shown = false;
}

void line_draw_free(struct line_draw *d)
{
    mem_free(d->text);
    *d = (struct line_draw){0};
}
