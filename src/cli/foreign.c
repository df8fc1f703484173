/* foreign.c: flags of other programs, by the table foreign.def. */
#include "cli/foreign.h"

#include "cli/options.h"

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

/* The verb that owns what is named at `at`, by the word before it ("chat's --x"); else this one. */
static const struct verb *owner_of(const char *text, const char *at, const struct verb *verb)
{
    for (int i = 0; i < VERB_COUNT; i++) {
        char before[64];
        int n = snprintf(before, sizeof before, "%s's ", verbs[i].name);
        if (at - text >= n && memcmp(at - n, before, (size_t)n) == 0)
            return &verbs[i];
    }
    return verb;
}

static bool is_osso_option(const char *name)
{
    for (int i = 0; i < VERB_COUNT; i++)
        if (option_find(&verbs[i], name))
            return true;
    return false;
}

const char *foreign_why(const struct foreign *foreign, const struct verb *verb, char *space, size_t size)
{
    snprintf(space, size, "%s", foreign->text);
    for (char *at = strstr(space, "--"); at; at = strstr(at + 2, "--")) {
        char name[64];
        size_t n = 0;
        for (const char *c = at + 2; n + 1 < sizeof name && (isalnum((unsigned char)*c) || (*c == '-' && n)); c++)
            name[n++] = *c;
        name[n] = 0;
        if (n == 0 || option_find(owner_of(space, at, verb), name) || !is_osso_option(name))
            continue;
        *at = 0; /* this verb has it not: back to the end of what is true without it */
        char *end = space;
        for (char *next = space; (next = strstr(next, "; ")); next++)
            end = next;
        *end = 0;
        break;
    }
    return space;
}
