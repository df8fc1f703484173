/* space.c: white space as Python's str.strip and \s know it: the tasks were written in Python, and where a context ends
 * decides where its tokens do. */
#include "eval/space.h"

#include "base/utf8.h"

static int is_space(uint32_t c)
{
    return (c >= 9 && c <= 13) || (c >= 28 && c <= 32) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

size_t space_at(const char *s, size_t n)
{
    unsigned len;
    if (n == 0 || !utf8_sequence((const uint8_t *)s, n) || !is_space(utf8_get((const uint8_t *)s, &len)))
        return 0;
    return len;
}

size_t space_before(const char *s, size_t n)
{
    size_t k = 1;
    while (k < n && k < 4 && ((unsigned char)s[n - k] & 0xc0) == 0x80)
        k++;
    return n > 0 && space_at(s + n - k, k) == k ? k : 0;
}

size_t space_leading(const char *s, size_t n)
{
    size_t at = 0;
    for (size_t k; (k = space_at(s + at, n - at)) > 0;)
        at += k;
    return at;
}

size_t space_trailing(const char *s, size_t n)
{
    size_t left = n;
    for (size_t k; (k = space_before(s, left)) > 0;)
        left -= k;
    return n - left;
}

size_t count_characters(const char *s, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += ((unsigned char)s[i] & 0xc0) != 0x80;
    return count;
}

size_t count_words(const char *s, size_t n)
{
    size_t count = 0;
    for (size_t at = space_leading(s, n); at < n; at += space_leading(s + at, n - at)) {
        count++;
        while (at < n && space_at(s + at, n - at) == 0)
            at++;
    }
    return count;
}
