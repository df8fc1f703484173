/* stamps.c: is IN still what it was when it was opened? */
#include "convert/conversion.h"

#include "base/error.h"
#include "base/mem.h"

#include <string.h>
#include <sys/stat.h>

/* What a file was when it was opened. */
struct stamp {
    dev_t device;
    ino_t number;
    off_t size;
    struct timespec changed;
};

static struct stamp stamp_of(const struct file_map *map)
{
    struct stat st;
    struct stamp s;
    memset(&s, 0, sizeof s);
    if (stat(map->path, &st) == 0) {
        s.device = st.st_dev;
        s.number = st.st_ino;
        s.size = st.st_size;
        s.changed = st.st_mtim;
    }
    return s;
}

enum osso_status stamps_take(const struct conversion *c, struct stamp **stamps_out)
{
    const struct tensors *set = &c->model->tensors;
    *stamps_out = mem_array((size_t)set->n_maps + 1, sizeof **stamps_out);
    for (int i = 0; *stamps_out && i < set->n_maps; i++)
        (*stamps_out)[i] = stamp_of(&set->maps[i]);
    return *stamps_out ? OSSO_OK : error_nomem(c->err, 1, "the files' dates");
}

enum osso_status stamps_check(const struct conversion *c, const struct stamp *stamps)
{
    const struct tensors *set = &c->model->tensors;
    for (int i = 0; i < set->n_maps; i++) {
        struct stamp now = stamp_of(&set->maps[i]);
        if (memcmp(&now, &stamps[i], sizeof now) != 0)
            return error_set(c->err, OSSO_IO, "%s changed while it was read; nothing was kept of %s", set->maps[i].path,
                             c->out);
    }
    return OSSO_OK;
}
