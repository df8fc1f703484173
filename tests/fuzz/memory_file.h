/* memory_file.h: bytes as a file with a path, without touching a disk. One file that each run writes anew: to make and
 * to drop one takes the kernel longer than most inputs take to read. */
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
    off_t size; /* what has been added in this run; the file may still be longer */
    char path[40];
};

/* An empty one, until the next call: nothing of the last run may still be open. */
static inline struct memory_file *memory_file_begin(void)
{
    static struct memory_file f = {.fd = -1};
    if (f.fd < 0) {
        f.fd = (int)syscall(SYS_memfd_create, "fuzz", 0u);
        must(f.fd >= 0);
        snprintf(f.path, sizeof f.path, "/proc/self/fd/%d", f.fd);
    }
    f.size = 0;
    return &f;
}

static inline void memory_file_add(struct memory_file *f, const void *data, size_t size)
{
    must(pwrite(f->fd, data, size, f->size) == (ssize_t)size);
    f->size += (off_t)size;
}

/* A number of zeros in four bytes. */
static inline size_t memory_zeros(const uint8_t *p)
{
    return ((size_t)p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24) % (64 << 20);
}

/* Ends the file, after a hole of so many zeros: weights that take no memory until somebody looks at them. */
static inline const char *memory_file_end(struct memory_file *f, size_t zeros)
{
    must(ftruncate(f->fd, f->size) == 0); /* what the last run left goes */
    must(zeros == 0 || ftruncate(f->fd, f->size + (off_t)zeros) == 0);
    return f->path;
}

#endif
