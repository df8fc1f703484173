/* hub.c: fetches what a plan says, file after file, and gives each its place. */
#define _GNU_SOURCE
#include "hub/hub_plan.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "hub/digest.h"
#include "hub/transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { WAIT_MS = 100 };

enum osso_status osso_hub_hash(const char *path, int digits, int (*progress)(void *user, uint64_t done), void *user,
                               char *text, struct osso_error *err)
{
    struct file_map map = {.fd = -1};
    struct digest *digest = NULL;
    enum { STEP = 8 << 20 };
    text[0] = 0;
    enum osso_status status = file_map_open(path, &map, err);
    if (!status)
        status = digest_create((size_t)digits, map.size, &digest, err);
    for (uint64_t at = 0; !status && at < map.size; at += STEP) {
        digest_add(digest, map.data + at, map.size - at < STEP ? (size_t)(map.size - at) : STEP);
        if (progress && progress(user, at) != 0)
            status = error_set(err, OSSO_CANCELLED, "stopped");
    }
    if (!status)
        digest_end(digest, text);
    digest_free(digest);
    file_map_close(&map);
    return status;
}

/* ---- one file ------------------------------------------------------------------------------------------- */

static int hashing(void *user, uint64_t done)
{
    struct osso_hub_plan *p = user;
    return watch_tell(&p->watch, done, 0) ? 0 : 1;
}

/* In a folder of one's own a file is what its hash says, not what its name says; in the cache the name is the hash. */
static bool is_there(struct osso_hub_plan *p, const struct hub_entry *e, const char *final)
{
    char text[DIGEST_TEXT];
    if (!hub_store_has(final, e->size))
        return false;
    if (hub_plan_is_cached(p) || !e->hash[0])
        return true;
    watch_phase(&p->watch, "checking");
    struct osso_error ignored;
    return !osso_hub_hash(final, (int)strlen(e->hash), hashing, p, text, &ignored) && strcmp(text, e->hash) == 0;
}

static enum osso_status pause_a_little(struct osso_hub_plan *p, struct osso_error *err)
{
    watch_phase(&p->watch, "waiting");
    nanosleep(&(struct timespec){0, WAIT_MS * 1000000L}, NULL);
    return watch_tell(&p->watch, 0, 0) ? OSSO_OK : error_set(err, OSSO_CANCELLED, "stopped");
}

static enum osso_status transfer(struct osso_hub_plan *p, const struct hub_entry *e, const char *part,
                                 const char *final, struct osso_error *err)
{
    char url[NET_ADDRESS], key[160];
    hub_plan_url(p, e, url);
    hub_plan_key(p, e, key);
    const struct transfer_options o = {.net = p->net, .watch = &p->watch, .jobs = p->jobs, .timeout_ms = p->timeout_ms};
    const struct transfer_file file = {.url = url,
                                       .token = p->token[0] ? p->token : NULL,
                                       .hash = e->hash[0] ? e->hash : NULL,
                                       .etag = p->etag[0] ? p->etag : NULL,
                                       .key = key,
                                       .part = part,
                                       .path = final,
                                       .shown = e->path,
                                       .size = e->size};
    return transfer_run(&o, &file, err);
}

/* Until it is there, from whoever fetches it: one writes a blob, the others wait for it. */
static enum osso_status fetch(struct osso_hub_plan *p, const struct hub_entry *e, struct osso_error *err)
{
    char *part = hub_plan_part(p, e), *final = hub_plan_final(p, e);
    enum osso_status status = part && final ? OSSO_OK
                                            : error_set(err, OSSO_LIMIT, "the path of %.200s is too long", e->path);
    bool cached = hub_plan_is_cached(p), told = false;
    for (bool done = false; !status && !done;) {
        int lock = -1;
        if ((done = is_there(p, e, final)))
            break;
        if (cached)
            status = hub_store_lock(&p->store, e->hash, &lock, err);
        bool mine = !cached || lock >= 0;
        if (!status && mine && !(done = cached && is_there(p, e, final))) { /* since it is locked */
            status = transfer(p, e, part, final, err);
            done = !status;
        }
        if (status == OSSO_LIMIT || (!status && !mine)) { /* somebody else's turn */
            if (!told)
                watch_note(&p->watch, "%s: somebody else is fetching it; waiting for them", e->path);
            told = true;
            status = pause_a_little(p, err);
        }
        if (lock >= 0)
            close(lock);
    }
    mem_free(part);
    mem_free(final);
    return status;
}

