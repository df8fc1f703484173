/* cgroup.c: reads /proc/self/cgroup, then the groups' files. A container often sees its own group mounted as the root
 * while /proc names the host's path, so a group that is not there is looked for at the root of its mount too. */
#define _GNU_SOURCE
#include "base/cgroup.h"

#include "base/words.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_ROOM = 4096, LINE_ROOM = 4096 };

/* The first number after `key` at the beginning of a line; UINT64_MAX if there is none ("max", -1, no such file). */
static uint64_t read_number(const char *folder, const char *file, const char *key)
{
    char path[PATH_ROOM + 64], line[256];
    snprintf(path, sizeof path, "%s/%s", folder, file);
    FILE *f = fopen(path, "re");
    uint64_t value = UINT64_MAX;
    const size_t n_key = strlen(key);
    while (f && value == UINT64_MAX && fgets(line, sizeof line, f)) {
        char *end, *at = line + n_key + (n_key && strncmp(line, key, n_key) == 0 ? 1 : 0); /* "key number" */
        if (strncmp(line, key, n_key) != 0 || (n_key && at[-1] != ' ') || *at < '0' || *at > '9')
            continue;
        uint64_t n = strtoull(at, &end, 10);
        value = end == at ? UINT64_MAX : n;
    }
    if (f)
        fclose(f);
    return value;
}

/* A limit of one group: quota over period. */
static uint64_t group_cpus(const char *folder, bool v2)
{
    uint64_t quota = UINT64_MAX, period = UINT64_MAX;
    if (v2) {
        char path[PATH_ROOM + 64];
        unsigned long long q, p;
        snprintf(path, sizeof path, "%s/cpu.max", folder);
        FILE *f = fopen(path, "re");
        if (f && fscanf(f, "%llu %llu", &q, &p) == 2) { /* "max 100000" is no limit */
            quota = q;
            period = p;
        }
        if (f)
            fclose(f);
    } else {
        quota = read_number(folder, "cpu.cfs_quota_us", ""); /* -1 is no limit */
        period = read_number(folder, "cpu.cfs_period_us", "");
    }
    if (quota == UINT64_MAX || period == UINT64_MAX || period == 0)
        return UINT64_MAX;
    return quota / period + (quota % period != 0);
}

/* Until the limit of one group, without swap. */
static uint64_t group_memory(const char *folder, bool v2)
{
    static const char *const caches[2][2] = {{"total_inactive_file", "total_active_file"}, /* with the groups below */
                                             {"inactive_file", "active_file"}};
    uint64_t max = read_number(folder, v2 ? "memory.max" : "memory.limit_in_bytes", "");
    uint64_t used = read_number(folder, v2 ? "memory.current" : "memory.usage_in_bytes", "");
    if (max == UINT64_MAX || used == UINT64_MAX || max > INT64_MAX / 2) /* v1 writes "none" as 2^63 less a page */
        return UINT64_MAX;
    for (int i = 0; i < 2; i++) {
        uint64_t cache = read_number(folder, "memory.stat", caches[v2][i]);
        if (cache != UINT64_MAX && cache <= used)
            used -= cache;
    }
    return used < max ? max - used : 0;
}

/* The same with the swap that the group may use. Version 1 counts memory and swap together; where a group says nothing
 * of swap, none is counted. */
static uint64_t group_swap(const char *folder, bool v2)
{
    uint64_t memory = group_memory(folder, v2);
    uint64_t used = read_number(folder, v2 ? "memory.swap.current" : "memory.memsw.usage_in_bytes", "");
    uint64_t max = read_number(folder, v2 ? "memory.swap.max" : "memory.memsw.limit_in_bytes", ""), more;
    if (memory == UINT64_MAX || used == UINT64_MAX)
        return memory;
    if (max == UINT64_MAX || (!v2 && max > INT64_MAX / 2)) /* no limit but the system's */
        return UINT64_MAX;
    if (!v2) { /* both together: less the limit of memory alone, that is swap's */
        uint64_t alone = read_number(folder, "memory.limit_in_bytes", "");
        uint64_t swapped = read_number(folder, "memory.usage_in_bytes", "");
        max = max > alone ? max - alone : 0;
        used = used > swapped ? used - swapped : 0;
    }
    more = used < max ? max - used : 0;
    return more > UINT64_MAX - memory ? UINT64_MAX : memory + more;
}

/* The tightest of a group and those above it, up to the mount. */
static uint64_t tightest(const char *mount, const char *group, bool v2, uint64_t (*limit)(const char *, bool))
{
    char path[PATH_ROOM];
    const size_t n_mount = strlen(mount);
    uint64_t best = UINT64_MAX;
    if ((size_t)snprintf(path, sizeof path, "%s%s", mount, strcmp(group, "/") ? group : "") >= sizeof path)
        return limit(mount, v2);
    for (;;) {
        uint64_t here = limit(path, v2);
        best = here < best ? here : best;
        char *slash = strrchr(path, '/');
        if (strlen(path) <= n_mount || !slash || slash < path + n_mount)
            return best;
        *slash = 0;
    }
}

/* The tightest limit over both versions; `controller` is its name in version 1. */
static uint64_t read_groups(const char *root, const char *controller, uint64_t (*limit)(const char *, bool))
{
    char path[PATH_ROOM], line[LINE_ROOM];
    uint64_t best = UINT64_MAX;
    snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f)) { /* "4:cpu,cpuacct:/a/b" or "0::/a/b" */
        line[strcspn(line, "\n")] = 0;
        char *names = strchr(line, ':'), *group = names ? strchr(++names, ':') : NULL;
        if (!group)
            continue;
        *group++ = 0;
        bool v2 = *names == 0;
        if (*group != '/' || strstr(group, "/..") || (!v2 && !word_in(names, ',', controller)))
            continue;
        const char *const mounts[] = {v2 ? "" : names, v2 ? "unified" : controller}; /* the second where both live */
        for (int i = 0; i < 2; i++) {
            snprintf(path, sizeof path, "%s/sys/fs/cgroup%s%s", root, *mounts[i] ? "/" : "", mounts[i]);
            uint64_t here = tightest(path, group, v2, limit);
            best = here < best ? here : best;
        }
    }
    if (f)
        fclose(f);
    return best;
}

int cgroup_cpus(const char *root)
{
    uint64_t n = read_groups(root, "cpu", group_cpus);
    return n >= INT_MAX ? INT_MAX : n > 0 ? (int)n : 1;
}

uint64_t cgroup_memory(const char *root)
{
    return read_groups(root, "memory", group_memory);
}

uint64_t cgroup_memory_and_swap(const char *root)
{
    return read_groups(root, "memory", group_swap);
}
