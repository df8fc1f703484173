/* safetensors.c: one file or an indexed folder of them. u64 length N, N bytes of JSON, then data to the end of the
 * file; every byte of the data belongs to exactly one tensor, so that a file has one reading only. */
#include "format/tensors_build.h"

#include "base/checked.h"
#include "base/error.h"
#include "base/mem.h"
#include "format/safetensors_header.h"
#include "json/jdoc.h"

#include <string.h>

enum { MAX_HEADER = 100000000, MAX_INDEX = 16 << 20, MAX_NAME = 1024, MAX_METADATA = 1000 };

/* Every dtype of the format. Widths of those that osso does not compute with are needed to check the layout. */
static const struct {
    const char *name;
    int bits;
    enum dtype dtype;
} types[] = {
    {"BF16", 16, DT_BF16},        {"F32", 32, DT_F32},          {"F16", 16, DT_F16},      {"U8", 8, DT_U8},
    {"F8_E8M0", 8, DT_U8},        {"F4", 4, DT_COUNT},          {"F6_E2M3", 6, DT_COUNT}, {"F6_E3M2", 6, DT_COUNT},
    {"BOOL", 8, DT_COUNT},        {"I8", 8, DT_COUNT},          {"F8_E5M2", 8, DT_COUNT}, {"F8_E4M3", 8, DT_COUNT},
    {"F8_E4M3FNUZ", 8, DT_COUNT}, {"F8_E5M2FNUZ", 8, DT_COUNT}, {"I16", 16, DT_COUNT},    {"U16", 16, DT_COUNT},
    {"I32", 32, DT_COUNT},        {"U32", 32, DT_COUNT},        {"I64", 64, DT_COUNT},    {"U64", 64, DT_COUNT},
    {"F64", 64, DT_COUNT},        {"C64", 64, DT_COUNT},
};
enum { N_TYPES = sizeof types / sizeof types[0] };

/* One tensor's entry as it is read. */
struct entry {
    int type; /* in types[]; -1: not seen yet */
    int rank; /* -1: not seen yet */
    int64_t shape[TENSOR_RANK];
    int64_t begin, end; /* begin -1: not seen yet */
};

static enum osso_status read_dtype(struct header *h, struct entry *e)
{
    if (!pull_plain(&h->in, &h->text))
        return header_status(h);
    for (int i = 0; i < N_TYPES; i++)
        if (strcmp(types[i].name, h->text.data) == 0)
            e->type = i;
    return e->type >= 0 ? OSSO_OK : header_bad(h, "an unknown dtype");
}

static enum osso_status read_shape(struct header *h, struct entry *e)
{
    e->rank = 0;
    pull_enter(&h->in, '[');
    while (pull_element(&h->in)) {
        if (e->rank == TENSOR_RANK)
            return header_bad(h, "more than 4 dimensions");
        pull_count(&h->in, &e->shape[e->rank++]);
    }
    return header_status(h);
}

static enum osso_status read_offsets(struct header *h, struct entry *e)
{
    int n = 0;
    pull_enter(&h->in, '[');
    while (pull_element(&h->in)) {
        if (n == 2)
            return header_bad(h, "expected ']'");
        pull_count(&h->in, n++ == 0 ? &e->begin : &e->end);
    }
    if (!h->in.problem && n < 2)
        return header_bad(h, n == 0 ? "expected an integer from 0 up" : "expected ','");
    return header_status(h);
}

/* Duplicate and unknown members are refused: two parsers may read such an entry in two ways. */
static enum osso_status read_entry(struct header *h, struct entry *e)
{
    enum osso_status status = OSSO_OK;
    *e = (struct entry){.type = -1, .rank = -1, .begin = -1};
    pull_enter(&h->in, '{');
    while (!status && pull_plain_member(&h->in, &h->text)) {
        const char *key = h->text.data;
        if (strcmp(key, "dtype") == 0 && e->type < 0)
            status = read_dtype(h, e);
        else if (strcmp(key, "shape") == 0 && e->rank < 0)
            status = read_shape(h, e);
        else if (strcmp(key, "data_offsets") == 0 && e->begin < 0)
            status = read_offsets(h, e);
        else
            status = header_bad(h, "an unknown or repeated member of a tensor's entry");
    }
    if (!status)
        status = header_status(h);
    if (!status && (e->type < 0 || e->rank < 0 || e->begin < 0))
        status = header_bad(h, "an entry without dtype, shape or data_offsets");
    return status;
}

