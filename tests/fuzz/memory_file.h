/* memory_file.h: bytes as a file with a path, without touching a disk. */
#ifndef OSSO_FUZZ_MEMORY_FILE_H
#define OSSO_FUZZ_MEMORY_FILE_H

#include "base/must.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

struct memory_file {
    int fd;
    char path[40];
};

static inline struct memory_file memory_file_open(void)
{
    struct memory_file f = {.fd = (int)syscall(SYS_memfd_create, "fuzz", 0u)};
    must(f.fd >= 0);
    snprintf(f.path, sizeof f.path, "/proc/self/fd/%d", f.fd);
    return f;
}

static inline void memory_file_add(const struct memory_file *f, const void *data, size_t size)
{
    must(write(f->fd, data, size) == (ssize_t)size);
}

#endif
