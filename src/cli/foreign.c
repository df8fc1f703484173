/* foreign.c: flags of other programs, by the table foreign.def. */
#include "cli/foreign.h"

#include <string.h>

static const struct foreign table[] = {
#define SAME(words, name) {FOREIGN_SAME, words, ALWAYS, name},
#define IDLE(words, value, note) {FOREIGN_IDLE, words, value, note},
#define ABSENT(words, why) {FOREIGN_ABSENT, words, ALWAYS, why},
#include "cli/foreign.def"
};

static bool among(const char *words, const char *flag, size_t len)
{
    for (const char *w = words; *w;) {
        size_t n = strcspn(w, " ");
        if (n == len && memcmp(w, flag, n) == 0)
            return true;
        w += n + (w[n] == ' ');
    }
    return false;
}

const struct foreign *foreign_find(const char *flag)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (among(table[i].words, flag, strcspn(flag, "=")))
            return &table[i];
    return NULL;
}

bool foreign_takes(const struct foreign *foreign, const char *word)
{
    return foreign->value == ALWAYS || (foreign->value == MAYBE && among("on off auto 0 1", word, strlen(word)));
}
