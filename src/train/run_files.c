/* run_files.c: whatever moment a run is killed at, `latest` names a folder that is whole: it is written before it is
 * named, and what is taken away loses its name first. */
#define _GNU_SOURCE
#include "train/run_files.h"

#include "base/error.h"
#include "base/file.h"
#include "base/lock.h"
#include "base/mem.h"
#include "json/jget.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_NAMED = 1 << 16, NAME_MAX_BYTES = 64 };
static const char PREFIX[] = "step-", UNFINISHED[] = ".unfinished";

static void name_of(char name[NAME_MAX_BYTES], int64_t step)
{
    snprintf(name, NAME_MAX_BYTES, "%s%06lld", PREFIX, (long long)step);
}

/* The step of a name that is one of ours, else -1. */
static int64_t step_of(const char *name)
{
    char again[NAME_MAX_BYTES];
    if (strncmp(name, PREFIX, sizeof PREFIX - 1) != 0)
        return -1;
    int64_t step = strtoll(name + sizeof PREFIX - 1, NULL, 10);
    name_of(again, step);
    return strcmp(again, name) == 0 ? step : -1;
}

enum osso_status run_files_lock(const char *out, int *fd_out, struct osso_error *err)
{
    int fd = open(out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *fd_out = fd; /* what cannot be opened is said by whoever reads or makes it */
    if (fd < 0 || lock_try(fd) != LOCK_HELD)
        return OSSO_OK;
    close(fd);
    *fd_out = -1;
    return error_set(err, OSSO_USAGE, "%s belongs to a run that is still going on; end that one first (Ctrl-C saves)",
                     out);
}

enum osso_status run_files_named(const char *out, const char *name, char **folder_out, int64_t *step_out,
                                 struct osso_error *err)
{
    char *path = file_join(out, name), *text = NULL;
    size_t len = 0;
    *folder_out = NULL;
    *step_out = -1;
    if (!path)
        return error_nomem(err, strlen(out), "a path");
    if (!file_exists(path)) {
        mem_free(path);
        return OSSO_OK;
    }
    enum osso_status status = file_read(path, 256, &text, &len, err);
    if (!status) {
        text[strcspn(text, "\n")] = 0;
        *step_out = step_of(text);
        *folder_out = *step_out >= 0 ? file_join(out, text) : NULL;
        if (!*folder_out)
            status = error_set(err, OSSO_FORMAT, "%s does not name a checkpoint of a run", path);
    }
    mem_free(text);
    mem_free(path);
    return status;
}

/* ---- taking away ---------------------------------------------------------------------------------------- */

static void remove_folder(const char *path)
{
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        char *file = file_join(path, e->d_name);
        if (file && strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            unlink(file);
        mem_free(file);
    }
    if (dir)
        closedir(dir);
    rmdir(path);
}

static void remove_step(const char *out, const char *name)
{
    struct buf away = {0};
    char *path = file_join(out, name);
    buf_printf(&away, "%s%s", path ? path : "", UNFINISHED);
    if (path && !away.failed && (rename(path, away.data) == 0 || errno == EEXIST || errno == ENOTEMPTY)) {
        remove_folder(away.data);
        remove_folder(path);
    }
    mem_free(path);
    buf_free(&away);
}

/* The names in OUT that are steps, or what is left of one. */
static int list_steps(const char *out, int64_t *steps, int most)
{
    DIR *dir = opendir(out);
    int n = 0;
    for (struct dirent *e; dir && n < most && (e = readdir(dir));) {
        char *end = strstr(e->d_name, UNFINISHED);
        if (end && !end[sizeof UNFINISHED - 1]) {
            char *path = file_join(out, e->d_name);
            *end = 0;
            if (path && step_of(e->d_name) >= 0)
                remove_folder(path);
            mem_free(path);
        } else if (step_of(e->d_name) >= 0) {
            steps[n++] = step_of(e->d_name);
        }
    }
    if (dir)
        closedir(dir);
    return n;
}

static int newest_first(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x < y) - (x > y);
}

