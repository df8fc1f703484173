/* safetensors.c: one file or an indexed folder of them. u64 length N, N bytes of JSON, then data to the end of the file;
 * every byte of the data belongs to exactly one tensor, so that a file has one reading only. */
#include "format/tensors_build.h"

#include "base/checked.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "format/safetensors_header.h"

#include <string.h>

enum { MAX_HEADER = 100000000, MAX_INDEX = 16 << 20, MAX_NAME = 1024, MAX_METADATA = 1000 };

/* Every dtype of the format. Widths of those that osso does not compute with are needed to check the layout. */
static const struct {
    const char *name;
    int bits;
    enum dtype dtype;
} types[] = {
    {"BF16", 16, DT_BF16},      {"F32", 32, DT_F32},         {"F16", 16, DT_F16},          {"U8", 8, DT_U8},
    {"F8_E8M0", 8, DT_U8},      {"F4", 4, DT_COUNT},         {"F6_E2M3", 6, DT_COUNT},     {"F6_E3M2", 6, DT_COUNT},
    {"BOOL", 8, DT_COUNT},      {"I8", 8, DT_COUNT},         {"F8_E5M2", 8, DT_COUNT},     {"F8_E4M3", 8, DT_COUNT},
    {"F8_E4M3FNUZ", 8, DT_COUNT}, {"F8_E5M2FNUZ", 8, DT_COUNT}, {"I16", 16, DT_COUNT},     {"U16", 16, DT_COUNT},
    {"I32", 32, DT_COUNT},      {"U32", 32, DT_COUNT},       {"I64", 64, DT_COUNT},        {"U64", 64, DT_COUNT},
    {"F64", 64, DT_COUNT},      {"C64", 64, DT_COUNT},
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
    enum osso_status status = header_string(h);
    if (status)
        return status;
    for (int i = 0; i < N_TYPES; i++)
        if (strcmp(types[i].name, h->text.data) == 0)
            e->type = i;
    return e->type >= 0 ? OSSO_OK : header_bad(h, "an unknown dtype");
}

static enum osso_status read_shape(struct header *h, struct entry *e)
{
    enum osso_status status = header_expect(h, '[');
    int64_t n = 0;
    bool more = !status;
    e->rank = 0;
    while (!status && !(status = header_next(h, ']', &n, &more)) && more) {
        if (n > TENSOR_RANK)
            return header_bad(h, "more than 4 dimensions");
        status = header_uint(h, &e->shape[e->rank++]);
    }
    return status;
}

static enum osso_status read_offsets(struct header *h, struct entry *e)
{
    enum osso_status status = header_expect(h, '[');
    if (!status)
        status = header_uint(h, &e->begin);
    if (!status)
        status = header_expect(h, ',');
    if (!status)
        status = header_uint(h, &e->end);
    return status ? status : header_expect(h, ']');
}

