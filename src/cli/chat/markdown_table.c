/* markdown_table.c: tables with aligned columns; in a narrow window the cells of the widest ones get several lines. */
#include "cli/chat/markdown_table.h"

#include "cli/chat/markdown_inline.h"
#include "cli/columns.h"

#include <string.h>

enum { NARROWEST = 4, BETWEEN = 3 }; /* columns of a cell, and of what stands between two */

struct cell {
    const char *s;
    size_t n;
};

/* ---- cells ---------------------------------------------------------------------------------------------- */

static struct cell trimmed(const char *s, size_t n)
{
    while (n > 0 && (*s == ' ' || *s == '\t'))
        s++, n--;
    while (n > 0 && (s[n - 1] == ' ' || s[n - 1] == '\t' || s[n - 1] == '\r'))
        n--;
    return (struct cell){s, n};
}

/* Cuts a line at its | into at most `max` cells; what is too much stays with the last. */
static size_t split(const char *line, size_t n, struct cell *cells, size_t max)
{
    struct cell all = trimmed(line, n);
    const char *s = all.s, *end = all.s + all.n;
    size_t count = 0;
    s += s < end && *s == '|';
    if (end > s && end[-1] == '|' && (end - s < 2 || end[-2] != '\\'))
        end--;
    for (const char *from = s; s <= end; s++) {
        if (s < end && *s == '\\' && s + 1 < end)
            s++;
        else if (s == end || (*s == '|' && count + 1 < max)) {
            if (count < max)
                cells[count] = trimmed(from, (size_t)(s - from));
            count++;
            from = s + 1;
        }
    }
    return count;
}

size_t table_cells(const char *line, size_t n)
{
    struct cell cells[TABLE_COLUMNS + 1];
    return split(line, n, cells, TABLE_COLUMNS + 1);
}

bool table_rule_so_far(const char *line, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!memchr(" \t|:-\r\n", line[i], 7))
            return false;
    return true;
}

bool table_rule(struct table *t, const char *line, size_t n, size_t n_heads)
{
    struct cell cells[TABLE_COLUMNS + 1];
    size_t count = split(line, n, cells, TABLE_COLUMNS + 1);
    if (count != n_heads || count > TABLE_COLUMNS)
        return false;
    for (size_t i = 0; i < count; i++) {
        const char *s = cells[i].s;
        size_t len = cells[i].n, left = len > 0 && s[0] == ':', right = len > 1 && s[len - 1] == ':', dashes = 0;
        for (size_t k = left; k + right < len; k++)
            dashes += s[k] == '-';
        if (dashes == 0 || dashes + left + right != len)
            return false;
        t->align[i] = left && right ? 'c' : right ? 'r' : 'l';
    }
    t->n_columns = count;
    return true;
}

/* ---- a row as it is drawn ------------------------------------------------------------------------------- */

/* Text and, byte by byte, its style; cell i is [begin[i], begin[i + 1]). */
struct row {
    struct buf source, text, style;
    size_t begin[TABLE_COLUMNS + 1], at[TABLE_COLUMNS];
};

static void put_cell(void *to, const char *text, size_t len, unsigned style)
{
    struct row *row = to;
    buf_add(&row->text, text, len);
    for (size_t i = 0; i < len; i++)
        buf_putc(&row->style, (char)(unsigned char)style);
}

/* <br>, <br/> and <br /> are the line ends that a cell can have. */
static size_t break_at(const char *s, size_t n)
{
    static const char *const forms[] = {"<br>", "<br/>", "<br />"};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (n >= strlen(forms[i]) && memcmp(s, forms[i], strlen(forms[i])) == 0)
            return strlen(forms[i]);
    return 0;
}

static void read_cell(struct row *row, const struct cell *cell, unsigned style)
{
    struct inline_sink sink = {put_cell, row};
    buf_clear(&row->source);
    for (size_t i = 0, n; i < cell->n; i += n) {
        bool pipe = cell->s[i] == '\\' && i + 1 < cell->n && cell->s[i + 1] == '|';
        size_t line_end = break_at(cell->s + i, cell->n - i);
        n = line_end ? line_end : pipe ? 2 : 1;
        buf_putc(&row->source, line_end ? '\n' : pipe ? '|' : cell->s[i] == '\t' ? ' ' : cell->s[i]);
    }
    if (!row->source.failed)
        inline_draw_whole(&sink, row->source.data, row->source.len, style);
}

