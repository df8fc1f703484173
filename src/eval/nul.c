/* nul.c: NUL bytes in texts that a model has written. */
#include "eval/nul.h"

#include <string.h>

void nul_hide(struct buf *out, const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (s[i])
            buf_putc(out, s[i]);
        else
            buf_puts(out, NUL_HIDDEN);
    buf_puts(out, "");
}

void nul_show(struct buf *out, const char *text)
{
    for (const char *at; (at = strstr(text, NUL_HIDDEN)); text = at + strlen(NUL_HIDDEN)) {
        buf_add(out, text, (size_t)(at - text));
        buf_putc(out, 0);
    }
    buf_puts(out, text);
}

char *nul_text(const char *s, size_t n)
{
    struct buf b = {0};
    nul_hide(&b, s, n);
    return buf_take(&b);
}
