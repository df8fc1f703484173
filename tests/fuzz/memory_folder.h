/* memory_folder.h: a folder of files that no disk keeps, for what walks folders. */
#ifndef OSSO_FUZZ_MEMORY_FOLDER_H
#define OSSO_FUZZ_MEMORY_FOLDER_H

#include "base/must.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char memory_root[64];

static int memory_remove(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)st, (void)kind;
    if (where->level > 0) /* the root stays */
        remove(path);
    return 0;
}

static inline void memory_folder_clear(void)
{
    nftw(memory_root, memory_remove, 16, FTW_DEPTH | FTW_PHYS);
}

static void memory_folder_end(void)
{
    memory_folder_clear();
    rmdir(memory_root);
}

/* An empty one: the same folder each time. */
static inline const char *memory_folder(void)
{
    if (!memory_root[0]) {
        snprintf(memory_root, sizeof memory_root, "%s/osso-fuzz-XXXXXX",
                 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        must(mkdtemp(memory_root) != NULL);
        atexit(memory_folder_end);
    } else
        memory_folder_clear();
    return memory_root;
}

/* Makes the folders above a path below the root. */
static inline void memory_parents(char *path)
{
    for (char *s = path + strlen(memory_root) + 1; (s = strchr(s, '/')); *s++ = '/') {
        *s = 0;
        mkdir(path, 0700);
    }
}

static inline void memory_put(char *path, const void *data, size_t size)
{
    memory_parents(path);
    FILE *f = fopen(path, "we");
    if (!f)
        return;
    must(fwrite(data, 1, size, f) == size);
    must(fclose(f) == 0);
}

#endif