/* Strings to strings; kept by nobody, checked because other readers trust it. */
static enum osso_status read_metadata(struct header *h)
{
    char **keys = mem_array(MAX_METADATA, sizeof *keys);
    int n = 0;
    enum osso_status status = keys ? OSSO_OK : error_nomem(h->err, MAX_METADATA, "metadata");
    if (!status)
        pull_enter(&h->in, '{');
    while (!status && pull_plain_member(&h->in, &h->text)) {
        if (n == MAX_METADATA)
            status = header_bad(h, "too many members of __metadata__");
        for (int i = 0; !status && i < n; i++)
            if (strcmp(keys[i], h->text.data) == 0)
                status = header_bad(h, "a repeated key in __metadata__");
        if (!status && !(keys[n++] = mem_strdup(h->text.data)))
            status = error_nomem(h->err, h->text.len, "metadata");
        if (!status)
            pull_plain(&h->in, &h->text);
    }
    for (int i = 0; i < n; i++)
        mem_free(keys[i]);
    mem_free(keys);
    return status ? status : header_status(h);
}

/* Do shape, dtype and offsets agree? */
static enum osso_status check_entry(const struct header *h, const char *name, const struct entry *e)
{
    uint64_t n = 1, bits;
    for (int i = 0; i < e->rank; i++)
        if (!ck_mul(n, (uint64_t)e->shape[i], &n))
            return error_set(h->err, OSSO_FORMAT, "%s: tensor %s: its shape has more than 2^64 values", h->path, name);
    if (!ck_mul(n, (uint64_t)types[e->type].bits, &bits))
        return error_set(h->err, OSSO_FORMAT, "%s: tensor %s: its shape has more than 2^64 bits", h->path, name);
    if (e->end < e->begin)
        return error_set(h->err, OSSO_FORMAT, "%s: tensor %s ends at byte %lld, before it begins at %lld", h->path,
                         name, (long long)e->end, (long long)e->begin);
    if (bits % 8 != 0 || bits / 8 != (uint64_t)(e->end - e->begin))
        return error_set(h->err, OSSO_FORMAT,
                         "%s: tensor %s: shape and dtype %s need %llu bits, its data_offsets give %lld bytes", h->path,
                         name, types[e->type].name, (unsigned long long)bits, (long long)(e->end - e->begin));
    return OSSO_OK;
}

/* Where a file's tensors lie, and how far they reach by its header. */
struct data {
    int map;
    const uint8_t *bytes;
    uint64_t n, need;
};

/* The entry of the tensor whose name was just read. One that ends behind the file is only measured: the others say how
 * long the whole file is. */
static enum osso_status read_tensor(struct header *h, struct tensors *set, struct data *data)
{
    struct entry e;
    if (h->text.len > MAX_NAME)
        return header_bad(h, "a name of more than 1024 bytes");
    char *name = mem_strdup(h->text.data);
    enum osso_status status = name ? read_entry(h, &e) : error_nomem(h->err, h->text.len, "a tensor's name");
    if (!status)
        status = check_entry(h, name, &e);
    if (!status && (uint64_t)e.end > data->need)
        data->need = (uint64_t)e.end;
    if (!status && (uint64_t)e.end <= data->n) {
        struct tensor t = {.name = name,
                           .dtype = types[e.type].dtype,
                           .type = types[e.type].name,
                           .rank = e.rank,
                           .data = data->bytes + e.begin,
                           .bytes = (uint64_t)(e.end - e.begin),
                           .map = data->map};
        memcpy(t.shape, e.shape, sizeof t.shape);
        status = tensors_add(set, &t, h->err);
    }
    mem_free(name);
    return status;
}

static enum osso_status read_header(struct header *h, struct tensors *set, struct data *data)
{
    enum osso_status status = OSSO_OK;
    bool metadata = false;
    pull_enter(&h->in, '{');
    while (!status && pull_plain_member(&h->in, &h->text)) {
        if (strcmp(h->text.data, "__metadata__") != 0) {
            status = read_tensor(h, set, data);
            continue;
        }
        status = metadata ? header_bad(h, "__metadata__ appears twice") : read_metadata(h);
        metadata = true;
    }
    if (!status)
        status = header_status(h);
    return status || pull_at_end(&h->in) ? status : header_bad(h, "text after the end of the JSON object");
}

