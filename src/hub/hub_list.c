/* hub_list.c: the files of a repository. What the hub says is somebody else's text: every path becomes a name on this
 * disk, so every path is looked at. */
#define _GNU_SOURCE
#include "hub/hub_list.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "hub/digest.h"
#include "json/jget.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MOST_ENTRIES = 200000, MOST_PATH = 1024 };
static const int64_t most_bytes = (int64_t)1 << 44; /* of a file, as part.h takes it: sums of them stay numbers */

void hub_list_free(struct hub_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        mem_free(list->e[i].path);
    mem_free(list->e);
    *list = (struct hub_list){0};
}

/* ---- reading -------------------------------------------------------------------------------------------- */

/* A path that stays below its folder, whatever the folder is. */
static bool is_below(const char *path, size_t len)
{
    if (len == 0 || len > MOST_PATH || strlen(path) != len)
        return false;
    for (const unsigned char *c = (const unsigned char *)path; *c; c++) /* no terminal obeys what is listed */
        if (*c < 0x20 || *c == 0x7f || (*c == 0xc2 && c[1] < 0xa0))
            return false;
    for (const char *at = path;; at++) {
        size_t n = strcspn(at, "/");
        if (!file_name_is_plain(at, n))
            return false;
        at += n;
        if (!*at)
            return true;
    }
}

static enum osso_status add(struct hub_list *list, const struct jval *v, struct osso_error *err)
{
    const struct jval *path = jval_get_type(v, "path", J_STRING), *lfs = jval_get_type(v, "lfs", J_OBJECT);
    const struct jval *oid = jval_get_type(lfs ? lfs : v, "oid", J_STRING),
                      *size = jval_get_type(lfs ? lfs : v, "size", J_NUMBER);
    int64_t bytes;
    if (!path || !is_below(path->text.s, path->text.len))
        return error_set(err, OSSO_FORMAT, "the hub lists a file '%.200s', which is no place in a folder",
                         path ? path->text.s : "");
    const char *hash = oid ? oid->text.s : "";
    if (strncmp(hash, "sha256:", 7) == 0)
        hash += 7;
    if (!size || !jget_integer(size, &bytes) || bytes < 0 || bytes > most_bytes || !digest_is_name(hash) ||
        (lfs && strlen(hash) != 64))
        return error_set(err, OSSO_FORMAT, "the hub lists %.200s without a size and a hash", path->text.s);
    if (list->n == MOST_ENTRIES)
        return error_set(err, OSSO_LIMIT, "the hub lists more than %d files; that is no model", MOST_ENTRIES);
    struct hub_entry *all = mem_room(list->e, list->n, &list->cap, sizeof *all), *e;
    if (!all)
        return error_nomem(err, list->n * sizeof *all, "a list of files");
    list->e = all;
    e = &all[list->n];
    *e = (struct hub_entry){.path = mem_strdup(path->text.s), .size = (uint64_t)bytes};
    snprintf(e->hash, sizeof e->hash, "%s", hash);
    list->n += e->path != NULL;
    return e->path ? OSSO_OK : error_nomem(err, path->text.len, "a path");
}

enum osso_status hub_list_read(struct hub_list *list, const char *json, size_t len, struct osso_error *err)
{
    struct jdoc *doc;
    enum osso_status status = jdoc_read(json, len, "the hub's list of files", &doc, err);
    if (status)
        return status;
    const struct jval *root = jdoc_root(doc);
    if (root->type != J_ARRAY)
        status = error_set(err, OSSO_FORMAT, "the hub's list of files is none");
    for (const struct jval *v = root->type == J_ARRAY ? root->first : NULL; v && !status; v = v->next) {
        const struct jval *type = jval_get_type(v, "type", J_STRING);
        if (!type || jtext_is(type->text, "file"))
            status = add(list, v, err);
    }
    jdoc_release(doc);
    return status;
}

