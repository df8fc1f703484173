/* instead.c: half a download, an adapter, the files of another program: each is known by what lies there. */
#include "checkpoint/instead.h"

#include "base/error.h"
#include "json/jget.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

enum { MAX_ADAPTER = 1 << 20, MAX_BASE = 120, PATH_ROOM = 4096 };

/* ---- what lies in a folder ------------------------------------------------------------------------------ */

static bool ends(const char *name, const char *ending)
{
    size_t n = strlen(name), m = strlen(ending);
    return n > m && strcmp(name + n - m, ending) == 0;
}

/* How many files of the folder have a name that ends like this; the first by name into found[256]. */
static int count(const char *folder, const char *ending, char *found)
{
    DIR *dir = opendir(folder);
    int n = 0;
    found[0] = 0;
    for (struct dirent *e; dir && (e = readdir(dir));) {
        if (!ends(e->d_name, ending))
            continue;
        if (n++ == 0 || strcmp(e->d_name, found) < 0)
            snprintf(found, 256, "%s", e->d_name);
    }
    if (dir)
        closedir(dir);
    return n;
}

static bool there(const char *folder, const char *name)
{
    char path[PATH_ROOM];
    return (size_t)snprintf(path, sizeof path, "%s/%s", folder, name) < sizeof path && file_exists(path);
}

/* What downloading programs call a file that is not whole yet. */
static const char *const endings[] = {".incomplete", ".part", ".partial", ".crdownload", ".aria2", ".download"};

/* Here, or where the hub's own programs put them. */
static bool unfinished(const char *folder, char *found)
{
    static const char *const places[] = {".", ".cache/huggingface/download", "../../blobs"};
    for (size_t p = 0; p < sizeof places / sizeof *places; p++) {
        char place[PATH_ROOM];
        if ((size_t)snprintf(place, sizeof place, "%s/%s", folder, places[p]) >= sizeof place)
            continue;
        for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
            if (count(place, endings[i], found) > 0)
                return true;
    }
    return false;
}

/* ---- adapters ------------------------------------------------------------------------------------------- */

static bool is_adapter(const char *folder)
{
    return there(folder, "adapter_config.json") || there(folder, "adapter_model.safetensors") ||
           there(folder, "adapter_model.bin");
}

/* " openai/gpt-oss-20b", as the adapter names its base; "" where it does not. */
static void base_of(const char *folder, char base[MAX_BASE + 2])
{
    char path[PATH_ROOM];
    struct jdoc *doc = NULL;
    struct osso_error ignored;
    base[0] = 0;
    if ((size_t)snprintf(path, sizeof path, "%s/adapter_config.json", folder) < sizeof path &&
        jdoc_read_file(path, MAX_ADAPTER, &doc, &ignored) == OSSO_OK) {
        const struct jval *name = jval_get_type(jdoc_root(doc), "base_model_name_or_path", J_STRING);
        if (name)
            snprintf(base, MAX_BASE + 2, " %.*s", MAX_BASE, name->text.s);
        jdoc_release(doc);
    }
}

static enum osso_status adapter(const char *folder, struct osso_error *err)
{
    char base[MAX_BASE + 2];
    base_of(folder, base);
    return error_set(err, OSSO_UNSUPPORTED,
                     "%s holds a LoRA adapter, not a whole model; merge it into its base model%s first", folder, base);
}

/* ---- folders -------------------------------------------------------------------------------------------- */

static enum osso_status no_weights(const char *folder, struct osso_error *err)
{
    char name[256];
    int n = count(folder, ".safetensors", name);
    if (n > 0)
        return error_set(err, OSSO_NOTFOUND,
                         "%s holds %d safetensors file%s (%s), but neither model.safetensors nor "
                         "model.safetensors.index.json, which says what lies where: %s",
                         folder, n, n == 1 ? "" : "s", name,
                         n == 1 ? "give a whole model's file that name" : "download the index too");
    if (count(folder, ".gguf", name))
        return error_set(err, OSSO_NOTFOUND, "%s holds GGUF files and no safetensors; name the .gguf file itself: %s",
                         folder, name);
    if (count(folder, ".bin", name) || count(folder, ".pt", name) || count(folder, ".pth", name))
        return error_set(err, OSSO_UNSUPPORTED,
                         "%s holds weights in PyTorch's form (%s); use the model's safetensors or GGUF form", folder,
                         name);
    return error_set(err, OSSO_NOTFOUND,
                     "%s holds neither model.safetensors nor model.safetensors.index.json; is the download complete?",
                     folder);
}

