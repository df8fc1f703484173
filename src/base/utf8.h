/* utf8.h: reading UTF-8 by the book (Unicode 16.0, table 3-7), including what to do with bytes that are not. */
#ifndef OSSO_BASE_UTF8_H
#define OSSO_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* U+FFFD, which stands for each maximal ill-formed part. */
#define UTF8_REPLACEMENT "\xef\xbf\xbd"
enum { UTF8_REPLACEMENT_LEN = 3 };

/* Looks at the first character of s[0..n), n > 0.
 *   k > 0: a character of k bytes
 *   k < 0: a maximal ill-formed part of -k bytes (1..3): one U+FFFD
 *   0:     all n bytes (1..3) are the beginning of a character, and the rest may still come */
int utf8_step(const uint8_t *s, size_t n);

/* Length of the well-formed character at s (n >= 1 bytes left), 0 if there is none. */
static inline size_t utf8_sequence(const uint8_t *s, size_t n)
{
    int k = utf8_step(s, n);
    return k > 0 ? (size_t)k : 0;
}

/* The length of the byte order mark that a text begins with (some editors put one there): no part of it; 0: none. */
static inline size_t utf8_mark(const void *text, size_t n)
{
    return n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

/* "UTF-16" or its like, where a text is written so; NULL: it is not. Without a mark UTF-16 is known by its zeros, one
 * in every pair of bytes and at the same place. */
const char *utf8_other_form(const void *text, size_t n);

/* Do the n bytes at s begin with a surrogate, written as if it were a character? (It is ill-formed: CESU-8, WTF-8.) */
static inline bool utf8_is_surrogate(const uint8_t *s, size_t n)
{
    return n >= 3 && s[0] == 0xed && s[1] >= 0xa0 && s[1] <= 0xbf && (s[2] & 0xc0) == 0x80;
}

/* The length of the longest prefix that is whole characters. */
size_t utf8_valid_prefix(const uint8_t *s, size_t n);

/* The character at s, which must be whole and valid; *len_out is its length (1..4). */
static inline uint32_t utf8_get(const uint8_t *s, unsigned *len_out)
{
    if (s[0] < 0x80) {
        *len_out = 1;
        return s[0];
    }
    if (s[0] < 0xe0) {
        *len_out = 2;
        return (s[0] & 0x1fu) << 6 | (s[1] & 0x3fu);
    }
    if (s[0] < 0xf0) {
        *len_out = 3;
        return (s[0] & 0x0fu) << 12 | (s[1] & 0x3fu) << 6 | (s[2] & 0x3fu);
    }
    *len_out = 4;
    return (s[0] & 0x07u) << 18 | (s[1] & 0x3fu) << 12 | (s[2] & 0x3fu) << 6 | (s[3] & 0x3fu);
}

/* Writes the character c (< 0x110000, no surrogate) and returns its length. */
unsigned utf8_put(uint8_t *s, uint32_t c);

#endif
