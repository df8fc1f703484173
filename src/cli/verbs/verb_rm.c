/* verb_rm.c: takes a model out of a hub's cache, and nothing out of anybody else's folders. */
#define _GNU_SOURCE
#include "cli/model_files.h"
#include "cli/numbers.h"
#include "cli/out.h"
#include "cli/pulling.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"

#include "osso/hub.h"

#include <stdio.h>
#include <string.h>

/* Whose it is, and how they remove it. */
static enum osso_status theirs(const struct model_found *m, struct osso_error *err)
{
    const char *name = m->name ? strchr(m->name, ':') : NULL;
    if (strcmp(m->place, "ollama's store") == 0)
        return error_set(err, OSSO_NOTFOUND, "%s is Ollama's: ollama rm %s", m->name ? m->name : m->path,
                         name ? name + 1 : "NAME");
    if (strcmp(m->place, "LM Studio's folder") == 0)
        return error_set(err, OSSO_NOTFOUND, "%s is LM Studio's: delete it under My Models there", m->path);
    if (strcmp(m->place, "llama.cpp's cache") == 0)
        return error_set(err, OSSO_NOTFOUND, "%s is llama.cpp's, which has no command for it: remove the file with rm",
                         m->path);
    return error_set(err, OSSO_NOTFOUND, "%s is in no hub's cache: remove it with rm", m->path);
}

/* The commit that --revision means: refs/NAME says it, or it is one itself. */
static enum osso_status named_commit(const char *home, const char *revision, char commit[128], struct osso_error *err)
{
    char path[4096], *text = NULL;
    size_t len;
    struct osso_error ignored;
    bool plain = revision[0] && revision[0] != '/' && !strstr(revision, "..");
    snprintf(path, sizeof path, "%s/refs/%s", home, revision);
    if (plain && file_read(path, 127, &text, &len, &ignored) == OSSO_OK)
        snprintf(commit, 128, "%.*s", (int)strcspn(text, " \r\n"), text);
    else
        snprintf(commit, 128, "%s", revision);
    mem_free(text);
    snprintf(path, sizeof path, "%s/snapshots/%s", home, commit);
    if (plain && file_name_is_plain(commit, strlen(commit)) && file_is_dir(path))
        return OSSO_OK;
    return error_set(err, OSSO_NOTFOUND, "%s has no --revision %s", home, revision);
}

struct request {
    const char *home;
    char commit[128];
    bool every;         /* all revisions */
    const char **paths; /* of one file of the revision */
    struct model_files files;
};

static enum osso_status understand(const struct options *o, const struct model_picked *p, struct request *r,
                                   struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    for (int i = 0; i < p->n; i++) {
        if (!p->found[i].home || strcmp(p->found[i].place, "the hub's cache") != 0)
            return theirs(&p->found[i], err);
        if (r->home && strcmp(r->home, p->found[i].home) != 0)
            return error_set(err, OSSO_USAGE, "%s lies in two caches, %s and %s: say which by OSSO_CACHE",
                             o->operand[0], r->home, p->found[i].home);
        r->home = p->found[i].home;
        if (!r->commit[0])
            (void)model_files_commit(&p->found[i], r->commit);
    }
    r->every = o->v[OPT_all].set;
    if (!r->every && o->v[OPT_revision].set)
        return named_commit(r->home, o->v[OPT_revision].s, r->commit, err);
    if (!p->one || r->every)
        return OSSO_OK;
    status = model_files_read(&p->found[0], &r->files, err);
    if (!status && !(r->paths = mem_array(r->files.n + 1, sizeof *r->paths)))
        status = error_nomem(err, r->files.n * sizeof *r->paths, "a list of files");
    for (size_t i = 0; i < r->files.n && !status; i++)
        r->paths[i] = r->files.f[i].path;
    return status;
}

static enum osso_status take_away(const struct request *r, bool dry, uint64_t *bytes, uint64_t *shared,
                                  struct osso_error *err)
{
    return osso_hub_remove(r->home, r->every ? NULL : r->commit, r->paths, r->paths ? r->files.n : 0, dry, bytes,
                           shared, err);
}

int verb_rm(const struct options *o)
{
    struct osso_error err = {0};
    struct model_picked picked = {0};
    struct request r = {0};
    char question[700], words[32];
    uint64_t bytes = 0, shared = 0;
    enum osso_status status = model_pick(o->operand[0], &picked, &err);
    if (!status)
        status = understand(o, &picked, &r, &err);
    if (!status)
        status = take_away(&r, true, &bytes, &shared, &err);
    bool dry = o->v[OPT_rm_dry_run].set;
    snprintf(question, sizeof question, "remove %s%s from %s and free %s?", o->operand[0],
             r.every ? ", every revision," : "", r.home ? r.home : "", human_bytes(words, bytes));
    if (!status && !dry && !o->v[OPT_yes].set && !pulling_agreed(question))
        status = error_set(&err, OSSO_NOTFOUND, "%s stays: nobody said yes (--yes does)", o->operand[0]);
    if (!status && !dry)
        status = take_away(&r, false, &bytes, &shared, &err);
    if (!status)
        printf("%s %llu bytes (%s)\n", dry ? "would free" : "freed", (unsigned long long)bytes,
               human_bytes(words, bytes));
    if (!status && shared)
        say("%s stay in the cache's store for all repositories: hf cache prune frees there what nobody uses any more",
            human_bytes(words, shared));
    mem_free(r.paths);
    model_files_free(&r.files);
    model_picked_free(&picked);
    return exit_code(status, &err);
}
