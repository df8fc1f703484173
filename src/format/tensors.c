/* tensors.c: the table of named tensors that all readers fill. */
#include "format/tensors_build.h"

#include "base/checked.h"
#include "base/error.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum osso_status tensors_add_map(struct tensors *set, const char *path, int *map_out, struct osso_error *err)
{
    *map_out = -1;
    if (set->n_maps >= TENSORS_MAX_FILES)
        return error_set(err, OSSO_LIMIT, "%s: a model of more than %d files", path, (int)TENSORS_MAX_FILES);
    struct file_map *maps = mem_grow(set->maps, (size_t)set->n_maps + 1, sizeof *maps);
    if (!maps)
        return error_nomem(err, sizeof *maps, path);
    set->maps = maps;
    enum osso_status status = file_map_open(path, &maps[set->n_maps], err);
    if (!status)
        *map_out = set->n_maps++;
    return status;
}

enum osso_status tensors_add(struct tensors *set, const struct tensor *t, struct osso_error *err)
{
    if (set->n >= TENSORS_MAX)
        return error_set(err, OSSO_LIMIT, "%s: more than %d tensors", set->maps[t->map].path, (int)TENSORS_MAX);
    if (set->n == set->cap) {
        int64_t cap = set->cap ? set->cap * 2 : 256;
        struct tensor *list = mem_grow(set->list, (size_t)cap, sizeof *list);
        if (!list)
            return error_nomem(err, (unsigned long long)cap * sizeof *list, "the table of tensors");
        set->list = list;
        set->cap = cap;
    }
    char *name = mem_strdup(t->name);
    if (!name)
        return error_nomem(err, strlen(t->name), "a tensor's name");
    set->list[set->n] = *t;
    set->list[set->n++].name = name;
    return OSSO_OK;
}

static int by_position(const void *a, const void *b)
{
    const struct tensor *x = a, *y = b;
    if (x->data != y->data)
        return x->data < y->data ? -1 : 1;
    return x->bytes < y->bytes ? -1 : x->bytes > y->bytes; /* an empty tensor comes before the one it touches */
}

enum osso_status tensors_check_layout(struct tensors *set, int64_t first, const uint8_t *data, uint64_t bytes,
                                      bool no_holes, struct osso_error *err)
{
    uint64_t end = 0;
    const struct tensor *last = NULL;
    if (set->n > first)
        qsort(set->list + first, (size_t)(set->n - first), sizeof *set->list, by_position);
    for (int64_t i = first; i < set->n; i++) {
        const struct tensor *t = &set->list[i];
        const char *path = set->maps[t->map].path;
        uint64_t begin = (uint64_t)(t->data - data);
        if (last && begin < end)
            return error_set(err, OSSO_FORMAT, "%s: tensors %s and %s overlap", path, last->name, t->name);
        if (no_holes && begin != end)
            return error_set(err, OSSO_FORMAT, "%s: %llu bytes before tensor %s belong to no tensor", path,
                             (unsigned long long)(begin - end), t->name);
        end = begin + t->bytes; /* inside the file: the reader checked it with ck_inside */
        last = t;
    }
    if (no_holes && end != bytes)
        return error_set(err, OSSO_FORMAT, "%s: %llu bytes after the last tensor", set->maps[set->n_maps - 1].path,
                         (unsigned long long)(bytes - end));
    return OSSO_OK;
}

enum osso_status tensors_cut_short(const char *path, uint64_t have, uint64_t before, uint64_t need,
                                   struct osso_error *err)
{
    uint64_t whole;
    if (!ck_add(before, need, &whole))
        whole = UINT64_MAX;
    return error_set(err, OSSO_FORMAT, "%s is cut short: %llu of %llu bytes are there; download it again", path,
                     (unsigned long long)have, (unsigned long long)whole);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct tensor *)a)->name, ((const struct tensor *)b)->name);
}

void tensors_order(struct tensors *set)
{
    if (set->n > 1)
        qsort(set->list, (size_t)set->n, sizeof *set->list, by_name);
}

enum osso_status tensors_sort(struct tensors *set, struct osso_error *err)
{
    tensors_order(set);
    for (int64_t i = 1; i < set->n; i++) {
        const struct tensor *a = &set->list[i - 1], *b = &set->list[i];
        if (strcmp(a->name, b->name) != 0)
            continue;
        if (a->map == b->map)
            return error_set(err, OSSO_FORMAT, "%s: tensor %s appears twice", set->maps[a->map].path, a->name);
        return error_set(err, OSSO_FORMAT, "tensor %s is in two files: %s and %s", a->name, set->maps[a->map].path,
                         set->maps[b->map].path);
    }
    return OSSO_OK;
}

int64_t tensors_lower(const struct tensors *set, const char *name)
{
    int64_t lo = 0, hi = set->n;
    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        if (strcmp(set->list[mid].name, name) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

const struct tensor *tensors_find(const struct tensors *set, const char *name)
{
    int64_t i = tensors_lower(set, name);
    return i < set->n && strcmp(set->list[i].name, name) == 0 ? &set->list[i] : NULL;
}

void tensors_close(struct tensors *set)
{
    for (int64_t i = 0; i < set->n; i++)
        mem_free(set->list[i].name);
    mem_free(set->list);
    for (int i = 0; i < set->n_maps; i++)
        file_map_close(&set->maps[i]);
    mem_free(set->maps);
    *set = (struct tensors){0};
}

enum osso_status tensors_check(const struct tensors *set, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    for (int i = 0; i < set->n_maps && !status; i++)
        status = file_map_check(&set->maps[i], err);
    return status;
}

void tensors_forget(const struct tensors *set)
{
    for (int i = 0; i < set->n_maps; i++)
        file_map_forget(&set->maps[i]);
}
