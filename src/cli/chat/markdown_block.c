/* markdown_block.c: what a line is and how it begins: headings, lists, quotes, code, tables, running text. */
#include "cli/chat/markdown_block.h"

#include "cli/chat/markdown_inline.h"
#include "cli/chat/markdown_marks.h"
#include "cli/columns.h"

#include <string.h>

enum { TABLE_BYTES = 1 << 16, RULE_COLUMNS = 72 };

/* ---- running text --------------------------------------------------------------------------------------- */

static void put_text(void *to, const char *text, size_t len, unsigned style)
{
    wrap_text(to, text, len, style);
}

static void draw_held(struct markdown *m, enum inline_part part)
{
    struct inline_sink sink = {put_text, m->to};
    size_t n = inline_draw(&sink, m->held, m->held_len, m->style, part, m->before);
    if (n > 0)
        m->before = inline_last(m->held, n);
    m->held_len -= n;
    memmove(m->held, m->held + n, m->held_len);
}

/* A paragraph ends: what is still open in it is no marker. */
void block_end_text(struct markdown *m)
{
    draw_held(m, INLINE_ALL);
    m->before = 0;
}

void block_add_text(struct markdown *m, const char *s, size_t n)
{
    if (m->held_len + n > sizeof m->held)
        draw_held(m, INLINE_FORCE);
    memcpy(m->held + m->held_len, s, n);
    m->held_len += n;
    draw_held(m, INLINE_MORE);
}

static void add_texts(struct markdown *m, const char *s, size_t n)
{
    for (size_t i = 0, len; i < n; i += len) {
        int columns;
        len = text_char(s + i, n - i, &columns);
        block_add_text(m, s + i, len);
    }
}

/* ---- tables --------------------------------------------------------------------------------------------- */

/* The line that looked like a table's heads, and what follows it no row: both are text. */
static void give_heads(struct markdown *m)
{
    struct table *t = &m->table;
    size_t n = t->last;
    add_texts(m, t->rows.data, n - (m->cut && n == t->rows.len));
    memmove(t->rows.data, t->rows.data + n, t->rows.len - n);
    t->rows.len -= n;
    t->last = t->n_rows = 0;
}

/* Memory ran out: all that there is of the table is text. */
static void give_all(struct markdown *m)
{
    m->table.last = m->table.rows.len;
    give_heads(m);
    table_clear(&m->table);
}

/* The whole rows come out; the one that has begun stays. */
static void end_rows(struct markdown *m)
{
    struct table *t = &m->table;
    if (t->n_rows == 1)
        give_heads(m);
    else if (t->n_rows > 1 && t->last > 0 && !table_draw(t, m->to))
        give_all(m);
}

void block_end_table(struct markdown *m)
{
    end_rows(m);
    table_clear(&m->table);
}

static bool may_be_rule(const struct table *t)
{
    return t->n_rows != 1 || table_rule_so_far(t->rows.data + t->last, t->rows.len - t->last);
}

void block_end_row(struct markdown *m)
{
    struct table *t = &m->table;
    size_t heads = t->n_rows == 1 ? table_cells(t->rows.data, t->last - 1) : 0;
    if (t->n_rows == 1 && !table_rule(t, t->rows.data + t->last, t->rows.len - t->last - 1, heads))
        give_heads(m);
    t->n_rows++;
    t->last = t->rows.len;
    if (t->n_rows > 2 && t->last > TABLE_BYTES && !table_draw(t, m->to)) /* a table without end: in parts */
        give_all(m);
}

void block_add_row(struct markdown *m, const char *s, size_t n)
{
    struct table *t = &m->table;
    buf_add(&t->rows, s, n);
    if (t->rows.failed || t->rows.len - t->last > TABLE_BYTES) { /* no row, but text */
        bool taken = !t->rows.failed;
        end_rows(m);
        add_texts(m, t->rows.data, t->rows.len - (taken && *s == '\n'));
        table_clear(t);
        m->line_is = LINE_TEXT;
        if (!taken && *s != '\n')
            block_add_text(m, s, n);
    } else if (!may_be_rule(t))
        give_heads(m);
}

/* ---- what a line is ------------------------------------------------------------------------------------- */

static void add_prefix(struct markdown *m, const char *s, size_t n)
{
    if (m->prefix_len + n <= sizeof m->prefix) {
        memcpy(m->prefix + m->prefix_len, s, n);
        m->prefix_len += n;
    }
    wrap_prefix(m->to, m->prefix, m->prefix_len);
}

static void add_blanks(struct markdown *m, int n)
{
    for (int i = 0; i < n; i++)
        add_prefix(m, " ", 1);
}

/* The line's blanks as they are, and so far indented is what follows when it is wrapped. */
static void indent(struct markdown *m, const struct mark *mark)
{
    wrap_text(m->to, m->line, mark->blanks, 0);
    add_blanks(m, mark->columns);
}

static size_t begin_text(struct markdown *m, const struct mark *mark)
{
    m->line_is = m->draws ? LINE_TEXT : LINE_AS_IS;
    if (!m->draws || m->held_len > 0) /* a marker is open since the line before */
        return 0;
    indent(m, mark);
    return mark->blanks;
}

