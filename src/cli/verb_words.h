/* verb_words.h: the verb that words mean, and what to say when they mean none. */
#ifndef OSSO_CLI_VERB_WORDS_H
#define OSSO_CLI_VERB_WORDS_H

#include "cli/options.h"

/* The verb that begins `words`, by name or alias, and how many words that took; NULL if there is none. */
const struct verb *verb_find(int n, char *const *words, int *used);
/* Do verbs of two words begin with this one? */
bool verb_is_family(const char *word);
/* Says that there is no such verb, and which was perhaps meant. Return the exit code: a usage error's. */
int verb_unknown(int n, char *const *words);
/* The same of a first word without a second one (word NULL), or with one that is none. */
int verb_unknown_second(const char *family, const char *word);

#endif