/* The first by name of a hub cache's folders. */
static bool is_hub(const char *folder, char *found)
{
    DIR *dir = opendir(folder);
    found[0] = 0;
    for (struct dirent *e; dir && (e = readdir(dir));)
        if (strncmp(e->d_name, "models--", 8) == 0 && (!found[0] || strcmp(e->d_name, found) < 0))
            snprintf(found, 256, "%s", e->d_name);
    if (dir)
        closedir(dir);
    return found[0] != 0;
}

static enum osso_status no_config(const char *folder, struct osso_error *err)
{
    char name[256];
    if (is_hub(folder, name))
        return error_set(err, OSSO_NOTFOUND, "%s is a cache of many models; name one of them, such as %s/%s", folder,
                         folder, name);
    if (count(folder, ".gguf", name))
        return error_set(err, OSSO_NOTFOUND, "%s holds GGUF files and no config.json; name the .gguf file itself: %s",
                         folder, name);
    if (count(folder, ".safetensors", name))
        return error_set(err, OSSO_NOTFOUND, "%s holds weights but no config.json; is the download complete?", folder);
    if (there(folder, "original") || there(folder, "metal"))
        return error_set(err, OSSO_NOTFOUND,
                         "%s holds the %s form of gpt-oss alone and no config.json; osso needs the Hugging Face form "
                         "(download the repository without leaving files out) or a GGUF file",
                         folder, there(folder, "original") ? "original/" : "metal/");
    return error_set(err, OSSO_NOTFOUND,
                     "%s is no model: it has no config.json; name a Hugging Face folder or a GGUF file", folder);
}

static enum osso_status instead(const char *folder, enum osso_status (*otherwise)(const char *, struct osso_error *),
                                struct osso_error *err)
{
    char name[256];
    if (unfinished(folder, name))
        return error_set(err, OSSO_NOTFOUND,
                         "%s is a download that has not ended: %s lies there; run the download again", folder, name);
    return is_adapter(folder) ? adapter(folder, err) : otherwise(folder, err);
}

enum osso_status instead_folder(const char *folder, struct osso_error *err)
{
    return instead(folder, no_config, err);
}

enum osso_status instead_weights(const char *folder, struct osso_error *err)
{
    char name[256];
    struct osso_error said = {""};
    if (!there(folder, "model.safetensors.index.json"))
        return instead(folder, no_weights, err);
    if (err && unfinished(folder, name)) {
        said = *err;
        error_set(err, OSSO_NOTFOUND, "%s %s lies there: run the download again", said.text, name);
    }
    return OSSO_NOTFOUND;
}

enum osso_status instead_absent(const char *path, const char *why, struct osso_error *err)
{
    char half[PATH_ROOM];
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if ((size_t)snprintf(half, sizeof half, "%s%s", path, endings[i]) < sizeof half && file_exists(half))
            return error_set(err, OSSO_NOTFOUND,
                             "%s is a download that has not ended: %s lies there; run the download "
                             "again",
                             path, half);
    return error_set(err, OSSO_IO, "cannot open %s: %s; name a Hugging Face folder or a GGUF file", path, why);
}

void instead_beside(const char *folder, struct notes *notes)
{
    char base[MAX_BASE + 2], name[256];
    if (is_adapter(folder)) {
        base_of(folder, base);
        notes_add(notes, "%s holds a LoRA adapter (of%s) beside the model; it is not applied", folder,
                  base[0] ? base : " a base model that it does not name");
    }
    if (count(folder, ".aria2", name)) /* its program gives a file its length first and fills it then */
        notes_add(notes, "%s: the download of a file has not ended (%s): weights may be missing", folder, name);
}

/* ---- files ---------------------------------------------------------------------------------------------- */

enum osso_status instead_file(const char *path, const struct file_map *map, struct osso_error *err)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    if (map->size >= 12 && memcmp(map->data, "GPT-OSS v1.0", 12) == 0)
        return error_set(err, OSSO_UNSUPPORTED,
                         "%s is the metal/ form of gpt-oss; use the Hugging Face folder or a GGUF file", path);
    if (strncmp(name, "adapter_", 8) == 0)
        return error_set(err, OSSO_UNSUPPORTED,
                         "%s belongs to a LoRA adapter, which is no whole model; merge it into its base model first",
                         path);
    if (map->size >= 9 && map->data[8] == '{' && map->data[6] == 0 && map->data[7] == 0)
        return error_set(err, OSSO_USAGE,
                         "%s is one safetensors file; name the folder that holds it and its config.json", path);
    if (map->size >= 1 && map->data[0] == '{')
        return error_set(err, OSSO_USAGE, "%s is JSON; name the folder that holds it and the safetensors files", path);
    if (map->size > 0 && file_instead(map->data, map->size))
        return error_set(err, OSSO_FORMAT, "%s %s", path, file_instead(map->data, map->size));
    return error_set(err, OSSO_FORMAT, "%s is no GGUF file, nor a Hugging Face folder", path);
}
