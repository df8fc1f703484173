/* hub_store.c: Hugging Face's cache on the disk. */
#define _GNU_SOURCE
#include "hub/hub_store.h"

#include "base/error.h"
#include "base/file.h"
#include "base/lock.h"
#include "base/mem.h"
#include "osso/hub.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LONGEST = 4096 };

char *osso_hub_cache(void)
{
    static const struct {
        const char *variable, *below;
    } places[] = {{"OSSO_CACHE", ""},
                  {"HF_HUB_CACHE", ""},
                  {"HUGGINGFACE_HUB_CACHE", ""},
                  {"HF_HOME", "hub"},
                  {"XDG_CACHE_HOME", "huggingface/hub"},
                  {"HOME", ".cache/huggingface/hub"}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const char *named = getenv(places[i].variable);
        if (!named || !*named)
            continue;
        char *folder = file_of_home(named), *cache;
        if (!folder || !*places[i].below)
            return folder;
        cache = file_join(folder, places[i].below);
        mem_free(folder);
        return cache;
    }
    return NULL;
}

/* root/a/b/c, NULL pieces left out. */
static char *path_of(const char *root, const char *a, const char *b, const char *c)
{
    char text[LONGEST];
    int n = snprintf(text, sizeof text, "%s%s%s%s%s%s%s", root, a ? "/" : "", a ? a : "", b ? "/" : "", b ? b : "",
                     c ? "/" : "", c ? c : "");
    return n > 0 && (size_t)n < sizeof text ? mem_strdup(text) : NULL;
}

enum osso_status hub_store_open(const char *root, const char *repository, struct hub_store *s, struct osso_error *err)
{
    char name[300];
    const char *slash = strchr(repository, '/');
    snprintf(name, sizeof name, "models--%.*s--%s", (int)(slash - repository), repository, slash + 1);
    *s = (struct hub_store){.root = mem_strdup(root),
                            .folder = path_of(root, name, NULL, NULL),
                            .locks = path_of(root, ".locks", name, NULL)};
    if (s->root && s->folder && s->locks)
        return OSSO_OK;
    hub_store_close(s);
    return error_set(err, OSSO_LIMIT, "the cache's path is too long: %.300s", root);
}

void hub_store_close(struct hub_store *s)
{
    mem_free(s->root);
    mem_free(s->folder);
    mem_free(s->locks);
    *s = (struct hub_store){0};
}

enum osso_status hub_store_prepare(const struct hub_store *s, struct osso_error *err)
{
    static const char tag[] = "Signature: 8a477f597d28d172789f06886806bc55\n"
                              "# This file says that the folder is a cache: backups may leave it out.\n"
                              "# https://bford.info/cachedir/\n";
    char *blobs = path_of(s->folder, "blobs", NULL, NULL), *cachedir = path_of(s->root, "CACHEDIR.TAG", NULL, NULL);
    enum osso_status status = blobs && cachedir ? file_make_dirs(blobs, err) : error_nomem(err, LONGEST, "a path");
    if (!status)
        status = file_make_dirs(s->locks, err);
    if (!status && !file_exists(cachedir))
        status = save_atomic(cachedir, tag, sizeof tag - 1, err);
    mem_free(blobs);
    mem_free(cachedir);
    return status;
}

char *hub_store_blob(const struct hub_store *s, const char *hash)
{
    return path_of(s->folder, "blobs", hash, NULL);
}

char *hub_store_snapshot(const struct hub_store *s, const char *commit, const char *path)
{
    return path_of(s->folder, "snapshots", commit, path);
}

bool hub_store_has(const char *path, uint64_t size)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == size;
}

enum osso_status hub_store_lock(const struct hub_store *s, const char *hash, int *fd_out, struct osso_error *err)
{
    char name[80];
    snprintf(name, sizeof name, "%s.lock", hash);
    char *path = path_of(s->locks, name, NULL, NULL);
    enum osso_status status = OSSO_OK;
    *fd_out = -1;
    if (!path)
        return error_nomem(err, LONGEST, "a path");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0)
        status = error_set(err, OSSO_IO, "cannot write %s: %s", path, strerror(errno));
    else if (lock_try(fd) == LOCK_HELD || !lock_is_of(fd, path))
        close(fd); /* also when its owner took the file away before we had it */
    else
        *fd_out = fd; /* or the file system knows no locks: then there are none for anybody */
    mem_free(path);
    return status;
}

