/* alloc_count.h: sees every allocation of a test's process, also those that do not pass base/mem.h (borrowed libraries,
 * a malloc that somebody wrote by mistake), and can make the n-th one fail. It takes the place of malloc and mmap in
 * the test binary that includes it; with a sanitizer, or without glibc, only base/mem.h's own counter is left. */
#ifndef OSSO_ALLOC_COUNT_H
#define OSSO_ALLOC_COUNT_H

#include "base/mem.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__has_feature)
#define ALLOC_SANITIZED                                                                                                \
    (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer))
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ALLOC_SANITIZED 1
#else
#define ALLOC_SANITIZED 0
#endif

#if defined(__GLIBC__) && !ALLOC_SANITIZED
#define ALLOC_COUNTED 1

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);
void __libc_free(void *);
long syscall(long, ...);

/* The build hides symbols by default; shared libraries must find these. */
#define ALLOC_SEEN __attribute__((visibility("default")))
static atomic_llong alloc_calls, alloc_live, alloc_mapped, alloc_fail;
static _Thread_local long long alloc_calls_here; /* of the calling thread alone */

/* Counts a call; true when this is the one that must fail. */
static bool alloc_refuse(void)
{
    atomic_fetch_add(&alloc_calls, 1);
    alloc_calls_here++;
    bool fail = atomic_load(&alloc_fail) > 0 && atomic_fetch_sub(&alloc_fail, 1) == 1;
    if (fail)
        errno = ENOMEM;
    return fail;
}

static void *alloc_new(void *p)
{
    atomic_fetch_add(&alloc_live, p != NULL);
    return p;
}

ALLOC_SEEN void *malloc(size_t n)
{
    return alloc_refuse() ? NULL : alloc_new(__libc_malloc(n));
}

ALLOC_SEEN void *calloc(size_t n, size_t size)
{
    return alloc_refuse() ? NULL : alloc_new(__libc_calloc(n, size));
}

ALLOC_SEEN void *realloc(void *old, size_t n)
{
    if (alloc_refuse())
        return NULL;
    void *p = __libc_realloc(old, n);
    atomic_fetch_add(&alloc_live, (p != NULL) - (old != NULL && (p != NULL || n == 0)));
    return p;
}

ALLOC_SEEN void *memalign(size_t alignment, size_t n)
{
    return alloc_refuse() ? NULL : alloc_new(__libc_memalign(alignment, n));
}

ALLOC_SEEN void *aligned_alloc(size_t alignment, size_t n)
{
    return memalign(alignment, n);
}

ALLOC_SEEN int posix_memalign(void **out, size_t alignment, size_t n)
{
    void *p = memalign(alignment, n);
    if (p)
        *out = p;
    return p ? 0 : ENOMEM;
}

ALLOC_SEEN void free(void *p)
{
    atomic_fetch_sub(&alloc_live, p != NULL);
    __libc_free(p);
}

ALLOC_SEEN void *mmap(void *at, size_t n, int prot, int flags, int fd, off_t off)
{
    if (alloc_refuse())
        return MAP_FAILED;
    long p = syscall(SYS_mmap, at, n, prot, flags, fd, off);
    if (p != -1)
        atomic_fetch_add(&alloc_mapped, (long long)((n + 4095) / 4096));
    return (void *)p;
}

ALLOC_SEEN int munmap(void *at, size_t n)
{
    atomic_fetch_sub(&alloc_mapped, (long long)((n + 4095) / 4096));
    return (int)syscall(SYS_munmap, at, n);
}

static inline long long alloc_count(void)
{
    return atomic_load(&alloc_calls);
}
/* Fails the n-th allocation of any kind from now, 0: none. */
static inline void alloc_fail_at(long long n)
{
    atomic_store(&alloc_fail, n);
}
/* Blocks and mapped pages that are still held. */
static inline long long alloc_held(void)
{
    return atomic_load(&alloc_live) + atomic_load(&alloc_mapped) * 1000000;
}
#else
#define ALLOC_COUNTED 0
static inline long long alloc_count(void)
{
    return (long long)mem_count();
}
static inline void alloc_fail_at(long long n)
{
    mem_fail_at((uint64_t)n);
}
static inline long long alloc_held(void)
{
    return 0; /* the leak checker looks */
}
#endif

#endif