static enum osso_status place_folder(const struct osso_hub_plan *p, const struct hub_entry *e, struct osso_error *err)
{
    char *paths[2] = {hub_plan_part(p, e), hub_plan_final(p, e)};
    enum osso_status status = OSSO_OK;
    for (int i = 0; i < 2 && !status; i++) {
        char *slash = paths[i] ? strrchr(paths[i], '/') : NULL;
        if (slash && slash > paths[i]) {
            *slash = 0;
            status = file_make_dirs(paths[i], err);
        }
    }
    mem_free(paths[0]);
    mem_free(paths[1]);
    return status;
}

/* ---- all of them ---------------------------------------------------------------------------------------- */

/* A folder that exists, at or above this one. */
static uint64_t space_at(const char *folder)
{
    char path[4096];
    snprintf(path, sizeof path, "%s", folder);
    while (!file_is_dir(path)) {
        char *slash = strrchr(path, '/');
        if (!slash)
            return file_space_left(".");
        *(slash == path ? slash + 1 : slash) = 0;
        if (slash == path)
            break;
    }
    return file_space_left(path);
}

static const char *bytes_words(uint64_t bytes, char text[32])
{
    bool many = bytes >= 1000000000;
    snprintf(text, 32, many ? "%.1f GB" : "%.1f MB", (double)bytes / (many ? 1e9 : 1e6));
    return text;
}

static enum osso_status check_space(const struct osso_hub_plan *p, struct osso_error *err)
{
    const char *place = hub_plan_is_cached(p) ? p->store.root : p->folder;
    uint64_t missing = 0, left = space_at(place);
    for (size_t i = 0; i < p->list.n; i++)
        missing += p->list.e[i].size - p->there[i];
    if (missing <= left)
        return OSSO_OK;
    char more[32], there[32];
    return error_set(err, OSSO_IO,
                     "%s needs %s more, but only %s are free at %.200s: make room, or say another place "
                     "(OSSO_CACHE, --local-dir)",
                     osso_hub_plan_repository(p), bytes_words(missing, more), bytes_words(left, there), place);
}

static enum osso_status one(struct osso_hub_plan *p, size_t i, struct osso_error *err)
{
    struct hub_entry *e = &p->list.e[i];
    p->watch.now.file = e->path;
    enum osso_status status = place_folder(p, e, err);
    if (!status)
        status = fetch(p, e, err);
    if (!status && hub_plan_is_cached(p))
        status = hub_store_link(&p->store, p->commit, e->path, e->hash, err);
    if (!status)
        p->watch.before += e->size;
    return status;
}

enum osso_status osso_hub_pull(struct osso_hub_plan *p, struct osso_error *err)
{
    if (p->many)
        return error_set(err, OSSO_USAGE, "%s has several models: say which", p->name.repository);
    p->watch.before = p->watch.now.total = 0;
    for (size_t i = 0; i < p->list.n; i++)
        p->watch.now.total += p->list.e[i].size;
    enum osso_status status = check_space(p, err);
    bool cached = hub_plan_is_cached(p);
    if (!status && cached)
        status = hub_store_prepare(&p->store, err);
    for (size_t i = 0; i < p->list.n && !status; i++)
        status = one(p, i, err);
    if (!status && cached)
        status = hub_store_ref(&p->store, p->revision, p->commit, err);
    return status;
}