static enum osso_status open_file(const char *path, struct tensors *set, struct osso_error *err)
{
    int map;
    int64_t first = set->n;
    uint64_t n = 0;
    enum osso_status status = tensors_add_map(set, path, &map, err);
    if (status)
        return status;
    const uint8_t *bytes = set->maps[map].data;
    uint64_t size = set->maps[map].size;
    for (int i = 7; i >= 0 && size >= 8; i--)
        n = n << 8 | bytes[i];
    bool fits = n > 0 && n <= MAX_HEADER && ck_inside(8, n, size);
    if (!(fits && bytes[8] == '{') && file_instead(bytes, size)) /* a length may look like the sign of an archive */
        return error_set(err, OSSO_FORMAT, "%s %s", path, file_instead(bytes, size));
    if (!fits)
        return error_set(err, OSSO_FORMAT, "%s is no safetensors file, or cut short: %llu bytes with a header of %llu",
                         path, (unsigned long long)size, (unsigned long long)n);
    struct data data = {
        .map = map, .bytes = bytes + 8 + n, .n = size - 8 - n}; /* n is at most 100 MB, inside the file */
    struct header h = {.in = pull_over((const char *)bytes + 8, n), .path = path, .err = err};
    if (bytes[8] != '{')
        status = header_bad(&h, "it must begin with '{'");
    if (!status)
        status = read_header(&h, set, &data);
    buf_free(&h.text);
    if (!status && data.need > data.n)
        status = tensors_cut_short(path, size, size - data.n, data.need, err);
    return status ? status : tensors_check_layout(set, first, data.bytes, data.n, true, err);
}

/* The index of the file "folder/name" among the open ones, opening it if it is new. Names from the index are plain. */
static enum osso_status shard(const char *folder, const char *name, struct tensors *set, int *map_out,
                              struct osso_error *err)
{
    *map_out = -1;
    if (!file_name_is_plain(name, strlen(name)))
        return error_set(err, OSSO_FORMAT, "%s: the index names the file \"%s\", which is no plain file name", folder,
                         name);
    char *path = file_join(folder, name);
    if (!path)
        return error_nomem(err, strlen(folder), "a path");
    enum osso_status status = OSSO_OK;
    for (int i = 0; i < set->n_maps && *map_out < 0; i++)
        if (strcmp(set->maps[i].path, path) == 0)
            *map_out = i;
    if (*map_out < 0) {
        status = file_exists(path)
                     ? open_file(path, set, err)
                     : error_set(err, OSSO_NOTFOUND,
                                 "%s is named by the index and is not there; is the download complete?", path);
        *map_out = set->n_maps - 1;
    }
    mem_free(path);
    return status;
}

/* Of tensors with one name in several files, the one that the index chose (used) stays. */
static void drop_unchosen(const char *index, struct tensors *set, struct notes *notes)
{
    int64_t kept = 0, dropped = 0;
    for (int64_t i = 0, end; i < set->n; i = end) {
        bool chosen = false;
        for (end = i; end < set->n && strcmp(set->list[end].name, set->list[i].name) == 0; end++)
            chosen |= set->list[end].used;
        for (int64_t k = i; k < end; k++) {
            if (chosen && end - i > 1 && !set->list[k].used) {
                mem_free(set->list[k].name);
                dropped++;
                continue;
            }
            set->list[kept] = set->list[k];
            set->list[kept++].used = false;
        }
    }
    set->n = kept;
    if (dropped > 0)
        notes_add(notes, "%s: %lld tensors are in two files; those that the index does not name are ignored", index,
                  (long long)dropped);
}

