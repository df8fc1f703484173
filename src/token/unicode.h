/* unicode.h: the classes of characters that the splitter's patterns name, for Unicode 16.0.
 * A class is a set of bits; a character can be in several (a mark is in both cases, a Chinese letter in three). */
#ifndef OSSO_TOKEN_UNICODE_H
#define OSSO_TOKEN_UNICODE_H

#include <stdint.h>

enum {
    UNICODE_UPPER = 1,  /* Lu Lt Lm Lo M: may stand in the first part of a word */
    UNICODE_LOWER = 2,  /* Ll Lm Lo M: may stand in the second part */
    UNICODE_LETTER = 4, /* L */
    UNICODE_NUMBER = 8, /* N */
    UNICODE_SPACE = 16  /* White_Space */
};

/* Made by tools/tables/gen_unicode.py: blocks of 128 classes, equal blocks stored once. Block 0 is ASCII. */
extern const uint8_t unicode_index[0x110000 / 128];
extern const uint8_t unicode_blocks[];

/* The class of a code point below 0x110000. */
static inline unsigned unicode_class(uint32_t c)
{
    return unicode_blocks[unicode_index[c >> 7] * 128u + (c & 127)];
}

#endif
