/* model_words.h: what a person calls a model, and what a store calls it: do they mean the same? */
#ifndef OSSO_CLI_MODEL_WORDS_H
#define OSSO_CLI_MODEL_WORDS_H

#include <stdbool.h>

/* What a person calls a model: OWNER/NAME:TAG; owner and tag may be "". */
struct model_words {
    char owner[96], name[96], tag[96];
    const char *place; /* only there ("ollama's store"); NULL: anywhere */
};

bool model_names_same(const char *a, const char *b);
/* What is asked for, with its tag as a part of the name: gpt-oss:20b is gpt-oss-20b elsewhere. */
bool model_words_joined(const struct model_words *words, const char *name);
/* Is this repository, or this file of it ("": none in particular), what is asked for? A tag that is no part of the
 * repository's name says which of its files. words NULL: everything is. */
bool model_words_want(const struct model_words *words, const char *repository, const char *file);
/* BEFORE[OWNER/]NAME[:TAG], as -m takes it (mem_free it); an empty name: NULL. */
char *model_words_spelt(const char *before, const char *owner, const char *name, const char *tag);

#endif
