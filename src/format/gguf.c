/* gguf.c: GGUF v2 and v3. Header, keys and values, tensor infos, then the tensors themselves, each at a multiple of the
 * alignment. A model may be split: part 1 has the keys, every part is a whole GGUF file with tensors of its own. */
#include "format/gguf_kv.h"
#include "format/tensors_build.h"

#include "base/checked.h"
#include "base/error.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

enum { MAX_TENSORS = 65536, MIN_TENSOR_BYTES = 25, MAX_NAME = 63, MAX_ALIGNMENT = 1 << 20 };

/* ggml's types that dtype.def may lack: their sizes are needed to check the layout even where osso has no kernels. */
static const struct {
    uint8_t id;
    const char *name;
    uint16_t block, bytes;
} others[] = {
    {9, "Q8_1", 32, 36},      {15, "Q8_K", 256, 292}, {16, "IQ2_XXS", 256, 66}, {17, "IQ2_XS", 256, 74},
    {18, "IQ3_XXS", 256, 98}, {19, "IQ1_S", 256, 50}, {21, "IQ3_S", 256, 110},  {22, "IQ2_S", 256, 82},
    {24, "I8", 1, 1},         {25, "I16", 1, 2},      {26, "I32", 1, 4},        {27, "I64", 1, 8},
    {28, "F64", 1, 8},        {29, "IQ1_M", 256, 56}, {34, "TQ1_0", 256, 54},   {35, "TQ2_0", 256, 66},
    {41, "Q1_0", 128, 18},    {42, "Q2_0", 64, 18},
};

/* Where one part's tensors lie, known once its keys are read. */
struct part {
    int map;
    uint64_t n_tensors;
    const uint8_t *blob;
    uint64_t blob_bytes;
};

