/* file_follow.c: small text files that name a folder beside them, as a run's `latest` and `best`. */
#include "base/file.h"
#include "base/mem.h"

#include <string.h>

char *file_follow(const char *path)
{
    enum { LONGEST = 128 };
    struct osso_error ignored;
    char *name, *folder = NULL;
    size_t n;
    if (file_read(path, LONGEST, &name, &n, &ignored))
        return NULL;
    if (n > 0 && name[n - 1] == '\n')
        name[--n] = 0;
    if (file_name_is_plain(name, n)) {
        const char *slash = strrchr(path, '/');
        char *dir = slash ? mem_strndup(path, (size_t)(slash - path) + (slash == path)) : mem_strdup(".");
        folder = dir ? file_join(dir, name) : NULL;
        mem_free(dir);
    }
    mem_free(name);
    if (folder && file_is_dir(folder))
        return folder;
    mem_free(folder);
    return NULL;
}
