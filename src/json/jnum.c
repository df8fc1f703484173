/* jnum.c: JSON numbers, as openai-harmony reads and prints them and as the nearest double. */
#include "json/jnum.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The double nearest to digits * 10^exponent. strtod is given no decimal point, so the locale does not matter. */
static double nearest(uint64_t digits, int exponent)
{
    char text[48];
    snprintf(text, sizeof text, "%" PRIu64 "e%d", digits, exponent);
    return strtod(text, NULL);
}

/* The reference's conversion: the significand is rounded to a double first and then scaled by (rounded) powers of ten,
 * one rounding a step. False: too large for a double. */
static bool scale(uint64_t significand, int64_t exponent, double *out)
{
    double f = (double)significand;
    while (exponent < -308) {
        if (f == 0.0)
            break;
        f /= 1e308;
        exponent += 308;
    }
    if (f == 0.0 && (exponent > 308 || exponent < -308)) {
        *out = f;
        return true;
    }
    if (exponent > 308)
        return false;
    if (exponent < 0)
        f /= nearest(1, (int)-exponent);
    else
        f *= nearest(1, (int)exponent);
    *out = f;
    return !isinf(f);
}

/* Writes x >= 0 with the fewest digits that read back as x. */
static void print_double(double x, bool negative, char out[JNUM_SPACE])
{
    char *w = out;
    size_t room = JNUM_SPACE - 1;
    char digits[24];
    int exponent10 = 0;
    uint64_t d = 0;
    if (negative)
        *w++ = '-';
    if (x == 0.0) {
        memcpy(w, "0.0", 4);
        return;
    }
    for (int n = 1; n <= 17; n++) {
        char text[64];
        snprintf(text, sizeof text, "%.*e", n - 1, x);
        char *e = strchr(text, 'e');
        d = 0;
        for (char *c = text; c < e; c++)
            if (*c >= '0' && *c <= '9') /* skips the decimal point, whatever the locale calls it */
                d = d * 10 + (uint64_t)(*c - '0');
        exponent10 = atoi(e + 1) - (n - 1);
        if (nearest(d, exponent10) == x)
            break;
        /* At a power of two the gap above is twice the gap below: the decimal above may read back, the nearer not. */
        if (nearest(d + 1, exponent10) == x) {
            d++;
            break;
        }
    }
    while (d % 10 == 0) {
        d /= 10;
        exponent10++;
    }
    int len = snprintf(digits, sizeof digits, "%" PRIu64, d);
    int point = len + exponent10; /* the decimal point comes after this many digits */
    if (exponent10 >= 0 && point <= 16)
        snprintf(w, room, "%s%.*s.0", digits, exponent10, "0000000000000000");
    else if (point > 0 && point <= 16)
        snprintf(w, room, "%.*s.%s", point, digits, digits + point);
    else if (point > -5 && point <= 0)
        snprintf(w, room, "0.%.*s%s", -point, "00000", digits);
    else if (len == 1)
        snprintf(w, room, "%se%d", digits, point - 1);
    else
        snprintf(w, room, "%c.%se%d", digits[0], digits + 1, point - 1);
}

/* One more digit, unless the significand is full. */
static bool add_digit(uint64_t *significand, char c)
{
    uint64_t d = (uint64_t)(c - '0');
    if (*significand > (UINT64_MAX - d) / 10)
        return false;
    *significand = *significand * 10 + d;
    return true;
}

static bool is_digit(const char *s, size_t i, size_t n)
{
    return i < n && s[i] >= '0' && s[i] <= '9';
}

/* The exponent of s[at..n), "e+12" or nothing. Beyond int32 it stays at its bound, and *huge is +1 or -1. */
static int64_t read_exponent(const char *s, size_t n, size_t at, int *huge)
{
    int64_t e = 0;
    size_t i = at + 1;
    bool minus = i < n && s[i] == '-';
    *huge = 0;
    i += i < n && (s[i] == '+' || s[i] == '-');
    for (; is_digit(s, i, n); i++) {
        e = e <= INT32_MAX ? e * 10 + (s[i] - '0') : e;
        if (e > INT32_MAX)
            *huge = minus ? -1 : 1;
    }
    return minus ? -e : e;
}

static int64_t within_int32(int64_t e)
{
    return e > INT32_MAX ? INT32_MAX : e < INT32_MIN ? INT32_MIN : e;
}

bool jnum_read(const char *s, size_t n, char out[JNUM_SPACE])
{
    bool negative = s[0] == '-', integer = true;
    size_t i = negative;
    uint64_t significand = 0;
    int64_t exponent = 0;
    int huge = 0;
    double value = 0.0;
    /* Digits that no longer fit count as powers of ten before the point, and are dropped after it. */
    for (bool full = false; is_digit(s, i, n); i++) {
        full = full || !add_digit(&significand, s[i]);
        exponent += full;
        integer = integer && !full;
    }
    if (i < n && s[i] == '.') {
        integer = false;
        i++;
        for (bool full = false; is_digit(s, i, n); i++) {
            full = full || !add_digit(&significand, s[i]);
            exponent -= !full;
        }
    }
    if (i < n) {
        integer = false;
        exponent = within_int32(exponent + read_exponent(s, n, i, &huge));
    }
    if (integer && (!negative || (significand != 0 && significand <= (uint64_t)INT64_MAX + 1))) {
        snprintf(out, JNUM_SPACE, "%s%" PRIu64, negative ? "-" : "", significand);
        return true;
    }
    if ((huge > 0 && significand != 0) || (huge == 0 && !scale(significand, exponent, &value)))
        return false;
    print_double(value, negative, out);
    return true;
}

bool jnum_i64(const char *s, size_t n, int64_t *out)
{
    bool negative = s[0] == '-';
    uint64_t value = 0, most = (uint64_t)INT64_MAX + negative;
    for (size_t i = negative; i < n; i++)
        if (!add_digit(&value, s[i]) || value > most)
            return false;
    *out = (int64_t)(negative ? 0 - value : value);
    return true;
}

/* strtod is given the significant digits and a power of ten, no decimal point, which a locale may spell otherwise. More
 * than 767 digits never decide where a decimal rounds to, only whether one of the others is not zero. */
bool jnum_f64(const char *s, size_t n, double *out)
{
    enum { DIGITS = 800 };
    char text[DIGITS + 32], *w = text;
    size_t i = s[0] == '-', n_digits = 0;
    int64_t exponent = 0;
    int huge;
    bool point = false, rest = false;
    if (i)
        *w++ = '-';
    for (; i < n && s[i] != 'e' && s[i] != 'E'; i++) {
        if (s[i] == '.') {
            point = true;
            continue;
        }
        bool keep = n_digits < DIGITS;
        if (keep && (n_digits > 0 || s[i] != '0')) {
            *w++ = s[i];
            n_digits++;
        }
        rest = rest || (!keep && s[i] != '0');
        exponent += !keep - point;
    }
    if (i < n)
        exponent += read_exponent(s, n, i, &huge);
    if (rest) {
        *w++ = '1';
        exponent--;
    }
    snprintf(w, 24, "%se%" PRId64, n_digits ? "" : "0", within_int32(exponent));
    *out = strtod(text, NULL);
    return !isinf(*out);
}
