/* data_text.c: where the documents of a text begin and end. Line ends around a document that a line, a blank line or a
 * marker ends are no part of it; with none and heading every byte of the file is in one. */
#include "train/data_parts.h"

#include "base/error.h"

#include <string.h>

static const char MARKER[] = "<|endoftext|>";
enum { MARKER_LEN = sizeof MARKER - 1 };

struct cut {
    const char *s, *end; /* what is left */
    bool titled;
};
struct text {
    const char *s;
    size_t len;
};

static bool is_blank(const char *s, const char *end)
{
    while (s < end && strchr(" \t\r\n\v\f", *s))
        s++;
    return s == end;
}

/* Behind the line that begins at s. */
static const char *line_end(const char *s, const char *end)
{
    const char *newline = memchr(s, '\n', (size_t)(end - s));
    return newline ? newline + 1 : end;
}

static struct text trimmed(const char *s, const char *end)
{
    while (s < end && (*s == '\n' || *s == '\r'))
        s++;
    while (s < end && (end[-1] == '\n' || end[-1] == '\r'))
        end--;
    return (struct text){s, (size_t)(end - s)};
}

static struct text cut_none(struct cut *c)
{
    struct text t = {c->s, (size_t)(c->end - c->s)};
    c->s = c->end;
    return t;
}

static struct text cut_line(struct cut *c)
{
    const char *s = c->s;
    c->s = line_end(s, c->end);
    return trimmed(s, c->s);
}

static struct text cut_blank(struct cut *c)
{
    const char *s = c->s, *at = s;
    do
        at = line_end(at, c->end);
    while (at < c->end && !is_blank(at, line_end(at, c->end)));
    c->s = at;
    return trimmed(s, at);
}

static struct text cut_marker(struct cut *c)
{
    const char *s = c->s, *at = s;
    while ((at = memchr(at, MARKER[0], (size_t)(c->end - at))) &&
           ((size_t)(c->end - at) < MARKER_LEN || memcmp(at, MARKER, MARKER_LEN) != 0))
        at++;
    c->s = at ? at + MARKER_LEN : c->end;
    return trimmed(s, at ? at : c->end);
}

/* " = Title = ", and not " = = Section = = ". */
static bool is_title(const char *s, const char *end)
{
    if (end - s < 6 || memcmp(s, " = ", 3) != 0 || s[3] == '=')
        return false;
    while (end > s && strchr(" \r\n", end[-1]))
        end--;
    return end - s > 5 && end[-1] == '=' && end[-2] == ' ' && end[-3] != '=';
}

/* What stands before the first title belongs to it. */
static struct text cut_heading(struct cut *c)
{
    const char *s = c->s, *at = s;
    for (; at < c->end; at = line_end(at, c->end)) {
        bool title = is_title(at, line_end(at, c->end));
        if (title && c->titled && at > s)
            break;
        c->titled = c->titled || title;
    }
    c->s = at;
    return (struct text){s, (size_t)(at - s)};
}

static const struct {
    const char *name;
    struct text (*next)(struct cut *cut);
} splits[] = {
    {"none", cut_none}, {"line", cut_line}, {"blank", cut_blank}, {"marker", cut_marker}, {"heading", cut_heading}};
enum { N_SPLITS = sizeof splits / sizeof *splits };

enum osso_status docs_read_text(struct docs_maker *m, const char *text, size_t len, const char *split,
                                const char *where)
{
    struct cut cut = {.s = text, .end = text + len};
    enum osso_status status = OSSO_OK;
    int kind = 0;
    while (split && kind < N_SPLITS && strcmp(split, splits[kind].name) != 0)
        kind++;
    if (kind == N_SPLITS)
        return error_set(m->err, OSSO_USAGE, "%s: split '%s' is none of none, line, blank, marker, heading", where,
                         split);
    while (cut.s < cut.end && !status) {
        struct text t = splits[kind].next(&cut);
        if (!is_blank(t.s, t.s + t.len) && docs_meant(m, t.s, t.len))
            status = docs_add_text(m, t.s, t.len);
    }
    return status ? error_prefix(m->err, status, where) : OSSO_OK;
}
