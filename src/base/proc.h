/* proc.h: numbers in small files of /proc. `root` is "" but in tests, which give a folder with a made-up proc/. */
#ifndef OSSO_BASE_PROC_H
#define OSSO_BASE_PROC_H

#include <stdint.h>

/* The number after `key` at the beginning of a line, the second where two follow (a kstat's type comes first);
 * UINT64_MAX if there is none. */
uint64_t proc_number(const char *root, const char *file, const char *key);
/* A line of /proc/meminfo ("MemTotal:") in bytes; UINT64_MAX where there is none. */
uint64_t proc_memory(const char *root, const char *key);

#endif
