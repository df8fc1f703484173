/* hub_remove.c: takes a revision, or a few of its files, out of Hugging Face's cache: the links, and those blobs that
 * no other revision has a link to. Blobs go first: what is ended in the middle is finished by the same call again. What
 * the blobs themselves are links to (newer clients' store for all repositories) stays where it is. */
#define _GNU_SOURCE
#include "hub/hub_store.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "osso/hub.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_DEEP = 16, MOST_FILES = 20000, LONGEST = 4096, BLOB_NAME = 160 };

struct pointer {
    char *path;
    char blob[BLOB_NAME]; /* its name; "": a copy, not a link */
    bool goes;
};

struct removal {
    struct hub_store store;
    struct pointer *list;
    size_t n, cap;
    const char *commit; /* NULL: all of them */
    const char *const *paths;
    size_t n_paths;
    bool dry;
    uint64_t bytes, shared; /* that are free then; that stay in the store for all repositories */
};

/* ---- what there is -------------------------------------------------------------------------------------- */

static bool goes(const struct removal *r, const char *commit, const char *path)
{
    bool listed = r->n_paths == 0;
    for (size_t i = 0; i < r->n_paths && !listed; i++)
        listed = strcmp(r->paths[i], path) == 0;
    return listed && (!r->commit || strcmp(r->commit, commit) == 0);
}

static enum osso_status add(struct removal *r, const char *commit, const char *path, struct osso_error *err)
{
    char target[LONGEST];
    if (r->n == MOST_FILES)
        return error_set(err, OSSO_LIMIT, "%s has more than %d files", r->store.folder, MOST_FILES);
    struct pointer *list = mem_room(r->list, r->n, &r->cap, sizeof *list);
    if (!list)
        return error_nomem(err, r->n * sizeof *list, "a list of files");
    r->list = list;
    struct pointer *p = &r->list[r->n];
    *p = (struct pointer){.path = mem_strdup(path), .goes = goes(r, commit, path)};
    if (!p->path)
        return error_nomem(err, strlen(path), "a path");
    r->n++;
    ssize_t len = readlink(path, target, sizeof target - 1);
    target[len > 0 ? len : 0] = 0;
    const char *name = strrchr(target, '/');
    if (name && strlen(name + 1) < sizeof p->blob && file_name_is_plain(name + 1, strlen(name + 1)))
        snprintf(p->blob, sizeof p->blob, "%s", name + 1);
    return OSSO_OK;
}

/* Links are files here, wherever they lead. */
static enum osso_status walk(struct removal *r, const char *commit, const char *path, int depth, struct osso_error *err)
{
    struct stat st;
    if (lstat(path, &st) != 0 || depth > MOST_DEEP)
        return OSSO_OK;
    if (!S_ISDIR(st.st_mode))
        return add(r, commit, path, err);
    DIR *dir = opendir(path);
    enum osso_status status = OSSO_OK;
    for (struct dirent *e; dir && !status && (e = readdir(dir));) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        char *inner = file_join(path, e->d_name);
        status = inner ? walk(r, depth == 0 ? e->d_name : commit, inner, depth + 1, err)
                       : error_nomem(err, LONGEST, "a path");
        mem_free(inner);
    }
    if (dir)
        closedir(dir);
    return status;
}

/* ---- taking it away ------------------------------------------------------------------------------------- */

/* The folders above a file that are empty now, below `stop`. */
static void prune(const char *path, const char *stop)
{
    char text[LONGEST];
    snprintf(text, sizeof text, "%s", path);
    for (char *slash; (slash = strrchr(text, '/')) && (size_t)(slash - text) > strlen(stop);) {
        *slash = 0;
        if (rmdir(text) != 0)
            return;
    }
}

/* A file of blobs/, under the lock of whoever writes it. LIMIT: somebody does. */
static enum osso_status drop_blob(struct removal *r, const char *name, struct osso_error *err)
{
    char hash[BLOB_NAME];
    struct stat st, real;
    int lock = -1;
    char *path = hub_store_blob(&r->store, name);
    snprintf(hash, sizeof hash, "%.*s", (int)strcspn(name, "."), name);
    enum osso_status status = path ? OSSO_OK : error_nomem(err, LONGEST, "a path");
    if (!status && lstat(path, &st) == 0) {
        bool shared = S_ISLNK(st.st_mode) && stat(path, &real) == 0 && S_ISREG(real.st_mode);
        if (!r->dry)
            status = hub_store_lock(&r->store, hash, &lock, err);
        if (!status && !r->dry && lock < 0)
            status = error_set(err, OSSO_LIMIT, "somebody is fetching a file of %s; wait for them, or end them",
                               r->store.folder);
        else if (!status && !r->dry && unlink(path) != 0)
            status = error_set(err, OSSO_IO, "cannot remove %s: %s", path, strerror(errno));
        else if (!status && S_ISREG(st.st_mode) && st.st_nlink == 1)
            r->bytes += (uint64_t)st.st_blocks * 512 < (uint64_t)st.st_size ? (uint64_t)st.st_blocks * 512
                                                                            : (uint64_t)st.st_size;
        if (!status && shared)
            r->shared += (uint64_t)real.st_size;
    }
    if (lock >= 0)
        close(lock);
    mem_free(path);
    return status;
}

/* Does another revision, or an earlier link, have this blob? */
static bool is_needed(const struct removal *r, size_t i)
{
    for (size_t k = 0; k < r->n; k++)
        if ((!r->list[k].goes || k < i) && strcmp(r->list[k].blob, r->list[i].blob) == 0)
            return true;
    return false;
}