/* ---- which of them -------------------------------------------------------------------------------------- */

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n > m && strcasecmp(text + n - m, end) == 0;
}

/* Where "-00001-of-00003.gguf" begins, and which part it is; 0: the file has no parts. */
static int part_of(const char *path, size_t *stem)
{
    size_t n = strlen(path);
    int part, parts;
    *stem = n;
    if (n < 20 || sscanf(path + n - 20, "-%5d-of-%5d", &part, &parts) != 2 || !ends_with(path, ".gguf"))
        return 0;
    *stem = n - 20;
    return part;
}

static bool is_gguf(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    return ends_with(path, ".gguf") && strncasecmp(name, "mmproj", 6) != 0 && strncasecmp(name, "imatrix", 7) != 0;
}

/* What a model in Hugging Face's form is made of, beside its weights. */
static bool is_small_part(const char *path)
{
    static const char *const names[] = {"config.json",
                                        "generation_config.json",
                                        "tokenizer.json",
                                        "tokenizer_config.json",
                                        "special_tokens_map.json",
                                        "added_tokens.json",
                                        "vocab.json",
                                        "merges.txt",
                                        "chat_template.jinja",
                                        "chat_template.json",
                                        "model.safetensors.index.json"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(path, names[i]) == 0)
            return true;
    return false;
}

static bool is_weights(const char *path)
{
    return !strchr(path, '/') && ends_with(path, ".safetensors");
}

static bool is_original(const char *path)
{
    return strncmp(path, "original/", 9) == 0 && !strchr(path + 9, '/') &&
           (ends_with(path, ".safetensors") || ends_with(path, ".json"));
}

static bool any_glob(const char *const *globs, size_t n, const char *path)
{
    for (size_t i = 0; i < n; i++)
        if (fnmatch(globs[i], path, 0) == 0)
            return true;
    return false;
}

enum kind { GGUF, HF, ORIGINAL, LABELLED };

static bool wanted(const struct hub_entry *e, enum kind kind, const char *label, const struct osso_hub_options *o)
{
    if (any_glob(o->exclude, o->n_exclude, e->path))
        return false;
    if (o->n_include)
        return any_glob(o->include, o->n_include, e->path);
    switch (kind) {
    case GGUF: return is_gguf(e->path) && (!*label || strcasestr(e->path, label));
    case HF: return is_small_part(e->path) || is_weights(e->path);
    case ORIGINAL: return is_original(e->path);
    case LABELLED: return strcmp(e->path, label) == 0;
    }
    return false;
}

static bool has(const struct hub_list *list, bool (*is)(const char *path))
{
    for (size_t i = 0; i < list->n; i++)
        if (is(list->e[i].path))
            return true;
    return false;
}

/* A slash before everything else: then a file and what lies in a folder of its name are neighbours. */
static int by_path(const void *a, const void *b)
{
    const char *x = ((const struct hub_entry *)a)->path, *y = ((const struct hub_entry *)b)->path;
    while (*x && *x == *y)
        x++, y++;
    int cx = *x == '/' ? 1 : (unsigned char)*x + (*x != 0), cy = *y == '/' ? 1 : (unsigned char)*y + (*y != 0);
    return cx - cy;
}

/* Small ones first: what is wrong with them is known before the large ones cost anything. */
static int by_size(const void *a, const void *b)
{
    const struct hub_entry *x = a, *y = b;
    bool bx = x->size > (1 << 26), by = y->size > (1 << 26);
    return bx != by ? bx - by : by_path(a, b);
}

static enum osso_status no_clash(struct hub_list *list, struct osso_error *err)
{
    qsort(list->e, list->n, sizeof *list->e, by_path);
    for (size_t i = 1; i < list->n; i++) {
        const char *a = list->e[i - 1].path, *b = list->e[i].path;
        size_t n = strlen(a);
        if (strncmp(a, b, n) == 0 && (!b[n] || b[n] == '/'))
            return error_set(err, OSSO_FORMAT, "the hub lists %.150s and %.150s, which cannot both be there", a, b);
    }
    qsort(list->e, list->n, sizeof *list->e, by_size);
    return OSSO_OK;
}

