/* place.c: OUT, and the folder that becomes it. A temporary folder that nobody locks was left by a killed run: it goes
 * before a new one is made. */
#define _GNU_SOURCE
#include "convert/place.h"

#include "base/error.h"
#include "base/file.h"
#include "base/lock.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_NAMES = 100 };

/* ---- may it be written? --------------------------------------------------------------------------------- */

/* The path without links; of one that is not there yet, its folder's with the name behind. NULL: no such folder. */
static char *whole_path(const char *path)
{
    char *whole = realpath(path, NULL), *copy = mem_strdup(path);
    size_t n = copy ? strlen(copy) : 0;
    while (n > 1 && copy[n - 1] == '/')
        copy[--n] = 0;
    char *slash = copy ? strrchr(copy, '/') : NULL;
    if (slash)
        *slash = 0;
    char *folder = whole || !copy ? NULL : realpath(!slash ? "." : slash == copy ? "/" : copy, NULL);
    char *result = whole ? mem_strdup(whole) : folder ? file_join(folder, slash ? slash + 1 : copy) : NULL;
    free(whole); /* realpath's own */
    free(folder);
    mem_free(copy);
    return result;
}

static bool inside(const char *inner, const char *outer)
{
    size_t n = strlen(outer);
    return strncmp(inner, outer, n) == 0 && inner[n] == '/';
}

static enum osso_status check_paths(const char *in, const char *out, struct osso_error *err)
{
    char *a = whole_path(in), *b = whole_path(out);
    enum osso_status status = OSSO_OK;
    if (!b)
        status = error_set(err, OSSO_IO, "%s cannot be written: the folder that it would stand in is not there", out);
    else if (a && strcmp(a, b) == 0)
        status = error_set(err, OSSO_USAGE, "%s is the model that is read; name another place", out);
    else if (a && inside(b, a))
        status = error_set(err, OSSO_USAGE, "%s lies inside %s, the model that is read; name another place", out, in);
    else if (a && file_is_dir(out) && inside(a, b))
        status = error_set(err, OSSO_USAGE, "%s holds the model that is read; name another place", out);
    mem_free(a);
    mem_free(b);
    return status;
}

static bool ends(const char *name, const char *with)
{
    size_t n = strlen(name), m = strlen(with);
    return n >= m && strcmp(name + n - m, with) == 0;
}

/* Does a model's folder have files of this name? */
static bool of_a_model(const char *folder, const char *name)
{
    static const char *const endings[] = {".safetensors", ".json", ".jinja", "metadata.gguf"};
    struct stat st;
    char *path = file_join(folder, name);
    bool regular = path && lstat(path, &st) == 0 && S_ISREG(st.st_mode), known = strstr(name, ".tmp.") != NULL;
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++)
        known = known || ends(name, endings[i]);
    mem_free(path);
    return regular && known;
}

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static enum osso_status check_content(const char *folder, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    char *config = file_join(folder, "config.json"); /* every form's; somebody's own .json files are no model */
    bool model = config && access(config, F_OK) == 0;
    DIR *dir = opendir(folder);
    if (!dir)
        status = error_set(err, OSSO_IO, "cannot read the folder %s: %s", folder, strerror(errno));
    for (struct dirent *e; !status && (e = readdir(dir));)
        if (!is_dots(e->d_name) && (!model || !of_a_model(folder, e->d_name)))
            status = error_set(err, OSSO_USAGE, "the folder %s holds %s%s; --force replaces nothing but models", folder,
                               e->d_name, model ? ", which is no part of a model" : " and no config.json");
    if (dir)
        closedir(dir);
    mem_free(config);
    return status;
}

enum osso_status place_check(const char *in, const char *out, bool folder, bool force, struct osso_error *err)
{
    struct stat st;
    if (!*out || (!folder && out[strlen(out) - 1] == '/'))
        return error_set(err, OSSO_USAGE, "\"%s\" is no name of a %s, which this form is", out,
                         folder ? "folder" : "file");
    enum osso_status status = check_paths(in, out, err);
    if (status || lstat(out, &st) != 0)
        return status;
    if (S_ISDIR(st.st_mode) != folder)
        return error_set(err, OSSO_USAGE, "%s is %s; this form is %s", out, folder ? "no folder" : "a folder",
                         folder ? "one" : "a file");
    if (!force)
        return error_set(err, OSSO_USAGE, "%s is there already; name another place, or --force", out);
    return folder ? check_content(out, err) : OSSO_OK;
}

/* ---- a folder ------------------------------------------------------------------------------------------- */

static void remove_folder(const char *path)
{
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        char *name = !is_dots(e->d_name) && of_a_model(path, e->d_name) ? file_join(path, e->d_name) : NULL;
        if (name)
            unlink(name);
        mem_free(name);
    }
    if (dir)
        closedir(dir);
    rmdir(path);
}

/* Locks a folder; -1: somebody else has. */
static int lock_folder(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && lock_try(fd) == LOCK_HELD) {
        close(fd);
        return -1;
    }
    return fd;
}

enum osso_status place_take(const char *out, struct place *place_out, struct osso_error *err)
{
    struct place *p = place_out;
    size_t n = strlen(out), room = n + 32;
    *p = (struct place){.out = out, .temp = mem_alloc(room), .fd = -1};
    if (!p->temp)
        return error_nomem(err, room, "a path");
    while (n > 1 && out[n - 1] == '/')
        n--;
    for (int i = 0; i < MOST_NAMES && p->fd < 0; i++) {
        snprintf(p->temp, room, "%.*s.tmp.%d", (int)n, out, i);
        int left = lock_folder(p->temp);
        if (left >= 0) {
            remove_folder(p->temp);
            close(left);
        }
        if (mkdir(p->temp, 0777) == 0)
            p->fd = lock_folder(p->temp);
        else if (errno != EEXIST)
            break;
    }
    if (p->fd >= 0)
        return OSSO_OK;
    enum osso_status status = error_set(err, OSSO_IO, "cannot make the folder %s: %s", p->temp, strerror(errno));
    mem_free(p->temp);
    p->temp = NULL;
    return status;
}

enum osso_status place_leave(struct place *p, bool done, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    if (!p->temp)
        return OSSO_OK;
    bool replaces = file_is_dir(p->out);
    if (done)
        status = replaces ? save_folder_over(p->temp, p->out, err) : save_folder(p->temp, p->out, err);
    if (!done || status || replaces)
        remove_folder(p->temp); /* what was made in vain, or what stood there before */
    close(p->fd);
    mem_free(p->temp);
    p->temp = NULL;
    return status;
}
