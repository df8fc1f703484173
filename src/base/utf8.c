#include "base/utf8.h"

#include <string.h>

/* What a lead byte promises: the length of its character and the range of the second byte. The narrow ranges shut
 * out overlong forms (E0, F0), surrogates (ED) and everything beyond U+10FFFF (F4). Length 0: not a lead byte. */
struct promise {
    unsigned len;
    uint8_t second_min, second_max;
};

static struct promise lead(uint8_t b)
{
    struct promise p = {0, 0x80, 0xbf};
    if (b < 0x80)
        p.len = 1;
    else if (b >= 0xc2 && b <= 0xdf)
        p.len = 2;
    else if (b >= 0xe0 && b <= 0xef)
        p.len = 3;
    else if (b >= 0xf0 && b <= 0xf4)
        p.len = 4;
    if (b == 0xe0)
        p.second_min = 0xa0;
    else if (b == 0xed)
        p.second_max = 0x9f;
    else if (b == 0xf0)
        p.second_min = 0x90;
    else if (b == 0xf4)
        p.second_max = 0x8f;
    return p;
}

int utf8_step(const uint8_t *s, size_t n)
{
    struct promise p = lead(s[0]);
    if (p.len <= 1)
        return p.len == 1 ? 1 : -1;
    for (unsigned i = 1; i < p.len; i++) {
        if (i == n)
            return 0;
        if (i == 1 ? s[i] < p.second_min || s[i] > p.second_max : (s[i] & 0xc0) != 0x80)
            return -(int)i;
    }
    return (int)p.len;
}

size_t utf8_valid_prefix(const uint8_t *s, size_t n)
{
    size_t i = 0;
    while (i < n) {
        /* Eight ASCII bytes at a time: most text is. */
        uint64_t word;
        while (n - i >= sizeof word && (memcpy(&word, s + i, sizeof word), !(word & 0x8080808080808080u)))
            i += sizeof word;
        if (i == n)
            break;
        /* The characters of two and three bytes whose second byte has its full range. */
        if (n - i >= 3 && (s[i + 1] & 0xc0) == 0x80) {
            if (s[i] >= 0xc2 && s[i] <= 0xdf) {
                i += 2;
                continue;
            }
            if (s[i] >= 0xe1 && s[i] <= 0xec && (s[i + 2] & 0xc0) == 0x80) {
                i += 3;
                continue;
            }
        }
        int k = utf8_step(s + i, n - i);
        if (k <= 0)
            break;
        i += (size_t)k;
    }
    return i;
}

unsigned utf8_put(uint8_t *s, uint32_t c)
{
    if (c < 0x80) {
        s[0] = (uint8_t)c;
        return 1;
    }
    if (c < 0x800) {
        s[0] = (uint8_t)(0xc0 | c >> 6);
        s[1] = (uint8_t)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        s[0] = (uint8_t)(0xe0 | c >> 12);
        s[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        s[2] = (uint8_t)(0x80 | (c & 0x3f));
        return 3;
    }
    s[0] = (uint8_t)(0xf0 | c >> 18);
    s[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
    s[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
    s[3] = (uint8_t)(0x80 | (c & 0x3f));
    return 4;
}

const char *utf8_other_form(const void *text, size_t n)
{
    enum { FEWEST_SEEN = 8, MOST_SEEN = 4096 };
    const uint8_t *s = text;
    size_t seen = n < MOST_SEEN ? n : MOST_SEEN, zeros[2] = {0};
    for (size_t i = 0; i < seen; i++)
        zeros[i % 2] += s[i] == 0;
    if (n >= 4 && (memcmp(s, "\xff\xfe\0\0", 4) == 0 || memcmp(s, "\0\0\xfe\xff", 4) == 0))
        return "UTF-32";
    if (n >= 2 && (memcmp(s, "\xff\xfe", 2) == 0 || memcmp(s, "\xfe\xff", 2) == 0))
        return "UTF-16";
    if (n % 2 == 0 && n >= FEWEST_SEEN &&
        ((zeros[0] == 0 && zeros[1] == seen / 2) || (zeros[1] == 0 && zeros[0] == seen / 2)))
        return zeros[0] ? "UTF-16BE" : "UTF-16LE";
    return NULL;
}