static enum osso_status drop_pointers(struct removal *r, const char *snapshots, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    for (size_t i = 0; i < r->n && !status; i++)
        if (r->list[i].goes && r->list[i].blob[0] && !is_needed(r, i))
            status = drop_blob(r, r->list[i].blob, err);
    for (size_t i = 0; i < r->n && !status; i++) {
        const struct pointer *p = &r->list[i];
        struct stat st;
        if (!p->goes)
            continue;
        if (!p->blob[0] && lstat(p->path, &st) == 0 && S_ISREG(st.st_mode))
            r->bytes += (uint64_t)st.st_size;
        if (r->dry)
            continue;
        if (unlink(p->path) != 0 && errno != ENOENT)
            status = error_set(err, OSSO_IO, "cannot remove %s: %s", p->path, strerror(errno));
        prune(p->path, snapshots);
    }
    return status;
}

static bool is_listed(const struct removal *r, const char *blob)
{
    for (size_t i = 0; i < r->n; i++)
        if (strcmp(r->list[i].blob, blob) == 0)
            return true;
    return false;
}

/* What is in blobs/ and is no revision's: begun files, or, when there is no revision left, everything. What somebody
 * is fetching into another revision is theirs. */
static enum osso_status drop_rest(struct removal *r, bool everything, struct osso_error *err)
{
    char *blobs = file_join(r->store.folder, "blobs");
    DIR *dir = blobs ? opendir(blobs) : NULL;
    enum osso_status status = OSSO_OK;
    for (struct dirent *e; dir && !status && (e = readdir(dir));) {
        bool begun = strstr(e->d_name, ".osso-") != NULL;
        if (e->d_name[0] != '.' && strlen(e->d_name) < BLOB_NAME && (begun || (everything && !is_listed(r, e->d_name))))
            status = drop_blob(r, e->d_name, err);
        if (status == OSSO_LIMIT && !everything)
            status = OSSO_OK;
    }
    if (dir)
        closedir(dir);
    mem_free(blobs);
    return status;
}

/* Names of revisions that are gone, and what was noted of files that they do not have. */
static void drop_words(const struct removal *r, const char *below, const char *snapshots, bool refs)
{
    struct removal words = {.store = r->store};
    struct osso_error ignored;
    char *root = file_join(r->store.folder, below);
    if (root && !walk(&words, "", root, 0, &ignored))
        for (size_t i = 0; i < words.n; i++) {
            const char *path = words.list[i].path, *rest = path + strlen(root) + 1;
            char *text = NULL, *there = NULL;
            size_t len;
            if (refs && file_read(path, 200, &text, &len, &ignored) == OSSO_OK)
                text[strcspn(text, " \r\n")] = 0;
            else if (!refs)
                text = mem_strndup(rest, strcspn(rest, "/"));
            if (text && *text && (there = file_join(snapshots, text)) && !file_exists(there)) {
                unlink(path);
                prune(path, root);
            }
            mem_free(text);
            mem_free(there);
        }
    for (size_t i = 0; i < words.n; i++)
        mem_free(words.list[i].path);
    mem_free(words.list);
    if (root)
        rmdir(root);
    mem_free(root);
}

static enum osso_status take_away(struct removal *r, struct osso_error *err)
{
    char *snapshots = file_join(r->store.folder, "snapshots"), *blobs = file_join(r->store.folder, "blobs");
    enum osso_status status = snapshots && blobs ? OSSO_OK : error_nomem(err, LONGEST, "a path");
    bool last = true;
    if (!status)
        status = walk(r, "", snapshots, 0, err);
    for (size_t i = 0; i < r->n; i++)
        last = last && r->list[i].goes;
    if (!status && !r->dry)
        status = file_make_dirs(r->store.locks, err);
    if (!status)
        status = drop_pointers(r, snapshots, err);
    if (!status && (last || r->n_paths == 0))
        status = drop_rest(r, last, err);
    if (!status && !r->dry) {
        drop_words(r, "refs", snapshots, true);
        drop_words(r, ".no_exist", snapshots, false);
        rmdir(snapshots);
        rmdir(blobs);
        rmdir(r->store.folder);
    }
    mem_free(snapshots);
    mem_free(blobs);
    return status;
}

enum osso_status osso_hub_remove(const char *folder, const char *commit, const char *const *paths, size_t n_paths,
                                 bool dry_run, uint64_t *freed_out, uint64_t *shared_out, struct osso_error *err)
{
    struct removal r = {.commit = commit, .paths = paths, .n_paths = n_paths, .dry = dry_run};
    char locks[LONGEST];
    const char *slash = strrchr(folder, '/');
    *freed_out = *shared_out = 0;
    if (!slash || strncmp(slash + 1, "models--", 8) != 0)
        return error_set(err, OSSO_USAGE, "%s is no repository's folder of a hub's cache", folder);
    int n = snprintf(locks, sizeof locks, "%.*s/.locks/%s", (int)(slash - folder), folder, slash + 1);
    r.store = (struct hub_store){.root = mem_strndup(folder, (size_t)(slash - folder)),
                                 .folder = mem_strdup(folder),
                                 .locks = n > 0 && (size_t)n < sizeof locks ? mem_strdup(locks) : NULL};
    enum osso_status status = r.store.root && r.store.folder && r.store.locks ? take_away(&r, err)
                                                                              : error_nomem(err, LONGEST, "a path");
    *freed_out = r.bytes;
    *shared_out = r.shared;
    for (size_t i = 0; i < r.n; i++)
        mem_free(r.list[i].path);
    mem_free(r.list);
    hub_store_close(&r.store);
    return status;
}
