/* line_paste.c: what becomes of a pasted block on its way into a line: line ends are LF, control characters but tabs
 * stay out, and so does the last line end. That one is held: a block pasted right behind begins a line of its own. */
#include "cli/chat/chat_line.h"

static void flush(struct pasted *p)
{
    p->text[p->n] = 0;
    if (p->n > 0)
        p->insert(p->to, p->text);
    p->n = 0;
}

static void take(struct pasted *p, wchar_t c)
{
    bool second = c == L'\n' && p->after_return;
    p->after_return = c == L'\r';
    if (second || (c < L' ' && c != L'\r' && c != L'\n' && c != L'\t') || (c >= 0x7f && c < 0xa0))
        return;
    if (p->line_end)
        p->text[p->n++] = L'\n';
    p->line_end = c == L'\r' || c == L'\n';
    if (!p->line_end)
        p->text[p->n++] = c;
    if (p->n > 200)
        flush(p);
}

void pasted_begin(struct pasted *p, const struct line_paste_end *before, size_t cursor, size_t len)
{
    p->line_end = before->held && before->cursor == cursor && before->len == len;
}

void pasted_char(struct pasted *p, wchar_t c)
{
    static const wchar_t end[] = L"\033[201~";
    if (c == end[p->matched]) {
        p->over = ++p->matched == 6;
        return;
    }
    for (size_t i = 0; i < p->matched; i++) /* it was no end mark */
        take(p, end[i]);
    p->matched = c == end[0];
    if (!p->matched)
        take(p, c);
}

void pasted_end(struct pasted *p)
{
    flush(p);
}