static void read_row(const struct table *t, struct row *row, const char *line, size_t n, bool heads)
{
    struct cell cells[TABLE_COLUMNS];
    size_t count = split(line, n, cells, t->n_columns);
    buf_clear(&row->text);
    buf_clear(&row->style);
    for (size_t i = 0; i < t->n_columns; i++) {
        row->begin[i] = row->at[i] = row->text.len;
        if (i < count)
            read_cell(row, &cells[i], heads ? STYLE_HEADING : 0);
    }
    row->begin[t->n_columns] = row->text.len;
}

/* The next line of a cell: its bytes, and its columns. */
static size_t next_line(struct row *row, size_t i, int width, size_t *from_out, int *columns_out)
{
    size_t end = row->begin[i + 1], from = row->at[i], cut = 0, len;
    int columns, sum = 0, at_cut = 0;
    while (from < end && row->text.data[from] == ' ' && from > row->begin[i])
        from++;
    for (size_t s = from;; s += len, sum += columns) {
        char c = s < end ? row->text.data[s] : '\n';
        if ((c == '\n' || c == ' ') && s > from) {
            cut = s;
            at_cut = sum;
        }
        if (c == '\n') {
            row->at[i] = s < end ? s + 1 : end;
            *columns_out = sum;
            break;
        }
        len = text_char(row->text.data + s, end - s, &columns);
        if (sum + columns > width && s > from) {
            row->at[i] = cut ? cut : s;
            *columns_out = cut ? at_cut : sum;
            break;
        }
    }
    *from_out = from;
    size_t to = row->at[i] > from && row->text.data[row->at[i] - 1] == '\n' ? row->at[i] - 1 : row->at[i];
    return to - from;
}

static int cell_width(struct row *row, size_t i)
{
    int most = 0, columns;
    size_t from;
    while (row->at[i] < row->begin[i + 1]) {
        next_line(row, i, 1 << 20, &from, &columns);
        most = columns > most ? columns : most;
    }
    return most;
}

/* ---- the table ------------------------------------------------------------------------------------------ */

/* Widths as the cells would have them. */
static void measure(struct table *t, struct row *row)
{
    size_t number = t->drawn ? 2 : 0;
    for (size_t at = 0, n; at < t->last; at += n + 1, number++) {
        n = (size_t)((char *)memchr(t->rows.data + at, '\n', t->last - at) - (t->rows.data + at));
        if (number == 1)
            continue;
        read_row(t, row, t->rows.data + at, n, number == 0);
        for (size_t i = 0; i < t->n_columns && !row->text.failed && !row->style.failed; i++) {
            int width = cell_width(row, i);
            t->width[i] = width > t->width[i] ? width : t->width[i];
        }
    }
}

/* The widest columns give way until it fits; false: there is no room. */
static bool fit(struct table *t, int columns)
{
    int room = columns - BETWEEN * ((int)t->n_columns - 1), cap = 0, sum = 0, widest = 0;
    for (size_t i = 0; i < t->n_columns; i++)
        widest = t->width[i] > widest ? t->width[i] : widest;
    for (cap = widest; cap >= NARROWEST; cap--, sum = 0) {
        for (size_t i = 0; i < t->n_columns; i++)
            sum += t->width[i] < cap ? t->width[i] : cap;
        if (sum <= room)
            break;
    }
    if (widest > 0 && sum > room)
        return false;
    if (cap < NARROWEST && widest >= NARROWEST)
        return false;
    for (size_t i = 0; i < t->n_columns && cap > 0; i++)
        t->width[i] = t->width[i] < cap ? t->width[i] : cap;
    return true;
}

static void put_blanks(struct wrap *to, int n)
{
    for (int i = 0; i < n; i++)
        wrap_text(to, " ", 1, 0);
}

