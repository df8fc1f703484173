/* harmony_words.h: what both readers of headers do with their text. */
#ifndef OSSO_HARMONY_WORDS_H
#define OSSO_HARMONY_WORDS_H

#include "base/utf8.h"
#include "harmony/conversation.h"
#include "token/unicode.h"

#include <string.h>

/* A special id is never text: in a header it stands as one byte that no UTF-8 has, so that nothing the model spells out
 * can be taken for it. */
enum { MARK_START = 0xfd, MARK_CHANNEL = 0xfe, MARK_CONSTRAIN = 0xff };

static inline bool starts_with(struct jtext t, const char *prefix)
{
    size_t n = strlen(prefix);
    return t.len >= n && memcmp(t.s, prefix, n) == 0;
}

static inline struct jtext after(struct jtext t, size_t n)
{
    return (struct jtext){t.s + n, t.len - n};
}

/* The length of the white space character at t, 0 if it is none. Only whole characters begin here. */
static inline size_t space_at(struct jtext t)
{
    unsigned len;
    return t.len > 0 && unicode_class(utf8_get((const uint8_t *)t.s, &len)) & UNICODE_SPACE ? len : 0;
}

#endif
