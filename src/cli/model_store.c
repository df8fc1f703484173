/* model_store.c: the models that other programs have fetched, found by name.
 *
 * Every store has its own way to spell a name in folders. Here each one is taken apart into owner, name, tag and file,
 * and compared in one place, so that gpt-oss:20b, openai/gpt-oss-20b and gpt-oss-20b find each other. Walks are bounded
 * in entries and depth, manifests in bytes; a digest or a revision that is no plain name leads nowhere. */
#define _GNU_SOURCE
#include "cli/model_store.h"

#include "base/file.h"
#include "base/mem.h"
#include "json/jdoc.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_ENTRIES = 20000, MAX_MANIFEST = 1 << 20 };

struct search {
    const struct model_words *words;
    const char *place;
    struct model_found *found;
    int n, cap;
    int budget; /* entries of folders that may still be looked at */
};

/* ---- names ---------------------------------------------------------------------------------------------- */

/* The form in which names are compared: small letters, without .gguf and -GGUF behind, : as - */
static void plain_key(char key[200], const char *name)
{
    snprintf(key, 200, "%s", name);
    for (char *c = key; *c; c++)
        *c = *c == ':' ? '-' : *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
    static const char *const endings[] = {".gguf", "-gguf"};
    for (int i = 0; i < 2; i++) {
        size_t n = strlen(key), m = strlen(endings[i]);
        if (n > m && strcmp(key + n - m, endings[i]) == 0)
            key[n - m] = 0;
    }
}

static bool same_name(const char *a, const char *b)
{
    char ka[200], kb[200];
    plain_key(ka, a);
    plain_key(kb, b);
    return strcmp(ka, kb) == 0;
}

/* What is asked for, with its tag as a part of the name: gpt-oss:20b is gpt-oss-20b elsewhere. */
static bool is_joined(const struct model_words *w, const char *name)
{
    char joined[200];
    snprintf(joined, sizeof joined, "%s-%s", w->name, w->tag);
    return w->tag[0] && same_name(joined, name);
}

/* Is this repository, or this file of it ("": none in particular), what is asked for? A tag that is no part of the
 * repository's name says which of its files. */
static bool wanted(const struct model_words *w, const char *repository, const char *file)
{
    if (is_joined(w, repository) || (*file && (is_joined(w, file) || same_name(w->name, file))))
        return true;
    return same_name(w->name, repository) &&
           (!w->tag[0] || strcasecmp(w->tag, "latest") == 0 || strcasestr(file, w->tag));
}

static void add(struct search *s, const char *path, const char *owner)
{
    bool exact = !s->words->owner[0] || strcasecmp(s->words->owner, owner) == 0;
    for (int i = 0; i < s->n; i++)
        if (strcmp(s->found[i].path, path) == 0)
            return;
    if (s->n == s->cap && (!exact || s->found[s->n - 1].exact))
        return;
    char *copy = mem_strdup(path);
    if (!copy)
        return;
    if (s->n == s->cap)
        mem_free(s->found[--s->n].path);
    int at = s->n;
    while (exact && at > 0 && !s->found[at - 1].exact)
        at--;
    memmove(s->found + at + 1, s->found + at, (size_t)(s->n - at) * sizeof *s->found);
    s->found[at] = (struct model_found){copy, s->place, exact};
    s->n++;
}

/* ---- folders -------------------------------------------------------------------------------------------- */

typedef void entry_fn(struct search *s, const char *path, const char *name, const void *context);

static void each_entry(struct search *s, const char *folder, entry_fn *fn, const void *context)
{
    DIR *dir = opendir(folder);
    for (struct dirent *e; dir && s->budget > 0 && (e = readdir(dir));) {
        if (e->d_name[0] == '.')
            continue;
        s->budget--;
        char *path = file_join(folder, e->d_name);
        if (path)
            fn(s, path, e->d_name, context);
        mem_free(path);
    }
    if (dir)
        closedir(dir);
}

struct repository {
    const char *owner, *name;
    bool inner; /* in a folder of it */
};

/* A GGUF file; of one in parts the first, which names the others. */
static bool is_model_file(const char *name)
{
    const char *part = strcasestr(name, "-of-");
    size_t n = strlen(name);
    bool later = part && part >= name + 6 && strncmp(part - 6, "-00001", 6) != 0;
    return n > 5 && strcasecmp(name + n - 5, ".gguf") == 0 && !later && strncasecmp(name, "mmproj", 6) != 0;
}