static void draw_rule(const struct table *t, struct wrap *to)
{
    for (size_t i = 0; i < t->n_columns; i++) {
        if (i > 0)
            wrap_text(to, "─┼─", strlen("─┼─"), STYLE_FAINT);
        for (int k = 0; k < t->width[i]; k++)
            wrap_text(to, "─", strlen("─"), STYLE_FAINT);
    }
    wrap_text(to, "\n", 1, 0);
}

static void put_styled(struct wrap *to, const struct row *row, size_t from, size_t len)
{
    const unsigned char *style = (const unsigned char *)row->style.data;
    for (size_t i = from, n; i < from + len; i += n) {
        for (n = 1; i + n < from + len && style[i + n] == style[i];)
            n++;
        wrap_text(to, row->text.data + i, n, style[i]);
    }
}

/* One line of a row; false: it was the last one. */
static bool draw_line(const struct table *t, struct row *row, struct wrap *to)
{
    bool more = false;
    for (size_t i = 0, from; i < t->n_columns; i++) {
        int columns = 0;
        size_t len = row->at[i] < row->begin[i + 1] ? next_line(row, i, t->width[i], &from, &columns) : 0;
        int room = t->width[i] > columns ? t->width[i] - columns : 0;
        int left = t->align[i] == 'r' ? room : t->align[i] == 'c' ? room / 2 : 0;
        if (i > 0)
            wrap_text(to, " │ ", strlen(" │ "), STYLE_FAINT);
        put_blanks(to, left);
        if (len > 0)
            put_styled(to, row, from, len);
        if (i + 1 < t->n_columns)
            put_blanks(to, room - left);
        more = more || row->at[i] < row->begin[i + 1];
    }
    wrap_text(to, "\n", 1, 0);
    return more;
}

/* Rows of several lines need something between them. */
static bool is_high(const struct table *t, struct row *row)
{
    bool high = false;
    size_t from;
    int columns;
    for (size_t i = 0; i < t->n_columns; i++) {
        if (row->at[i] < row->begin[i + 1])
            next_line(row, i, t->width[i], &from, &columns);
        high = high || row->at[i] < row->begin[i + 1];
        row->at[i] = row->begin[i];
    }
    return high;
}

static void draw_rows(struct table *t, struct row *row, struct wrap *to)
{
    size_t number = t->drawn ? 2 : 0;
    bool high = false;
    for (int pass = 0; pass < 2; pass++, number = t->drawn ? 2 : 0)
        for (size_t at = 0, n; at < t->last; at += n + 1, number++) {
            n = (size_t)((char *)memchr(t->rows.data + at, '\n', t->last - at) - (t->rows.data + at));
            if (number == 1)
                continue;
            read_row(t, row, t->rows.data + at, n, number == 0);
            if (row->text.failed || row->style.failed)
                return;
            if (pass == 0) {
                high = high || (number > 0 && is_high(t, row));
                continue;
            }
            if (high && number > 2)
                draw_rule(t, to);
            while (draw_line(t, row, to))
                ;
            if (number == 0)
                draw_rule(t, to);
        }
}

void table_clear(struct table *t)
{
    struct buf rows = t->rows;
    buf_clear(&rows);
    *t = (struct table){.rows = rows};
}

bool table_draw(struct table *t, struct wrap *to)
{
    struct row row = {0};
    int columns = wrap_columns(to);
    if (!t->drawn)
        measure(t, &row);
    bool fits = t->drawn ? !t->as_is : columns == 0 || fit(t, columns);
    if (fits) {
        to->keep = true;
        draw_rows(t, &row, to);
        to->keep = false;
    } else
        wrap_text(to, t->rows.data, t->last, 0);
    bool failed = row.text.failed || row.style.failed;
    buf_free(&row.source);
    buf_free(&row.text);
    buf_free(&row.style);
    if (failed)
        return false;
    t->drawn = true;
    t->as_is = !fits;
    memmove(t->rows.data, t->rows.data + t->last, t->rows.len - t->last);
    t->rows.len -= t->last;
    t->last = 0;
    return true;
}
