/* memory_folder.h: a folder of files that no disk keeps, for what walks folders. It is emptied by what was made, not by
 * looking around, and no name is followed through a link while it is made: links may lead anywhere. */
#ifndef OSSO_FUZZ_MEMORY_FOLDER_H
#define OSSO_FUZZ_MEMORY_FOLDER_H

#include "base/must.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MEMORY_MADE = 4096, MEMORY_PATH = 256 };

static struct {
    char path[64];
    int fd, n;
    struct {
        char path[MEMORY_PATH]; /* below the folder, in the order in which they were made */
        bool is_folder;
    } made[MEMORY_MADE];
} memory_root;

static inline void memory_folder_clear(void)
{
    while (memory_root.n > 0) {
        memory_root.n--;
        must(unlinkat(memory_root.fd, memory_root.made[memory_root.n].path,
                      memory_root.made[memory_root.n].is_folder ? AT_REMOVEDIR : 0) == 0);
    }
}

static void memory_folder_end(void)
{
    memory_folder_clear();
    rmdir(memory_root.path);
}

/* An empty one: the same folder each time. */
static inline const char *memory_folder(void)
{
    if (memory_root.path[0]) {
        memory_folder_clear();
        return memory_root.path;
    }
    snprintf(memory_root.path, sizeof memory_root.path, "%s/osso-fuzz-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    must(mkdtemp(memory_root.path) != NULL);
    memory_root.fd = open(memory_root.path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    must(memory_root.fd >= 0);
    atexit(memory_folder_end);
    return memory_root.path;
}

/* The next clear takes it away. */
static inline void memory_note(const char *path, size_t n, bool is_folder)
{
    must(memory_root.n < MEMORY_MADE && n < MEMORY_PATH);
    memcpy(memory_root.made[memory_root.n].path, path, n);
    memory_root.made[memory_root.n].path[n] = 0;
    memory_root.made[memory_root.n++].is_folder = is_folder;
}

/* Makes the folders above a path below the root, of which none is a link; -1: something else stands there. *name_out:
 * its last part. */
static inline int memory_parent(const char *path, const char **name_out)
{
    int at = dup(memory_root.fd);
    const char *begin = path;
    must(at >= 0 && strlen(path) < MEMORY_PATH);
    for (const char *end; at >= 0 && (end = strchr(begin, '/')); begin = end + 1) {
        char part[MEMORY_PATH];
        if (end == begin)
            continue;
        snprintf(part, sizeof part, "%.*s", (int)(end - begin), begin);
        int next = openat(at, part, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (next < 0 && errno == ENOENT && mkdirat(at, part, 0700) == 0) {
            memory_note(path, (size_t)(end - path), true);
            next = openat(at, part, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        }
        close(at);
        at = next;
    }
    *name_out = begin;
    return at;
}

static inline void memory_make_folder(const char *path)
{
    const char *name;
    int at = memory_parent(path, &name);
    if (at >= 0 && *name && mkdirat(at, name, 0700) == 0)
        memory_note(path, strlen(path), true);
    if (at >= 0)
        close(at);
}

static inline void memory_make_link(const char *path, const char *target)
{
    const char *name;
    int at = memory_parent(path, &name);
    if (at >= 0 && symlinkat(target, at, name) == 0)
        memory_note(path, strlen(path), false);
    if (at >= 0)
        close(at);
}

/* Whoever opened it to read would wait for ever. */
static inline void memory_make_pipe(const char *path)
{
    const char *name;
    int at = memory_parent(path, &name);
    if (at >= 0 && mkfifoat(at, name, 0600) == 0)
        memory_note(path, strlen(path), false);
    if (at >= 0)
        close(at);
}

/* A file of these bytes and so many zeros behind them. */
static inline void memory_put(const char *path, const void *data, size_t size, size_t zeros)
{
    const char *name;
    int at = memory_parent(path, &name);
    int fd = at < 0 || !*name ? -1 : openat(at, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) {
        memory_note(path, strlen(path), false);
        must(size == 0 || write(fd, data, size) == (ssize_t)size);
        must(zeros == 0 || ftruncate(fd, (off_t)(size + zeros)) == 0);
        close(fd);
    }
    if (at >= 0)
        close(at);
}

#endif
