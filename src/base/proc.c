/* proc.c: see proc.h. */
#define _GNU_SOURCE
#include "base/proc.h"

#include <stdio.h>
#include <string.h>

uint64_t proc_number(const char *root, const char *file, const char *key)
{
    char path[4096];
    snprintf(path, sizeof path, "%s%s", root, file);
    FILE *f = fopen(path, "re");
    uint64_t value = UINT64_MAX;
    char line[256];
    while (f && fgets(line, sizeof line, f)) {
        unsigned long long n[2];
        int found = strncmp(line, key, strlen(key)) == 0 ? sscanf(line + strlen(key), " %llu %llu", &n[0], &n[1]) : 0;
        if (found > 0) {
            value = n[found - 1];
            break;
        }
    }
    if (f)
        fclose(f);
    return value;
}

uint64_t proc_memory(const char *root, const char *key)
{
    uint64_t kib = proc_number(root, "/proc/meminfo", key);
    return kib > UINT64_MAX / 1024 ? UINT64_MAX : kib * 1024;
}
