/* model_files.c: what a name means on this disk, and which files that is. */
#define _GNU_SOURCE
#include "cli/model_files.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "cli/model_name.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_MODELS = 8192, MOST_FILES = 20000, MOST_DEEP = 3, MOST_MANIFEST = 1 << 20, LONGEST = 4096 };

static bool is_hash(const char *text)
{
    size_t n = strspn(text, "0123456789abcdef");
    return !text[n] && (n == 40 || n == 64);
}

/* The hash that a blob's name is: where a hub's link leads, or Ollama's sha256-... */
static void known_hash(const struct model_found *m, const char *path, char hash[65])
{
    char target[LONGEST];
    ssize_t n = readlink(path, target, sizeof target - 1);
    target[n > 0 ? n : 0] = 0;
    const char *slash = strrchr(target, '/'), *base = strrchr(path, '/');
    const char *name = n > 0 && m->home && slash                   ? slash + 1
                       : base && strncmp(base, "/sha256-", 8) == 0 ? base + 8
                                                                   : "";
    hash[0] = 0;
    if (is_hash(name))
        snprintf(hash, 65, "%s", name);
}

static enum osso_status add(const struct model_found *m, struct model_files *files, const char *path,
                            struct osso_error *err)
{
    struct stat st;
    for (size_t i = 0; i < files->n && m->home; i++)
        if (strcmp(files->f[i].path, path) == 0)
            return OSSO_OK;
    if (files->n == MOST_FILES)
        return error_set(err, OSSO_LIMIT, "%s has more than %d files", m->path, MOST_FILES);
    struct model_file *all = mem_room(files->f, files->n, &files->cap, sizeof *all), *f;
    if (!all)
        return error_nomem(err, files->n * sizeof *all, "a list of files");
    files->f = all;
    f = &all[files->n];
    *f = (struct model_file){.path = mem_strdup(path)};
    if (!f->path)
        return error_nomem(err, strlen(path), "a path");
    files->n++;
    f->there = stat(path, &st) == 0 && S_ISREG(st.st_mode);
    if (f->there) {
        f->bytes = (uint64_t)st.st_size;
        f->device = (uint64_t)st.st_dev;
        f->inode = (uint64_t)st.st_ino;
    }
    known_hash(m, path, f->hash);
    return OSSO_OK;
}

static enum osso_status add_folder(const struct model_found *m, struct model_files *files, const char *path, int depth,
                                   struct osso_error *err)
{
    DIR *dir = depth < MOST_DEEP ? opendir(path) : NULL;
    enum osso_status status = OSSO_OK;
    for (struct dirent *e; dir && !status && (e = readdir(dir));) {
        if (e->d_name[0] == '.')
            continue;
        char *inner = file_join(path, e->d_name);
        status = !inner               ? error_nomem(err, LONGEST, "a path")
                 : file_is_dir(inner) ? add_folder(m, files, inner, depth + 1, err)
                                      : add(m, files, inner, err);
        mem_free(inner);
    }
    if (dir)
        closedir(dir);
    return status;
}

/* NAME-00001-of-00003.gguf: all three. */
static enum osso_status add_parts(const struct model_found *m, struct model_files *files, struct osso_error *err)
{
    char text[LONGEST];
    const char *of = strcasestr(m->path, "-00001-of-");
    int n = of ? atoi(of + 10) : 1;
    enum osso_status status = OSSO_OK;
    if (!of || n < 1 || n > 9999 || strchr(of, '/'))
        return add(m, files, m->path, err);
    for (int i = 1; i <= n && !status; i++) {
        snprintf(text, sizeof text, "%.*s-%05d%s", (int)(of - m->path), m->path, i, of + 6);
        status = add(m, files, text, err);
    }
    return status;
}

/* Every digest that a manifest names is a blob beside the model's. */
static enum osso_status add_layers(const struct model_found *m, struct model_files *files, struct osso_error *err)
{
    char *text, path[LONGEST];
    size_t len;
    struct osso_error ignored;
    const char *slash = strrchr(m->path, '/');
    enum osso_status status = OSSO_OK;
    if (!slash || file_read(m->home, MOST_MANIFEST, &text, &len, &ignored))
        return OSSO_OK;
    for (const char *at = text; !status && (at = strstr(at, "sha256"));) {
        at += 6;
        if ((*at == ':' || *at == '-') && strspn(at + 1, "0123456789abcdef") == 64) {
            snprintf(path, sizeof path, "%.*s/sha256-%.64s", (int)(slash - m->path), m->path, at + 1);
            status = add(m, files, path, err);
        }
    }
    mem_free(text);
    return status;
}

