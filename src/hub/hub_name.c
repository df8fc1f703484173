/* hub_name.c: what people call a model of a hub; the environment of Hugging Face's own tools. */
#include "hub/hub_name.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct preset {
    const char *name, *gguf, *own;
} presets[] = {
#define HUB_PRESET(name, gguf, own) {name, gguf, own},
#include "hub/hub_presets.def"
};
enum { N_PRESETS = sizeof presets / sizeof *presets };

const char *osso_hub_preset(int i)
{
    return i >= 0 && i < N_PRESETS ? presets[i].name : NULL;
}

/* gpt-oss:20b is gpt-oss-20b elsewhere. */
static const struct preset *preset_of(const char *given)
{
    for (int i = 0; i < N_PRESETS; i++) {
        const char *a = given, *b = presets[i].name;
        while (*a && (*a == ':' ? '-' : tolower((unsigned char)*a)) == *b)
            a++, b++;
        if (!*a && !*b)
            return &presets[i];
    }
    return NULL;
}

bool hub_name_is_revision(const char *text)
{
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/+");
    return n > 0 && n < 200 && !text[n] && text[0] != '/' && text[0] != '.' && text[n - 1] != '/' &&
           !strstr(text, "..") && !strstr(text, "//");
}

/* One half of user/name. */
static bool take_word(const char **at, char *out, size_t size)
{
    size_t n = strspn(*at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
    if (n == 0 || n >= size || (*at)[0] == '.' || (n > 1 && memcmp(*at + n - 2, "..", 2) == 0))
        return false;
    memcpy(out, *at, n);
    out[n] = 0;
    *at += n;
    return !strstr(out, "--") && !strstr(out, ".."); /* the hub has no such names, and folders of caches split there */
}

static bool take_repository(const char **at, struct hub_name *name)
{
    char user[100], model[100];
    if (!take_word(at, user, sizeof user) || *(*at)++ != '/' || !take_word(at, model, sizeof model))
        return false;
    snprintf(name->repository, sizeof name->repository, "%s/%s", user, model);
    return true;
}

/* What follows a hub's address: user/name, then nothing or resolve/REVISION/FILE. false: it is no address of a hub. */
static bool hub_address(const char *at, struct hub_name *name)
{
    static const char *const verbs[] = {"/resolve/", "/blob/"};
    if (!take_repository(&at, name))
        return false;
    if (!*at || strcmp(at, "/") == 0)
        return true;
    for (int i = 0; i < 2; i++)
        if (strncmp(at, verbs[i], strlen(verbs[i])) == 0) {
            at += strlen(verbs[i]);
            size_t n = strcspn(at, "/"), m = at[n] ? strcspn(at + n + 1, "?#") : 0;
            snprintf(name->revision, sizeof name->revision, "%.*s", (int)n, at);
            snprintf(name->label, sizeof name->label, "%.*s", (int)m, at + n + (m > 0));
            return m > 0 && m < sizeof name->label && !strchr(name->label, '%') && hub_name_is_revision(name->revision);
        }
    name->repository[0] = 0;
    return false;
}

static enum osso_status address(const char *given, const char *endpoint, struct hub_name *name, struct osso_error *err)
{
    const char *const hosts[] = {endpoint, "https://huggingface.co", "https://hf.co"};
    for (int i = 0; i < 3; i++) {
        size_t n = strlen(hosts[i]);
        if (strncasecmp(given, hosts[i], n) == 0 && given[n] == '/' && hub_address(given + n + 1, name))
            return OSSO_OK;
    }
    *name = (struct hub_name){.form = name->form};
    if (strlen(given) >= sizeof name->address)
        return error_set(err, OSSO_USAGE, "the address is too long");
    snprintf(name->address, sizeof name->address, "%s", given);
    return OSSO_OK;
}

static enum osso_status unknown(const char *given, struct osso_error *err)
{
    char list[200] = "";
    for (int i = 0; i < N_PRESETS; i++)
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", i ? ", " : "", presets[i].name);
    return error_set(
        err, OSSO_USAGE,
        "'%.80s' is no model to fetch: say one of %s, user/name at the hub, user/name:FILE, or an https address", given,
        list);
}

static enum osso_status from_preset(const struct preset *p, struct hub_name *name, struct osso_error *err)
{
    if (!name->form)
        name->form = p->gguf ? "gguf" : "hf";
    bool gguf = strcmp(name->form, "gguf") == 0;
    if (strcmp(name->form, "mlx") == 0 || (gguf && !p->gguf))
        return error_set(err, OSSO_USAGE, "there is no --form %s of %s by that name: name a repository (user/name)",
                         name->form, p->name);
    snprintf(name->repository, sizeof name->repository, "%s", gguf ? p->gguf : p->own);
    return OSSO_OK;
}

enum osso_status hub_name_read(const char *given, const char *endpoint, const struct osso_hub_options *o,
                               struct hub_name *name, struct osso_error *err)
{
    *name = (struct hub_name){.form = o->form};
    const struct preset *preset = preset_of(given);
    if (preset)
        return from_preset(preset, name, err);
    if (strstr(given, "://"))
        return strncasecmp(given, "https://", 8) == 0 || strncasecmp(given, "http://", 7) == 0
                   ? address(given, endpoint, name, err)
                   : error_set(err, OSSO_USAGE, "'%.200s' is no https address", given);
    static const char *const before[] = {"hf:", "hf.co/", "huggingface.co/"};
    const char *at = given;
    for (int i = 0; i < 3; i++)
        if (strncasecmp(at, before[i], strlen(before[i])) == 0) {
            at += strlen(before[i]);
            break;
        }
    if (!take_repository(&at, name) || (*at && *at != ':') || strlen(at) >= sizeof name->label || strcmp(at, ":") == 0)
        return unknown(given, err);
    snprintf(name->label, sizeof name->label, "%s", *at ? at + 1 : "");
    return OSSO_OK;
}

/* ---- the environment ------------------------------------------------------------------------------------ */

enum osso_status hub_name_endpoint(char url[512], struct osso_error *err)
{
    const char *given = getenv("HF_ENDPOINT");
    if (!given || !*given)
        given = "https://huggingface.co";
    size_t n = strlen(given);
    while (n > 0 && given[n - 1] == '/')
        n--;
    bool http = strncasecmp(given, "https://", 8) == 0 || strncasecmp(given, "http://", 7) == 0;
    if (!http || n >= 512 || strpbrk(given, " \t\r\n\"<>\\@?#"))
        return error_set(err, OSSO_USAGE,
                         "HF_ENDPOINT is no https address of a server (as https://huggingface.co): '%.200s'", given);
    snprintf(url, 512, "%.*s", (int)n, given);
    return OSSO_OK;
}

/* The file that holds the token, or NULL. */
static char *token_path(void)
{
    const char *path = getenv("HF_TOKEN_PATH"), *home = getenv("HF_HOME"), *cache = getenv("XDG_CACHE_HOME");
    if (path && *path)
        return file_of_home(path);
    const char *below = home && *home     ? "token"
                        : cache && *cache ? "huggingface/token"
                                          : ".cache/huggingface/token",
               *named = home && *home     ? home
                        : cache && *cache ? cache
                                          : getenv("HOME");
    char *folder = named ? file_of_home(named) : NULL, *token = folder ? file_join(folder, below) : NULL;
    mem_free(folder);
    return token;
}

enum osso_status hub_name_token(char token[512], struct osso_error *err)
{
    const char *given = getenv("HF_TOKEN");
    struct osso_error ignored;
    char *text = NULL, *path = NULL;
    size_t len = 0;
    token[0] = 0;
    if (given && *given)
        len = (text = mem_strdup(given)) ? strlen(text) : 0;
    else if ((path = token_path()) && file_exists(path))
        (void)file_read(path, 511, &text, &len, &ignored);
    while (text && len > 0 && isspace((unsigned char)text[len - 1]))
        len--;
    size_t first = 0;
    while (first < len && isspace((unsigned char)text[first]))
        first++;
    bool good = len - first < 512;
    for (size_t i = first; i < len && good; i++)
        good = text[i] > ' ' && text[i] < 127;
    if (good && text)
        snprintf(token, 512, "%.*s", (int)(len - first), text + first);
    mem_free(text);
    mem_free(path);
    return good ? OSSO_OK
                : error_set(
                      err, OSSO_USAGE,
                      "the hub's token (HF_TOKEN, or the file of hf auth login) is no token: it holds blanks or worse");
}
