/* synth_folder.c: a mark stands in the folder while it is being written, locked by the run that writes. A mark that
 * nobody locks was left by a killed run: what has the names that synth writes goes, anything else is somebody's and
 * stays. */
#define _GNU_SOURCE
#include "convert/synth_folder.h"

#include "base/error.h"
#include "base/file.h"
#include "base/lock.h"
#include "base/mem.h"
#include "token/tokenizer_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static const char MARK[] = ".osso-unfinished";

/* config.json first: without it nothing looks complete. */
static const char *const names[] = {"config.json", "generation_config.json", "model.safetensors",
                                    "model.safetensors.index.json",
#define N_MODEL 4 /* the tokenizer's files come behind */
#define FILE_NAME(name) name,
                                    TOKENIZER_FILES(FILE_NAME)
#undef FILE_NAME
};
enum { N_NAMES = sizeof names / sizeof names[0] };

/* Does synth write files of this name, as they are or as temporary ones? Of the first n kinds. */
static bool is_ours(const char *name, int n_kinds)
{
    const char *temp = strstr(name, ".tmp."), *shard = ".safetensors";
    size_t n = temp ? (size_t)(temp - name) : strlen(name), tail = strlen(shard);
    for (int i = 0; i < n_kinds; i++)
        if (strlen(names[i]) == n && strncmp(names[i], name, n) == 0)
            return true;
    return n > tail && strncmp(name, "model-", 6) == 0 && strncmp(name + n - tail, shard, tail) == 0;
}

static bool is_nothing(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, MARK) == 0;
}

static void remove_ours(const char *path, int n_kinds)
{
    char *config = file_join(path, names[0]);
    if (config)
        unlink(config);
    mem_free(config);
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        char *name = is_ours(e->d_name, n_kinds) ? file_join(path, e->d_name) : NULL;
        if (name)
            unlink(name);
        mem_free(name);
    }
    if (dir)
        closedir(dir);
}

/* Is there nothing in it but the mark? */
static bool is_empty(const char *path)
{
    DIR *dir = opendir(path);
    int n = 0;
    for (struct dirent *e; dir && (e = readdir(dir));)
        n += !is_nothing(e->d_name);
    if (dir)
        closedir(dir);
    return dir && n == 0;
}

static enum osso_status take(struct synth_folder *f, bool force, struct osso_error *err)
{
    f->fd = open(f->mark, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (f->fd >= 0) {
        if (lock_try(f->fd) == LOCK_HELD) {
            close(f->fd);
            f->fd = -1;
            return error_set(err, OSSO_USAGE, "another run is writing into %s; wait for it or name a new folder",
                             f->path);
        }
        remove_ours(f->path, N_NAMES);
    }
    bool empty = is_empty(f->path);
    if (!empty && !force)
        return error_set(err, OSSO_USAGE, "the folder %s is not empty; name a new one, or --force", f->path);
    if (f->fd >= 0 || !empty)
        return OSSO_OK;
    f->fd = open(f->mark, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (f->fd < 0 || lock_try(f->fd) == LOCK_HELD)
        return error_set(err, OSSO_IO, "cannot write %s: %s", f->mark, strerror(errno));
    return OSSO_OK;
}

enum osso_status synth_folder_take(const char *path, bool force, struct synth_folder *folder_out,
                                   struct osso_error *err)
{
    struct synth_folder *f = folder_out;
    *f = (struct synth_folder){.path = mem_strdup(path), .mark = file_join(path, MARK), .fd = -1};
    enum osso_status status = f->path && f->mark ? file_make_dir(path, &f->made, err)
                                                 : error_nomem(err, strlen(path), "a path");
    if (!status)
        status = take(f, force, err);
    if (status) {
        if (f->fd >= 0) { /* nothing of the killed run is left, so neither is its mark */
            unlink(f->mark);
            close(f->fd);
        }
        mem_free(f->path);
        mem_free(f->mark);
    }
    return status;
}

void synth_folder_clear(const struct synth_folder *f)
{
    if (f->fd < 0)
        remove_ours(f->path, N_MODEL);
}

void synth_folder_leave(struct synth_folder *f, bool done)
{
    if (f->fd >= 0) { /* else it is somebody's, and what was there before is not ours to remove */
        if (!done)
            remove_ours(f->path, N_NAMES);
        unlink(f->mark);
        close(f->fd);
        if (!done && f->made)
            rmdir(f->path);
    }
    mem_free(f->path);
    mem_free(f->mark);
}
