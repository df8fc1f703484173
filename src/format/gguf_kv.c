/* gguf_kv.c: the keys and values in front of a GGUF file. Everything stays in the mapping; numbers are unaligned there.
 */
#include "format/gguf_kv.h"

#include "base/checked.h"
#include "base/error.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_KV = 65536, MAX_KEY = 65536, MIN_KV_BYTES = 13, MAX_STRING = 1 << 30, MAX_ELEMENTS = 1 << 30 };

/* Bytes of one element; 0: of no fixed size. The order is that of enum gguf_type, which is the format's. */
static const uint8_t type_bytes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
enum { N_TYPES = sizeof type_bytes };

enum osso_status gguf_bad(const struct gguf_cursor *c, const char *what)
{
    return error_set(c->err, OSSO_FORMAT, "%s: GGUF header, byte %llu: %s", c->path,
                     (unsigned long long)(c->p - c->begin), what);
}

static uint64_t read_le(const uint8_t *p, int bytes)
{
    uint64_t v = 0;
    for (int i = bytes - 1; i >= 0; i--)
        v = v << 8 | p[i];
    return v;
}

static uint64_t left(const struct gguf_cursor *c)
{
    return (uint64_t)(c->end - c->p);
}

enum osso_status gguf_u32(struct gguf_cursor *c, uint32_t *out)
{
    if (left(c) < 4)
        return gguf_bad(c, "the file ends inside a number; is the download complete?");
    *out = (uint32_t)read_le(c->p, 4);
    c->p += 4;
    return OSSO_OK;
}

enum osso_status gguf_u64(struct gguf_cursor *c, uint64_t *out)
{
    if (left(c) < 8)
        return gguf_bad(c, "the file ends inside a number; is the download complete?");
    *out = read_le(c->p, 8);
    c->p += 8;
    return OSSO_OK;
}

enum osso_status gguf_str(struct gguf_cursor *c, uint64_t max, const char **out, uint64_t *len_out)
{
    uint64_t len = 0;
    enum osso_status status = gguf_u64(c, &len);
    if (status)
        return status;
    if (len > max || len > left(c))
        return gguf_bad(c, len > max ? "a string that is longer than allowed here"
                                     : "a string that is longer than the file; is the download complete?");
    *out = (const char *)c->p;
    *len_out = len;
    c->p += len;
    return OSSO_OK;
}

static enum osso_status skip(struct gguf_cursor *c, uint64_t bytes)
{
    if (bytes > left(c))
        return gguf_bad(c, "a value that is longer than the file; is the download complete?");
    c->p += bytes;
    return OSSO_OK;
}

static enum osso_status read_type(struct gguf_cursor *c, enum gguf_type *out)
{
    uint32_t type = 0;
    enum osso_status status = gguf_u32(c, &type);
    if (!status && type >= N_TYPES)
        status = gguf_bad(c, "an unknown type of value");
    if (!status)
        *out = (enum gguf_type)type;
    return status;
}

static enum osso_status read_array(struct gguf_cursor *c, struct gguf_value *v)
{
    uint64_t bytes;
    const char *s;
    v->array = true;
    enum osso_status status = read_type(c, &v->type);
    if (!status && v->type == GGUF_ARRAY)
        status = gguf_bad(c, "an array of arrays");
    if (!status)
        status = gguf_u64(c, &v->count);
    if (status)
        return status;
    uint64_t least = v->type == GGUF_STRING ? 8 : type_bytes[v->type];
    if (v->count > MAX_ELEMENTS || !ck_mul(v->count, least, &bytes) || bytes > left(c))
        return gguf_bad(c, "an array that is longer than the file; is the download complete?");
    v->data = c->p;
    if (v->type != GGUF_STRING)
        status = skip(c, bytes);
    for (uint64_t i = 0; v->type == GGUF_STRING && i < v->count && !status; i++)
        status = gguf_str(c, MAX_STRING, &s, &bytes);
    v->bytes = (uint64_t)(c->p - v->data);
    return status;
}

static enum osso_status read_entry(struct gguf_cursor *c, struct gguf_entry *e)
{
    const char *s;
    uint64_t len;
    enum osso_status status = gguf_str(c, MAX_KEY, &e->key, &e->key_len);
    if (!status && (e->key_len == 0 || memchr(e->key, 0, e->key_len)))
        status = gguf_bad(c, "an empty key or one with a NUL byte");
    if (!status)
        status = read_type(c, &e->value.type);
    if (status)
        return status;
    if (e->value.type == GGUF_ARRAY)
        return read_array(c, &e->value);
    e->value.data = c->p;
    e->value.count = 1;
    status = e->value.type == GGUF_STRING ? gguf_str(c, MAX_STRING, &s, &len) : skip(c, type_bytes[e->value.type]);
    e->value.bytes = (uint64_t)(c->p - e->value.data);
    return status;
}

static int compare_keys(const char *a, uint64_t a_len, const char *b, uint64_t b_len)
{
    int order = memcmp(a, b, a_len < b_len ? a_len : b_len);
    return order ? order : a_len < b_len ? -1 : a_len > b_len;
}

