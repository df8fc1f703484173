/* save.c: whole-or-absent writes, the only way osso puts a file on disk. */
#define _GNU_SOURCE
#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/lock.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SAVE_BUFFER = 1 << 20, SAVE_NAMES = 1000 };

struct save {
    char *path, *temp;
    int fd;
    uint64_t offset;
    size_t used;
    char *buffer;
    bool failed; /* a write was lost: never commit */
};

static void save_free(struct save *s)
{
    if (s->fd >= 0)
        close(s->fd);
    mem_free(s->path);
    mem_free(s->temp);
    mem_free(s->buffer);
    mem_free(s);
}

/* Takes away a temporary file that a process left when it died: a living one holds a lock on its own. */
static bool remove_left_over(const char *temp)
{
    struct stat st;
    int fd = open(temp, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    bool dead = fd >= 0 && lock_try(fd) == LOCK_TAKEN && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    if (dead && st.st_nlink > 0) /* 0: somebody else was faster */
        dead = unlink(temp) == 0;
    if (fd >= 0)
        close(fd);
    return dead;
}

/* Creates "path.tmp.N" for the first N that nobody uses. What a crash left behind is taken away, so nothing piles up.
 */
static enum osso_status create_temp(struct save *s, size_t size, mode_t mode, struct osso_error *err)
{
    for (int i = 0; i < SAVE_NAMES; i++) {
        snprintf(s->temp, size, "%s.tmp.%d", s->path, i);
        for (int again = 0; again < 3; again++) {
            struct stat st;
            s->fd = open(s->temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
            if (s->fd < 0 && errno != EEXIST)
                return error_set(err, OSSO_IO, "cannot create %s: %s", s->temp, strerror(errno));
            if (s->fd < 0 && remove_left_over(s->temp))
                continue;
            if (s->fd < 0)
                break;
            bool locked = lock_try(s->fd) != LOCK_HELD;
            if (locked && fstat(s->fd, &st) == 0 && st.st_nlink > 0) /* else taken away before it was locked */
                return OSSO_OK;
            close(s->fd);
            s->fd = -1;
        }
    }
    return error_set(err, OSSO_IO, "cannot create %s: %d such files exist; remove those that nobody uses", s->temp,
                     SAVE_NAMES);
}

/* Where a path leads through symbolic links, also when there is nothing yet; NULL when memory runs out. */
static char *end_of_links(const char *path)
{
    enum { MOST_LINKS = 40 }; /* the kernel's own limit */
    char link[4096], *at = mem_strdup(path);
    for (int i = 0; at && i < MOST_LINKS; i++) {
        ssize_t n = readlink(at, link, sizeof link - 1);
        if (n <= 0)
            break;
        link[n] = 0;
        char *slash = strrchr(at, '/'), *next;
        if (slash)
            slash[slash == at] = 0; /* its folder */
        next = slash && *link != '/' ? file_join(at, link) : mem_strdup(link);
        mem_free(at);
        at = next;
    }
    return at;
}

enum osso_status save_open(const char *path, struct save **save_out, struct osso_error *err)
{
    *save_out = NULL;
    struct stat st;
    bool exists = stat(path, &st) == 0;
    if (!exists && errno == ELOOP)
        return error_set(err, OSSO_IO, "cannot write %s: %s", path, strerror(errno));
    if (exists && !S_ISREG(st.st_mode))
        return error_set(err, OSSO_IO, "%s exists and is not a regular file; choose another name", path);
    struct save *s = mem_alloc(sizeof *s);
    if (!s)
        return error_nomem(err, sizeof *s, path);
    s->fd = -1;
    s->path = end_of_links(path); /* a link stays one: its target is written */
    size_t n = s->path ? strlen(s->path) + 32 : 0;
    s->temp = mem_alloc(n);
    s->buffer = mem_alloc(SAVE_BUFFER);
    if (!s->path || !s->temp || !s->buffer) {
        save_free(s);
        return error_nomem(err, SAVE_BUFFER, path);
    }
    enum osso_status status = create_temp(s, n, exists ? st.st_mode & 0777 : 0666, err);
    if (!status && exists && fchmod(s->fd, st.st_mode & 0777) != 0) { /* who may read it stays as it was */
        status = error_set(err, OSSO_IO, "cannot set the permissions of %s: %s", s->temp, strerror(errno));
        unlink(s->temp);
    }
    if (status) {
        save_free(s);
        return status;
    }
    *save_out = s;
    return OSSO_OK;
}

static uint64_t room = UINT64_MAX; /* tests alone change it */

void save_fill_disk(uint64_t bytes)
{
    room = bytes;
}

static enum osso_status write_all(struct save *s, const char *data, size_t len, struct osso_error *err)
{
    if (len > room) {
        s->failed = true;
        return error_set(err, OSSO_IO, "cannot write %s: %s", s->path, strerror(ENOSPC));
    }
    if (room != UINT64_MAX) /* two threads may save at once; only a test's may not */
        room -= len;
    while (len > 0) {
        ssize_t n = write(s->fd, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            s->failed = true;
            return error_set(err, OSSO_IO, "cannot write %s: %s", s->path, n < 0 ? strerror(errno) : "no space");
        }
        data += n;
        len -= (size_t)n;
    }
    return OSSO_OK;
}

enum osso_status save_write(struct save *s, const void *data, size_t len, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    if (s->failed)
        return error_set(err, OSSO_IO, "cannot write %s: an earlier write failed", s->path);
    s->offset += len;
    if (len > SAVE_BUFFER - s->used) {
        status = write_all(s, s->buffer, s->used, err);
        s->used = 0;
    }
    if (status)
        return status;
    if (len > SAVE_BUFFER)
        return write_all(s, data, len, err);
    if (len)
        memcpy(s->buffer + s->used, data, len);
    s->used += len;
    return OSSO_OK;
}

enum osso_status save_write_at(struct save *s, uint64_t offset, const void *data, size_t len, struct osso_error *err)
{
    if (s->failed || s->used || lseek(s->fd, (off_t)offset, SEEK_SET) < 0) {
        s->failed = true;
        return error_set(err, OSSO_IO, "cannot write %s at byte %llu", s->path, (unsigned long long)offset);
    }
    return write_all(s, data, len, err);
}

enum osso_status save_read_at(struct save *s, uint64_t offset, void *data, size_t len, struct osso_error *err)
{
    char *to = data;
    while (len > 0) {
        ssize_t n = pread(s->fd, to, len, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return error_set(err, OSSO_IO, "cannot read %s back: %s", s->temp,
                             n < 0 ? strerror(errno) : "it ends early");
        to += n;
        offset += (uint64_t)n;
        len -= (size_t)n;
    }
    return OSSO_OK;
}

enum osso_status save_set_size(struct save *s, uint64_t size, struct osso_error *err)
{
    if (ftruncate(s->fd, (off_t)size) == 0)
        return OSSO_OK;
    s->failed = true;
    return error_set(err, OSSO_IO, "cannot make %s %llu bytes long: %s", s->path, (unsigned long long)size,
                     strerror(errno));
}

uint64_t save_offset(const struct save *s)
{
    return s->offset;
}

void save_begin_sync(int fd, uint64_t at, uint64_t bytes)
{
#ifdef SYNC_FILE_RANGE_WRITE
    (void)sync_file_range(fd, (off_t)at, (off_t)bytes, SYNC_FILE_RANGE_WRITE); /* what it cannot, fsync does */
#else
    (void)fd, (void)at, (void)bytes;
#endif
}

void save_sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *dir = slash ? mem_strndup(path, slash == path ? 1 : (size_t)(slash - path)) : mem_strdup(".");
    int fd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    mem_free(dir);
}

enum osso_status save_flush(struct save *s, struct osso_error *err)
{
    enum osso_status status = s->failed ? error_set(err, OSSO_IO, "cannot write %s: an earlier write failed", s->path)
                                        : write_all(s, s->buffer, s->used, err);
    s->used = 0;
    if (!status && fsync(s->fd) != 0)
        status = error_set(err, OSSO_IO, "cannot flush %s: %s", s->path, strerror(errno));
    return status;
}

enum osso_status save_commit(struct save *s, struct osso_error *err)
{
    enum osso_status status = save_flush(s, err);
    if (!status && rename(s->temp, s->path) != 0)
        status = error_set(err, OSSO_IO, "cannot rename %s to %s: %s", s->temp, s->path, strerror(errno));
    if (status)
        unlink(s->temp);
    else
        save_sync_folder(s->path);
    save_free(s);
    return status;
}

void save_abort(struct save *s)
{
    if (!s)
        return;
    unlink(s->temp);
    save_free(s);
}

enum osso_status save_folder(const char *temp, const char *path, struct osso_error *err)
{
    struct stat st;
    if (lstat(path, &st) == 0)
        return error_set(err, OSSO_IO, "%s exists; choose another name", path);
    if (rename(temp, path) != 0)
        return error_set(err, OSSO_IO, "cannot rename %s to %s: %s", temp, path, strerror(errno));
    save_sync_folder(path);
    return OSSO_OK;
}

enum osso_status save_folder_over(const char *temp, const char *path, struct osso_error *err)
{
#ifdef RENAME_EXCHANGE
    if (renameat2(AT_FDCWD, temp, AT_FDCWD, path, RENAME_EXCHANGE) == 0) {
        save_sync_folder(path);
        return OSSO_OK;
    }
#endif
    struct buf aside = {0};
    buf_printf(&aside, "%s.old", temp); /* for a moment nothing stands at path: better than half of each */
    enum osso_status status = aside.failed ? error_nomem(err, strlen(temp), "a path") : OSSO_OK;
    bool moved = !status && rename(path, aside.data) == 0, put = moved && rename(temp, path) == 0;
    if (!status && (!put || rename(aside.data, temp) != 0))
        status = error_set(err, OSSO_IO, "cannot put %s in the place of %s: %s", temp, path, strerror(errno));
    if (moved && !put)
        (void)!rename(aside.data, path);
    if (!status)
        save_sync_folder(path);
    buf_free(&aside);
    return status;
}

enum osso_status save_atomic(const char *path, const void *data, size_t len, struct osso_error *err)
{
    struct save *s;
    enum osso_status status = save_open(path, &s, err);
    if (status)
        return status;
    status = save_write(s, data, len, err);
    if (status) {
        save_abort(s);
        return status;
    }
    return save_commit(s, err);
}

enum osso_status save_text(const char *folder, const char *name, const struct buf *text, struct osso_error *err)
{
    char *path = file_join(folder, name);
    enum osso_status status = path && !text->failed ? save_atomic(path, text->data, text->len, err)
                                                    : error_nomem(err, text->len, name);
    mem_free(path);
    return status;
}
