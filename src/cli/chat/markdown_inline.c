/* markdown_inline.c: emphasis, code, links, in one pass over a text that grows. The rules are CommonMark's, but a
 * little more careful: models write formulas, globs and names of programs in running text, and these must come out as
 * written.
 *
 * Each marker is looked at once all that decides about it is there, so the result does not depend on how the text came.
 */
#include "cli/chat/markdown_inline.h"
#include "cli/chat/wrap.h"

#include "base/utf8.h"

#include <string.h>

/* Beside the bits of a terminal's style: inside a link's text there is no link, and emphasis is so many levels deep. */
enum { IN_LINK = 256, LEVEL = 512, LEVELS = 8 };

/* What a marker turned out to be. */
struct piece {
    enum { WAIT, AS_WRITTEN, SPAN, CODE, LINK } kind;
    size_t len;          /* all of it */
    size_t at, text_len; /* the text inside */
    size_t url, url_len; /* LINK */
    unsigned style;      /* what is added to the style */
};

struct text {
    const char *s;
    size_t n;
    bool all; /* nothing comes behind it */
    uint32_t before;
    unsigned style;
};

uint32_t inline_last(const char *s, size_t n)
{
    unsigned len;
    size_t at = n;
    while (at > 0 && n - at < 4 && ((unsigned char)s[--at] & 0xc0) == 0x80)
        ;
    return n == 0 || !utf8_sequence((const uint8_t *)s + at, n - at) ? 0 : utf8_get((const uint8_t *)s + at, &len);
}

/* ---- kinds of characters -------------------------------------------------------------------------------- */

static bool is_space(uint32_t c) /* 0: the edge of the text */
{
    return c <= ' ' || c == 0xa0 || (c >= 0x2000 && c <= 0x200a) || c == 0x3000;
}

static bool is_ascii_word(uint32_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_word(uint32_t c)
{
    bool punctuation = c == 0xa1 || c == 0xab || c == 0xbb || c == 0xbf || (c >= 0x2010 && c <= 0x205e) ||
                       (c >= 0x3001 && c <= 0x303f) || (c >= 0xff01 && c <= 0xff0f);
    return is_ascii_word(c) || (c >= 0x80 && !punctuation && !is_space(c));
}

static bool is_one_of(uint32_t c, const char *set)
{
    return c > 0 && c < 0x80 && strchr(set, (int)c);
}

static uint32_t char_at(const struct text *t, size_t i)
{
    unsigned len;
    return i >= t->n || !utf8_sequence((const uint8_t *)t->s + i, t->n - i) ? 0
                                                                            : utf8_get((const uint8_t *)t->s + i, &len);
}

static uint32_t char_before(const struct text *t, size_t i)
{
    return i == 0 ? t->before : inline_last(t->s, i);
}

static size_t run_at(const struct text *t, size_t i)
{
    size_t n = 1;
    while (i + n < t->n && t->s[i + n] == t->s[i])
        n++;
    return n;
}

/* ---- markers -------------------------------------------------------------------------------------------- */

static struct piece wait_or_plain(const struct text *t, size_t len)
{
    return t->all ? (struct piece){.kind = AS_WRITTEN, .len = len} : (struct piece){.kind = WAIT};
}

static struct piece plain(size_t len)
{
    return (struct piece){.kind = AS_WRITTEN, .len = len};
}

/* `code`, between runs of as many backticks. */
static struct piece look_code(const struct text *t, size_t i)
{
    size_t run = run_at(t, i);
    for (size_t at = i + run; at < t->n;) {
        size_t other = t->s[at] == '`' ? run_at(t, at) : 1;
        if (t->s[at] == '`' && other == run && (t->all || at + other < t->n)) {
            size_t begin = i + run, len = at - begin;
            bool padded = len > 2 && t->s[begin] == ' ' && t->s[at - 1] == ' ';
            return (struct piece){CODE, at + run - i, begin + padded, len - 2 * (size_t)padded, 0, 0, STYLE_CODE};
        }
        at += other;
    }
    return wait_or_plain(t, run);
}

/* \* is an asterisk. Only where nobody means anything else: \( and \[ begin a formula, which is left as it is. */
static struct piece look_backslash(const struct text *t, size_t i)
{
    if (i + 1 >= t->n)
        return wait_or_plain(t, 1);
    char c = t->s[i + 1];
    if (is_one_of((uint32_t)(unsigned char)c, "*_`#~"))
        return (struct piece){SPAN, 2, i + 1, 1, 0, 0, 0};
    if (c != '(' && c != '[')
        return plain(c == '\\' ? 2 : 1);
    for (size_t at = i + 2; at + 1 < t->n; at++)
        if (t->s[at] == '\\' && t->s[at + 1] == (c == '(' ? ')' : ']'))
            return plain(at + 2 - i);
    return wait_or_plain(t, 2);
}

/* May a run of c stand before (after) what it emphasizes? Stricter than CommonMark: 2*3*4, a**b, f(x)*g(x), snake_case
 * and globs are no emphasis. */
static bool opens(char c, size_t run, uint32_t before, uint32_t next)
{
    if (is_space(next) || is_one_of(next, "/,;)]}") || (run == 1 && next == '.'))
        return false;
    return c == '_'   ? !is_word(before) && !is_one_of(before, "/)]}\\.")
           : c == '*' ? !is_ascii_word(before) && !is_one_of(before, ")]}/\\^")
                      : run == 2;
}

static bool closes(char c, size_t run, uint32_t before, uint32_t next)
{
    return !is_space(before) && (c == '_' ? !is_word(next) : c != '*' || run > 1 || !is_ascii_word(next));
}

/* A name of Python's: __init__. */
static bool is_dunder(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!(s[i] >= 'a' && s[i] <= 'z') && !(i > 0 && s[i] >= '0' && s[i] <= '9') && s[i] != '_')
            return false;
    return n > 0;
}