static int by_key(const void *a, const void *b)
{
    const struct gguf_entry *x = a, *y = b;
    return compare_keys(x->key, x->key_len, y->key, y->key_len);
}

enum osso_status gguf_read_kv(struct gguf_cursor *c, uint64_t n, struct gguf **gguf_out)
{
    enum osso_status status = OSSO_OK;
    struct gguf *g = NULL;
    *gguf_out = NULL;
    if (n > MAX_KV || n * MIN_KV_BYTES > left(c))
        return gguf_bad(c, n > MAX_KV ? "more keys than osso allows (65536)"
                                      : "more keys than the file can hold; is the download complete?");
    g = mem_alloc(sizeof *g);
    if (g)
        g->list = mem_array(n, sizeof *g->list);
    if (!g || !g->list) {
        status = error_nomem(c->err, n * sizeof *g->list, "the keys of a GGUF file");
        goto cleanup;
    }
    for (; (uint64_t)g->n < n && !status; g->n++)
        status = read_entry(c, &g->list[g->n]);
    if (status)
        goto cleanup;
    qsort(g->list, n, sizeof *g->list, by_key);
    for (uint64_t i = 1; i < n && !status; i++)
        if (by_key(&g->list[i - 1], &g->list[i]) == 0)
            status = error_set(c->err, OSSO_FORMAT, "%s: the key %.*s appears twice", c->path,
                               (int)(g->list[i].key_len < 200 ? g->list[i].key_len : 200), g->list[i].key);
    if (!status) {
        *gguf_out = g;
        g = NULL;
    }
cleanup:
    gguf_free(g);
    return status;
}

void gguf_free(struct gguf *gguf)
{
    if (!gguf)
        return;
    mem_free(gguf->list);
    mem_free(gguf);
}

/* ---- asking --------------------------------------------------------------------------------------------- */

int64_t gguf_count(const struct gguf *gguf)
{
    return gguf->n;
}

void gguf_key(const struct gguf *gguf, int64_t i, const char **key_out, uint64_t *len_out, struct gguf_value *value_out)
{
    *key_out = gguf->list[i].key;
    *len_out = gguf->list[i].key_len;
    *value_out = gguf->list[i].value;
}

bool gguf_get(const struct gguf *gguf, const char *key, struct gguf_value *value_out)
{
    int64_t lo = 0, hi = gguf->n;
    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        int order = compare_keys(gguf->list[mid].key, gguf->list[mid].key_len, key, strlen(key));
        if (order == 0) {
            *value_out = gguf->list[mid].value;
            return true;
        }
        if (order < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return false;
}

bool gguf_at_i64(const struct gguf_value *value, uint64_t i, int64_t *out)
{
    if (i >= value->count)
        return false;
    const uint8_t *p = value->data + i * type_bytes[value->type]; /* inside: the reader checked count * size */
    switch (value->type) {
    case GGUF_U8:
    case GGUF_U16:
    case GGUF_U32: *out = (int64_t)read_le(p, type_bytes[value->type]); return true;
    case GGUF_I8: *out = (int8_t)p[0]; return true;
    case GGUF_I16: *out = (int16_t)read_le(p, 2); return true;
    case GGUF_I32: *out = (int32_t)read_le(p, 4); return true;
    case GGUF_BOOL: *out = p[0] != 0; return true;
    case GGUF_U64:
    case GGUF_I64: {
        uint64_t v = read_le(p, 8);
        if (value->type == GGUF_U64 && v > INT64_MAX)
            return false;
        *out = (int64_t)v;
        return true;
    }
    default: return false;
    }
}

bool gguf_get_i64(const struct gguf *gguf, const char *key, int64_t *out)
{
    struct gguf_value v;
    return gguf_get(gguf, key, &v) && !v.array && v.type != GGUF_BOOL && gguf_at_i64(&v, 0, out);
}

bool gguf_get_f64(const struct gguf *gguf, const char *key, double *out)
{
    struct gguf_value v;
    int64_t whole;
    if (!gguf_get(gguf, key, &v) || v.array)
        return false;
    if (v.type == GGUF_F32) {
        float f;
        uint32_t bits = (uint32_t)read_le(v.data, 4);
        memcpy(&f, &bits, sizeof f);
        *out = (double)f;
        return true;
    }
    if (v.type == GGUF_F64) {
        uint64_t bits = read_le(v.data, 8);
        memcpy(out, &bits, sizeof *out);
        return true;
    }
    if (!gguf_get_i64(gguf, key, &whole))
        return false;
    *out = (double)whole;
    return true;
}

bool gguf_next_str(const struct gguf_value *value, uint64_t *off, const char **out, uint64_t *len_out)
{
    if (value->type != GGUF_STRING || *off >= value->bytes)
        return false;
    *len_out = read_le(value->data + *off, 8); /* the reader walked these strings to the end */
    *out = (const char *)value->data + *off + 8;
    *off += 8 + *len_out;
    return true;
}

bool gguf_get_str(const struct gguf *gguf, const char *key, const char **out, uint64_t *len_out)
{
    struct gguf_value v;
    uint64_t off = 0;
    return gguf_get(gguf, key, &v) && !v.array && gguf_next_str(&v, &off, out, len_out);
}
