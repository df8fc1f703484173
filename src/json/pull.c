#include "json/pull.h"

#include "base/utf8.h"

#include <string.h>

enum { MAX_DEPTH = 128 };

struct pull pull_over(const char *text, size_t len)
{
    return (struct pull){.text = text, .len = len};
}

static bool wrong(struct pull *p, const char *problem)
{
    if (!p->problem)
        p->problem = problem;
    return false;
}

char pull_peek(struct pull *p)
{
    while (p->pos < p->len) {
        char c = p->text[p->pos];
        if (c != ' ' && c != '\n' && c != '\t' && c != '\r')
            return c;
        p->pos++;
    }
    return 0;
}

static bool take(struct pull *p, char c)
{
    if (p->problem || pull_peek(p) != c)
        return false;
    p->pos++;
    return true;
}

bool pull_enter(struct pull *p, char bracket)
{
    if (!take(p, bracket))
        return wrong(p, bracket == '{' ? "an object is missing" : "a list is missing");
    p->fresh = true;
    return true;
}

/* What both kinds of brackets share: the end, or a comma, or (fresh) nothing before the next thing. */
static bool another(struct pull *p, char close)
{
    bool fresh = p->fresh;
    p->fresh = false;
    if (p->problem || take(p, close))
        return false;
    if (!fresh && !take(p, ','))
        return wrong(p, "a comma or a closing bracket is missing");
    return true;
}

bool pull_element(struct pull *p)
{
    return another(p, ']');
}

bool pull_member(struct pull *p, char *key, size_t cap, size_t *len_out)
{
    if (!another(p, '}') || !pull_string(p, key, cap, len_out))
        return false;
    return take(p, ':') || wrong(p, "a colon is missing");
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_hex4(struct pull *p, uint32_t *out)
{
    if (p->len - p->pos < 4)
        return wrong(p, "a \\u escape is cut off");
    *out = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(p->text[p->pos++]);
        if (digit < 0)
            return wrong(p, "a \\u escape has a letter that is no hexadecimal digit");
        *out = *out << 4 | (uint32_t)digit;
    }
    return true;
}

/* What follows a backslash. */
static bool read_escape(struct pull *p, uint32_t *out)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    char c = p->pos < p->len ? p->text[p->pos++] : 0;
    const char *letter = c ? strchr(letters, c) : NULL;
    if (letter) {
        *out = (uint8_t)meanings[letter - letters];
        return true;
    }
    if (c != 'u')
        return wrong(p, "a string has an unknown escape");
    if (!read_hex4(p, out))
        return false;
    if (*out >= 0xd800 && *out < 0xdc00 && p->len - p->pos >= 2 && p->text[p->pos] == '\\' && p->text[p->pos + 1] == 'u') {
        uint32_t low;
        p->pos += 2;
        if (!read_hex4(p, &low))
            return false;
        if (low < 0xdc00 || low > 0xdfff)
            return wrong(p, "a string has half a surrogate pair");
        *out = 0x10000 + ((*out - 0xd800) << 10) + (low - 0xdc00);
    } else if (*out >= 0xd800 && *out <= 0xdfff) {
        return wrong(p, "a string has half a surrogate pair");
    }
    return true;
}

bool pull_string(struct pull *p, char *out, size_t cap, size_t *len_out)
{
    size_t len = 0;
    *len_out = 0;
    if (!take(p, '"'))
        return wrong(p, "a string is missing");
    for (;;) {
        /* A run of characters that stand for themselves. */
        size_t start = p->pos, n = 1;
        while (p->pos < p->len && p->text[p->pos] != '"' && p->text[p->pos] != '\\' && (uint8_t)p->text[p->pos] >= 0x20)
            p->pos++;
        const char *from = p->text + start;
        uint8_t escaped[4];
        if (p->pos > start) {
            n = p->pos - start;
        } else if (p->pos == p->len) {
            return wrong(p, "a string has no end");
        } else if (p->text[p->pos] == '"') {
            p->pos++;
            *len_out = len;
            return true;
        } else if (p->text[p->pos++] == '\\') {
            uint32_t code;
            if (!read_escape(p, &code))
                return false;
            n = utf8_put(escaped, code);
            from = (const char *)escaped;
        } else {
            return wrong(p, "a string has a control character");
        }
        if (n > cap - len)
            return wrong(p, "a string is too long");
        memcpy(out + len, from, n);
        len += n;
    }
}

bool pull_u32(struct pull *p, uint32_t *out)
{
    uint64_t value = 0;
    size_t digits = 0;
    for (char c = pull_peek(p); !p->problem && c >= '0' && c <= '9'; c = p->pos < p->len ? p->text[p->pos] : 0) {
        value = value * 10 + (uint64_t)(c - '0');
        p->pos++;
        if (++digits > 10 || value > UINT32_MAX)
            return wrong(p, "a number is too large");
    }
    *out = (uint32_t)value;
    return digits > 0 || wrong(p, "a whole number is missing");
}

static bool skip_string(struct pull *p)
{
    if (!take(p, '"'))
        return wrong(p, "a string is missing");
    while (p->pos < p->len) {
        char c = p->text[p->pos++];
        if (c == '"')
            return true;
        if (c == '\\' && p->pos < p->len)
            p->pos++;
    }
    return wrong(p, "a string has no end");
}

static bool skip_scalar(struct pull *p)
{
    if (pull_peek(p) == '"')
        return skip_string(p);
    size_t start = p->pos;
    for (; p->pos < p->len; p->pos++) {
        char c = p->text[p->pos], lower = c | 0x20;
        if (!(c >= '0' && c <= '9') && !(lower >= 'a' && lower <= 'z') && c != '+' && c != '-' && c != '.')
            break;
    }
    return p->pos > start || wrong(p, "a value is missing");
}

bool pull_skip(struct pull *p, const char **text_out, size_t *len_out)
{
    bool object[MAX_DEPTH]; /* the kind of every open bracket */
    unsigned depth = 0;
    char c = pull_peek(p);
    size_t start = p->pos;
    if (p->problem)
        return false;
    for (;;) {
        /* A value: an opening bracket, or all of a scalar. */
        c = pull_peek(p);
        if (c == '{' || c == '[') {
            if (depth == MAX_DEPTH)
                return wrong(p, "brackets are nested too deeply");
            object[depth++] = c == '{';
            p->fresh = true;
            p->pos++;
        } else if (!skip_scalar(p)) {
            return false;
        }
        /* Close what ends here; the next element, or member with its key, leads to the next value. */
        while (depth > 0 && !another(p, object[depth - 1] ? '}' : ']')) {
            if (p->problem)
                return false;
            depth--;
        }
        if (depth == 0)
            break;
        if (object[depth - 1] && (!skip_string(p) || !take(p, ':')))
            return wrong(p, "a member has no key and colon");
    }
    if (text_out)
        *text_out = p->text + start;
    if (len_out)
        *len_out = p->pos - start;
    return true;
}

bool pull_at_end(struct pull *p)
{
    return !p->problem && pull_peek(p) == 0 && p->pos == p->len;
}
