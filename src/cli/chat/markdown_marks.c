/* markdown_marks.c: how little of a line must be seen to know what it is. */
#include "cli/chat/markdown_marks.h"

#include <string.h>

static size_t run_of(const char *s, size_t n, char c)
{
    size_t i = 0;
    while (i < n && s[i] == c)
        i++;
    return i;
}

static size_t blanks_of(const char *s, size_t n, int *columns_out)
{
    size_t i = 0;
    int columns = 0;
    for (; i < n && (s[i] == ' ' || s[i] == '\t'); i++)
        columns = s[i] == '\t' ? (columns / 4 + 1) * 4 : columns + 1;
    if (columns_out)
        *columns_out = columns;
    return i;
}

static struct mark mark(enum mark_kind kind, size_t len)
{
    return (struct mark){.kind = kind, .len = len};
}

/* In a block of code: the line ends it, or is code. The blanks that the fence had are not the code's. */
static struct mark in_code(const struct mark_context *c, const char *s, size_t n, size_t blanks, bool whole)
{
    size_t run = run_of(s + blanks, n - blanks, c->fence), after = blanks + run;
    size_t rest = blanks_of(s + after, n - after, NULL);
    size_t strip = run_of(s, n, ' ');
    strip = c->only_code ? 0 : strip < c->fence_columns ? strip : c->fence_columns;
    if (blanks > c->fence_columns + 3 || after + rest < n || (after < n && run < c->fence_run))
        return mark(MARK_CODE, strip);
    if (!whole)
        return mark(MARK_WAIT, 0);
    return run >= c->fence_run ? mark(MARK_FENCE_END, n) : mark(MARK_CODE, strip);
}

/* ``` or ~~~, and behind it, at most, the name of a language. */
static struct mark fence(const char *s, size_t n, bool whole)
{
    size_t run = run_of(s, n, *s);
    if (run == n && !whole)
        return mark(MARK_WAIT, 0);
    if (run < 3 || memchr(s + run, '`', n - run))
        return mark(MARK_TEXT, 0);
    struct mark m = mark(whole ? MARK_FENCE : MARK_WAIT, run);
    m.run = run;
    m.len += blanks_of(s + run, n - run, NULL);
    return m;
}

static struct mark heading(const char *s, size_t n, bool whole)
{
    size_t run = run_of(s, n, '#');
    if (run == n && !whole)
        return mark(MARK_WAIT, 0);
    if (run > 6 || run == n || (s[run] != ' ' && s[run] != '\t'))
        return mark(MARK_TEXT, 0);
    size_t blanks = blanks_of(s + run, n - run, NULL);
    if (run + blanks == n)
        return mark(whole ? MARK_TEXT : MARK_WAIT, 0);
    struct mark m = mark(MARK_HEADING, run + blanks);
    m.run = run;
    return m;
}

/* ---, * * *, ___: nothing but three or more of one sign. */
static bool rule(const char *s, size_t n, bool *so_far_out)
{
    size_t signs = 0;
    *so_far_out = true;
    for (size_t i = 0; i < n; i++) {
        signs += s[i] == *s;
        *so_far_out = *so_far_out && (s[i] == *s || s[i] == ' ' || s[i] == '\t');
    }
    return *so_far_out && signs >= 3;
}

static struct mark bullet_or_rule(const char *s, size_t n, bool whole)
{
    bool so_far, is_rule = *s != '+' && rule(s, n, &so_far);
    if (*s != '+' && so_far && !whole)
        return mark(MARK_WAIT, 0);
    if (is_rule)
        return mark(MARK_RULE, n);
    size_t blanks = *s == '_' ? 0 : blanks_of(s + 1, n - 1, NULL);
    if (n == 1 + blanks && !whole)
        return mark(MARK_WAIT, 0);
    return mark(blanks > 0 ? MARK_BULLET : MARK_TEXT, blanks > 0 ? 1 + blanks : 0);
}

static struct mark number(const char *s, size_t n, bool whole)
{
    size_t digits = 0;
    while (digits < n && digits < 10 && s[digits] >= '0' && s[digits] <= '9')
        digits++;
    if (digits == 10)
        return mark(MARK_TEXT, 0);
    if (digits == n || digits + 1 == n)
        return mark(whole ? MARK_TEXT : MARK_WAIT, 0);
    size_t blanks = blanks_of(s + digits + 1, n - digits - 1, NULL), len = digits + 1 + blanks;
    if ((s[digits] != '.' && s[digits] != ')') || blanks == 0)
        return mark(MARK_TEXT, 0);
    return len == n && !whole ? mark(MARK_WAIT, 0) : mark(MARK_NUMBER, len);
}

static struct mark quote(const char *s, size_t n, bool whole)
{
    if (n == 1 && !whole)
        return mark(MARK_WAIT, 0);
    return mark(MARK_QUOTE, n > 1 && s[1] == ' ' ? 2 : 1);
}

static struct mark formula(const char *s, size_t n, bool whole)
{
    if (n < 2)
        return mark(whole ? MARK_TEXT : MARK_WAIT, 0);
    bool begins = *s == '$' ? s[1] == '$' : s[1] == '[';
    return mark(begins ? MARK_FORMULA : MARK_TEXT, 0);
}

/* What the first sign says. */
static struct mark by_sign(const struct mark_context *c, const char *s, size_t n, bool whole)
{
    if (*s == '`' || *s == '~')
        return fence(s, n, whole);
    if (c->only_code)
        return mark(MARK_TEXT, 0);
    switch (*s) {
    case '#': return heading(s, n, whole);
    case '-':
    case '*':
    case '+':
    case '_': return bullet_or_rule(s, n, whole);
    case '>': return quote(s, n, whole);
    case '|': return mark(c->inner ? MARK_TEXT : MARK_ROW, 0);
    case '\\':
    case '$': return formula(s, n, whole);
    default: return *s >= '0' && *s <= '9' ? number(s, n, whole) : mark(MARK_TEXT, 0);
    }
}

struct mark mark_of(const struct mark_context *c, const char *s, size_t n, bool whole)
{
    int columns;
    size_t blanks = blanks_of(s, n, &columns);
    struct mark m;
    if (c->quoted && blanks < n)
        m = s[blanks] == '>' ? quote(s + blanks, n - blanks, whole) : mark(MARK_QUOTE_END, 0);
    else if (c->fence && !c->quoted)
        return in_code(c, s, n, blanks, whole);
    else if (blanks == n)
        return whole ? mark(MARK_BLANK, n) : mark(MARK_WAIT, 0);
    else if (c->formula)
        return mark(MARK_FORMULA, 0);
    else if (columns >= 4 && c->may_be_code && !c->inner)
        return mark(MARK_CODE, 0);
    else
        m = by_sign(c, s + blanks, n - blanks, whole);
    m.blanks = blanks;
    m.columns = columns;
    m.len += m.len > 0 ? blanks : 0;
    return m;
}
