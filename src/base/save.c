/* save.c: whole-or-absent writes, the only way osso puts a file on disk. */
#define _GNU_SOURCE
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SAVE_BUFFER = 1 << 20 };

struct save {
    char *path, *temp;
    int fd;
    uint64_t offset;
    size_t used;
    char *buffer;
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

enum osso_status save_open(const char *path, struct save **save_out, struct osso_error *err)
{
    *save_out = NULL;
    struct stat st;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return error_set(err, OSSO_IO, "%s exists and is not a regular file; choose another name", path);
    struct save *s = mem_alloc(sizeof *s);
    size_t n = strlen(path) + 32;
    if (!s)
        return error_nomem(err, sizeof *s, path);
    s->fd = -1;
    s->path = mem_strdup(path);
    s->temp = mem_alloc(n);
    s->buffer = mem_alloc(SAVE_BUFFER);
    if (!s->path || !s->temp || !s->buffer) {
        save_free(s);
        return error_nomem(err, SAVE_BUFFER, path);
    }
    snprintf(s->temp, n, "%s.tmp.%ld", path, (long)getpid());
    s->fd = open(s->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (s->fd < 0) {
        enum osso_status status = error_set(err, OSSO_IO, "cannot create %s: %s", s->temp, strerror(errno));
        save_free(s);
        return status;
    }
    *save_out = s;
    return OSSO_OK;
}

static enum osso_status write_all(struct save *s, const char *data, size_t len, struct osso_error *err)
{
    while (len > 0) {
        ssize_t n = write(s->fd, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_set(err, OSSO_IO, "cannot write %s: %s", s->path, strerror(errno));
        data += n;
        len -= (size_t)n;
    }
    return OSSO_OK;
}

enum osso_status save_write(struct save *s, const void *data, size_t len, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
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

uint64_t save_offset(const struct save *s)
{
    return s->offset;
}

/* A rename is only durable once its folder is on disk too. */
static void sync_folder(const char *path)
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

enum osso_status save_commit(struct save *s, struct osso_error *err)
{
    enum osso_status status = write_all(s, s->buffer, s->used, err);
    if (!status && fsync(s->fd) != 0)
        status = error_set(err, OSSO_IO, "cannot flush %s: %s", s->path, strerror(errno));
    if (!status && rename(s->temp, s->path) != 0)
        status = error_set(err, OSSO_IO, "cannot rename %s to %s: %s", s->temp, s->path, strerror(errno));
    if (status)
        unlink(s->temp);
    else
        sync_folder(s->path);
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