/* Duplicate and unknown members are refused: two parsers may read such an entry in two ways. */
static enum osso_status read_entry(struct header *h, struct entry *e)
{
    *e = (struct entry){.type = -1, .rank = -1, .begin = -1};
    enum osso_status status = header_expect(h, '{');
    int64_t n = 0;
    bool more = !status;
    while (!status && !(status = header_next(h, '}', &n, &more)) && more) {
        status = header_key(h);
        if (status)
            break;
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
    if (!status && (e->type < 0 || e->rank < 0 || e->begin < 0))
        status = header_bad(h, "an entry without dtype, shape or data_offsets");
    return status;
}

/* Strings to strings; kept by nobody, checked because other readers trust it. */
static enum osso_status read_metadata(struct header *h)
{
    char **keys = mem_array(MAX_METADATA, sizeof *keys);
    int64_t n = 0;
    bool more = true;
    enum osso_status status = keys ? header_expect(h, '{') : error_nomem(h->err, MAX_METADATA, "metadata");
    while (!status && !(status = header_next(h, '}', &n, &more)) && more) {
        if (n > MAX_METADATA)
            status = header_bad(h, "too many members of __metadata__");
        else
            status = header_key(h);
        for (int64_t i = 0; !status && i < n - 1; i++)
            if (strcmp(keys[i], h->text.data) == 0)
                status = header_bad(h, "a repeated key in __metadata__");
        if (!status && !(keys[n - 1] = mem_strdup(h->text.data)))
            status = error_nomem(h->err, h->text.len, "metadata");
        if (!status)
            status = header_string(h);
    }
    for (int64_t i = 0; keys && i < n && i < MAX_METADATA; i++)
        mem_free(keys[i]);
    mem_free(keys);
    return status;
}

/* Do shape, dtype and offsets agree, inside the data? */
static enum osso_status check_entry(const struct header *h, const char *name, const struct entry *e,
                                    uint64_t data_bytes)
{
    uint64_t n = 1, bits;
    for (int i = 0; i < e->rank; i++)
        if (!ck_mul(n, (uint64_t)e->shape[i], &n))
            return error_set(h->err, OSSO_FORMAT, "%s: tensor %s: its shape has more than 2^64 values", h->path, name);
    if (!ck_mul(n, (uint64_t)types[e->type].bits, &bits))
        return error_set(h->err, OSSO_FORMAT, "%s: tensor %s: its shape has more than 2^64 bits", h->path, name);
    if (e->end < e->begin || !ck_inside((uint64_t)e->begin, (uint64_t)(e->end - e->begin), data_bytes))
        return error_set(h->err, OSSO_FORMAT, "%s: tensor %s: bytes %lld to %lld are not inside the file's %llu data bytes",
                         h->path, name, (long long)e->begin, (long long)e->end, (unsigned long long)data_bytes);
    if (bits % 8 != 0 || bits / 8 != (uint64_t)(e->end - e->begin))
        return error_set(h->err, OSSO_FORMAT, "%s: tensor %s: shape and dtype %s need %llu bits, its data_offsets give %lld bytes",
                         h->path, name, types[e->type].name, (unsigned long long)bits, (long long)(e->end - e->begin));
    return OSSO_OK;
}

static enum osso_status read_header(struct header *h, struct tensors *set, int map, const uint8_t *data,
                                    uint64_t data_bytes)
{
    enum osso_status status = header_expect(h, '{');
    int64_t n = 0;
    bool more = !status, metadata = false;
    char *name = NULL;
    while (!status && !(status = header_next(h, '}', &n, &more)) && more) {
        status = header_key(h);
        if (!status && strcmp(h->text.data, "__metadata__") == 0) {
            status = metadata ? header_bad(h, "__metadata__ appears twice") : read_metadata(h);
            metadata = true;
            continue;
        }
        if (!status && h->text.len > MAX_NAME)
            status = header_bad(h, "a name of more than 1024 bytes");
        if (!status && !(name = mem_strdup(h->text.data)))
            status = error_nomem(h->err, h->text.len, "a tensor's name");
        struct entry e;
        if (!status)
            status = read_entry(h, &e);
        if (!status)
            status = check_entry(h, name, &e, data_bytes);
        if (!status) {
            struct tensor t = {.name = name, .dtype = types[e.type].dtype, .type = types[e.type].name, .rank = e.rank,
                               .data = data + e.begin, .bytes = (uint64_t)(e.end - e.begin), .map = map};
            memcpy(t.shape, e.shape, sizeof t.shape);
            status = tensors_add(set, &t, h->err);
        }
        mem_free(name);
        name = NULL;
    }
    return status ? status : header_finish(h);
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
    if (n == 0 || n > MAX_HEADER || !ck_inside(8, n, size))
        return error_set(err, OSSO_FORMAT, "%s is no safetensors file, or cut short: %llu bytes with a header of %llu", path,
                         (unsigned long long)size, (unsigned long long)n);
    const uint8_t *data = bytes + 8 + n; /* n is at most 100 MB and inside the file */
    uint64_t data_bytes = size - 8 - n;
    struct header h = {.begin = (const char *)bytes + 8, .p = (const char *)bytes + 8, .end = (const char *)data,
                       .path = path, .err = err};
    if (*h.p != '{')
        status = header_bad(&h, "it must begin with '{'");
    if (!status)
        status = read_header(&h, set, map, data, data_bytes);
    buf_free(&h.text);
    return status ? status : tensors_check_layout(set, first, data, data_bytes, true, err);
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
        status = open_file(path, set, err);
        *map_out = set->n_maps - 1;
    }
    mem_free(path);
    return status;
}

/* Opens every file that the index names, then looks each mapped tensor up in its own file. */
static enum osso_status open_index(const char *folder, const char *index, struct tensors *set, struct osso_error *err)
{
    json_t *json;
    const char *name;
    json_t *value;
    int map;
    enum osso_status status = json_read_file(index, MAX_INDEX, &json, err);
    if (status)
        return status;
    json_t *weight_map = json_object_get(json, "weight_map");
    if (!json_is_object(weight_map) || json_object_size(weight_map) == 0) {
        status = error_set(err, OSSO_FORMAT, "%s: no \"weight_map\" object", index);
        goto cleanup;
    }
    json_object_foreach(weight_map, name, value) {
        if (!json_is_string(value) || strlen(json_string_value(value)) != json_string_length(value))
            status = error_set(err, OSSO_FORMAT, "%s: \"%s\" is not mapped to a file name", index, name);
        else
            status = shard(folder, json_string_value(value), set, &map, err);
        if (status)
            goto cleanup;
    }
    status = tensors_sort(set, err);
    json_object_foreach(weight_map, name, value) {
        const struct tensor *t = status ? NULL : tensors_find(set, name);
        if (!status)
            status = shard(folder, json_string_value(value), set, &map, err);
        if (!status && (!t || t->map != map))
            status = error_set(err, OSSO_FORMAT, "%s: tensor %s is not in %s", index, name, json_string_value(value));
        if (status)
            goto cleanup;
    }
cleanup:
    json_decref(json);
    return status;
}

enum osso_status safetensors_open(const char *path, struct tensors *set_out, struct osso_error *err)
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
    } else if (file_exists(index)) {
        status = open_index(path, index, &set, err);
    } else if (file_exists(single)) {
        status = open_file(single, &set, err);
        if (!status)
            status = tensors_sort(&set, err);
    } else {
        status = error_set(err, OSSO_NOTFOUND, "%s holds neither model.safetensors nor model.safetensors.index.json; is the download complete?",
                           path);
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