/* Where the run that closes the emphasis begins, for one of *run that opens at i; 0: nowhere, n: not yet known. Of
 * three that are not closed together (***a** b*) the outer ones are left in *run. */
static size_t find_close(const struct text *t, size_t i, size_t *run_inout)
{
    size_t run = *run_inout, nested = 0; /* of **a *b* c** */
    char c = t->s[i];
    for (size_t at = i + run, len; at < t->n; at += len) {
        len = 1;
        if (t->s[at] == '\\')
            len = 2;
        else if (t->s[at] == '`') {
            struct piece code = look_code(t, at);
            if (code.kind == WAIT)
                return t->n;
            len = code.len;
        } else if (t->s[at] == c) {
            len = run_at(t, at);
            if (at + len == t->n && !t->all)
                return t->n;
            uint32_t before = char_before(t, at), next = char_at(t, at + len);
            bool close = closes(c, len, before, next), inner = nested > 0 && len == nested;
            if (close && !inner && len == run)
                return at;
            if (close && run == 3 && len < 3)
                *run_inout = run = 3 - len;
            else if (close && nested > 0 && len == run + nested)
                return at + nested;
            if (close && inner)
                nested = 0;
            else if (nested == 0 && run + len == 3 && opens(c, len, before, next))
                nested = len;
        }
    }
    return t->all ? 0 : t->n;
}

static struct piece look_emphasis(const struct text *t, size_t i)
{
    static const unsigned styles[] = {0, STYLE_ITALIC, STYLE_BOLD, STYLE_BOLD | STYLE_ITALIC};
    char c = t->s[i];
    size_t run = run_at(t, i);
    if (i + run == t->n && !t->all)
        return (struct piece){.kind = WAIT};
    size_t all = run;
    if (run > (c == '~' ? 2 : 3) || t->style / LEVEL >= LEVELS ||
        !opens(c, run, char_before(t, i), char_at(t, i + run)))
        return plain(run);
    size_t end = find_close(t, i, &run), begin = i + run;
    if (end == t->n && !t->all)
        return (struct piece){.kind = WAIT};
    if (end == 0 || end == begin)
        return plain(all);
    unsigned style = c == '~' ? STYLE_STRUCK : styles[run];
    if (c == '_' && run == 2 && is_dunder(t->s + begin, end - begin))
        return plain(end + run - i);
    return (struct piece){SPAN, end + run - i, begin, end - begin, 0, 0, style};
}

/* The bracket that closes the one at i; 0: none in this line, n: not yet known. */
static size_t find_bracket(const struct text *t, size_t i)
{
    char open = t->s[i], shut = open == '[' ? ']' : ')';
    size_t depth = 0;
    for (size_t at = i; at < t->n; at++) {
        if (t->s[at] == '\n')
            return 0;
        if (t->s[at] == '\\')
            at++;
        else if (t->s[at] == open)
            depth++;
        else if (t->s[at] == shut && --depth == 0)
            return at;
    }
    return t->all ? 0 : t->n;
}

/* handlers[i](event) is a call of a function: what stands in round brackets must look like an address. */
static bool is_address(const char *s, size_t n, bool in_word)
{
    size_t title = n;
    for (size_t i = 0; i < n && title == n; i++)
        if (s[i] == ' ')
            title = i;
    bool scheme = false, sign = false;
    for (size_t i = 0; i < title; i++) {
        scheme = scheme || (i + 2 < title && s[i] == ':' && s[i + 1] == '/');
        sign = sign || is_one_of((uint32_t)(unsigned char)s[i], ":/.#");
    }
    return title > 0 && (in_word ? scheme : sign) && (title + 1 >= n || s[title + 1] == '"' || s[title + 1] == '\'');
}

