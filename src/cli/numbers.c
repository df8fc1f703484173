/* numbers.c: numbers on the command line, and sizes with K, M, G and T. */
#include "cli/numbers.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool parse_i64(const char *s, int64_t *out)
{
    char *end;
    errno = 0;
    long long v = strtoll(s, &end, 10);
    if (!((*s >= '0' && *s <= '9') || *s == '-' || *s == '+') || end == s || *end || errno)
        return false;
    *out = v;
    return true;
}

bool parse_f64(const char *s, double *out)
{
    char *end;
    /* strtod alone would take "nan", "0x1p3" and leading blanks */
    if (s[strspn(s, "+-.0123456789eEinf")] != 0 || *s == 0)
        return false;
    double v = strtod(s, &end);
    if (end == s || *end || isnan(v))
        return false;
    *out = v;
    return true;
}

bool parse_u64(const char *s, uint64_t *out)
{
    char *end;
    errno = 0;
    unsigned long long v = strtoull(s, &end, 10);
    if (*s < '0' || *s > '9' || *end || errno)
        return false;
    *out = v;
    return true;
}

/* ---- sizes ---------------------------------------------------------------------------------------------- */

static const char units[] = "KMGT";

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

/* The digits at *s, which moves behind them; false: none, or more than a number holds. */
static bool digits(const char **s, uint64_t *out)
{
    const char *from = *s;
    for (*out = 0; **s >= '0' && **s <= '9'; ++*s)
        if (__builtin_mul_overflow(*out, 10, out) || __builtin_add_overflow(*out, (uint64_t)(**s - '0'), out))
            return false;
    return *s > from;
}

/* "", "B", "K", "KB", "Ki", "KiB"; *shift: 0, 10, 20, ... */
static bool unit(const char *s, int *shift)
{
    const char *at = *s ? strchr(units, upper(*s)) : NULL;
    *shift = at ? 10 * (int)(at - units + 1) : 0;
    s += at != NULL;
    s += at && upper(*s) == 'I';
    s += upper(*s) == 'B';
    return !*s;
}

bool parse_size(const char *s, int64_t *bytes_out)
{
    uint64_t whole, part = 0, tens = 1;
    int shift;
    if (!digits(&s, &whole))
        return false;
    bool point = *s == '.';
    if (point) {
        const char *from = ++s;
        if (!digits(&s, &part) || s - from > 6) /* so that part * 2^40 / tens is exact */
            return false;
        for (const char *c = from; c < s; c++)
            tens *= 10;
    }
    if (!unit(s, &shift) || (point && !shift))
        return false;
    if (__builtin_mul_overflow(whole, (int64_t)1 << shift, bytes_out))
        return false;
    return !__builtin_add_overflow(*bytes_out, (part << shift) / tens, bytes_out);
}

const char *size_text(char *space, uint64_t bytes)
{
    int n = 0;
    while (bytes && bytes % 1024 == 0 && units[n]) {
        bytes /= 1024;
        n++;
    }
    snprintf(space, 24, "%llu%.*s", (unsigned long long)bytes, n > 0, n > 0 ? &units[n - 1] : "");
    return space;
}

const char *human_bytes(char *space, uint64_t bytes)
{
    static const char *const names[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    double v = (double)bytes;
    int u = 0;
    for (; v >= 999.5 && u < 6; u++)
        v /= 1000;
    snprintf(space, 32, u == 0 || v >= 99.95 ? "%.0f %s" : "%.1f %s", v, names[u]);
    return space;
}
