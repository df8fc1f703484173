/* model_name.c: what people call a model: a path, a folder of a hub cache, or a name that is no path. */
#define _GNU_SOURCE
#include "cli/model_name.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "cli/model_store.h"
#include "cli/state.h"

#include "osso/model.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

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
    const char *scheme = strstr(given, "://"), *at = scheme ? scheme + 3 : given;
    struct model_words *w = &out->words;
    *out = (struct named){.address = scheme != NULL};
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

/* The address of a file is fetched as any other. */
static bool file_address(const char *given, char *text, size_t size)
{
    int len = (int)strcspn(given, "?#");
    const char *slash = memrchr(given, '/', (size_t)len);
    bool file = strstr(given, "://") && slash && len > 5 && strncasecmp(given + len - 5, ".gguf", 5) == 0 &&
                !strpbrk(given, " '\"\\$`");
    if (file)
        snprintf(text, size, "curl -L -O '%.*s', then -m %.*s", len, given, (int)(given + len - slash - 1), slash + 1);
    return file;
}

/* How it is fetched, and what is named with -m then. */
static void how_to_get(const char *given, const struct named *named, char *text, size_t size)
{
    const struct model_words *w = &named->words;
    if (file_address(given, text, size))
        return;
    const char *big = strcasestr(w->name, "120b") || strcasestr(w->tag, "120b") ? "120b" : "20b";
    bool ours = !w->owner[0] || strcasecmp(w->owner, "openai") == 0 || strcasecmp(w->owner, "library") == 0;
    size_t n = strlen(w->name);
    bool gguf = n > 5 && strcasecmp(w->name + n - 5, "-GGUF") == 0;
    if (ours || !w->name[0]) /* its own folders hold the weights twice more, in forms of other programs */
        snprintf(text, size, "hf download openai/gpt-oss-%s --exclude '*/*' --local-dir gpt-oss-%s, then -m gpt-oss-%s",
                 big, big, big);
    else
        snprintf(text, size, "hf download %s/%s --local-dir %s, then -m %s%s", w->owner, w->name, w->name, w->name,
                 gguf ? "/ and its .gguf file" : "");
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

/* A name that is no path: where it lies, or how to get it. OK: it is neither, and the opener says what is wrong. */
static enum osso_status no_path(const char *given, struct osso_error *err)
{
    struct named named;
    struct model_found found[MOST_FOUND];
    struct osso_error why = {0};
    char get[512], path[512];
    if (!is_name(given, &named))
        return OSSO_OK;
    const struct model_words *w = &named.words;
    int n = w->name[0] ? model_store_find(w, found, MOST_FOUND) : 0, sound = first_sound(found, n, &why);
    bool bare = !named.address && !w->owner[0] && !w->tag[0];
    how_to_get(given, &named, get, sizeof get);
    enum osso_status status = OSSO_NOTFOUND;
    if (sound < n)
        error_set(err, status, "%s is no path here, but %s lies in %s: -m %s", given,
                  found[sound].exact ? "the model" : "a model of that name", found[sound].place,
                  quoted(found[sound].path, path, sizeof path));
    else if (n > 0)
        error_set(err, status, "%s is no path here, and what %s has of that name cannot be opened (%.200s); get it: %s",
                  given, found[0].place, why.text, get);
    else if (!bare || strncasecmp(w->name, "gpt-oss", 7) == 0)
        error_set(err, status, "%s is no path here, and osso does not download yet; get it: %s", given, get);
    else
        status = OSSO_OK;
    model_store_free(found, n);
    return status;
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
        *path_out = model_store_snapshot(given);
    if (!*path_out)
        *path_out = mem_strdup(given);
    return *path_out ? OSSO_OK : error_nomem(err, strlen(given), "a path");
}