enum osso_status model_files_read(const struct model_found *m, struct model_files *files, struct osso_error *err)
{
    *files = (struct model_files){0};
    bool begun = m->home && strcmp(m->home, m->path) == 0;
    enum osso_status status = begun                  ? OSSO_OK
                              : file_is_dir(m->path) ? add_folder(m, files, m->path, 0, err)
                                                     : add_parts(m, files, err);
    if (!status && m->home && !file_is_dir(m->home))
        status = add_layers(m, files, err);
    if (status)
        model_files_free(files);
    return status;
}

void model_files_free(struct model_files *files)
{
    for (size_t i = 0; i < files->n; i++)
        mem_free(files->f[i].path);
    mem_free(files->f);
    *files = (struct model_files){0};
}

bool model_files_commit(const struct model_found *m, char commit[128])
{
    size_t n = m->home ? strlen(m->home) : 0;
    const char *at = n && strncmp(m->path, m->home, n) == 0 ? m->path + n : "";
    if (strncmp(at, "/snapshots/", 11) != 0 || strcspn(at + 11, "/") > 127)
        return false;
    snprintf(commit, 128, "%.*s", (int)strcspn(at + 11, "/"), at + 11);
    return true;
}

/* ---- what is meant -------------------------------------------------------------------------------------- */

enum osso_status model_pick_all(struct model_picked *p, struct osso_error *err)
{
    *p = (struct model_picked){.found = mem_array(MOST_MODELS, sizeof *p->found)};
    if (!p->found)
        return error_nomem(err, MOST_MODELS * sizeof *p->found, "a list of models");
    p->n = model_store_all(p->found, MOST_MODELS);
    return OSSO_OK;
}

void model_picked_free(struct model_picked *p)
{
    if (p->found)
        model_store_free(p->found, p->n);
    mem_free(p->found);
    *p = (struct model_picked){0};
}

/* NAME, or NAME:FILE whose FILE is not asked for. */
static bool is_called(const struct model_found *m, const char *given, bool *one)
{
    const char *name = m->name ? m->name : "";
    size_t n = strlen(given);
    bool tagged = strncmp(name, "ollama:", 7) == 0; /* its : is a part of the name */
    *one = n > 0 && (strcasecmp(name, given) == 0 || strcmp(m->path, given) == 0);
    return *one || (!tagged && n > 0 && strncasecmp(name, given, n) == 0 && name[n] == ':');
}

static void keep(struct model_picked *p, bool (*wanted)(const struct model_found *m, const char *what, bool *one),
                 const char *what)
{
    int n = 0;
    for (int i = 0; i < p->n; i++) {
        bool one = false;
        if (wanted(&p->found[i], what, &one)) {
            p->one = p->one || (one && !file_is_dir(p->found[i].path));
            p->found[n++] = p->found[i];
        } else
            model_store_free(&p->found[i], 1);
    }
    p->n = n;
}

static bool is_there(const struct model_found *m, const char *path, bool *one)
{
    *one = true;
    return strcmp(m->path, path) == 0;
}

enum osso_status model_pick(const char *given, struct model_picked *p, struct osso_error *err)
{
    char *path = NULL;
    const char *name = strncmp(given, "hf:", 3) == 0 ? given + 3 : given;
    enum osso_status status = model_pick_all(p, err);
    if (!status)
        keep(p, is_called, name);
    if (!status && p->n == 0) { /* by another of its names, or no store has it */
        model_picked_free(p);
        status = model_name_resolve(NULL, given, &path, err);
        if (!status && !file_exists(path))
            status = error_set(err, OSSO_NOTFOUND, "there is no model '%s' on this disk: osso list shows what there is",
                               given);
        if (!status && !(status = model_pick_all(p, err)))
            keep(p, is_there, path);
        if (!status && p->n == 0) {
            p->found[0] = (struct model_found){.path = path, .place = "", .exact = true};
            p->n = 1;
            path = NULL;
        }
        mem_free(path);
    }
    if (status)
        model_picked_free(p);
    return status;
}
