/* model_name.c: what people call a model: a path, a folder of a hub cache, or a name that is no path. */
#include "cli/model_name.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "cli/state.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The only revision in a cache's folder, as when it was asked for by its number; false: there are none or many. */
static bool only_snapshot(const char *folder, char revision[128])
{
    char path[4096];
    int n = 0;
    snprintf(path, sizeof path, "%s/snapshots", folder);
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && (e = readdir(dir));)
        if (e->d_name[0] != '.' && n++ == 0)
            snprintf(revision, 128, "%.127s", e->d_name);
    if (dir)
        closedir(dir);
    return n == 1;
}

/* A hub cache's models--OWNER--NAME holds no model itself: refs/main says which of its snapshots is the newest. */
static char *snapshot_of(const char *folder)
{
    char revision[128] = {0}, path[4096];
    snprintf(path, sizeof path, "%s/refs/main", folder);
    FILE *f = fopen(path, "re");
    size_t n = f ? fread(revision, 1, sizeof revision - 1, f) : 0;
    if (f)
        fclose(f);
    else if (only_snapshot(folder, revision))
        n = strlen(revision);
    revision[strcspn(revision, " \r\n")] = 0;
    if (n == 0 || !file_name_is_plain(revision, strlen(revision)))
        return NULL;
    int len = snprintf(path, sizeof path, "%s/snapshots/%s", folder, revision);
    return len > 0 && (size_t)len < sizeof path && file_is_dir(path) ? mem_strdup(path) : NULL;
}

/* Where OWNER/NAME lies in the hub's cache, or NULL. */
static char *cached(const char *owner, int owner_len, const char *name, int name_len)
{
    const char *hub = getenv("HF_HUB_CACHE"), *hf = getenv("HF_HOME"), *home = getenv("HOME");
    char root[1024], path[2048];
    if (hub && *hub)
        snprintf(root, sizeof root, "%s", hub);
    else if (hf && *hf)
        snprintf(root, sizeof root, "%s/hub", hf);
    else
        snprintf(root, sizeof root, "%s/.cache/huggingface/hub", home ? home : "");
    snprintf(path, sizeof path, "%s/models--%.*s--%.*s", root, owner_len, owner, name_len, name);
    return snapshot_of(path);
}

/* OWNER/NAME, with or without an address before it, or NAME:TAG. */
static enum osso_status no_path(const char *given, struct osso_error *err)
{
    static const char word[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    const char *s = strstr(given, "://") ? strstr(given, "://") + 3 : given;
    bool address = s != given || strncmp(s, "hf.co/", 6) == 0 || strncmp(s, "huggingface.co/", 15) == 0;
    const char *owner = address && strchr(s, '/') ? strchr(s, '/') + 1 : s;
    int n = (int)strspn(owner, word), m = owner[n] == '/' ? (int)strspn(owner + n + 1, word) : 0;
    const char *end = owner + n + (m ? m + 1 : 0);
    bool tag = !address && !m && n > 0 && *end == ':';
    bool id = m > 0 && n > 0 && owner[0] != '.' && (address || !*end || *end == ':');
    char folder[256];
    snprintf(folder, sizeof folder, "%.*s", n, owner);
    if ((!address && !tag && !id) || (!address && id && file_is_dir(folder))) /* models/x is a path with a slip in it */
        return OSSO_OK;
    char *there = id ? cached(owner, n, owner + n + 1, m) : NULL;
    if (there)
        error_set(err, OSSO_NOTFOUND, "%s is no path here, but the model lies in the hub's cache: -m %s", given, there);
    else if (id)
        error_set(
            err, OSSO_NOTFOUND,
            "%s is no path here, and osso does not download yet; get it (hf download %.*s --local-dir %.*s), then "
            "-m %.*s",
            given, (int)(end - owner), owner, m, owner + n + 1, m, owner + n + 1);
    else
        error_set(err, OSSO_NOTFOUND,
                  "%s is no path here, and osso does not download yet; get a model (hf download openai/gpt-oss-20b "
                  "--local-dir gpt-oss-20b), then -m gpt-oss-20b",
                  given);
    mem_free(there);
    return OSSO_NOTFOUND;
}

enum osso_status model_name_resolve(const char *given, char **path_out, struct osso_error *err)
{
    *path_out = NULL;
    bool there = file_exists(given);
    if (!there && given[0] == '~')
        *path_out = home_path(given);
    else if (!there && no_path(given, err))
        return OSSO_NOTFOUND;
    else if (file_is_dir(given))
        *path_out = snapshot_of(given);
    if (!*path_out)
        *path_out = mem_strdup(given);
    return *path_out ? OSSO_OK : error_nomem(err, strlen(given), "a path");
}
