/* jwrite.c: JSON into a buffer. */
#include "json/jwrite.h"

#include "base/utf8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes from here on that stand for themselves and are characters by themselves. */
static size_t plain_run(const unsigned char *s, size_t n)
{
    size_t i = 0;
    while (i < n && s[i] >= 0x20 && s[i] < 0x80 && s[i] != '"' && s[i] != '\\')
        i++;
    return i;
}

void jwrite_string(struct buf *b, const char *text, size_t n)
{
    const unsigned char *s = (const unsigned char *)text;
    buf_putc(b, '"');
    for (size_t i = 0; i < n;) {
        size_t run = plain_run(s + i, n - i);
        buf_add(b, s + i, run);
        i += run;
        if (i == n)
            break;
        size_t len = utf8_sequence(s + i, n - i);
        const char *short_escape = s[i] ? strchr("\"\"\\\\\bb\ff\nn\rr\tt", s[i]) : NULL;
        if (len == 0) {
            buf_puts(b, "\xef\xbf\xbd");
            len = 1;
        } else if (s[i] == '"' || s[i] == '\\') {
            buf_putc(b, '\\');
            buf_putc(b, (char)s[i]);
        } else if (s[i] < 0x20 && short_escape) {
            buf_putc(b, '\\');
            buf_putc(b, short_escape[1]);
        } else if (s[i] < 0x20) {
            buf_printf(b, "\\u%04x", s[i]);
        } else {
            buf_add(b, s + i, len);
        }
        i += len;
    }
    buf_putc(b, '"');
}

void jwrite_number(struct buf *b, double value)
{
    char text[40];
    int digits = 1;
    if (!isfinite(value)) {
        buf_puts(b, "null");
    } else if (value == trunc(value) && fabs(value) < 1e15) {
        buf_printf(b, "%.1f", value); /* "150000.0": a reader that tells integers from reals sees a real */
    } else {
        do
            snprintf(text, sizeof text, "%.*g", digits, value);
        while (digits++ < 17 && strtod(text, NULL) != value);
        buf_puts(b, text);
    }
}

/* Recursion: at most JDOC_DEPTH + 1 frames of two pointers each. */
void jwrite_value(struct buf *out, const struct jval *v, enum jwrite_numbers numbers)
{
    switch (v->type) {
    case J_NULL: buf_puts(out, "null"); break;
    case J_BOOL: buf_puts(out, v->truth ? "true" : "false"); break;
    case J_NUMBER: {
        struct jtext number = numbers == JWRITE_SPELT ? v->spelt : v->text;
        buf_add(out, number.s, number.len);
        break;
    }
    case J_STRING: jwrite_string(out, v->text.s, v->text.len); break;
    case J_ARRAY:
    case J_OBJECT:
        buf_putc(out, v->type == J_ARRAY ? '[' : '{');
        for (const struct jval *c = v->first; c; c = c->next) {
            if (c != v->first)
                buf_putc(out, ',');
            if (v->type == J_OBJECT) {
                jwrite_string(out, c->key.s, c->key.len);
                buf_putc(out, ':');
            }
            jwrite_value(out, c, numbers);
        }
        buf_putc(out, v->type == J_ARRAY ? ']' : '}');
        break;
    }
}
