#include "token/split.h"

#include "token/unicode.h"
#include "base/utf8.h"

#include <stdbool.h>
#include <string.h>

const char split_o200k_pattern[] =
    "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
    "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
    "\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

enum { SYMBOL_NOT = UNICODE_SPACE | UNICODE_LETTER | UNICODE_NUMBER };

static inline unsigned class_at(const uint8_t *s, unsigned *len_out)
{
    if (*s < 0x80) {
        *len_out = 1;
        return unicode_blocks[*s];
    }
    return unicode_class(utf8_get(s, len_out));
}

static inline bool is_newline(uint8_t c)
{
    return c == '\r' || c == '\n';
}

/* The end of the run of characters from `i` on that are in one of the classes `any`. */
static inline size_t run_of(unsigned any, const uint8_t *s, size_t i, size_t n)
{
    unsigned len;
    while (i < n && (class_at(s + i, &len) & any))
        i += len;
    return i;
}

/* The end of the run of symbols: neither white space, nor letters, nor numbers. */
static size_t run_of_symbols(const uint8_t *s, size_t i, size_t n)
{
    unsigned len;
    while (i < n && !(class_at(s + i, &len) & SYMBOL_NOT))
        i += len;
    return i;
}

/* UPPER* LOWER+ from `i` on: its end, or 0. Where no LOWER follows the run of UPPER, the run gives characters back
 * until its end is one that is in both classes. *upper_out is the end of the run. */
static size_t cased_word(const uint8_t *s, size_t i, size_t n, size_t *upper_out)
{
    unsigned len, class = 0;
    size_t both = 0;
    while (i < n && ((class = class_at(s + i, &len)) & UNICODE_UPPER)) {
        i += len;
        if (class & UNICODE_LOWER)
            both = i;
    }
    *upper_out = i;
    return i < n && (class & UNICODE_LOWER) ? run_of(UNICODE_LOWER, s, i + len, n) : both;
}

/* (?i:'s|'t|'re|'ve|'m|'ll|'d)? at `i`: where it ends. Case folding makes the long s (U+017F) an s too. */
static size_t contraction(const uint8_t *s, size_t i, size_t n)
{
    if (i >= n || s[i] != '\'' || n - i < 2)
        return i;
    uint8_t a = s[i + 1] | 0x20, b = n - i > 2 ? s[i + 2] | 0x20 : 0;
    if (a == 's' || a == 't' || a == 'm' || a == 'd')
        return i + 2;
    if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l'))
        return i + 3;
    return n - i > 2 && s[i + 1] == 0xc5 && s[i + 2] == 0xbf ? i + 3 : i;
}

/* White space, the same in both patterns but for line ends: all of it at the end of the text; otherwise the last
 * one is left for the word that follows, unless it stands alone. */
static size_t white_space(const uint8_t *s, size_t n, bool newlines_end)
{
    size_t i = 0, last = 0, newline = 0;
    unsigned len;
    while (i < n && (class_at(s + i, &len) & UNICODE_SPACE)) {
        last = i;
        i += len;
        if (is_newline(s[last]))
            newline = i;
    }
    if (newlines_end && newline)
        return newline;
    return i < n && last > 0 ? last : i;
}

/* How many of the 8 bytes at s are a..z before one that is not. */
static inline unsigned lower_prefix(const uint8_t *s)
{
    const uint64_t ones = 0x0101010101010101u, high = 0x80 * ones;
    uint64_t x;
    memcpy(&x, s, sizeof x);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    x = __builtin_bswap64(x);
#endif
    uint64_t low = x & ~high, from_a = low + (0x80 - 'a') * ones, beyond_z = low + (0x7f - 'z') * ones;
    uint64_t other = ~(from_a & ~beyond_z & ~x) & high;
    return other ? (unsigned)__builtin_ctzll(other) / 8 : 8;
}

/* The commonest shape, found quickly: a blank or none, a capital or none, small letters, and then ASCII that cannot
 * belong to the word. Returns 0 for every other. */
static inline size_t plain_word(const uint8_t *s, size_t n)
{
    size_t i = *s == ' ';
    if (n < 16)
        return 0;
    i += s[i] >= 'A' && s[i] <= 'Z';
    unsigned run = lower_prefix(s + i);
    size_t end = i + run;
    while (run == 8 && n - end >= 8)
        end += run = lower_prefix(s + end);
    return run < 8 && end > i && s[end] < 0x80 && s[end] != '\'' ? end : 0;
}

static size_t o200k_next(const uint8_t *s, size_t n)
{
    size_t plain = plain_word(s, n);
    if (plain)
        return plain;
    unsigned first_len, first = class_at(s, &first_len);
    /* The two word patterns, each with a leading character that is not part of the word, then without. */
    bool lead = !(first & (UNICODE_LETTER | UNICODE_NUMBER)) && !is_newline(*s);
    size_t upper_after = 0, upper = 0, end = 0;
    if (lead)
        end = cased_word(s, first_len, n, &upper_after);
    if (!end)
        end = cased_word(s, 0, n, &upper);
    if (!end)
        end = upper_after > first_len ? upper_after : upper;
    if (end)
        return contraction(s, end, n);

    if (first & UNICODE_NUMBER) {
        unsigned len;
        end = first_len;
        for (int more = 2; more > 0 && end < n && (class_at(s + end, &len) & UNICODE_NUMBER); more--)
            end += len;
        return end;
    }

    size_t start = *s == ' ';
    end = run_of_symbols(s, start, n);
    if (end > start) {
        while (end < n && (is_newline(s[end]) || s[end] == '/'))
            end++;
        return end;
    }
    return white_space(s, n, true);
}

static size_t gpt2_next(const uint8_t *s, size_t n)
{
    if (*s == '\'' && n > 1) {
        uint8_t a = s[1], b = n > 2 ? s[2] : 0;
        if (a == 's' || a == 't' || a == 'm' || a == 'd')
            return 2;
        if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l'))
            return 3;
    }
    size_t start = *s == ' ', end;
    if ((end = run_of(UNICODE_LETTER, s, start, n)) > start || (end = run_of(UNICODE_NUMBER, s, start, n)) > start ||
        (end = run_of_symbols(s, start, n)) > start)
        return end;
    return white_space(s, n, false);
}

size_t split_next(enum split_kind kind, const uint8_t *s, size_t n)
{
    return kind == SPLIT_O200K ? o200k_next(s, n) : gpt2_next(s, n);
}