/* Marks the tensors that the index chooses. An entry that no file holds is a note: whoever needs it says so. */
static enum osso_status choose(const char *folder, const char *index, const struct jval *weight_map,
                               struct tensors *set, struct notes *notes, struct osso_error *err)
{
    int64_t absent = 0;
    const char *first = NULL;
    enum osso_status status = OSSO_OK;
    for (const struct jval *v = weight_map->first; v && !status; v = v->next) {
        int map;
        int64_t i = tensors_lower(set, v->key.s);
        bool found = false, chosen = false;
        status = shard(folder, v->text.s, set, &map, err);
        for (; !status && i < set->n && strcmp(set->list[i].name, v->key.s) == 0; i++) {
            found = true;
            if (set->list[i].map == map)
                chosen = set->list[i].used = true;
        }
        if (!status && found && !chosen)
            status = error_set(err, OSSO_FORMAT, "%s: tensor %s is not in %s", index, v->key.s, v->text.s);
        if (!status && !found && absent++ == 0)
            first = v->key.s;
    }
    if (!status && absent > 0)
        notes_add(notes, "%s lists %lld tensors that no file holds, such as %.80s; they are ignored", index,
                  (long long)absent, first);
    return status;
}

/* Opens every file that the index names, then believes it about which tensor counts. */
static enum osso_status open_index(const char *folder, const char *index, struct tensors *set, struct notes *notes,
                                   struct osso_error *err)
{
    struct jdoc *doc;
    int map;
    enum osso_status status = jdoc_read_file(index, MAX_INDEX, &doc, err);
    if (status)
        return status;
    const struct jval *weight_map = jval_get_type(jdoc_root(doc), "weight_map", J_OBJECT);
    if (!weight_map || weight_map->n_children == 0)
        status = error_set(err, OSSO_FORMAT, "%s: no \"weight_map\" object", index);
    for (const struct jval *v = status ? NULL : weight_map->first; v && !status; v = v->next) {
        if (v->type != J_STRING || strlen(v->text.s) != v->text.len)
            status = error_set(err, OSSO_FORMAT, "%s: \"%s\" is not mapped to a file name", index, v->key.s);
        else
            status = shard(folder, v->text.s, set, &map, err);
    }
    if (!status) {
        tensors_order(set);
        status = choose(folder, index, weight_map, set, notes, err);
    }
    if (!status) {
        drop_unchosen(index, set, notes);
        status = tensors_sort(set, err);
    }
    jdoc_release(doc);
    return status;
}

/* Does the index name this one file only? Then it says nothing that the file does not. */
static enum osso_status names_only(const char *index, const char *name, bool *only_out, struct osso_error *err)
{
    struct jdoc *doc = NULL;
    struct osso_error why = {""};
    enum osso_status status = jdoc_read_file(index, MAX_INDEX, &doc, &why);
    *only_out = false;
    if (status)
        return status == OSSO_NOMEM ? error_set(err, status, "%s", why.text) : OSSO_OK;
    const struct jval *weight_map = jval_get_type(jdoc_root(doc), "weight_map", J_OBJECT);
    bool only = weight_map != NULL;
    for (const struct jval *v = only ? weight_map->first : NULL; v && only; v = v->next)
        only = v->type == J_STRING && jtext_is(v->text, name);
    jdoc_release(doc);
    *only_out = only;
    return OSSO_OK;
}

enum osso_status safetensors_open(const char *path, struct tensors *set_out, struct notes *notes,
                                  struct osso_error *err)
{
    struct tensors set = {0};
    char *index = NULL, *single = NULL;
    enum osso_status status;
    *set_out = set;
    if (!file_is_dir(path)) {
        status = open_file(path, &set, err);
        if (!status)
            status = tensors_sort(&set, err);
        goto cleanup;
    }
    index = file_join(path, "model.safetensors.index.json");
    single = file_join(path, "model.safetensors");
    if (!index || !single) {
        status = error_nomem(err, strlen(path), "a path");
    } else if (file_exists(single)) {
        status = open_file(single, &set, err);
        if (!status)
            status = tensors_sort(&set, err);
        bool quiet = true;
        if (!status && file_exists(index))
            status = names_only(index, "model.safetensors", &quiet, err);
        if (!quiet)
            notes_add(notes, "%s is read; the index beside it, %s, is ignored", single, index);
    } else if (file_exists(index)) {
        status = open_index(path, index, &set, notes, err);
    } else {
        status = error_set(
            err, OSSO_NOTFOUND,
            "%s holds neither model.safetensors nor model.safetensors.index.json; is the download complete?", path);
    }
cleanup:
    mem_free(index);
    mem_free(single);
    if (status)
        tensors_close(&set);
    else
        *set_out = set;
    return status;
}
