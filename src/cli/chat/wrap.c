/* wrap.c: words are shown as they come; the one that reaches the edge is taken back and put on the next line, as it
 * looked. A window that has changed its width counts from the next line on. */
#define _GNU_SOURCE
#include "cli/chat/wrap.h"

#include "base/utf8.h"
#include "cli/columns.h"
#include "cli/out.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { NARROWEST = 20 };

static int window_of_stdout(void)
{
    return terminal_columns(STDOUT_FILENO);
}

int wrap_columns(const struct wrap *w)
{
    int columns = w->window ? w->window() : 0;
    return columns > 1 ? columns - 1 : 0; /* in the last column a cursor is neither here nor there */
}

static void new_line(struct wrap *w)
{
    int columns = wrap_columns(w);
    w->limit = w->breaks && columns >= NARROWEST - 1 ? columns : 0;
    w->column = w->word_width = 0;
    w->word_len = 0;
}

void wrap_begin(struct wrap *w, bool breaks)
{
    *w = (struct wrap){.write = out_write, .breaks = breaks && terminal_moves()};
    w->window = out_is_terminal() ? window_of_stdout : NULL;
    new_line(w);
}

void wrap_prefix(struct wrap *w, const char *prefix, size_t len)
{
    w->prefix_len = len <= sizeof w->prefix ? len : 0;
    if (w->prefix_len > 0)
        memcpy(w->prefix, prefix, w->prefix_len);
    w->prefix_width = text_columns(w->prefix, w->prefix_len);
}

static void put(struct wrap *w, const char *text)
{
    w->write(text, strlen(text));
}

/* One change of style is one sequence. */
static void show(struct wrap *w, unsigned char style)
{
    static const struct {
        unsigned char style;
        const char *code;
    } codes[] = {{STYLE_BOLD | STYLE_HEADING | STYLE_TITLE, ";1"},
                 {STYLE_FAINT, ";2"},
                 {STYLE_ITALIC, ";3"},
                 {STYLE_URL | STYLE_TITLE, ";4"},
                 {STYLE_STRUCK, ";9"},
                 {STYLE_CODE, ";36"}};
    if (style == w->shown)
        return;
    w->shown = style;
    put(w, "\033[0");
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        put(w, style & codes[i].style ? codes[i].code : "");
    put(w, "m");
}

void wrap_end(struct wrap *w)
{
    show(w, 0);
}

/* Columns of the prefix; one that leaves no room is left out. */
static int hanging(const struct wrap *w)
{
    return w->prefix_width <= w->limit / 2 ? w->prefix_width : 0;
}

/* The rest of a line that is broken begins. */
static void go_on(struct wrap *w)
{
    put(w, "\n");
    new_line(w);
    w->column = hanging(w);
    w->write(w->prefix, w->column > 0 ? w->prefix_len : 0);
}

/* The line is full: the word so far goes to the next one, if it began on this one. */
static void break_line(struct wrap *w)
{
    size_t len = w->word_len;
    int width = w->word_width;
    bool moves = len > 0 && width < w->column - hanging(w);
    char back[32];
    snprintf(back, sizeof back, "\033[%dD\033[K", width);
    unsigned char last = w->shown;
    show(w, 0); /* what is erased with a style may keep it */
    if (moves && width > 0)
        put(w, back);
    show(w, memchr(w->prefix, 0xe2, w->prefix_len) ? STYLE_FAINT : 0); /* a quote's bar */
    go_on(w);
    for (size_t i = 0, n; moves && i < len; i += n) {
        for (n = 1; i + n < len && w->word_style[i + n] == w->word_style[i];)
            n++;
        show(w, w->word_style[i]);
        w->write(w->word + i, n);
    }
    if (moves) {
        w->column += width;
        w->word_len = len;
        w->word_width = width;
    }
    show(w, last);
}

static void end_word(struct wrap *w)
{
    w->word_len = 0;
    w->word_width = 0;
}

static void put_char(struct wrap *w, const char *s, size_t n, int columns, unsigned char style)
{
    bool breaks = w->limit > 0 && !w->keep;
    if (breaks && w->column + columns > w->limit)
        break_line(w);
    show(w, style);
    bool safe = char_is_safe((const unsigned char *)s, n);
    const char *shown = safe ? s : UTF8_REPLACEMENT;
    size_t len = safe ? n : UTF8_REPLACEMENT_LEN;
    w->write(shown, len);
    w->column += columns;
    if (columns == 0 && w->word_len == 0)
        return; /* it stays with the character before, which does not move */
    bool fits = columns <= 1 && w->word_len + len <= sizeof w->word && (w->word_len > 0 || w->word_width == 0);
    if (fits) {
        memcpy(w->word + w->word_len, shown, len);
        memset(w->word_style + w->word_len, style, len);
        w->word_len += len;
    } else
        w->word_len = 0; /* wide characters break anywhere, and so does what is too long for a word */
    w->word_width = columns > 1 ? 0 : w->word_width + columns;
}

/* A blank that falls on the edge is what the line is broken at. */
static void put_blank(struct wrap *w, char c, unsigned char style)
{
    bool edge = w->limit > 0 && !w->keep && w->column >= w->limit;
    if (c == '\t' || !edge) {
        show(w, style);
        w->write(&c, 1); /* a tab stays one, for who copies it */
        w->column = c == '\t' ? (w->column / 8 + 1) * 8 : w->column + 1;
    }
    end_word(w);
}

void wrap_text(struct wrap *w, const char *text, size_t len, unsigned style)
{
    if (len > 0)
        w->open = text[len - 1] != '\n';
    if (!w->window) {
        w->write(text, len);
        return;
    }
    int columns;
    for (size_t i = 0, n; i < len; i += n) {
        n = text_char(text + i, len - i, &columns);
        if (text[i] == '\n') {
            show(w, (unsigned char)style & (unsigned char)~(STYLE_URL | STYLE_TITLE));
            put(w, "\n");
            new_line(w);
        } else if (text[i] == ' ' || text[i] == '\t')
            put_blank(w, text[i], (unsigned char)style);
        else
            put_char(w, text + i, n, columns, (unsigned char)style);
    }
}
