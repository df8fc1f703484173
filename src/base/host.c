/* host.c: see host.h. Linux says it in /proc and /sys; elsewhere what is not known is left open. */
#define _GNU_SOURCE
#include "base/host.h"

#include "base/cgroup.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/words.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

enum { PATH_ROOM = 4096 };

static FILE *open_below(const char *root, const char *file)
{
    char path[PATH_ROOM];
    int n = snprintf(path, sizeof path, "%s%s", root, file);
    return n > 0 && (size_t)n < sizeof path ? fopen(path, "re") : NULL;
}

/* "always [madvise] never": the one that is chosen. */
static void huge_pages(const char *root, char *text, size_t size)
{
    char line[128] = "";
    FILE *f = open_below(root, "/sys/kernel/mm/transparent_hugepage/enabled");
    if (f && !fgets(line, sizeof line, f))
        line[0] = 0;
    if (f)
        fclose(f);
    const char *from = strchr(line, '['), *to = from ? strchr(from, ']') : NULL;
    snprintf(text, size, "%.*s", to ? (int)(to - from - 1) : 0, to ? from + 1 : "");
}

static uint64_t address_space(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return UINT64_MAX;
    uint64_t kib = proc_number("", "/proc/self/status", "VmSize:"), most = limit.rlim_cur;
    uint64_t used = kib == UINT64_MAX ? 0 : kib * 1024;
    return used < most ? most - used : 0;
}

int host_cpus(void)
{
    long n = 0;
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        n = CPU_COUNT(&set);
#endif
    if (n <= 0)
        n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (int)n : 1;
}

void host_look(const char *root, struct host *out)
{
    *out = (struct host){.cpus_online = (int)sysconf(_SC_NPROCESSORS_ONLN),
                         .cpus_allowed = host_cpus(),
                         .cpus_quota = cgroup_cpus(root),
                         .memory = proc_memory(root, "MemTotal:"),
                         .swap_free = proc_memory(root, "SwapFree:"),
                         .group = cgroup_memory(root),
                         .address_space = address_space()};
    if (out->cpus_quota == INT_MAX)
        out->cpus_quota = 0;
    huge_pages(root, out->huge_pages, sizeof out->huge_pages);
}

/* ---- file systems --------------------------------------------------------------------------------------- */

/* The folder, or the nearest one above it that is there (free it). */
static char *nearest(const char *folder, bool *there)
{
    char path[PATH_ROOM];
    *there = true;
    if (snprintf(path, sizeof path, "%s", *folder ? folder : ".") >= (int)sizeof path)
        return NULL;
    for (;;) {
        char *real = realpath(path, NULL), *slash = strrchr(path, '/');
        if (real && file_is_dir(real))
            return real;
        free(real);
        *there = false;
        if (!slash)
            return realpath(".", NULL);
        slash[slash == path] = 0; /* keep the root's own */
        if (slash == path && !file_is_dir("/"))
            return NULL;
    }
}

/* \040 is a blank: what would end a word of mountinfo is written so. */
static void unescape(char *s)
{
    char *to = s;
    for (; *s; s++)
        if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' && s[3] >= '0' && s[3] <= '7') {
            *to++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
            s += 3;
        } else
            *to++ = *s;
    *to = 0;
}

static bool is_below(const char *path, const char *mount)
{
    size_t n = strlen(mount);
    return strncmp(path, mount, n) == 0 && (n == 1 || path[n] == 0 || path[n] == '/');
}

/* The type of the mount that holds the path: the longest that it begins with, of equal ones the last. */
static void type_of(const char *root, const char *path, char *type, size_t size)
{
    char line[2 * PATH_ROOM], mount[PATH_ROOM];
    size_t longest = 0;
    FILE *f = open_below(root, "/proc/self/mountinfo");
    type[0] = 0;
    while (f && fgets(line, sizeof line, f)) { /* "36 35 98:0 /root /mount options [fields] - type source options" */
        const char *dash = strstr(line, " - ");
        if (!dash || sscanf(line, "%*s %*s %*s %*s %4095s", mount) != 1)
            continue;
        unescape(mount);
        if (strlen(mount) >= longest && is_below(path, mount)) {
            longest = strlen(mount);
            snprintf(type, size, "%.*s", (int)strcspn(dash + 3, " \n"), dash + 3);
        }
    }
    if (f)
        fclose(f);
}

/* A file without a name, where the file system has such; else one whose name goes at once; < 0: none can be made. */
static int open_nameless(const char *folder)
{
    int fd = -1;
#ifdef O_TMPFILE
    fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
#endif
    char *name = fd < 0 ? file_join(folder, ".osso-XXXXXX") : NULL;
    if (name && (fd = mkstemp(name)) >= 0)
        unlink(name);
    mem_free(name);
    return fd;
}

static void try_file(const char *folder, struct volume *v)
{
    enum { BYTES = 4096 };
    int fd = open_nameless(folder);
    v->writable = fd >= 0;
    v->maps = -1;
    if (fd < 0)
        return;
    static const char page[BYTES] = "osso";
    v->writable = write(fd, page, BYTES) == BYTES;
    if (v->writable) {
        void *map = mmap(NULL, BYTES, PROT_READ, MAP_SHARED, fd, 0); /* as models are, one way or the other (file.c) */
        if (map == MAP_FAILED)
            map = mmap(NULL, BYTES, PROT_READ, MAP_PRIVATE, fd, 0);
        v->maps = map != MAP_FAILED && memcmp(map, page, BYTES) == 0;
        if (map != MAP_FAILED)
            munmap(map, BYTES);
    }
    close(fd);
}

void volume_look(const char *root, const char *folder, struct volume *v)
{
    static const char remote[] = "nfs nfs4 cifs smb3 smbfs 9p afs ceph lustre fuse.sshfs fuse.glusterfs beegfs gpfs";
    *v = (struct volume){.maps = -1, .left = UINT64_MAX};
    char *path = nearest(folder, &v->there);
    if (!path)
        return;
    type_of(root, path, v->type, sizeof v->type);
    v->remote = word_in(remote, ' ', v->type);
    v->in_memory = word_in("tmpfs ramfs", ' ', v->type);
    v->left = file_space_left(path);
    try_file(path, v);
    free(path);
}
