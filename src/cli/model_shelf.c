/* model_shelf.c: all models on this disk. Headers are read, never weights; tokenizers neither. */
#define _GNU_SOURCE
#include "cli/model_shelf.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"

#include "osso/model.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The number formats of its tensors, those with most values first: "MXFP4 BF16". */
static void types_of(const struct osso_model *model, char *text, size_t size)
{
    enum { MOST = 8 };
    struct {
        const char *name;
        double values;
    } types[MOST], swap;
    struct osso_tensor t = {.size = sizeof t};
    struct osso_error ignored;
    int n = 0, k;
    for (int64_t i = 0; osso_model_tensor(model, i, &t, &ignored) == OSSO_OK; i++) {
        for (k = 0; k < n && strcmp(types[k].name, t.dtype) != 0; k++)
            ;
        if (k == MOST)
            continue;
        if (k == n) {
            types[n].name = t.dtype;
            types[n++].values = 0;
        }
        types[k].values += (double)t.rows * (double)t.cols;
        t.size = sizeof t;
    }
    text[0] = 0;
    for (int i = 0; i < n; i++) {
        for (k = i + 1; k < n; k++)
            if (types[k].values > types[i].values)
                swap = types[i], types[i] = types[k], types[k] = swap;
        snprintf(text + strlen(text), size - strlen(text), "%s%s", i ? " " : "", types[i].name);
    }
}

/* How far the files are that pulls have begun: they have their length from the first moment, and holes. */
static void begun(struct model_shelf_row *m)
{
    struct stat st;
    char *blobs = file_join(m->found->home, "blobs");
    DIR *dir = blobs ? opendir(blobs) : NULL;
    for (struct dirent *e; dir && (e = readdir(dir));) {
        char *path = strstr(e->d_name, ".osso-part") ? file_join(blobs, e->d_name) : NULL;
        if (path && stat(path, &st) == 0) {
            uint64_t on_disk = (uint64_t)st.st_blocks * 512, size = (uint64_t)st.st_size;
            m->have += on_disk < size ? on_disk : size;
            m->whole += size;
        }
        mem_free(path);
    }
    if (dir)
        closedir(dir);
    mem_free(blobs);
}

static void open_it(struct model_shelf_row *m)
{
    struct osso_model *model = NULL;
    struct osso_error err = {0};
    struct osso_model_dims dims = {.size = sizeof dims};
    enum osso_status status = osso_model_open(m->found->path, &model, &err);
    if (!status) {
        osso_model_dims(model, &dims);
        m->parameters = dims.parameters;
        snprintf(m->form, sizeof m->form, "%s", dims.form ? dims.form : "");
        types_of(model, m->types, sizeof m->types);
    } else {
        snprintf(m->why, sizeof m->why, "%.255s", err.text);
        m->state = status == OSSO_UNSUPPORTED ? SHELF_OTHER : m->found->unfinished ? SHELF_BEGUN : SHELF_DAMAGED;
    }
    osso_model_free(model);
}

/* ---- what they take --------------------------------------------------------------------------------------- */

static int by_inode(const void *a, const void *b)
{
    const struct model_file *x = a, *y = b;
    if (x->device != y->device)
        return x->device < y->device ? -1 : 1;
    return x->inode < y->inode ? -1 : x->inode > y->inode;
}

/* `seen`: of all models so far, without their paths. */
static enum osso_status count(struct model_shelf_row *m, struct model_files *seen, struct osso_error *err)
{
    struct model_files files;
    enum osso_status status = model_files_read(m->found, &files, err);
    if (status)
        return status;
    for (size_t i = 0; i < files.n && !status; i++) {
        struct model_file *all = mem_room(seen->f, seen->n, &seen->cap, sizeof *all);
        if (!all) {
            status = error_nomem(err, (seen->n + 1) * sizeof *all, "a list of files");
            break;
        }
        m->bytes += files.f[i].bytes;
        seen->f = all;
        all[seen->n] = files.f[i];
        all[seen->n++].path = NULL;
    }
    model_files_free(&files);
    return status;
}

enum osso_status model_shelf_read(struct model_shelf *shelf, struct osso_error *err)
{
    struct model_files seen = {0};
    *shelf = (struct model_shelf){0};
    enum osso_status status = model_pick_all(&shelf->picked, err);
    int n = shelf->picked.n;
    if (!status && !(shelf->models = mem_array((size_t)n + 1, sizeof *shelf->models)))
        status = error_nomem(err, (size_t)n * sizeof *shelf->models, "a list of models");
    for (int i = 0; i < n && !status; i++) {
        struct model_shelf_row *m = &shelf->models[shelf->n++];
        m->found = &shelf->picked.found[i];
        m->name = m->found->name ? m->found->name : m->found->path;
        if (m->found->unfinished)
            begun(m);
        if (m->found->home && strcmp(m->found->home, m->found->path) == 0) {
            m->state = SHELF_BEGUN;
            m->bytes = m->have;
            shelf->bytes += m->have;
        } else {
            open_it(m);
            status = count(m, &seen, err);
        }
    }
    if (seen.n)
        qsort(seen.f, seen.n, sizeof *seen.f, by_inode);
    for (size_t i = 0; i < seen.n; i++)
        if (i == 0 || by_inode(&seen.f[i - 1], &seen.f[i]) != 0)
            shelf->bytes += seen.f[i].bytes;
    model_files_free(&seen);
    if (status)
        model_shelf_free(shelf);
    return status;
}

void model_shelf_free(struct model_shelf *shelf)
{
    model_picked_free(&shelf->picked);
    mem_free(shelf->models);
    *shelf = (struct model_shelf){0};
}

const char *model_shelf_state_word(enum model_shelf_state state)
{
    static const char *const words[] = {"whole", "not for osso", "begun", "damaged"};
    return words[state];
}
