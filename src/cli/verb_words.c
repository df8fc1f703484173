/* verb_words.c: the verb that words mean, and what to say when they mean none. */
#include "cli/verb_words.h"

#include "cli/out.h"

#include "base/buf.h"
#include "base/guess.h"
#include "base/words.h"

#include <string.h>

const struct verb *verb_find(int n, char *const *words, int *used)
{
    for (int i = 0; i < VERB_COUNT; i++) {
        const struct verb *verb = &verbs[i];
        bool named = strcmp(verb->first, words[0]) == 0 &&
                     (!verb->second || (n > 1 && strcmp(verb->second, words[1]) == 0));
        if (named || word_in(verb->aliases, ' ', words[0])) {
            *used = named && verb->second ? 2 : 1;
            return verb;
        }
    }
    return NULL;
}

bool verb_is_family(const char *word)
{
    for (int i = 0; i < VERB_COUNT; i++)
        if (verbs[i].second && strcmp(verbs[i].first, word) == 0)
            return true;
    return false;
}

static const char *guess_second(const char *family, const char *word)
{
    struct guess guess = {.typed = word};
    for (int i = 0; i < VERB_COUNT; i++)
        if (verbs[i].second && strcmp(verbs[i].first, family) == 0)
            guess_try(&guess, verbs[i].second);
    return guess_best(&guess);
}

int verb_unknown_second(const char *family, const char *word)
{
    const char *guess = word ? guess_second(family, word) : NULL;
    if (guess)
        say("there is no verb '%s %s'; did you mean %s %s? (osso %s --help lists them)", family, word, family, guess,
            family);
    else if (word)
        say("there is no verb '%s %s'; osso %s --help lists them", family, word, family);
    else {
        struct buf list = {0};
        for (int i = 0; i < VERB_COUNT; i++)
            if (verbs[i].second && strcmp(verbs[i].first, family) == 0)
                buf_printf(&list, "%s%s", list.len ? ", " : "", verbs[i].second);
        say("%s is the first word of verbs (%s); see osso %s --help", family, list.data ? list.data : "", family);
        buf_free(&list);
    }
    return 2;
}

int verb_unknown(int n, char *const *words)
{
    struct guess first = {.typed = words[0]};
    for (int i = 0; i < VERB_COUNT; i++)
        guess_try(&first, verbs[i].first);
    guess_try(&first, "--help");
    guess_try(&first, "--version");
    const char *best = guess_best(&first), *second = best && n > 1 ? guess_second(best, words[1]) : NULL;
    if (best)
        say("there is no verb '%s'; did you mean %s%s%s? (osso --help lists them)", words[0], best, second ? " " : "",
            second ? second : "");
    else
        say("there is no verb '%s'; osso --help lists them", words[0]);
    return 2;
}