static enum osso_status read_type(struct gguf_cursor *c, const char *name, struct tensor *t, uint64_t *row_block,
                                  uint64_t *block_bytes)
{
    uint32_t id = 0;
    enum osso_status status = gguf_u32(c, &id);
    if (status)
        return status;
    t->dtype = dtype_from_gguf(id);
    if (t->dtype != DT_COUNT) {
        const struct dtype_info *info = dtype_info(t->dtype);
        t->type = info->name;
        *row_block = (uint64_t)info->block;
        *block_bytes = (uint64_t)info->block_bytes;
        return OSSO_OK;
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (others[i].id == id) {
            t->type = others[i].name;
            *row_block = others[i].block;
            *block_bytes = others[i].bytes;
            return OSSO_OK;
        }
    return error_set(c->err, OSSO_UNSUPPORTED, "%s: tensor %s has the unknown type %u", c->path, name, id);
}

/* Bytes of a tensor: whole blocks along the fastest dimension. */
static enum osso_status tensor_bytes(struct gguf_cursor *c, struct tensor *t, uint64_t block, uint64_t block_bytes)
{
    uint64_t row = t->rank > 0 ? (uint64_t)t->shape[t->rank - 1] : 1, bytes;
    if (row % block != 0)
        return error_set(c->err, OSSO_FORMAT, "%s: tensor %s: rows of %llu values are no whole blocks of %s", c->path,
                         t->name, (unsigned long long)row, t->type);
    bool fits = ck_mul(row / block, block_bytes, &bytes);
    for (int i = 0; i < t->rank - 1 && fits; i++)
        fits = ck_mul(bytes, (uint64_t)t->shape[i], &bytes);
    if (!fits)
        return error_set(c->err, OSSO_FORMAT, "%s: tensor %s: its dimensions give more than 2^64 bytes", c->path,
                         t->name);
    t->bytes = bytes;
    return OSSO_OK;
}

/* One tensor's info; *off_out is relative to the data, whose place is not known yet. */
static enum osso_status read_tensor(struct gguf_cursor *c, struct tensor *t, char *name, uint64_t *off_out)
{
    const char *text;
    uint64_t len = 0, block = 1, block_bytes = 0, ne = 0;
    uint32_t rank = 0;
    enum osso_status status = gguf_str(c, MAX_NAME, &text, &len);
    if (!status && (len == 0 || memchr(text, 0, len)))
        status = gguf_bad(c, "an empty tensor name or one with a NUL byte");
    if (!status)
        status = gguf_u32(c, &rank);
    if (!status && rank > TENSOR_RANK)
        status = gguf_bad(c, "a tensor of more than 4 dimensions");
    if (status)
        return status;
    memcpy(name, text, len);
    name[len] = 0;
    t->name = name;
    t->rank = (int)rank;
    for (int i = t->rank - 1; i >= 0 && !status; i--) {
        status = gguf_u64(c, &ne);
        if (!status && (ne == 0 || ne > INT64_MAX))
            status = gguf_bad(c, "a dimension that is not from 1 to 2^63 - 1");
        t->shape[i] = (int64_t)ne;
    }
    if (!status)
        status = read_type(c, name, t, &block, &block_bytes);
    if (!status)
        status = tensor_bytes(c, t, block, block_bytes);
    return status ? status : gguf_u64(c, off_out);
}

static enum osso_status read_alignment(const struct gguf *g, const char *path, uint64_t *out, struct osso_error *err)
{
    struct gguf_value v;
    int64_t a = 32;
    if (gguf_get(g, "general.alignment", &v) && (v.array || v.type != GGUF_U32 || !gguf_at_i64(&v, 0, &a)))
        a = 0;
    if (a < 1 || a > MAX_ALIGNMENT || (a & (a - 1)) != 0)
        return error_set(err, OSSO_FORMAT, "%s: general.alignment is not a u32 power of two up to %d", path,
                         (int)MAX_ALIGNMENT);
    *out = (uint64_t)a;
    return OSSO_OK;
}

/* The infos come before the place of the data is known, so offsets wait in t->data until it is. */
static enum osso_status read_tensors(struct gguf_cursor *c, const struct gguf *g, struct part *part,
                                     struct tensors *set)
{
    int64_t first = set->n;
    uint64_t alignment = 1, off = 0, start, end = 0, need = 0, size = (uint64_t)(c->end - c->begin);
    char name[MAX_NAME + 1];
    if (part->n_tensors > MAX_TENSORS)
        return gguf_bad(c, "more tensors than osso allows (65536)");
    if (part->n_tensors * MIN_TENSOR_BYTES > (uint64_t)(c->end - c->p))
        return gguf_bad(c, "more tensors than the file can hold; is the download complete?");
    enum osso_status status = read_alignment(g, c->path, &alignment, c->err);
    for (uint64_t i = 0; i < part->n_tensors && !status; i++) {
        struct tensor t = {.map = part->map};
        status = read_tensor(c, &t, name, &off);
        if (!status && (off % alignment != 0 || !ck_add(off, t.bytes, &end)))
            status = error_set(
                c->err, OSSO_FORMAT, "%s: tensor %s: offset %llu is not aligned to %llu, or its %llu bytes end nowhere",
                c->path, name, (unsigned long long)off, (unsigned long long)alignment, (unsigned long long)t.bytes);
        if (!status && end > need)
            need = end;
        t.data = c->begin + (status || end > size ? 0 : off); /* else refused below */
        if (!status)
            status = tensors_add(set, &t, c->err);
    }
    if (status || part->n_tensors == 0)
        return status;
    if (!ck_round_up((uint64_t)(c->p - c->begin), alignment, &start))
        return gguf_bad(c, "a header that is too long");
    if (start > size || need > size - start)
        return tensors_cut_short(c->path, size, start, need, c->err);
    part->blob = c->begin + start;
    part->blob_bytes = size - start;
    for (int64_t i = first; i < set->n; i++) {
        struct tensor *t = &set->list[i];
        t->data = part->blob + (t->data - c->begin);
    }
    return tensors_check_layout(set, first, part->blob, part->blob_bytes, false, c->err);
}

static enum osso_status open_part(const char *path, struct tensors *set, struct gguf **gguf_out, struct osso_error *err)
{
    struct part part = {0};
    uint32_t magic = 0, version = 0;
    uint64_t n_kv = 0;
    *gguf_out = NULL;
    enum osso_status status = tensors_add_map(set, path, &part.map, err);
    if (status)
        return status;
    const struct file_map *map = &set->maps[part.map];
    if (map->size == 0) /* and no data to point into */
        return error_set(err, OSSO_FORMAT, "%s is empty", path);
    struct gguf_cursor c = {.begin = map->data, .p = map->data, .end = map->data + map->size, .path = path, .err = err};
    status = gguf_u32(&c, &magic);
    if (!status && magic != 0x46554747) /* "GGUF" */
        status = gguf_bad(&c, "no GGUF file");
    if (!status)
        status = gguf_u32(&c, &version);
    if (!status && version != 2 && version != 3)
        status = gguf_bad(&c, version != 0 && (version & 0xffff) == 0 ? "a big-endian file"
                                                                      : "a GGUF version other than 2 and 3");
    if (!status)
        status = gguf_u64(&c, &part.n_tensors);
    if (!status)
        status = gguf_u64(&c, &n_kv);
    if (!status)
        status = gguf_read_kv(&c, n_kv, gguf_out);
    if (!status)
        status = read_tensors(&c, *gguf_out, &part, set);
    if (status) {
        gguf_free(*gguf_out);
        *gguf_out = NULL;
    }
    return status;
}

/* ---- split files ---------------------------------------------------------------------------------------- */

/* The path of part `no` of `count`, given the path of another part whose name must end as it should. */
static enum osso_status part_path(const char *path, int64_t have, int64_t no, int64_t count, char **out,
                                  struct osso_error *err)
{
    char ending[32];
    size_t n = strlen(path),
           m = (size_t)snprintf(ending, sizeof ending, "-%05d-of-%05d.gguf", (int)have + 1, (int)count);
    *out = NULL;
    if (n < m || strcmp(path + n - m, ending) != 0)
        return error_set(err, OSSO_FORMAT, "%s is part %d of %d, so its name must end in %s", path, (int)have + 1,
                         (int)count, ending);
    *out = mem_strdup(path);
    if (!*out)
        return error_nomem(err, n, "a path");
    snprintf(*out + n - m, m + 1, "-%05d-of-%05d.gguf", (int)no + 1, (int)count);
    return OSSO_OK;
}

static enum osso_status check_split(const struct gguf *g, const char *path, int64_t no, int64_t count,
                                    struct osso_error *err)
{
    int64_t have_no = -1, have_count = -1;
    gguf_get_i64(g, "split.no", &have_no);
    gguf_get_i64(g, "split.count", &have_count);
    if (have_no == no && have_count == count)
        return OSSO_OK;
    return error_set(err, OSSO_FORMAT, "%s says that it is part %lld of %lld; expected part %lld of %lld", path,
                     (long long)have_no + 1, (long long)have_count, (long long)no + 1, (long long)count);
}

static enum osso_status open_others(const char *path, const struct gguf *first, int64_t count, struct tensors *set,
                                    struct osso_error *err)
{
    int64_t total = -1;
    char *name = NULL;
    enum osso_status status = OSSO_OK;
    if (count > TENSORS_MAX_FILES)
        return error_set(err, OSSO_LIMIT, "%s: a model of %lld parts; at most %d are allowed", path, (long long)count,
                         (int)TENSORS_MAX_FILES);
    status = check_split(first, path, 0, count, err);
    for (int64_t i = 1; i < count && !status; i++) {
        struct gguf *g = NULL;
        status = part_path(path, 0, i, count, &name, err);
        if (!status)
            status = open_part(name, set, &g, err);
        if (!status)
            status = check_split(g, name, i, count, err);
        gguf_free(g);
        mem_free(name);
    }
    if (!status && gguf_get_i64(first, "split.tensors.count", &total) && total != set->n)
        status = error_set(err, OSSO_FORMAT, "%s: the parts hold %lld tensors together; split.tensors.count says %lld",
                           path, (long long)set->n, (long long)total);
    return status;
}

/* The first part of a split file, whichever was named; *path_out (mem_free it) is its path. */
static enum osso_status open_first(const char *path, struct tensors *set, struct gguf **gguf_out, char **path_out,
                                   struct osso_error *err)
{
    int64_t no = 0, count = 1;
    *path_out = mem_strdup(path);
    if (!*path_out)
        return error_nomem(err, strlen(path), "a path");
    enum osso_status status = open_part(path, set, gguf_out, err);
    if (status || !gguf_get_i64(*gguf_out, "split.count", &count) || !gguf_get_i64(*gguf_out, "split.no", &no) ||
        no <= 0 || no >= count || count > TENSORS_MAX_FILES)
        return status;
    gguf_free(*gguf_out);
    *gguf_out = NULL;
    tensors_close(set);
    *set = (struct tensors){0};
    mem_free(*path_out);
    status = part_path(path, no, 0, count, path_out, err);
    return status ? status : open_part(*path_out, set, gguf_out, err);
}

enum osso_status gguf_open(const char *path, struct tensors *set_out, struct gguf **gguf_out, struct osso_error *err)
{
    struct tensors set = {0};
    struct gguf *g = NULL;
    char *first = NULL;
    int64_t count = 1;
    *set_out = set;
    *gguf_out = NULL;
    enum osso_status status = open_first(path, &set, &g, &first, err);
    if (!status && gguf_get_i64(g, "split.count", &count) && count > 1)
        status = open_others(first, g, count, &set, err);
    if (!status)
        status = tensors_sort(&set, err);
    mem_free(first);
    if (status) {
        gguf_free(g);
        tensors_close(&set);
        return status;
    }
    *set_out = set;
    *gguf_out = g;
    return OSSO_OK;
}
