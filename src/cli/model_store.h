/* model_store.h: where other programs keep the models that they have fetched: one table of places, looked through by
 * name. What lies there is somebody else's: it is read as hostile, opened to see whether it can be, and never run. */
#ifndef OSSO_CLI_MODEL_STORE_H
#define OSSO_CLI_MODEL_STORE_H

#include "cli/model_words.h"

#include <stdbool.h>

struct model_found {
    char *path;        /* of what osso opens: a GGUF file or a folder */
    const char *place; /* "ollama's store" */
    bool exact;        /* of this owner, not only of this name */
    char *home;        /* the repository's folder in a hub's cache, Ollama's manifest; NULL elsewhere */
    char *name;        /* what -m takes besides the path; NULL: nothing shorter. Only of model_store_all */
    bool unfinished;   /* path is a repository's folder in which a pull has begun a file. Only of model_store_all */
};

/* Every model of this name, those of this owner first; at most cap of them. Returns how many. */
int model_store_find(const struct model_words *words, struct model_found *found_out, int cap);
/* Every one that there is, in all places, whatever it is called. */
int model_store_all(struct model_found *found_out, int cap);
void model_store_free(struct model_found *found, int n);
/* A hub cache's models--OWNER--NAME holds no model itself: refs/main says which of its snapshots is the newest; without
 * it (one was asked for by its number) there must be only one. NULL: it is no such folder (mem_free it). */
char *model_store_snapshot(const char *folder);

#endif