/* [text](address), and ![text](address). */
static struct piece look_link(const struct text *t, size_t i)
{
    size_t mark = t->s[i] == '!';
    if (i + mark >= t->n)
        return wait_or_plain(t, 1);
    if (t->s[i + mark] != '[' || t->style & IN_LINK)
        return plain(1);
    size_t open = i + mark, shut = find_bracket(t, open);
    if (shut == 0 || (shut + 1 >= t->n && t->all))
        return plain(mark + 1);
    if (shut + 1 >= t->n)
        return (struct piece){.kind = WAIT};
    if (t->s[shut + 1] != '(')
        return plain(mark + 1);
    size_t end = find_bracket(t, shut + 1);
    if (end == t->n)
        return (struct piece){.kind = WAIT};
    struct piece link = {LINK, end + 1 - i, open + 1, shut - open - 1, shut + 2, 0, IN_LINK};
    if (end == 0)
        return plain(mark + 1);
    link.url_len = end - link.url;
    return is_address(t->s + link.url, link.url_len, is_word(char_before(t, i))) ? link : plain(mark + 1);
}

/* <https://...> */
static struct piece look_angle(const struct text *t, size_t i)
{
    static const char *const schemes[] = {"<http://", "<https://", "<mailto:"};
    size_t have = t->n - i;
    for (size_t k = 0; k < sizeof schemes / sizeof *schemes; k++) {
        size_t n = strlen(schemes[k]);
        if (memcmp(t->s + i, schemes[k], have < n ? have : n) != 0)
            continue;
        for (size_t at = i + n; at < t->n; at++) {
            if (t->s[at] == '>')
                return (struct piece){SPAN, at + 1 - i, i + 1, at - i - 1, 0, 0, STYLE_URL};
            if (is_space((uint32_t)(unsigned char)t->s[at]))
                return plain(1);
        }
        return wait_or_plain(t, 1);
    }
    return plain(1);
}

static struct piece look(const struct text *t, size_t i)
{
    switch (t->s[i]) {
    case '`': return look_code(t, i);
    case '\\': return look_backslash(t, i);
    case '!':
    case '[': return look_link(t, i);
    case '<': return look_angle(t, i);
    default: return look_emphasis(t, i);
    }
}

/* ---- drawing -------------------------------------------------------------------------------------------- */

/* An address that only repeats the text is said once. */
static void draw_address(const struct inline_sink *sink, const struct text *t, const struct piece *p)
{
    const char *url = t->s + p->url;
    size_t mail = p->url_len > 7 && memcmp(url, "mailto:", 7) == 0 ? 7 : 0;
    bool repeats = p->url_len - mail == p->text_len && memcmp(url + mail, t->s + p->at, p->text_len) == 0;
    if (repeats)
        return;
    sink->put(sink->to, p->text_len > 0 ? " (" : "(", p->text_len > 0 ? 2 : 1, t->style);
    sink->put(sink->to, url, p->url_len, t->style | STYLE_URL);
    sink->put(sink->to, ")", 1, t->style);
}

/* Recursion: LEVELS deep at most, and a link. */
static void draw(const struct inline_sink *sink, const struct text *t, const struct piece *p, char marker)
{
    const char *s = t->s + p->at;
    bool nests = p->kind == LINK || (p->kind == SPAN && p->style && p->style != STYLE_URL);
    if (nests)
        inline_draw(sink, s, p->text_len, (t->style | p->style) + LEVEL, INLINE_ALL, (uint32_t)(unsigned char)marker);
    else
        sink->put(sink->to, s, p->text_len, t->style | p->style);
    if (p->kind == LINK)
        draw_address(sink, t, p);
}

size_t inline_draw(const struct inline_sink *sink, const char *s, size_t n, unsigned style, enum inline_part part,
                   uint32_t before)
{
    struct text t = {s, n, part == INLINE_ALL, before, style};
    size_t from = 0, i = 0;
    while (i < n) {
        if (!is_one_of((uint32_t)(unsigned char)s[i], "`\\![<*_~")) {
            i++;
            continue;
        }
        t.all = part == INLINE_ALL || (part == INLINE_FORCE && i == 0);
        struct piece p = look(&t, i);
        if (p.kind == WAIT)
            break;
        if (p.kind != AS_WRITTEN) {
            if (i > from)
                sink->put(sink->to, s + from, i - from, style);
            draw(sink, &t, &p, s[i]);
            from = i + p.len;
        }
        i += p.len;
    }
    if (i > from)
        sink->put(sink->to, s + from, i - from, style);
    return i;
}

void inline_draw_whole(const struct inline_sink *sink, const char *s, size_t n, unsigned style)
{
    for (size_t at = 0; at < n;) {
        bool last = n - at <= MARKDOWN_HELD;
        size_t len = last ? n - at : MARKDOWN_HELD;
        while (!last && len > 1 && ((unsigned char)s[at + len] & 0xc0) == 0x80)
            len--; /* whole characters */
        at += inline_draw(sink, s + at, len, style, last ? INLINE_ALL : INLINE_FORCE, inline_last(s, at));
    }
}
