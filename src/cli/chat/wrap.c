/* wrap.c: words are shown as they come; the one that reaches the edge is taken back and put on the next line. */
#define _GNU_SOURCE
#include "cli/chat/wrap.h"

#include "base/utf8.h"
#include "cli/out.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

void wrap_begin(struct wrap *w)
{
    int columns = terminal_columns(STDOUT_FILENO);
    *w = (struct wrap){0};
    if (out_is_terminal() && terminal_moves() && columns >= 20)
        w->limit = columns - 1; /* in the last column a cursor is neither here nor there */
}

/* Columns of one well-formed character. */
static int width(const unsigned char *s, size_t n)
{
    static const unsigned char first[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    unsigned c = s[0] & first[n];
    for (size_t i = 1; i < n; i++)
        c = c << 6 | (s[i] & 0x3fu);
    int columns = wcwidth((wchar_t)c);
    return columns < 0 ? 1 : columns;
}

/* The line is full: the word so far goes to the next one, if it began on this one. */
static void break_line(struct wrap *w)
{
    if (w->word_len > 0 && w->word_width < w->column) {
        char back[32];
        snprintf(back, sizeof back, "\033[%dD\033[K", w->word_width);
        out_puts(back);
        out_puts("\n");
        out_write(w->word, w->word_len);
        w->column = w->word_width;
    } else {
        out_puts("\n");
        w->column = w->word_width = 0;
        w->word_len = 0;
    }
}

static void put_char(struct wrap *w, const char *s, size_t n)
{
    int columns = width((const unsigned char *)s, n);
    if (w->column + columns > w->limit)
        break_line(w);
    out_model_text(s, n);
    w->column += columns;
    bool fits = columns <= 1 && w->word_len + n <= sizeof w->word && (w->word_len > 0 || w->word_width == 0);
    if (fits) {
        memcpy(w->word + w->word_len, s, n);
        w->word_len += n;
    } else
        w->word_len = 0; /* wide characters break anywhere, and so does what is too long for a word */
    w->word_width = columns > 1 ? 0 : w->word_width + columns;
}

void wrap_text(struct wrap *w, const char *text, size_t len)
{
    if (w->limit == 0) {
        out_model_text(text, len);
        return;
    }
    for (size_t i = 0, n; i < len; i += n) {
        n = utf8_sequence((const unsigned char *)text + i, len - i);
        if (text[i] == '\t') {
            out_puts("\t"); /* it stays one, for who copies it */
            w->column = (w->column / 8 + 1) * 8;
            w->word_len = 0;
            w->word_width = 0;
        } else if (text[i] == '\n' || text[i] == ' ') {
            bool line = text[i] == '\n' || w->column + 1 > w->limit;
            out_puts(line ? "\n" : " ");
            w->column = line ? 0 : w->column + 1;
            w->word_len = 0;
            w->word_width = 0;
        } else if (n == 0 || (unsigned char)text[i] < 0x20 || text[i] == 0x7f) {
            out_model_text(text + i, 1);
            w->column++;
        } else
            put_char(w, text + i, n);
        n = n ? n : 1;
    }
}
