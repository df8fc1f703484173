/* foreign.c: flags of other programs, by the table foreign.def. */
#include "cli/foreign.h"

#include <ctype.h>
#include <stdio.h>
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

/* The word before "'s " that ends at `at`. */
static void owner_of(const char *text, const char *at, char owner[32])
{
    size_t n = 0;
    if (at - text > 3 && strncmp(at - 3, "'s ", 3) == 0)
        while (n < 31 && at - 3 - n > text && isalpha((unsigned char)at[-4 - (ptrdiff_t)n]))
            n++;
    memcpy(owner, at - 3 - n, n);
    owner[n] = 0;
}

const char *foreign_why(const struct foreign *foreign, foreign_has_fn *has, const void *user, char *space, size_t size)
{
    snprintf(space, size, "%s", foreign->text);
    for (char *at = strstr(space, "--"); at; at = strstr(at + 2, "--")) {
        char name[64], owner[32] = "";
        size_t n = 0;
        for (const char *c = at + 2; n + 1 < sizeof name && (isalnum((unsigned char)*c) || (*c == '-' && n)); c++)
            name[n++] = *c;
        name[n] = 0;
        if (at - space >= 3)
            owner_of(space, at, owner);
        if (n == 0 || has(user, owner, name))
            continue;
        *at = 0; /* back to the end of what is true without it */
        char *end = space;
        for (char *next = space; (next = strstr(next, "; ")); next++)
            end = next;
        *end = 0;
        break;
    }
    return space;
}
