/* mem.h: the only door to the allocator, so that tests can count allocations and make the n-th one fail. */
#ifndef OSSO_BASE_MEM_H
#define OSSO_BASE_MEM_H

#include <stddef.h>
#include <stdint.h>

/* All return NULL when memory runs out or count * size does not fit. mem_alloc and mem_array give zeroed memory. */
void *mem_alloc(size_t bytes);
void *mem_array(size_t count, size_t size);
void *mem_grow(void *old, size_t count, size_t size); /* realloc; `old` stays valid on failure */
/* Room for one element more in a list that has n and grows one by one: itself, or moved to a place of twice the size.
 * NULL: as mem_grow. */
void *mem_room(void *list, size_t n, size_t *cap, size_t size);
char *mem_strdup(const char *s);
char *mem_strndup(const char *s, size_t n);
void mem_free(void *p);

/* Zero pages from the system, 64-byte aligned or better, huge pages where the system has them; touched (and
 * counted as resident) only when written. For weights made in memory, KV pages and activations. */
void *mem_pages(size_t bytes);
void mem_pages_free(void *p, size_t bytes);

/* Large blocks are given back to the system as soon as they are freed, in every thread: for programs that run long and
 * whose peaks must not stay. Before other threads are there. */
void mem_give_back(void);

/* Bytes that could be allocated now without swapping (MemAvailable, cut by the limits of its control groups), or
 * UINT64_MAX. */
uint64_t mem_available(void);
/* The same with what swap can take and a file system's own cache gives back: less than this may be slow, more is
 * unlikely to be had. `root` is "" but in tests, which give a folder with made-up proc/ and sys/. */
uint64_t mem_reachable(const char *root);

/* For tests: allocations made so far by this process, the bytes that they asked for (what was freed since included),
 * and fail the n-th allocation from now (0: never). */
uint64_t mem_count(void);
uint64_t mem_bytes(void);
void mem_fail_at(uint64_t n);

#endif