/* ---- links ---------------------------------------------------------------------------------------------- */

static enum osso_status copy(const char *from, const char *to, struct osso_error *err)
{
    struct save *save;
    char *data = mem_alloc(1 << 20);
    int fd = open(from, O_RDONLY | O_CLOEXEC);
    enum osso_status status = !data    ? error_nomem(err, 1 << 20, "a copy")
                              : fd < 0 ? error_set(err, OSSO_IO, "cannot open %s: %s", from, strerror(errno))
                                       : save_open(to, &save, err);
    if (!status) {
        ssize_t n = 0;
        while (!status && (n = read(fd, data, 1 << 20)) > 0)
            status = save_write(save, data, (size_t)n, err);
        if (!status && n < 0)
            status = error_set(err, OSSO_IO, "cannot read %s: %s", from, strerror(errno));
        if (status)
            save_abort(save);
        else
            status = save_commit(save, err);
    }
    if (fd >= 0)
        close(fd);
    mem_free(data);
    return status;
}

/* Puts the link where nothing or something else stands. false: links are not to be had here. */
static bool put_link(const char *target, const char *path, const char *temp)
{
    char now[LONGEST];
    ssize_t n = readlink(path, now, sizeof now - 1);
    if (n > 0 && (size_t)n == strlen(target) && memcmp(now, target, (size_t)n) == 0)
        return true;
    unlink(temp);
    if (symlink(target, temp) != 0)
        return false;
    bool good = rename(temp, path) == 0;
    if (!good)
        unlink(temp);
    return good;
}

enum osso_status hub_store_link(const struct hub_store *s, const char *commit, const char *path, const char *hash,
                                struct osso_error *err)
{
    struct stat a, b;
    char target[LONGEST] = "../../";
    char *blob = hub_store_blob(s, hash), *pointer = hub_store_snapshot(s, commit, path);
    char *temp = NULL, *slash = pointer ? strrchr(pointer, '/') : NULL;
    enum osso_status status = blob && slash ? OSSO_OK
                                            : error_set(err, OSSO_LIMIT, "the path of %.200s is too long", path);
    for (const char *c = path; *c; c++)
        if (*c == '/')
            strncat(target, "../", sizeof target - strlen(target) - 1);
    snprintf(target + strlen(target), sizeof target - strlen(target), "blobs/%s", hash);
    if (!status) {
        *slash = 0;
        status = file_make_dirs(pointer, err);
        char name[96];
        snprintf(name, sizeof name, ".%s.osso-link", hash);
        temp = path_of(pointer, name, NULL, NULL);
        *slash = '/';
    }
    bool same = !status && stat(blob, &a) == 0 && stat(pointer, &b) == 0 && a.st_ino == b.st_ino &&
                a.st_dev == b.st_dev;
    if (!status && !same && !(temp && put_link(target, pointer, temp)) &&
        !(lstat(pointer, &b) == 0 && S_ISREG(b.st_mode) && stat(blob, &a) == 0 &&
          a.st_size == b.st_size)) /* a copy of before */
        status = copy(blob, pointer, err);
    mem_free(blob);
    mem_free(pointer);
    mem_free(temp);
    return status;
}

enum osso_status hub_store_ref(const struct hub_store *s, const char *revision, const char *commit,
                               struct osso_error *err)
{
    if (strcmp(revision, commit) == 0)
        return OSSO_OK;
    char *path = path_of(s->folder, "refs", revision, NULL), *slash = path ? strrchr(path, '/') : NULL;
    if (!slash)
        return error_nomem(err, LONGEST, "a path");
    char *now = NULL;
    size_t len = 0;
    struct osso_error ignored;
    enum osso_status status = OSSO_OK;
    bool is_so = file_read(path, 64, &now, &len, &ignored) == OSSO_OK && len == strlen(commit) &&
                 memcmp(now, commit, len) == 0;
    *slash = 0;
    if (!is_so) /* where nothing has to be written nothing has to be writable */
        status = file_make_dirs(path, err);
    *slash = '/';
    if (!is_so && !status)
        status = save_atomic(path, commit, strlen(commit), err);
    mem_free(now);
    mem_free(path);
    return status;
}
