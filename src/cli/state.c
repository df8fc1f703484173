/* state.c: where a person's state is kept, and how it is written. */
#define _POSIX_C_SOURCE 200809L
#include "cli/state.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

char *state_path(const char *name)
{
    char *state = file_of_person("XDG_STATE_HOME", ".local/state");
    struct buf path = {0};
    if (!state)
        return NULL;
    buf_printf(&path, "%s/osso/%s", state, name);
    mem_free(state);
    char *text = buf_take(&path);
    for (char *slash = text ? strchr(text + 1, '/') : NULL; slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (mkdir(text, 0700) != 0 && errno != EEXIST) {
            mem_free(text);
            return NULL;
        }
        *slash = '/';
    }
    return text;
}

enum osso_status state_write(const char *path, const void *data, size_t len, struct osso_error *err)
{
    mode_t mask = umask(077);
    enum osso_status status = save_atomic(path, data, len, err);
    umask(mask);
    return status;
}
