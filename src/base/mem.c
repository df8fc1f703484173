/* mem.c: the allocator's door. The counters are the only mutable globals of the library; they exist for
 * tests (zero allocations per token; every allocation made to fail once) and never change behaviour otherwise. */
#define _GNU_SOURCE
#include "base/mem.h"

#include "base/cgroup.h"
#include "base/proc.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

static atomic_uint_fast64_t allocations;
static atomic_uint_fast64_t bytes_asked;
static atomic_uint_fast64_t fail_at;

static int must_fail(size_t bytes)
{
    atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&bytes_asked, bytes, memory_order_relaxed);
    uint_fast64_t n = atomic_load_explicit(&fail_at, memory_order_relaxed);
    return n != 0 && atomic_fetch_sub_explicit(&fail_at, 1, memory_order_relaxed) == 1;
}

uint64_t mem_count(void)
{
    return atomic_load(&allocations);
}

uint64_t mem_bytes(void)
{
    return atomic_load(&bytes_asked);
}

void mem_fail_at(uint64_t n)
{
    atomic_store(&fail_at, n);
}

void *mem_alloc(size_t bytes)
{
    return must_fail(bytes) ? NULL : calloc(1, bytes ? bytes : 1);
}

void *mem_array(size_t count, size_t size)
{
    size_t bytes; /* checked here too: sanitizers end the process where calloc would say NULL */
    if (__builtin_mul_overflow(count, size, &bytes) || must_fail(bytes))
        return NULL;
    return calloc(1, bytes ? bytes : 1);
}

void *mem_grow(void *old, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || must_fail(bytes))
        return NULL;
    return realloc(old, bytes ? bytes : 1);
}

void *mem_room(void *list, size_t n, size_t *cap, size_t size)
{
    enum { FIRST = 16 };
    if (n < *cap)
        return list;
    size_t more = *cap ? *cap * 2 : FIRST;
    void *moved = more > *cap ? mem_grow(list, more, size) : NULL;
    if (moved)
        *cap = more;
    return moved;
}

char *mem_strndup(const char *s, size_t n)
{
    char *p = n < SIZE_MAX ? mem_alloc(n + 1) : NULL;
    if (p)
        memcpy(p, s, n);
    return p;
}

char *mem_strdup(const char *s)
{
    return mem_strndup(s, strlen(s));
}

void mem_free(void *p)
{
    free(p);
}

void *mem_pages(size_t bytes)
{
    if (must_fail(bytes))
        return NULL;
    void *p = mmap(NULL, bytes ? bytes : 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
#ifdef MADV_HUGEPAGE
    if (bytes >= (4u << 20))
        madvise(p, bytes, MADV_HUGEPAGE);
#endif
    return p;
}

void mem_pages_free(void *p, size_t bytes)
{
    if (p)
        munmap(p, bytes ? bytes : 1);
}

/* ZFS keeps a cache of its own, which MemAvailable counts as used; it shrinks to c_min when memory is wanted. */
static uint64_t zfs_cache(const char *root)
{
    static const char file[] = "/proc/spl/kstat/zfs/arcstats";
    uint64_t size = proc_number(root, file, "size "), least = proc_number(root, file, "c_min ");
    return size != UINT64_MAX && least < size ? size - least : 0;
}

static uint64_t add(uint64_t a, uint64_t b)
{
    return b > UINT64_MAX - a ? UINT64_MAX : a + b;
}

uint64_t mem_available(void)
{
    uint64_t avail = proc_memory("", "MemAvailable:"), limit = cgroup_memory("");
    return limit < avail ? limit : avail;
}

uint64_t mem_reachable(const char *root)
{
    uint64_t avail = proc_memory(root, "MemAvailable:"), swap = proc_memory(root, "SwapFree:");
    uint64_t limit = cgroup_memory_and_swap(root), without = cgroup_memory(root);
    swap = swap != UINT64_MAX ? swap : 0;
    if (limit > add(without, swap))
        limit = add(without, swap);
    avail = add(add(avail, swap), zfs_cache(root));
    return limit < avail ? limit : avail;
}

void mem_give_back(void)
{
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, 1 << 20); /* said once, it no longer grows with the blocks that were freed */
#endif
}
