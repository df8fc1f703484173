/* file_follow.c: small text files that name a folder beside them, as a run's `latest` and `best`. */
#include "base/file.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

char *file_follow(const char *path)
{
    enum { LONGEST = 128 };
    char name[LONGEST + 2];
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size < 1 || st.st_size > LONGEST)
        return NULL;
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(name, 1, LONGEST + 1, f) : 0;
    if (f)
        fclose(f);
    n -= n > 0 && name[n - 1] == '\n';
    name[n] = 0;
    if (!file_name_is_plain(name, n))
        return NULL;
    const char *slash = strrchr(path, '/');
    char *dir = slash ? mem_strndup(path, (size_t)(slash - path) + (slash == path)) : mem_strdup(".");
    char *folder = dir ? file_join(dir, name) : NULL;
    mem_free(dir);
    if (folder && file_is_dir(folder))
        return folder;
    mem_free(folder);
    return NULL;
}
