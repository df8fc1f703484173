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
    const struct model_words *words; /* NULL: all there are */
    const char *place;
    const char *home; /* of what is found now: struct model_found's */
    struct model_found *found;
    int n, cap;
    int budget; /* entries of folders that may still be looked at */
};

/* name becomes the list's. */
static void add(struct search *s, const char *path, const char *owner, char *name)
{
    bool exact = !s->words || !s->words->owner[0] || strcasecmp(s->words->owner, owner) == 0;
    for (int i = 0; i < s->n; i++)
        if (strcmp(s->found[i].path, path) == 0) {
            mem_free(name);
            return;
        }
    bool room = s->n < s->cap || (exact && s->cap > 0 && !s->found[s->n - 1].exact);
    char *copy = room ? mem_strdup(path) : NULL;
    if (!copy) {
        mem_free(name);
        return;
    }
    if (s->n == s->cap)
        model_store_free(s->found + --s->n, 1);
    int at = s->n;
    while (exact && at > 0 && !s->found[at - 1].exact)
        at--;
    memmove(s->found + at + 1, s->found + at, (size_t)(s->n - at) * sizeof *s->found);
    s->found[at] = (struct model_found){
        .path = copy, .place = s->place, .exact = exact, .home = s->home ? mem_strdup(s->home) : NULL, .name = name};
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
    const char *before, *owner, *name; /* before: the word that names the store at -m */
    bool inner;                        /* in a folder of it */
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
        each_entry(s, path, repository_file, &(struct repository){r->before, r->owner, r->name, true});
    if (!folder && is_model_file(name) && model_words_want(s->words, r->name, name))
        add(s, path, r->owner,
            s->words ? NULL : model_words_spelt(r->before, r->owner, *r->owner ? r->name : "", name));
}

/* A folder of a repository's files: its GGUF files, or itself. */
static void repository_files(struct search *s, const char *folder, const struct repository *r)
{
    char *config = file_join(folder, "config.json");
    int before = s->n;
    each_entry(s, folder, repository_file, r);
    if (s->n == before && config && file_exists(config) && model_words_want(s->words, r->name, ""))
        add(s, folder, r->owner,
            s->words ? NULL : model_words_spelt(r->before, r->owner, *r->owner ? r->name : "", ""));
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

/* Has a pull begun a file there? */
static bool is_unfinished(const char *folder)
{
    char *blobs = file_join(folder, "blobs");
    DIR *dir = blobs ? opendir(blobs) : NULL;
    bool part = false;
    for (struct dirent *e; dir && !part && (e = readdir(dir));)
        part = strstr(e->d_name, ".osso-part") != NULL;
    if (dir)
        closedir(dir);
    mem_free(blobs);
    return part;
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
    s->home = path;
    if (snapshot)
        repository_files(s, snapshot, &(struct repository){"", owner, dashes + 2, false});
    int before = s->n;
    if (!s->words && is_unfinished(path))
        add(s, path, owner, model_words_spelt("", owner, dashes + 2, ""));
    if (s->n > before)
        s->found[before].unfinished = true;
    s->home = NULL;
    mem_free(snapshot);
}

static void hub(struct search *s, const char *root)
{
    each_entry(s, root, hub_entry, NULL);
}

/* OWNER/NAME/files */
static void owned_repository(struct search *s, const char *path, const char *name, const void *owner)
{
    repository_files(s, path, &(struct repository){"lms:", owner, name, false});
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
    if (!s->words || (!first && model_words_want(s->words, "", name))) {
        add(s, path, "", NULL);
        return;
    }
    snprintf(owner, sizeof owner, "%.*s", first ? (int)(first - name) : 0, name);
    for (const char *next = first ? strchr(first + 1, '_') : NULL; next; next = strchr(next + 1, '_')) {
        snprintf(rest, sizeof rest, "%.*s", (int)(next - first - 1), first + 1);
        if (model_words_want(s->words, rest, next + 1))
            add(s, path, owner, NULL);
    }
}

/* llama.cpp: once as flat files, now as a hub's cache. */
static void flat(struct search *s, const char *root)
{
    each_entry(s, root, flat_file, NULL);
    hub(s, root);
}

/* A folder of one's own: models in it, or in folders of it. */
static void own_entry(struct search *s, const char *path, const char *name, const void *context)
{
    (void)context;
    if (file_is_dir(path))
        repository_files(s, path, &(struct repository){"", "", name, false});
    else if (is_model_file(name) && model_words_want(s->words, "", name))
        add(s, path, "", NULL);
}

static void own(struct search *s, const char *root)
{
    each_entry(s, root, own_entry, NULL);
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
    bool tagged = !w || (model_names_same(w->name, m.parts[2]) && strcasecmp(w->tag[0] ? w->tag : "latest", name) == 0);
    if (!tagged && !model_words_joined(w, joined) && !model_names_same(w->name, joined))
        return;
    const char *owner = strcmp(m.parts[1], "library") == 0 ? "" : m.parts[1];
    char *blob = ollama_blob(m.root, path);
    s->home = path;
    if (blob)
        add(s, blob, m.parts[1], w ? NULL : model_words_spelt("ollama:", owner, m.parts[2], name));
    s->home = NULL;
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
    {"OSSO_MODELS", "OSSO_MODELS", "", own}, /* folders, separated by ':' */
};

/* One root of a place: a folder, or the folder below it. */
static void look(struct search *s, size_t place, const char *folder, size_t n)
{
    const char *below = places[place].below;
    char *given = mem_strndup(folder, n), *first = given ? file_of_home(given) : NULL;
    char *root = !first || !*below ? first : !*first ? mem_strdup(below) : file_join(first, below);
    s->place = places[place].name;
    s->budget = MAX_ENTRIES;
    if (root && file_is_dir(root))
        places[place].layout(s, root);
    if (root != first)
        mem_free(root);
    mem_free(first);
    mem_free(given);
}

int model_store_find(const struct model_words *words, struct model_found *found_out, int cap)
{
    struct search s = {.words = words, .found = found_out, .cap = cap};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const char *folder = places[i].variable ? getenv(places[i].variable) : "";
        if (!folder || (places[i].variable && !*folder) ||
            (words && words->place && strcmp(words->place, places[i].name) != 0))
            continue;
        bool several = places[i].layout == own;
        while (several && strchr(folder, ':')) {
            look(&s, i, folder, strcspn(folder, ":"));
            folder = strchr(folder, ':') + 1;
        }
        look(&s, i, folder, strlen(folder));
    }
    return s.n;
}

int model_store_all(struct model_found *found_out, int cap)
{
    return model_store_find(NULL, found_out, cap);
}

void model_store_free(struct model_found *found, int n)
{
    for (int i = 0; i < n; i++) {
        mem_free(found[i].path);
        mem_free(found[i].home);
        mem_free(found[i].name);
    }
}