static void repository_file(struct search *s, const char *path, const char *name, const void *context)
{
    const struct repository *r = context;
    bool folder = file_is_dir(path);
    if (folder && !r->inner)
        each_entry(s, path, repository_file, &(struct repository){r->owner, r->name, true});
    if (!folder && is_model_file(name) && wanted(s->words, r->name, name))
        add(s, path, r->owner);
}

/* A folder of a repository's files: its GGUF files, or itself. */
static void repository_files(struct search *s, const char *folder, const struct repository *r)
{
    char *config = file_join(folder, "config.json");
    int before = s->n;
    each_entry(s, folder, repository_file, r);
    if (s->n == before && config && file_exists(config) && wanted(s->words, r->name, ""))
        add(s, folder, r->owner);
    mem_free(config);
}

/* ---- the layouts ---------------------------------------------------------------------------------------- */

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

char *model_store_snapshot(const char *folder)
{
    char revision[128] = {0}, path[4096], *text = NULL;
    struct osso_error err;
    size_t len;
    snprintf(path, sizeof path, "%s/refs/main", folder);
    if (!file_exists(path)) {
        if (!only_snapshot(folder, revision))
            return NULL;
    } else if (file_read(path, sizeof revision - 1, &text, &len, &err))
        return NULL;
    else {
        memcpy(revision, text, len);
        mem_free(text);
    }
    revision[strcspn(revision, " \r\n")] = 0;
    if (revision[0] == 0 || !file_name_is_plain(revision, strlen(revision)))
        return NULL;
    int n = snprintf(path, sizeof path, "%s/snapshots/%s", folder, revision);
    return n > 0 && (size_t)n < sizeof path && file_is_dir(path) ? mem_strdup(path) : NULL;
}

/* models--OWNER--NAME */
static void hub_entry(struct search *s, const char *path, const char *name, const void *context)
{
    (void)context;
    char owner[200];
    const char *dashes = strncmp(name, "models--", 8) == 0 ? strstr(name + 8, "--") : NULL;
    if (!dashes || (size_t)(dashes - name - 8) >= sizeof owner)
        return;
    snprintf(owner, sizeof owner, "%.*s", (int)(dashes - name - 8), name + 8);
    char *snapshot = model_store_snapshot(path);
    if (snapshot)
        repository_files(s, snapshot, &(struct repository){owner, dashes + 2, false});
    mem_free(snapshot);
}

static void hub(struct search *s, const char *root)
{
    each_entry(s, root, hub_entry, NULL);
}

/* OWNER/NAME/files */
static void owned_repository(struct search *s, const char *path, const char *name, const void *owner)
{
    repository_files(s, path, &(struct repository){owner, name, false});
}

static void owner_folder(struct search *s, const char *path, const char *name, const void *context)
{
    (void)context;
    each_entry(s, path, owned_repository, name);
}

static void owners(struct search *s, const char *root)
{
    each_entry(s, root, owner_folder, NULL);
}

/* OWNER_NAME_FILE, where names have underscores too. */
static void flat_file(struct search *s, const char *path, const char *name, const void *context)
{
    (void)context;
    char owner[256], rest[256];
    const char *first = strchr(name, '_');
    if (!is_model_file(name) || file_is_dir(path) || strlen(name) >= sizeof rest)
        return;
    if (!first && wanted(s->words, "", name))
        add(s, path, "");
    snprintf(owner, sizeof owner, "%.*s", first ? (int)(first - name) : 0, name);
    for (const char *next = first ? strchr(first + 1, '_') : NULL; next; next = strchr(next + 1, '_')) {
        snprintf(rest, sizeof rest, "%.*s", (int)(next - first - 1), first + 1);
        if (wanted(s->words, rest, next + 1))
            add(s, path, owner);
    }
}

/* llama.cpp: once as flat files, now as a hub's cache. */
static void flat(struct search *s, const char *root)
{
    each_entry(s, root, flat_file, NULL);
    hub(s, root);
}

