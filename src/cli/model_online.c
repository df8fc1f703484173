/* model_online.c: asks the hub; nothing is fetched but the list of a repository's files. */
#include "cli/model_online.h"

#include "base/error.h"
#include "cli/pulling.h"

#include <stdio.h>
#include <string.h>

/* Where a model comes from, and where its files' paths in the repository begin. */
struct origin {
    char repository[300], commit[128];
    char below[4096]; /* with a slash at its end */
};

/* .../models--USER--NAME/snapshots/COMMIT */
static bool of_cache(const struct model_found *m, struct origin *o)
{
    const char *slash = m->home ? strrchr(m->home, '/') : NULL, *name = slash ? slash + 1 : "";
    const char *dashes = strncmp(name, "models--", 8) == 0 ? strstr(name + 8, "--") : NULL;
    if (!dashes || !model_files_commit(m, o->commit))
        return false;
    int n = snprintf(o->repository, sizeof o->repository, "%.*s/%s", (int)(dashes - name - 8), name + 8, dashes + 2);
    int k = snprintf(o->below, sizeof o->below, "%s/snapshots/%s/", m->home, o->commit);
    return n > 0 && (size_t)n < sizeof o->repository && k > 0 && (size_t)k < sizeof o->below;
}

/* lms:PUBLISHER/REPOSITORY[:FILE]: two folders of these names. */
static bool of_lm_studio(const struct model_found *m, struct origin *o)
{
    char folders[sizeof o->repository + 2];
    if (!m->name || strncmp(m->name, "lms:", 4) != 0)
        return false;
    int n = snprintf(o->repository, sizeof o->repository, "%.*s", (int)strcspn(m->name + 4, ":"), m->name + 4);
    snprintf(folders, sizeof folders, "/%s", o->repository);
    const char *at = n > 0 && (size_t)n < sizeof o->repository ? strstr(m->path, folders) : NULL;
    if (!at)
        return false;
    n = snprintf(o->below, sizeof o->below, "%.*s/", (int)(at - m->path + (int)strlen(folders)), m->path);
    snprintf(o->commit, sizeof o->commit, "main");
    return n > 0 && (size_t)n < sizeof o->below;
}

static const char *listed_hash(const struct osso_hub_plan *plan, const char *path)
{
    struct osso_hub_file f = {.size = sizeof f};
    for (int i = 0; osso_hub_plan_file(plan, i, &f); i++, f.size = sizeof f)
        if (strcmp(f.path, path) == 0)
            return f.hash;
    return NULL;
}

enum osso_status model_online_hashes(const struct options *o, const struct model_found *m, struct model_files *files,
                                     struct osso_error *err)
{
    static const char *const all[] = {"*"};
    struct origin origin;
    struct osso_hub_plan *plan = NULL;
    struct osso_hub_options with = pulling_options(o);
    if (!of_cache(m, &origin) && !of_lm_studio(m, &origin))
        return error_set(
            err, OSSO_UNSUPPORTED,
            "--online: nobody says which repository %.300s comes from; without --online it is compared with "
            "what its store knows",
            m->name ? m->name : m->path);
    with.revision = origin.commit;
    with.include = all;
    with.n_include = 1;
    enum osso_status status = osso_hub_plan_create(origin.repository, &with, &plan, err);
    pulling_clear();
    size_t n = strlen(origin.below);
    for (size_t i = 0; i < files->n && !status; i++) {
        const char *path = files->f[i].path, *hash = NULL;
        if (strncmp(path, origin.below, n) == 0)
            hash = listed_hash(plan, path + n);
        if (hash && *hash)
            snprintf(files->f[i].hash, sizeof files->f[i].hash, "%s", hash);
    }
    osso_hub_plan_free(plan);
    return status == OSSO_USAGE ? OSSO_NOTFOUND : status;
}