void run_files_prune(const char *out, int64_t step, int64_t keep)
{
    char *folder = NULL, name[NAME_MAX_BYTES];
    int64_t best = -1, *steps = mem_array(MAX_NAMED, sizeof *steps), kept = 0;
    run_files_named(out, "best", &folder, &best, NULL);
    int n = steps ? list_steps(out, steps, MAX_NAMED) : 0;
    if (n)
        qsort(steps, (size_t)n, sizeof *steps, newest_first);
    for (int i = 0; i < n; i++) {
        bool stays = steps[i] == best || (steps[i] <= step && kept < keep);
        kept += steps[i] <= step;
        name_of(name, steps[i]);
        if (!stays)
            remove_step(out, name);
    }
    mem_free(folder);
    mem_free(steps);
}

/* ---- a checkpoint --------------------------------------------------------------------------------------- */

static enum osso_status write_name(const char *out, const char *file, const char *name, struct osso_error *err)
{
    struct buf line = {0};
    buf_printf(&line, "%s\n", name);
    enum osso_status status = save_text(out, file, &line, err);
    buf_free(&line);
    return status;
}

enum osso_status run_files_save(const struct trainer *t, const char *out, const char *tokenizer, int64_t step,
                                const struct run_state *s, struct osso_error *err)
{
    char name[NAME_MAX_BYTES];
    struct buf run = {0};
    name_of(name, step);
    char *path = file_join(out, name);
    buf_printf(&run, "{\"documents\":%llu,\"tokens\":%lld,\"best_step\":%lld,\"worse\":%lld,\"skipped\":%lld",
               (unsigned long long)s->taken, (long long)s->tokens, (long long)s->best_step, (long long)s->worse,
               (long long)s->skipped);
    if (isfinite(s->best_loss))
        buf_printf(&run, ",\"best_loss\":%.17g", s->best_loss);
    buf_puts(&run, "}\n");
    enum osso_status status = path && !run.failed ? OSSO_OK : error_nomem(err, run.len, "a checkpoint");
    if (!status && file_is_dir(path)) /* of a run that was killed before it could name it */
        remove_step(out, name);
    if (!status)
        status = snapshot_save_with(t, path, tokenizer, step, &run, err);
    if (!status)
        status = write_name(out, "latest", name, err);
    if (!status && s->best_step == step && isfinite(s->best_loss))
        status = write_name(out, "best", name, err);
    buf_free(&run);
    mem_free(path);
    return status;
}

enum osso_status run_files_read(const char *folder, struct run_state *s, struct osso_error *err)
{
    char *path = file_join(folder, "run.json");
    struct jdoc *doc = NULL;
    int64_t taken = 0;
    bool found = false;
    *s = (struct run_state){.best_loss = INFINITY};
    const struct {
        const char *key;
        int64_t *out;
    } members[] = {{"documents", &taken},
                   {"tokens", &s->tokens},
                   {"best_step", &s->best_step},
                   {"worse", &s->worse},
                   {"skipped", &s->skipped}};
    enum osso_status status = path ? jdoc_read_file(path, 1 << 16, &doc, err) : error_nomem(err, 0, "a path");
    for (size_t i = 0; i < sizeof members / sizeof *members && !status; i++) {
        status = jget_i64(jdoc_root(doc), members[i].key, 0, INT64_MAX / 2, members[i].out, &found, path, err);
        if (!status && !found)
            status = error_set(err, OSSO_FORMAT, "%s: \"%s\" is missing", path, members[i].key);
    }
    if (!status)
        status = jget_f64(jdoc_root(doc), "best_loss", &s->best_loss, NULL, path, err);
    s->taken = (uint64_t)taken;
    jdoc_release(doc);
    mem_free(path);
    return status;
}
