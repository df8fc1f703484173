/* words.h: is a word one of a list? */
#ifndef OSSO_BASE_WORDS_H
#define OSSO_BASE_WORDS_H

#include <stdbool.h>
#include <string.h>

/* words: with the separator between them; NULL: none. */
static inline bool word_in(const char *words, char separator, const char *name)
{
    size_t n = strlen(name);
    for (const char *w = words; w && n > 0;) {
        const char *end = strchr(w, separator);
        size_t len = end ? (size_t)(end - w) : strlen(w);
        if (len == n && memcmp(w, name, n) == 0)
            return true;
        w = end ? end + 1 : NULL;
    }
    return false;
}

#endif