static void begin_item(struct markdown *m, const struct mark *mark)
{
    const char *sign = m->line + mark->blanks;
    size_t rest = mark->len - mark->blanks;
    bool bullet = mark->kind == MARK_BULLET && *sign != '+';
    indent(m, mark);
    wrap_text(m->to, bullet ? "•" : sign, bullet ? strlen("•") : 1, 0);
    wrap_text(m->to, sign + 1, rest - 1, 0);
    add_blanks(m, text_columns(sign, rest));
    m->in_list = true;
}

static void begin_quote(struct markdown *m, const struct mark *mark)
{
    indent(m, mark);
    wrap_text(m->to, "│ ", strlen("│ "), STYLE_FAINT);
    add_prefix(m, "│ ", strlen("│ "));
    m->quotes++;
}

static void begin_fence(struct markdown *m, const struct mark *mark)
{
    const char *language = m->line + mark->len;
    size_t n = m->line_len - mark->len;
    int before = text_columns(m->prefix, m->prefix_len);
    m->fence = m->line[mark->blanks];
    m->fence_run = mark->run;
    m->fence_columns = (size_t)(before - 2 * m->quotes + mark->columns);
    m->fence_quotes = m->quotes;
    m->line_is = LINE_AS_IS;
    bool whole = !m->draws || m->ending;
    m->silent = !whole && n == 0;
    wrap_text(m->to, whole ? m->line : language, whole ? m->line_len : n, whole ? 0 : STYLE_FAINT);
}

static void draw_rule(struct markdown *m)
{
    int columns = wrap_columns(m->to) - text_columns(m->prefix, m->prefix_len);
    for (int i = 0; i < RULE_COLUMNS && (i < columns || i < 3); i++)
        wrap_text(m->to, "─", strlen("─"), STYLE_FAINT);
    m->line_is = LINE_AS_IS;
}

static void begin_code(struct markdown *m)
{
    m->line_is = LINE_AS_IS;
    m->to->keep = true;
    m->style = m->draws ? STYLE_CODE : 0;
}

static void begin_formula(struct markdown *m, const struct mark *mark)
{
    if (!m->formula) {
        m->formula = m->line[mark->blanks] == '$' ? '$' : ']';
        m->formula_len = 0;
    }
    m->formula_last = 0;
    m->line_is = LINE_AS_IS;
}

/* A text is over where a line has a mark, and goes on where it has none. */
static void close_before(struct markdown *m, const struct mark *mark)
{
    bool text = mark->kind == MARK_TEXT;
    if (mark->kind != MARK_ROW && m->table.n_rows > 0)
        block_end_table(m);
    if (!m->inner && (!text || m->held_len == 0)) {
        block_end_text(m);
        m->style = 0;
        m->prefix_len = 0;
        wrap_prefix(m->to, NULL, 0);
    }
    if (!m->inner && !m->fence && m->after_blank && mark->kind != MARK_BLANK && mark->columns < 2)
        m->in_list = false;
}

static void begin_blank(struct markdown *m)
{
    m->line_is = LINE_AS_IS;
    m->formula = 0;
    m->fence = m->quotes < m->fence_quotes ? 0 : m->fence;
    wrap_text(m->to, m->line, m->line_len, 0);
}

static void end_fence(struct markdown *m)
{
    m->fence = 0;
    m->fence_quotes = 0;
    m->line_is = LINE_AS_IS;
    m->silent = m->draws;
    if (!m->draws)
        wrap_text(m->to, m->line, m->line_len, 0);
}

static void begin_heading(struct markdown *m, const struct mark *mark)
{
    indent(m, mark);
    m->line_is = LINE_HEADING;
    m->style = STYLE_HEADING | (mark->run <= 2 ? STYLE_TITLE : 0u);
}

size_t block_begin_line(struct markdown *m, const struct mark *mark)
{
    if (mark->kind == MARK_QUOTE_END) {
        m->fence = 0;
        m->fence_quotes = 0;
        return 0;
    }
    close_before(m, mark);
    size_t all = m->line_len, done = mark->len;
    switch (mark->kind) {
    case MARK_TEXT: done = begin_text(m, mark); break;
    case MARK_BLANK: begin_blank(m); break;
    case MARK_QUOTE: begin_quote(m, mark); break;
    case MARK_BULLET:
    case MARK_NUMBER: begin_item(m, mark); break;
    case MARK_HEADING: begin_heading(m, mark); break;
    case MARK_RULE: draw_rule(m); break;
    case MARK_FENCE:
        begin_fence(m, mark);
        done = all;
        break;
    case MARK_FENCE_END: end_fence(m); break;
    case MARK_CODE: begin_code(m); break;
    case MARK_ROW: m->line_is = LINE_ROW; break;
    case MARK_FORMULA: begin_formula(m, mark); break;
    case MARK_QUOTE_END:
    case MARK_WAIT: break;
    }
    m->after_blank = mark->kind == MARK_BLANK || (m->after_blank && m->line_is == LINE_BEGINS);
    m->after_code = mark->kind == MARK_CODE && !m->fence;
    m->inner = true;
    return done;
}
