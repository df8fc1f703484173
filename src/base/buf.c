/* buf.c: a growable byte string. */
#include "base/buf.h"

#include "base/mem.h"
#include "base/must.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool reserve(struct buf *b, size_t more)
{
    if (b->failed)
        return false;
    if (more < b->cap - b->len)
        return true;
    size_t need = b->len + more + 1, cap = b->cap ? b->cap : 64;
    if (need <= b->len) {
        b->failed = true;
        return false;
    }
    while (cap < need)
        cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    char *data = mem_grow(b->data, cap, 1);
    if (!data) {
        b->failed = true;
        return false;
    }
    b->data = data;
    b->cap = cap;
    return true;
}

void buf_add(struct buf *b, const void *bytes, size_t n)
{
    must(bytes || n == 0);
    if (!reserve(b, n))
        return;
    if (n)
        memcpy(b->data + b->len, bytes, n);
    b->len += n;
    b->data[b->len] = 0;
}

void buf_puts(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

void buf_putc(struct buf *b, char c)
{
    buf_add(b, &c, 1);
}

void buf_printf(struct buf *b, const char *format, ...)
{
    va_list ap, again;
    va_start(ap, format);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, format, ap);
    if (n < 0)
        b->failed = true;
    else if (reserve(b, (size_t)n)) {
        vsnprintf(b->data + b->len, (size_t)n + 1, format, again);
        b->len += (size_t)n;
    }
    va_end(again);
    va_end(ap);
}

static char *digits(char *at, int32_t id)
{
    char text[10];
    int n = 0;
    uint32_t left = id < 0 ? 0u - (uint32_t)id : (uint32_t)id;
    if (id < 0)
        *at++ = '-';
    do
        text[n++] = (char)('0' + left % 10);
    while ((left /= 10) > 0);
    while (n > 0)
        *at++ = text[--n];
    return at;
}

void buf_ids(struct buf *b, const int32_t *ids, size_t n, const char *between)
{
    enum { LONGEST = 11 };
    size_t width = strlen(between);
    for (size_t i = 0; i < n; i++) {
        if (!reserve(b, width + LONGEST))
            return;
        char *at = b->data + b->len;
        if (i > 0) {
            memcpy(at, between, width);
            at += width;
        }
        at = digits(at, ids[i]);
        *at = 0;
        b->len = (size_t)(at - b->data);
    }
}

void buf_base64(struct buf *b, const void *bytes, size_t n)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *s = bytes;
    for (size_t i = 0; i < n; i += 3) {
        unsigned v = (unsigned)s[i] << 16;
        v |= i + 1 < n ? (unsigned)s[i + 1] << 8 : 0;
        v |= i + 2 < n ? (unsigned)s[i + 2] : 0;
        buf_putc(b, letters[v >> 18]);
        buf_putc(b, letters[v >> 12 & 63]);
        buf_putc(b, i + 1 < n ? letters[v >> 6 & 63] : '=');
        buf_putc(b, i + 2 < n ? letters[v & 63] : '=');
    }
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    b->failed = false;
    if (b->data)
        b->data[0] = 0;
}

void buf_free(struct buf *b)
{
    mem_free(b->data);
    *b = (struct buf){0};
}

char *buf_take(struct buf *b)
{
    if (!b->data)
        buf_add(b, "", 0);
    char *data = b->failed ? NULL : b->data;
    if (!data)
        mem_free(b->data);
    *b = (struct buf){0};
    return data;
}
