/* model_name.c: what people call a model: a path, a folder of a hub cache, or a name that is no path. */
#define _GNU_SOURCE
#include "cli/model_name.h"

#include "base/error.h"
#include "base/file.h"
#include "base/guess.h"
#include "base/mem.h"
#include "cli/model_store.h"
#include "cli/numbers.h"
#include "cli/out.h"
#include "cli/pulling.h"
#include "cli/state.h"

#include "osso/hub.h"
#include "osso/model.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { MOST_FOUND = 8 };

/* How a name was spelt; the words themselves are a hub's, a store's or a folder's. */
struct named {
    struct model_words words;
    bool address; /* with a host before it */
};

/* The next part of a name, up to a character that no part has; false: too long. */
static bool take_word(const char **at, char *word, size_t size)
{
    size_t n = strspn(*at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
    if (n >= size)
        return false;
    memcpy(word, *at, n);
    word[n] = 0;
    *at += n;
    return true;
}

/* [[SCHEME://]HOST/][OWNER/]NAME[:TAG], with whatever follows the name in an address. false: it is a path. */
static bool is_name(const char *given, struct named *out)
{
    static const char *const hosts[] = {"hf.co/", "huggingface.co/", "ollama.com/", "registry.ollama.ai/"};
    static const struct {
        const char *before, *place;
    } only[] = {{"ollama:", "ollama's store"}, {"lms:", "LM Studio's folder"}, {"hf:", NULL}};
    const char *place = NULL;
    for (size_t i = 0; i < sizeof only / sizeof *only; i++)
        if (strncmp(given, only[i].before, strlen(only[i].before)) == 0) {
            given += strlen(only[i].before);
            place = only[i].place;
            break;
        }
    const char *scheme = strstr(given, "://"), *at = scheme ? scheme + 3 : given;
    struct model_words *w = &out->words;
    *out = (struct named){.address = scheme != NULL, .words.place = place};
    for (size_t i = 0; !scheme && i < sizeof hosts / sizeof *hosts; i++)
        out->address = out->address || strncasecmp(at, hosts[i], strlen(hosts[i])) == 0;
    if (out->address)
        at += strcspn(at, "/") + (strchr(at, '/') != NULL);
    if (!take_word(&at, w->name, sizeof w->name))
        return out->address;
    if (*at == '/') {
        at++;
        memcpy(w->owner, w->name, sizeof w->owner);
        if (!take_word(&at, w->name, sizeof w->name))
            return out->address;
    }
    bool whole = w->name[0] && w->name[0] != '.' && w->owner[0] != '.';
    if (*at == ':' && (at++, !take_word(&at, w->tag, sizeof w->tag)))
        return out->address;
    if (out->address)
        return true;
    /* models/x is a path with a slip in it */
    return whole && !*at && !(w->owner[0] && file_is_dir(w->owner));
}

/* A path as a shell takes it. */
static const char *quoted(const char *path, char *space, size_t size)
{
    if (!path[strcspn(path, " \t'\"\\$&;()<>|*?[]#~`!{}")])
        return path;
    size_t n = 0;
    space[n++] = '\'';
    for (const char *c = path; *c && n + 6 < size; c++)
        if (*c == '\'')
            n += (size_t)snprintf(space + n, size - n, "'\\''");
        else
            space[n++] = *c;
    space[n++] = '\'';
    space[n] = 0;
    return space;
}

/* How it is fetched: what `osso pull` takes, as a shell takes it; "": by nothing that osso knows. */
static void pull_word(const char *given, const struct named *named, char *text, size_t size)
{
    const struct model_words *w = &named->words;
    char space[512];
    const char *big = strcasestr(w->name, "120b") || strcasestr(w->tag, "120b") ? "120b" : "20b";
    bool ours = !w->owner[0] || strcasecmp(w->owner, "openai") == 0 || strcasecmp(w->owner, "library") == 0;
    if (strstr(given, "://") && strcasestr(given, ".gguf"))
        snprintf(text, size, "%s", quoted(given, space, sizeof space));
    else if (ours || !w->name[0])
        snprintf(text, size, "gpt-oss-%s%s", strcasestr(w->name, "safeguard") ? "safeguard-" : "", big);
    else
        snprintf(text, size, "%s/%s%s%s", w->owner, w->name, w->tag[0] ? ":" : "", w->tag);
}

/* The first of them that osso can open, or `n` and why the first one cannot be. */
static int first_sound(const struct model_found *found, int n, struct osso_error *why)
{
    for (int i = 0; i < n; i++) {
        struct osso_model *model;
        struct osso_error err;
        enum osso_status status = osso_model_open(found[i].path, &model, &err);
        osso_model_free(model);
        if (!status)
            return i;
        if (i == 0)
            *why = err;
    }
    return n;
}

/* Asks, or was told, to fetch it, and does. NOTFOUND: nobody agreed. */
static enum osso_status fetch(const struct options *o, const char *word, char **path_out, struct osso_error *err)
{
    struct osso_hub_plan *plan = NULL;
    struct osso_hub_options with = pulling_options(o);
    char question[700], size[32];
    uint64_t there;
    enum osso_status status = osso_hub_plan_create(word, &with, &plan, err);
    if (!status) {
        uint64_t bytes = pulling_bytes(plan, &there);
        snprintf(question, sizeof question, "%s is not on this disk; fetch %s?", word,
                 human_bytes(size, bytes - there));
        if (!o->v[OPT_yes].set && !pulling_agreed(question))
            status = error_set(err, OSSO_NOTFOUND, "%s is not on this disk: osso pull %s", word, word);
    }
    if (!status)
        status = pulling_run(plan, err);
    if (!status && !(*path_out = mem_strdup(osso_hub_plan_path(plan))))
        status = error_nomem(err, 4096, "a path");
    osso_hub_plan_free(plan);
    return status == OSSO_USAGE ? OSSO_NOTFOUND : status;
}

struct near {
    struct guess guess; /* its best is of a loop that is over */
    char name[200];
};

static void try_form(struct near *near, const char *form, const char *name)
{
    near->guess.best = NULL;
    struct guess now = near->guess;
    guess_try(&now, form);
    if (guess_best(&now) && (!near->name[0] || now.distance < near->guess.distance)) {
        near->guess.distance = now.distance;
        snprintf(near->name, sizeof near->name, "%s", name);
    }
}

/* "; did you mean NAME?", of a model on this disk; "" when no name is near. A repository's file may be left out, and so
 * may an owner. */
static void nearest(const char *given, char text[256])
{
    enum { MOST = 1024 };
    struct model_found *found = mem_array(MOST, sizeof *found);
    struct near near = {.guess.typed = strncmp(given, "hf:", 3) == 0 ? given + 3 : given};
    int n = found ? model_store_all(found, MOST) : 0;
    for (int i = 0; i < n; i++) {
        char name[200];
        snprintf(name, sizeof name, "%s", found[i].name ? found[i].name : "");
        try_form(&near, name, name);
        bool tagged = strncmp(name, "ollama:", 7) == 0;
        if (tagged) /* its second : is a part of the name */
            try_form(&near, name + 7, name);
        if (tagged || strncmp(name, "lms:", 4) == 0)
            continue;
        name[strcspn(name, ":")] = 0;
        try_form(&near, name, name);
        try_form(&near, strchr(name, '/') ? strchr(name, '/') + 1 : name, name);
    }
    snprintf(text, 256, *near.name ? "; did you mean %s?" : "", near.name);
    if (found)
        model_store_free(found, n);
    mem_free(found);
}

/* A name of no model here. `word`: how it would be fetched; NULL: it may be a path with a slip in it. */
static enum osso_status nowhere(const char *given, const struct model_words *w, const char *word,
                                struct osso_error *err)
{
    char near[256];
    nearest(given, near);
    if (w->place)
        return error_set(err, OSSO_NOTFOUND, "%s is not in %s%s", given, w->place, near);
    if (word)
        return error_set(err, OSSO_NOTFOUND, "%s is no path here and not on this disk; get it: osso pull %s%s", given,
                         word, near);
    return *near ? error_set(err, OSSO_NOTFOUND, "%s is no path here%s", given, near) : OSSO_OK;
}

/* A name that is no path: where it lies, or, when somebody agrees, from the hub. OK without a path: it is neither, and
 * the opener says what is wrong. */
static enum osso_status no_path(const struct options *o, const char *given, char **path_out, struct osso_error *err)
{
    struct named named;
    struct model_found found[MOST_FOUND];
    struct osso_error why = {0};
    char word[600];
    if (!is_name(given, &named))
        return OSSO_OK;
    const struct model_words *w = &named.words;
    int n = w->name[0] ? model_store_find(w, found, MOST_FOUND) : 0, sound = first_sound(found, n, &why);
    bool bare = !named.address && !w->place && !w->owner[0] && !w->tag[0];
    bool known = !bare || strncasecmp(w->name, "gpt-oss", 7) == 0;
    bool ask = known && o && (o->v[OPT_yes].set || (isatty(STDIN_FILENO) && err_is_terminal())) &&
               !pulling_is_offline(o);
    pull_word(given, &named, word, sizeof word);
    enum osso_status status = OSSO_OK;
    if (sound < n && found[sound].exact) {
        *path_out = mem_strdup(found[sound].path);
        status = *path_out ? OSSO_OK : error_nomem(err, strlen(given), "a path");
    } else if (sound < n) { /* of this name, but somebody else's: no silent exchange */
        char path[512];
        status = error_set(err, OSSO_NOTFOUND, "%s is no path here, but a model of that name lies in %s: -m %s", given,
                           found[sound].place, quoted(found[sound].path, path, sizeof path));
    } else if (ask && !w->place)
        status = fetch(o, word, path_out, err);
    else if (n > 0)
        status = error_set(
            err, OSSO_NOTFOUND,
            "%s is no path here, and what %s has of that name cannot be opened (%.200s); get it: osso pull %s", given,
            found[0].place, why.text, word);
    else
        status = nowhere(given, w, known ? word : NULL, err);
    model_store_free(found, n);
    return status;
}

enum osso_status model_name_resolve(const struct options *o, const char *given, char **path_out, struct osso_error *err)
{
    *path_out = NULL;
    bool there = file_exists(given);
    enum osso_status status = OSSO_OK;
    if (!there && given[0] == '~')
        *path_out = file_of_home(given);
    else if (!there)
        status = no_path(o, given, path_out, err);
    else if (file_is_dir(given))
        *path_out = model_store_snapshot(given);
    if (!status && !*path_out)
        *path_out = mem_strdup(given);
    return status ? status : *path_out ? OSSO_OK : error_nomem(err, strlen(given), "a path");
}
