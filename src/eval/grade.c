/* grade.c: the answer in what a model wrote, by gsm8k's two filters, and whether it is the right one. */
#include "eval/eval_parts.h"

#include <ctype.h>
#include <string.h>

static bool in(char c, const char *set)
{
    return c && strchr(set, c);
}

/* "#### " and a number of digits, points and commas: the first; its length, 0: there is none. */
static size_t find_strict(const char *s, const char **at)
{
    for (const char *p = s; (p = strstr(p, "#### ")); p++) {
        const char *begin = p + 5, *q = begin + (*begin == '-');
        size_t n = strspn(q, "0123456789.,");
        if (n > 0) {
            *at = begin;
            return (size_t)(q - begin) + n;
        }
    }
    return 0;
}

/* The last of: two or more of $ 0-9 . , in a row, or a number. */
static size_t find_flexible(const char *s, const char **at)
{
    size_t found = 0;
    for (const char *p = s; *p;) {
        const char *q = p + (*p == '-');
        size_t many = strspn(q, "$0123456789.,"), digits = strspn(q, "0123456789");
        size_t n = many >= 2 ? many : digits;
        if (n > 0) {
            *at = p;
            found = (size_t)(q - p) + n;
            p = q + n;
        } else
            p++;
    }
    return found;
}

struct jtext grade_answer(const char *text, enum grade_rule rule)
{
    struct jtext found = {"[invalid]", 9};
    const char *at = NULL;
    size_t n = rule == GRADE_STRICT ? find_strict(text, &at) : find_flexible(text, &at);
    return n > 0 ? (struct jtext){at, n} : found;
}

/* Without commas and dollars, what stands before the last "#### ", and a point at the end. */
static void bare(struct jtext t, struct buf *out)
{
    buf_puts(out, "");
    for (size_t i = 0; i < t.len; i++)
        if (!in(t.s[i], ",$"))
            buf_putc(out, (char)tolower((unsigned char)t.s[i]));
    if (out->failed)
        return;
    size_t skip = 0;
    for (char *p = out->data; (p = strstr(p, "#### ")); p++)
        skip = (size_t)(p - out->data) + 5;
    memmove(out->data, out->data + skip, out->len - skip + 1);
    out->len -= skip;
    if (out->len > 0 && out->data[out->len - 1] == '.')
        out->data[--out->len] = 0;
}

bool grade_equal(struct jtext said, const char *right)
{
    struct buf a = {0}, b = {0};
    bare(said, &a);
    bare((struct jtext){right, strlen(right)}, &b);
    bool equal = !a.failed && !b.failed && a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
    buf_free(&a);
    buf_free(&b);
    return equal;
}

bool item_right(const struct run *run, const struct item *item)
{
    switch (run->task->kind) {
    case CHOICE: return item_choice(item, false) == item->gold;
    case CONTINUATION: return item->greedy[0];
    case GENERATE: return grade_equal(grade_answer(item->text, GRADE_STRICT), item->answer);
    case CHAT: return item->right;
    default: return false;
    }
}

int item_choice(const struct item *item, bool normed)
{
    int best = 0;
    double top = 0;
    for (int i = 0; i < item->n; i++) {
        double score = normed ? item->ll[i] / (double)item->characters[i] : item->ll[i];
        if (i == 0 || score > top) {
            best = i;
            top = score;
        }
    }
    return best;
}
