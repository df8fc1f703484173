/* safetensors_header.c: reading the header's JSON in place. */
#include "format/safetensors_header.h"

#include "base/checked.h"
#include "base/error.h"
#include "base/utf8.h"

enum osso_status header_bad(const struct header *h, const char *what)
{
    return error_set(h->err, OSSO_FORMAT, "%s: safetensors header, byte %llu: %s", h->path,
                     (unsigned long long)(h->p - h->begin), what);
}

static void skip_space(struct header *h)
{
    while (h->p < h->end && (*h->p == ' ' || *h->p == '\t' || *h->p == '\n' || *h->p == '\r'))
        h->p++;
}

bool header_take(struct header *h, char c)
{
    skip_space(h);
    if (h->p == h->end || *h->p != c)
        return false;
    h->p++;
    return true;
}

enum osso_status header_expect(struct header *h, char c)
{
    char what[] = "expected ' '";
    if (header_take(h, c))
        return OSSO_OK;
    what[sizeof what - 3] = c;
    return header_bad(h, what);
}

enum osso_status header_next(struct header *h, char close, int64_t *n, bool *more_out)
{
    *more_out = false;
    if (header_take(h, close))
        return OSSO_OK;
    if (*n > 0) {
        enum osso_status status = header_expect(h, ',');
        if (status)
            return status;
    }
    ++*n;
    *more_out = true;
    return OSSO_OK;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The four digits after \u; -1 if they are not. */
static int32_t hex4(struct header *h)
{
    int32_t v = 0;
    if (h->end - h->p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int d = hex_digit(h->p[i]);
        if (d < 0)
            return -1;
        v = v * 16 + d;
    }
    h->p += 4;
    return v;
}

static void add_utf8(struct buf *b, int32_t c)
{
    if (c < 0x80) {
        buf_putc(b, (char)c);
        return;
    }
    int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const unsigned char lead[4] = {0, 0xc0, 0xe0, 0xf0};
    buf_putc(b, (char)(lead[more] | c >> (6 * more)));
    while (more-- > 0)
        buf_putc(b, (char)(0x80 | ((c >> (6 * more)) & 0x3f)));
}

/* What follows a backslash. */
static enum osso_status escape(struct header *h)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char c = h->p < h->end ? *h->p++ : 0;
    for (int i = 0; from[i]; i++)
        if (c == from[i]) {
            buf_putc(&h->text, to[i]);
            return OSSO_OK;
        }
    if (c != 'u')
        return header_bad(h, "an unknown escape in a string");
    int32_t code = hex4(h);
    if (code >= 0xd800 && code < 0xdc00 && h->end - h->p >= 6 && h->p[0] == '\\' && h->p[1] == 'u') {
        h->p += 2;
        int32_t low = hex4(h);
        code = low >= 0xdc00 && low < 0xe000 ? 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00) : -1;
    }
    if (code <= 0 || (code >= 0xd800 && code < 0xe000))
        return header_bad(h, "a \\u escape that is no character, or NUL");
    add_utf8(&h->text, code);
    return OSSO_OK;
}

enum osso_status header_string(struct header *h)
{
    enum osso_status status = header_expect(h, '"');
    buf_clear(&h->text);
    buf_add(&h->text, "", 0);
    while (!status) {
        const char *start = h->p;
        while (h->p < h->end && *h->p != '"' && *h->p != '\\' && (unsigned char)*h->p >= 0x20) {
            size_t n = utf8_sequence((const unsigned char *)h->p, (size_t)(h->end - h->p));
            if (n == 0)
                return header_bad(h, "not UTF-8");
            h->p += n;
        }
        buf_add(&h->text, start, (size_t)(h->p - start));
        if (h->p == h->end)
            return header_bad(h, "the header ends inside a string");
        char c = *h->p++;
        if (c == '"')
            break;
        if (c != '\\')
            return header_bad(h, "a control character in a string");
        status = escape(h);
    }
    if (!status && h->text.failed)
        status = error_nomem(h->err, h->text.len, "a name in a safetensors header");
    return status;
}

enum osso_status header_key(struct header *h)
{
    enum osso_status status = header_string(h);
    return status ? status : header_expect(h, ':');
}

enum osso_status header_uint(struct header *h, int64_t *out)
{
    uint64_t v = 0;
    skip_space(h);
    const char *start = h->p;
    while (h->p < h->end && *h->p >= '0' && *h->p <= '9') {
        if (!ck_mul(v, 10, &v) || !ck_add(v, (uint64_t)(*h->p - '0'), &v) || v > INT64_MAX)
            return header_bad(h, "a number above 2^63 - 1");
        h->p++;
    }
    if (h->p == start || (*start == '0' && h->p - start > 1))
        return header_bad(h, "expected an integer from 0 up");
    if (h->p < h->end && (*h->p == '.' || *h->p == 'e' || *h->p == 'E'))
        return header_bad(h, "a number that is not written as an integer");
    *out = (int64_t)v;
    return OSSO_OK;
}

enum osso_status header_finish(struct header *h)
{
    skip_space(h);
    return h->p == h->end ? OSSO_OK : header_bad(h, "text after the end of the JSON object");
}
