/* markdown.c: an answer's Markdown, character by character: each line is held until markdown_marks.c knows what it is,
 * markdown_block.c begins it, and what is inside it is markdown_inline.c's. Nothing is held back longer than it must
 * be, and what is no Markdown comes out as it is. */
#include "cli/chat/markdown.h"

#include "cli/chat/markdown_block.h"
#include "cli/chat/markdown_marks.h"
#include "cli/columns.h"

#include "base/utf8.h"

#include <string.h>

/* ---- characters ----------------------------------------------------------------------------------------- */

/* Text as it is. A formula ends with \] or a second $$. */
static void add_as_is(struct markdown *m, const char *s, size_t n)
{
    if (m->formula) {
        m->formula_len += m->formula_len > 0 || (*s != ' ' && *s != '\t');
        bool ends = *s == m->formula && m->formula_last == (*s == '$' ? '$' : '\\');
        m->formula_last = *s;
        m->formula = ends && m->formula_len >= 4 ? 0 : m->formula;
    }
    wrap_text(m->to, s, n, m->style);
}

static void add(struct markdown *m, const char *s, size_t n)
{
    if (m->line_is == LINE_ROW)
        block_add_row(m, s, n);
    else if (m->line_is == LINE_AS_IS)
        add_as_is(m, s, n);
    else
        block_add_text(m, s, n);
}

/* Looks whether it is known by now what the line is. */
static void look_at_line(struct markdown *m, bool whole)
{
    while (m->line_is == LINE_BEGINS) {
        bool quoted = m->fence && m->quotes < m->fence_quotes;
        struct mark_context context = {
            !m->draws,       m->inner,        !m->in_list && (m->after_blank || m->after_code),
            m->formula != 0, quoted,          m->fence,
            m->fence_run,    m->fence_columns};
        struct mark mark = mark_of(&context, m->line, m->line_len, whole);
        if (mark.kind == MARK_WAIT)
            return;
        size_t done = block_begin_line(m, &mark);
        m->line_len -= done;
        memmove(m->line, m->line + done, m->line_len);
    }
    for (size_t i = 0, n; i < m->line_len; i += n) {
        int columns;
        n = text_char(m->line + i, m->line_len - i, &columns);
        add(m, m->line + i, n);
    }
    m->line_len = 0;
}

static void end_line(struct markdown *m)
{
    look_at_line(m, true);
    if (m->line_is == LINE_ROW)
        block_add_row(m, "\n", 1);
    if (m->line_is == LINE_ROW)
        block_end_row(m);
    else if (m->line_is == LINE_TEXT)
        block_add_text(m, "\n", 1);
    else {
        block_end_text(m);
        if (!m->silent || m->to->open)
            wrap_text(m->to, "\n", 1, 0);
    }
    m->to->keep = m->inner = m->silent = false;
    m->quotes = 0;
    m->line_is = LINE_BEGINS;
}

static void take(struct markdown *m, const char *s, size_t n)
{
    if (*s == '\n')
        end_line(m);
    else if (m->line_is != LINE_BEGINS)
        add(m, s, n);
    else {
        memcpy(m->line + m->line_len, s, n);
        m->line_len += n;
        look_at_line(m, m->line_len + 4 > sizeof m->line);
    }
}

void markdown_begin(struct markdown *m, struct wrap *to, bool draws)
{
    struct table table = m->table;
    table_clear(&table);
    *m = (struct markdown){.to = to, .draws = draws, .table = table, .after_blank = true};
}

void markdown_text(struct markdown *m, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        m->character[m->n_character++] = text[i];
        while (m->n_character > 0) {
            int k = utf8_step((const uint8_t *)m->character, m->n_character);
            if (k == 0)
                break;
            size_t n = k > 0 ? (size_t)k : 1; /* a byte that is no character's */
            take(m, m->character, n);
            m->n_character -= n;
            memmove(m->character, m->character + n, m->n_character);
        }
    }
}

void markdown_end(struct markdown *m)
{
    for (size_t i = 0; i < m->n_character; i++)
        take(m, m->character + i, 1);
    m->n_character = 0;
    m->ending = true;
    if (m->line_len > 0)
        look_at_line(m, true);
    m->cut = m->line_is == LINE_ROW;
    if (m->cut)
        end_line(m);
    if (m->table.n_rows > 0)
        block_end_table(m);
    block_end_text(m);
    m->to->keep = false;
    wrap_end(m->to);
}

void markdown_free(struct markdown *m)
{
    buf_free(&m->table.rows);
}
