/* clean.c: the texts of HellaSwag and WikiText, as the published scores have them. */
#include "eval/clean.h"

#include "eval/space.h"

#include <string.h>

static void take_over(struct buf *text, struct buf *made)
{
    made->failed = made->failed || text->failed;
    buf_free(text);
    *text = *made;
}

void clean_replace(struct buf *text, const char *from, const char *to)
{
    struct buf made = {0};
    size_t n = strlen(from), at = 0;
    const char *s = text->data ? text->data : "";
    for (size_t i = 0; i + n <= text->len;) {
        if (memcmp(s + i, from, n) != 0) {
            i++;
            continue;
        }
        buf_add(&made, s + at, i - at);
        buf_puts(&made, to);
        at = i += n;
    }
    if (at == 0) { /* nothing to replace */
        buf_free(&made);
        return;
    }
    buf_add(&made, s + at, text->len - at);
    take_over(text, &made);
}

/* Blanks just inside a pair go: ( this ) becomes (this). What is between holds no `close`. */
static void close_up(struct buf *text, char open, char close)
{
    struct buf made = {0};
    const char *s = text->data ? text->data : "";
    size_t i = 0;
    while (i < text->len) {
        const char *end = s[i] == open ? memchr(s + i + 1, close, text->len - i - 1) : NULL;
        if (!end) {
            buf_putc(&made, s[i++]);
            continue;
        }
        const char *inner = s + i + 1;
        size_t n = (size_t)(end - inner), skip = space_leading(inner, n);
        inner += skip;
        n -= skip;
        n -= space_trailing(inner, n);
        buf_putc(&made, open);
        buf_add(&made, inner, n);
        buf_putc(&made, close);
        i = (size_t)(end - s) + 1;
    }
    take_over(text, &made);
}

/* What stands in brackets within a line, brackets and all. */
static void drop_brackets(struct buf *text)
{
    struct buf made = {0};
    const char *s = text->data ? text->data : "";
    for (size_t i = 0; i < text->len;) {
        const char *end = s[i] == '[' ? memchr(s + i, ']', text->len - i) : NULL;
        if (end && memchr(s + i, '\n', (size_t)(end - (s + i))))
            end = NULL;
        if (end)
            i = (size_t)(end - s) + 1;
        else
            buf_putc(&made, s[i++]);
    }
    take_over(text, &made);
}

void clean_hellaswag(struct buf *text)
{
    const char *s = text->data ? text->data : "";
    size_t skip = space_leading(s, text->len), n = text->len - skip;
    struct buf made = {0};
    buf_add(&made, s + skip, n - space_trailing(s + skip, n));
    take_over(text, &made);
    clean_replace(text, " [title]", ". ");
    drop_brackets(text);
    clean_replace(text, "  ", " ");
}

void clean_wikitext(struct buf *text)
{
    static const char *const first[][2] = {{"s '", "s'"}, {" @-@ ", "-"}, {" @,@ ", ","}, {" @.@ ", "."},
                                           {" : ", ": "}, {" ; ", "; "},  {" . ", ". "},  {" ! ", "! "},
                                           {" ? ", "? "}, {" , ", ", "}};
    static const char *const last[][2] = {
        {"= = = =", "===="}, {"= = =", "==="}, {"= =", "=="},  {" \xc2\xb0 ", "\xc2\xb0"},
        {" \n", "\n"},       {"\n ", "\n"},    {" N ", " 1 "}, {" 's", "'s"}};
    for (size_t i = 0; i < sizeof first / sizeof *first; i++)
        clean_replace(text, first[i][0], first[i][1]);
    close_up(text, '(', ')');
    close_up(text, '[', ']');
    close_up(text, '{', '}');
    close_up(text, '"', '"');
    close_up(text, '\'', '\'');
    for (size_t i = 0; i < sizeof last / sizeof *last; i++)
        clean_replace(text, last[i][0], last[i][1]);
}
