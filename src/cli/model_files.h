/* model_files.h: the models on this disk that a name means, and the files that each consists of. */
#ifndef OSSO_CLI_MODEL_FILES_H
#define OSSO_CLI_MODEL_FILES_H

#include "cli/model_store.h"

#include "osso/status.h"

#include <stddef.h>
#include <stdint.h>

struct model_file {
    char *path;
    uint64_t bytes;         /* 0: it is not there */
    uint64_t device, inode; /* two names of one file count once */
    bool there;
    char hash[65]; /* by its store: SHA-256 or git's SHA-1 of a blob; "": nobody says */
};
struct model_files {
    struct model_file *f;
    size_t n, cap;
};
/* All parts of a GGUF file, or a folder's files; of Ollama's every layer of the manifest. */
enum osso_status model_files_read(const struct model_found *model, struct model_files *files_out,
                                  struct osso_error *err);
void model_files_free(struct model_files *files);
/* In a hub's cache: the commit in a path; false: it is in none. */
bool model_files_commit(const struct model_found *model, char commit[128]);

struct model_picked {
    struct model_found *found; /* found[0] .. found[n - 1]; model_store_free(found, n), mem_free(found) */
    int n;
    bool one; /* the name was of one file of a repository */
};
/* Every model in a store: model_store_all with room for many. */
enum osso_status model_pick_all(struct model_picked *picked_out, struct osso_error *err);
/* Those that a person means by this name or path, whether they can be opened or not. Nothing is fetched. */
enum osso_status model_pick(const char *given, struct model_picked *picked_out, struct osso_error *err);
void model_picked_free(struct model_picked *picked);

#endif