/* The blob of a manifest's model, or NULL. */
static char *ollama_blob(const char *root, const char *manifest)
{
    struct jdoc *doc;
    struct osso_error err;
    char *path = NULL;
    if (jdoc_read_file(manifest, MAX_MANIFEST, &doc, &err))
        return NULL;
    const struct jval *layers = jval_get_type(jdoc_root(doc), "layers", J_ARRAY);
    for (const struct jval *l = layers ? layers->first : NULL; l && !path; l = l->next) {
        const struct jval *type = jval_get_type(l, "mediaType", J_STRING),
                          *digest = jval_get_type(l, "digest", J_STRING);
        if (!type || !digest || !jtext_is(type->text, "application/vnd.ollama.image.model"))
            continue;
        const char *d = digest->text.s;
        if (strncmp(d, "sha256", 6) == 0 && (d[6] == ':' || d[6] == '-') &&
            strspn(d + 7, "0123456789abcdefABCDEF") == 64 && digest->text.len == 7 + 64) {
            char name[sizeof "blobs/sha256-" + 64];
            snprintf(name, sizeof name, "blobs/sha256-%s", d + 7);
            path = file_join(root, name);
        }
    }
    jdoc_release(doc);
    return path;
}

/* manifests/HOST/OWNER/NAME/TAG, as far as it has been walked. */
struct manifest {
    const char *root, *parts[3];
    int depth;
};

static void ollama_entry(struct search *s, const char *path, const char *name, const void *context)
{
    struct manifest m = *(const struct manifest *)context;
    const struct model_words *w = s->words;
    char joined[512];
    if (m.depth < 3) {
        m.parts[m.depth++] = name;
        each_entry(s, path, ollama_entry, &m);
        return;
    }
    snprintf(joined, sizeof joined, "%s-%s", m.parts[2], name);
    bool tagged = same_name(w->name, m.parts[2]) && strcasecmp(w->tag[0] ? w->tag : "latest", name) == 0;
    if (!tagged && !is_joined(w, joined) && !same_name(w->name, joined))
        return;
    char *blob = ollama_blob(m.root, path);
    if (blob)
        add(s, blob, m.parts[1]);
    mem_free(blob);
}

static void ollama(struct search *s, const char *root)
{
    char *manifests = file_join(root, "manifests");
    if (manifests)
        each_entry(s, manifests, ollama_entry, &(struct manifest){.root = root});
    mem_free(manifests);
}

/* ---- the places ----------------------------------------------------------------------------------------- */

static const struct {
    const char *name;     /* as it is called in a sentence */
    const char *variable; /* that names its folder; NULL: no variable does */
    const char *below;    /* in that folder */
    void (*layout)(struct search *s, const char *root);
} places[] = {
    {"the hub's cache", "OSSO_CACHE", "", hub},
    {"the hub's cache", "HF_HUB_CACHE", "", hub},
    {"the hub's cache", "HUGGINGFACE_HUB_CACHE", "", hub},
    {"the hub's cache", "HF_HOME", "hub", hub},
    {"the hub's cache", "XDG_CACHE_HOME", "huggingface/hub", hub},
    {"the hub's cache", "HOME", ".cache/huggingface/hub", hub},
    {"ollama's store", "OLLAMA_MODELS", "", ollama},
    {"ollama's store", "HOME", ".ollama/models", ollama},
    {"ollama's store", NULL, "/usr/share/ollama/.ollama/models", ollama}, /* its installer's service */
    {"ollama's store", NULL, "/var/lib/ollama", ollama},                  /* a distribution's */
    {"LM Studio's folder", "HOME", ".lmstudio/models", owners},
    {"LM Studio's folder", "HOME", ".cache/lm-studio/models", owners},
    {"llama.cpp's cache", "LLAMA_CACHE", "", flat},
    {"llama.cpp's cache", "XDG_CACHE_HOME", "llama.cpp", flat},
    {"llama.cpp's cache", "HOME", ".cache/llama.cpp", flat},
};

int model_store_find(const struct model_words *words, struct model_found *found_out, int cap)
{
    struct search s = {.words = words, .found = found_out, .cap = cap};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const char *folder = places[i].variable ? getenv(places[i].variable) : "";
        if (!folder || (places[i].variable && !*folder) || (words->place && strcmp(words->place, places[i].name) != 0))
            continue;
        char *root = !*folder           ? mem_strdup(places[i].below)
                     : *places[i].below ? file_join(folder, places[i].below)
                                        : mem_strdup(folder);
        s.place = places[i].name;
        s.budget = MAX_ENTRIES;
        if (root && file_is_dir(root))
            places[i].layout(&s, root);
        mem_free(root);
    }
    return s.n;
}

void model_store_free(struct model_found *found, int n)
{
    for (int i = 0; i < n; i++)
        mem_free(found[i].path);
}
