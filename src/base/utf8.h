/* utf8.h: where a well-formed UTF-8 sequence ends (Unicode 15, table 3-7). */
#ifndef OSSO_BASE_UTF8_H
#define OSSO_BASE_UTF8_H

#include <stddef.h>

/* Length of the well-formed sequence at s (n >= 1 bytes left), 0 if there is none. */
static inline size_t utf8_sequence(const unsigned char *s, size_t n)
{
    static const unsigned char low[4] = {0xa0, 0x80, 0x90, 0x80}, high[4] = {0xbf, 0x9f, 0xbf, 0x8f};
    size_t len = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;
    if (len == 0 || len > n)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    int edge = s[0] == 0xe0 ? 0 : s[0] == 0xed ? 1 : s[0] == 0xf0 ? 2 : s[0] == 0xf4 ? 3 : -1;
    return edge >= 0 && (s[1] < low[edge] || s[1] > high[edge]) ? 0 : len;
}

/* Offset of the first byte that is not part of a well-formed sequence; n if there is none. */
static inline size_t utf8_valid_length(const char *s, size_t n)
{
    size_t at = 0, len;
    while (at < n && (len = utf8_sequence((const unsigned char *)s + at, n - at)) > 0)
        at += len;
    return at;
}

#endif
