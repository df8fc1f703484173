/* hub_store.h: Hugging Face's cache on the disk: blobs by hash, links to them by commit and path, revisions by name,
 * and the locks that its own tools hold while they write a blob. */
#ifndef OSSO_HUB_HUB_STORE_H
#define OSSO_HUB_HUB_STORE_H

#include "osso/status.h"

#include <stdbool.h>
#include <stdint.h>

struct hub_store {
    char *root, *folder, *locks; /* folder: models--USER--NAME; locks: its own below .locks */
};
enum osso_status hub_store_open(const char *root, const char *repository, struct hub_store *store_out,
                                struct osso_error *err);
void hub_store_close(struct hub_store *store);

/* The folders, and the tag that keeps backups out. */
enum osso_status hub_store_prepare(const struct hub_store *store, struct osso_error *err);
/* blobs/<hash> (mem_free it). */
char *hub_store_blob(const struct hub_store *store, const char *hash);
/* snapshots/<commit>[/path] */
char *hub_store_snapshot(const struct hub_store *store, const char *commit, const char *path);
/* Is it there, whole by its size? Through whatever links lead there. */
bool hub_store_has(const char *path, uint64_t size);
/* The lock of a blob, which whoever writes it holds; tries once. *fd_out < 0: somebody else has it. */
enum osso_status hub_store_lock(const struct hub_store *store, const char *hash, int *fd_out, struct osso_error *err);
/* snapshots/<commit>/<path> leads to the blob: by a relative link, or, where there are none, as a copy. */
enum osso_status hub_store_link(const struct hub_store *store, const char *commit, const char *path, const char *hash,
                                struct osso_error *err);
/* refs/<revision> holds the commit. */
enum osso_status hub_store_ref(const struct hub_store *store, const char *revision, const char *commit,
                               struct osso_error *err);

#endif
