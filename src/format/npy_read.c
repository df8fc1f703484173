/* npy_read.c: magic, version, length of the header, a Python literal, the values. */
#include "format/npy_read.h"

#include "base/checked.h"
#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_HEADER = 4096 };

static enum osso_status bad(const char *path, const char *what, struct osso_error *err)
{
    return error_set(err, OSSO_FORMAT, "%s: %s", path, what);
}

/* The header's text into `text`, NUL-terminated; where the values begin. */
static enum osso_status find_header(const struct file_map *map, char text[MAX_HEADER], uint64_t *begin_out,
                                    struct osso_error *err)
{
    static const char magic[] = "\x93NUMPY";
    const uint8_t *d = map->data;
    if (map->size < 12 || memcmp(d, magic, 6) != 0)
        return bad(map->path, "this is no file of NumPy's (.npy)", err);
    uint64_t before = d[6] == 1 ? 10 : 12;
    uint64_t len = d[6] == 1 ? d[8] | (uint64_t)d[9] << 8
                             : d[8] | (uint64_t)d[9] << 8 | (uint64_t)d[10] << 16 | (uint64_t)d[11] << 24;
    if (d[6] < 1 || d[6] > 3 || len >= MAX_HEADER || !ck_inside(before, len, map->size))
        return bad(map->path, "the header of the file is broken", err);
    memcpy(text, d + before, len);
    text[len] = 0;
    *begin_out = before + len;
    return OSSO_OK;
}

/* What stands behind 'key': in the literal. */
static const char *value_of(const char *text, const char *key)
{
    char quoted[32];
    snprintf(quoted, sizeof quoted, "'%s'", key);
    const char *at = strstr(text, quoted);
    at = at ? strchr(at + strlen(quoted), ':') : NULL;
    return at ? at + 1 + strspn(at + 1, " ") : NULL;
}

static enum osso_status read_type(struct npy *n, const char *text, struct osso_error *err)
{
    const uint16_t one = 1;
    const char *type = value_of(text, "descr"), *order = value_of(text, "fortran_order");
    if (!type || type[0] != '\'' || !type[1] || !strchr("<>|=", type[1]) || !type[2] || !strchr("iub", type[2]))
        return bad(n->map.path, "the values are no whole numbers; save them with numpy.int32", err);
    n->bytes = type[3] - '0';
    n->is_signed = type[2] == 'i';
    n->swapped = (type[1] == '>') == (*(const char *)&one == 1) && type[1] != '|' && type[1] != '=';
    if ((n->bytes != 1 && n->bytes != 2 && n->bytes != 4 && n->bytes != 8) || type[4] != '\'')
        return bad(n->map.path, "the type of the values is unknown; save them with numpy.int32", err);
    if (!order || strncmp(order, "False", 5) != 0)
        return bad(n->map.path, "the values lie in Fortran's order; save numpy.ascontiguousarray of them", err);
    return OSSO_OK;
}

static enum osso_status read_shape(struct npy *n, const char *text, struct osso_error *err)
{
    const char *shape = value_of(text, "shape");
    char *end = NULL;
    if (!shape || *shape != '(')
        return bad(n->map.path, "the header says no shape", err);
    n->rows = strtoll(shape + 1, &end, 10);
    if (*end == ',')
        n->columns = strtoll(end + 1, &end, 10);
    while (*end == ' ' || *end == ',')
        end++;
    if (*end != ')' || n->rows < 1 || n->columns < 1)
        return bad(n->map.path, "the shape must be (rows, columns), neither of them 0", err);
    return OSSO_OK;
}

enum osso_status npy_open_ids(const char *path, struct npy *n, struct osso_error *err)
{
    char text[MAX_HEADER];
    uint64_t begin = 0, bytes = 0;
    *n = (struct npy){0};
    enum osso_status status = file_map_open(path, &n->map, err);
    if (status)
        return status;
    status = find_header(&n->map, text, &begin, err);
    if (!status)
        status = read_type(n, text, err);
    if (!status)
        status = read_shape(n, text, err);
    if (!status && (!ck_mul((uint64_t)n->rows, (uint64_t)n->columns, &bytes) ||
                    !ck_mul(bytes, (uint64_t)n->bytes, &bytes) || bytes != n->map.size - begin))
        status = error_set(err, OSSO_FORMAT, "%s: the file does not hold %lld rows of %lld values; it is cut off", path,
                           (long long)n->rows, (long long)n->columns);
    n->data = n->map.data + begin;
    if (status)
        npy_close(n);
    return status;
}

void npy_close(struct npy *n)
{
    if (n->map.path)
        file_map_close(&n->map);
    *n = (struct npy){0};
}

int64_t npy_at(const struct npy *n, int64_t row, int64_t column)
{
    const uint8_t *at = n->data + (row * n->columns + column) * n->bytes;
    const uint16_t one = 1;
    bool little = *(const char *)&one == 1, forward = little != n->swapped; /* the lowest byte comes first */
    uint64_t v = 0;
    for (int i = 0; i < n->bytes; i++)
        v |= (uint64_t)at[forward ? i : n->bytes - 1 - i] << (8 * i);
    if (n->is_signed && n->bytes < 8 && v >> (8 * n->bytes - 1))
        v -= UINT64_C(1) << (8 * n->bytes);
    return (int64_t)v;
}