/* Several models: by name and size the caller may show them. The same file in parts is one. */
static bool several(const struct hub_list *list)
{
    size_t stem, other;
    if (list->n < 2)
        return false;
    part_of(list->e[0].path, &stem);
    for (size_t i = 1; i < list->n; i++)
        if (!part_of(list->e[i].path, &other) || other != stem || strncmp(list->e[0].path, list->e[i].path, stem) != 0)
            return true;
    return false;
}

static void keep(struct hub_list *list, enum kind kind, const char *label, const struct osso_hub_options *o)
{
    size_t n = 0;
    for (size_t i = 0; i < list->n; i++)
        if (wanted(&list->e[i], kind, label, o))
            list->e[n++] = list->e[i];
        else
            mem_free(list->e[i].path);
    list->n = n;
}

static bool is_labelled(const struct hub_list *list, const char *label)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->e[i].path, label) == 0)
            return true;
    return false;
}

/* The names of the GGUF files, as many as there is room for; "none": there are none. */
static void gguf_names(const struct hub_list *list, char *text, size_t size)
{
    enum { DOTS = 6 };
    size_t n = 0, stem;
    snprintf(text, size, "none");
    for (size_t i = 0; i < list->n; i++) {
        const char *path = list->e[i].path;
        if (!is_gguf(path) || part_of(path, &stem) > 1)
            continue;
        if (n + strlen(path) + DOTS >= size) {
            snprintf(text + n, size - n, n ? ", ..." : "...");
            return;
        }
        n += (size_t)snprintf(text + n, size - n, "%s%s", n ? ", " : "", path);
    }
}

enum osso_status hub_list_pick(struct hub_list *list, const struct hub_name *name, const struct osso_hub_options *o,
                               bool *many_out, struct osso_error *err)
{
    const char *form = name->form                                     ? name->form
                       : *name->label                                 ? "gguf"
                       : has(list, is_weights) || !has(list, is_gguf) ? "hf"
                                                                      : "gguf";
    enum kind kind = strcmp(form, "gguf") == 0 ? GGUF : strcmp(form, "original") == 0 ? ORIGINAL : HF;
    size_t stem;
    *many_out = false;
    /* A file by its whole path is that file; the first of several parts means them all. */
    if (*name->label && is_labelled(list, name->label) && part_of(name->label, &stem) == 0)
        kind = LABELLED;
    char label[sizeof name->label];
    snprintf(label, sizeof label, "%s", name->label);
    if (kind == GGUF && part_of(label, &stem))
        label[stem] = 0;
    char there[400];
    gguf_names(list, there, sizeof there);
    keep(list, kind, label, o);
    if (list->n == 0 && o->n_include)
        return error_set(err, OSSO_NOTFOUND, "%s has no file that --include and --exclude leave", name->repository);
    if (list->n == 0 && *label)
        return error_set(err, OSSO_NOTFOUND, "%s has no GGUF file with %s in its name; there are: %s", name->repository,
                         label, there);
    if (list->n == 0 || (kind == HF && !o->n_include && !has(list, is_weights)))
        return error_set(err, OSSO_NOTFOUND, "%s holds no model in the form %s", name->repository, form);
    enum osso_status status = no_clash(list, err);
    *many_out = !status && kind == GGUF && !o->n_include && several(list);
    return status;
}

const char *hub_list_model(const struct hub_list *list)
{
    const struct hub_entry *model = NULL;
    for (const struct hub_entry *e = list->e; e < list->e + list->n; e++) {
        if (is_gguf(e->path) && (!model || by_path(e, model) < 0))
            model = e;
        if (strcmp(e->path, "config.json") == 0)
            return NULL;
    }
    return model ? model->path : NULL;
}
