/* hub.h: fetching models from a hub (Hugging Face's, or a mirror of it). Stands beside osso.h.
 *
 *   struct osso_hub_options o = {.size = sizeof o};
 *   osso_hub_plan_create("gpt-oss-20b", &o, &plan, &err);  // asks what there is; nothing is written
 *   osso_hub_pull(plan, &err);                             // fetches what is missing
 *   osso_model_open(osso_hub_plan_path(plan), &model, &err);
 *
 * What is fetched lies in Hugging Face's own cache, where its tools find it, and what they have fetched is not fetched
 * again. A pull that was ended, however, goes on where it was. Environment: OSSO_CACHE, HF_HUB_CACHE,
 * HUGGINGFACE_HUB_CACHE, HF_HOME, XDG_CACHE_HOME; HF_ENDPOINT; HF_TOKEN, HF_TOKEN_PATH; the proxies of libcurl. */
#ifndef OSSO_HUB_H
#define OSSO_HUB_H

#include "osso/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct osso_hub_progress {
    const char *phase; /* "checking", "fetching", "hashing", "repairing", "waiting" */
    const char *file;
    uint64_t done, total; /* bytes, of all files */
    int connections;
    const char *note; /* a sentence that is worth a line of its own; mostly NULL */
};

struct osso_hub_options {
    size_t size;
    const char *form;                            /* "gguf", "hf", "mlx", "original"; NULL: what there is */
    const char *revision;                        /* NULL: "main" */
    const char *const *include, *const *exclude; /* globs over paths in the repository */
    size_t n_include, n_exclude;
    const char *local_dir; /* plain files there, instead of the cache; NULL: the cache */
    const char *cache;     /* its root; NULL: what the environment says */
    bool offline;          /* ask nobody (NOTFOUND) */
    int jobs;              /* connections; 0: 4 */
    int timeout_ms;        /* without a kilobyte a second for so long a connection is given up; 0: 30,000 */
    /* Called ten times a second or more often; a result other than 0 ends the pull (CANCELLED). May be NULL. */
    int (*progress)(void *user, const struct osso_hub_progress *progress);
    void *user;
};

struct osso_hub_plan;

/* NULL: this library fetches; else why not. */
OSSO_API const char *osso_hub_missing(void);
/* Name number i of the models that have one of their own ("gpt-oss-20b"), from 0 on; NULL after the last. */
OSSO_API const char *osso_hub_preset(int i);

/* name: one of these, [hf:]user/name[:FILE or a part of its name], or the https address of one file. USAGE: several
 * GGUF files would do; *plan_out is there then and lists them, but is not to be pulled. */
OSSO_API enum osso_status osso_hub_plan_create(const char *name, const struct osso_hub_options *options,
                                               struct osso_hub_plan **plan_out, struct osso_error *err);
OSSO_API void osso_hub_plan_free(struct osso_hub_plan *plan); /* NULL is fine */

struct osso_hub_file {
    size_t size;
    const char *path; /* in the repository */
    uint64_t bytes, there;
    const char *hash; /* as the hub says: SHA-256 or git's SHA-1 of a blob; "": it does not */
};
/* File number i; false after the last. */
OSSO_API bool osso_hub_plan_file(const struct osso_hub_plan *plan, int i, struct osso_hub_file *file_out);
/* What -m takes when it is there: a folder, or a GGUF file (its first part). */
OSSO_API const char *osso_hub_plan_path(const struct osso_hub_plan *plan);
OSSO_API const char *osso_hub_plan_repository(const struct osso_hub_plan *plan); /* "user/name", or the address */
OSSO_API const char *osso_hub_plan_commit(const struct osso_hub_plan *plan);     /* "": of an address */
/* Fetches what is missing of it. */
OSSO_API enum osso_status osso_hub_pull(struct osso_hub_plan *plan, struct osso_error *err);

/* The folder of the cache, by the environment (the caller's, osso_free); NULL: nobody says where, not even HOME. */
OSSO_API char *osso_hub_cache(void);

/* Takes files of a hub's cache away: folder is a repository's there (models--USER--NAME), commit one of its revisions,
 * NULL: all. paths: only these of its files, as snapshots/ has them; none: the whole revision, and what pulls have
 * begun. A blob goes when no other revision has it. LIMIT: somebody is fetching one of them. dry_run: only counts the
 * bytes: those that are free then, and those that stay in the cache's store for all repositories (its owner's, hf cache
 * prune). */
OSSO_API enum osso_status osso_hub_remove(const char *folder, const char *commit, const char *const *paths,
                                          size_t n_paths, bool dry_run, uint64_t *freed_out, uint64_t *shared_out,
                                          struct osso_error *err);

/* The hash of a file: SHA-256 (64 digits) or git's SHA-1 of a blob (40), into text, of at least 65 bytes. */
OSSO_API enum osso_status osso_hub_hash(const char *path, int digits, int (*progress)(void *user, uint64_t done),
                                        void *user, char *text, struct osso_error *err);

#ifdef __cplusplus
}
#endif
#endif
