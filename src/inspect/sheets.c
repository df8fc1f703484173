/* sheets.c: one file of tensors that grow by rows, all at a time. */
#include "inspect/sheets.h"

#include "base/checked.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/must.h"
#include "json/jwrite.h"

#include <stdio.h>
#include <string.h>

enum { MOVE = 1 << 20, NPY_BEFORE = 10 };
static const char METADATA[] = "metadata.json";
static const struct {
    const char *safetensors, *numpy;
    int bytes;
} types[] = {[SHEET_F32] = {"F32", "<f4", 4},
             [SHEET_F16] = {"F16", "<f2", 2},
             [SHEET_BF16] = {"BF16", NULL, 2},
             [SHEET_I32] = {"I32", "<i4", 4}};

static bool bytes_of(const struct sheet *t, int64_t rows, uint64_t *bytes)
{
    *bytes = (uint64_t)types[t->type].bytes;
    return ck_mul(*bytes, (uint64_t)t->outer, bytes) && ck_mul(*bytes, (uint64_t)rows, bytes) &&
           ck_mul(*bytes, (uint64_t)t->inner, bytes) && *bytes < (uint64_t)1 << 62;
}

/* ---- headers ------------------------------------------------------------------------------------------------------
 */

static void add_shape(struct buf *b, const struct sheet *t, int64_t rows, bool tuple)
{
    for (int i = 0; i < t->rank; i++)
        buf_printf(b, "%s%lld", i ? "," : "", (long long)(i == t->row_axis ? rows : t->shape[i]));
    buf_puts(b, tuple && t->rank == 1 ? "," : "");
}

/* The whole header of a safetensors file, padded to `size` bytes (0: to a multiple of 8). */
static void safetensors_header(struct buf *b, const struct sheets *s, bool whole, const char *metadata, size_t size)
{
    uint64_t at = 0, bytes;
    for (int i = 0; i < 8; i++)
        buf_putc(b, 0);
    buf_printf(b, "{\"__metadata__\":%s", metadata);
    for (size_t i = 0; i < s->n; i++, at += bytes) {
        const struct sheet *t = &s->list[i];
        int64_t rows = whole ? t->whole : t->rows;
        bytes_of(t, rows, &bytes);
        buf_putc(b, ',');
        jwrite_string(b, t->name, strlen(t->name));
        buf_printf(b, ":{\"dtype\":\"%s\",\"shape\":[", types[t->type].safetensors);
        add_shape(b, t, rows, false);
        buf_printf(b, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)at, (unsigned long long)(at + bytes));
    }
    buf_putc(b, '}');
    while (!b->failed && (size ? b->len < size : b->len % 8 != 0))
        buf_putc(b, ' ');
    for (int i = 0; i < 8 && !b->failed; i++)
        b->data[i] = (char)((b->len - 8) >> 8 * i & 0xff);
}

/* Always as long, whatever the rows are: files keep their places. */
static void npy_header(struct buf *b, const struct sheet *t, int64_t rows)
{
    enum { LENGTH = 192 };
    size_t from = b->len;
    buf_add(b, "\x93NUMPY\x01\x00", 8);
    buf_putc(b, (char)(LENGTH - NPY_BEFORE));
    buf_putc(b, 0);
    buf_printf(b, "{'descr': '%s', 'fortran_order': False, 'shape': (", types[t->type].numpy);
    add_shape(b, t, rows, true);
    buf_puts(b, "), }");
    while (!b->failed && b->len - from < LENGTH - 1)
        buf_putc(b, ' ');
    buf_putc(b, '\n');
}

static void npz_name(const struct sheet *t, char *space, size_t size)
{
    snprintf(space, size, "%s.npy", t->name);
}

/* What stands before a sheet's data. crc: of header and data. */
static void npz_before(struct buf *b, const struct sheet *t, int64_t rows, uint32_t crc)
{
    char name[128];
    uint64_t bytes;
    struct buf npy = {0};
    npz_name(t, name, sizeof name);
    bytes_of(t, rows, &bytes);
    npy_header(&npy, t, rows);
    zip_entry(b, name, crc, npy.len + bytes);
    buf_add(b, npy.data, npy.len);
    b->failed = b->failed || npy.failed;
    buf_free(&npy);
}

/* ---- planning -----------------------------------------------------------------------------------------------------
 */

/* Places of all sheets with the rows that are planned, or that are whole. *end: behind the last. */
static enum osso_status place(struct sheets *s, bool whole, const char *metadata, size_t header, uint64_t *end,
                              struct osso_error *err)
{
    struct buf b = {0};
    uint64_t at, bytes;
    enum osso_status status = OSSO_OK;
    if (s->npz)
        zip_entry(&b, METADATA, 0, 0);
    else
        safetensors_header(&b, s, whole, metadata, header);
    at = s->npz ? b.len + strlen(metadata) : b.len;
    for (size_t i = 0; i < s->n && !status; i++) {
        struct sheet *t = &s->list[i];
        buf_clear(&b);
        if (s->npz)
            npz_before(&b, t, t->rows, 0);
        t->at = at + (s->npz ? b.len : 0);
        if (!bytes_of(t, whole ? t->whole : t->rows, &bytes) || !ck_add(t->at, bytes, &at))
            status = error_set(err, OSSO_LIMIT, "%s: the file would have more than 2^62 bytes", t->name);
    }
    if (b.failed && !status)
        status = error_nomem(err, b.len, "a file's header");
    buf_free(&b);
    *end = at;
    return status;
}

static void npz_directory(struct buf *b, const struct sheets *s, uint64_t at, const uint32_t *crcs,
                          const struct buf *metadata)
{
    struct buf before = {0};
    uint64_t bytes;
    size_t from = b->len;
    zip_directory_entry(b, METADATA, metadata ? crc32_zip(0, metadata->data, metadata->len) : 0,
                        metadata ? metadata->len : 0, 0);
    for (size_t i = 0; i < s->n; i++) {
        const struct sheet *t = &s->list[i];
        char name[128];
        npz_name(t, name, sizeof name);
        buf_clear(&before);
        npz_before(&before, t, t->whole, 0);
        bytes_of(t, t->whole, &bytes);
        size_t local = before.len;
        buf_clear(&before);
        npy_header(&before, t, t->whole);
        zip_directory_entry(b, name, crcs ? crcs[i] : 0, before.len + bytes, t->at - local);
    }
    zip_end(b, s->n + 1, at, b->len - from);
    b->failed = b->failed || before.failed;
    buf_free(&before);
}

enum osso_status sheets_plan(struct sheets *s, struct osso_error *err)
{
    struct buf metadata = {0}, directory = {0};
    buf_puts(&metadata, "{");
    while (!metadata.failed && metadata.len + 1 < s->metadata)
        buf_putc(&metadata, ' ');
    buf_puts(&metadata, "}");
    enum osso_status status = metadata.failed ? error_nomem(err, s->metadata, "a file's metadata")
                                              : place(s, false, metadata.data, 0, &s->bytes, err);
    if (!status && s->npz) {
        npz_directory(&directory, s, 0, NULL, NULL);
        s->bytes += directory.len;
    }
    if (!status && directory.failed)
        status = error_nomem(err, directory.len, "a file's directory");
    buf_free(&metadata);
    buf_free(&directory);
    return status;
}

/* ---- writing ------------------------------------------------------------------------------------------------------
 */

enum osso_status sheets_open(struct sheets *s, const char *path, struct osso_error *err)
{
    return save_open(path, &s->file, err);
}

enum osso_status sheets_put(struct sheets *s, const struct sheet *t, int64_t outer, int64_t row, int64_t n,
                            const void *values, struct osso_error *err)
{
    uint64_t value = (uint64_t)types[t->type].bytes, inner = (uint64_t)t->inner * value;
    return save_write_at(s->file, t->at + (uint64_t)(outer * t->rows + row) * inner, values, (size_t)n * inner, err);
}

static enum osso_status move(struct save *file, uint64_t from, uint64_t to, uint64_t bytes, char *space,
                             struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    for (uint64_t done = 0; from != to && done < bytes && !status;) {
        size_t n = bytes - done < MOVE ? (size_t)(bytes - done) : MOVE;
        status = save_read_at(file, from + done, space, n, err);
        if (!status)
            status = save_write_at(file, to + done, space, n, err);
        done += n;
    }
    return status;
}

/* What is whole to its new place, which is never behind the old one. */
static enum osso_status move_together(struct sheets *s, const uint64_t *old, char *space, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    for (size_t i = 0; i < s->n && !status; i++) {
        const struct sheet *t = &s->list[i];
        uint64_t inner = (uint64_t)t->inner * (uint64_t)types[t->type].bytes;
        for (int64_t o = 0; o < t->outer && !status; o++)
            status = move(s->file, old[i] + (uint64_t)(o * t->rows) * inner, t->at + (uint64_t)(o * t->whole) * inner,
                          (uint64_t)t->whole * inner, space, err);
    }
    return status;
}

static enum osso_status data_crc(struct sheets *s, const struct sheet *t, char *space, uint32_t *crc,
                                 struct osso_error *err)
{
    struct buf npy = {0};
    uint64_t bytes;
    enum osso_status status = OSSO_OK;
    npy_header(&npy, t, t->whole);
    *crc = crc32_zip(0, npy.data, npy.len);
    buf_free(&npy);
    bytes_of(t, t->whole, &bytes);
    for (uint64_t done = 0; done < bytes && !status;) {
        size_t n = bytes - done < MOVE ? (size_t)(bytes - done) : MOVE;
        status = save_read_at(s->file, t->at + done, space, n, err);
        *crc = crc32_zip(*crc, space, n);
        done += n;
    }
    return status;
}

static enum osso_status write_npz(struct sheets *s, const struct buf *metadata, uint64_t end, char *space,
                                  uint32_t *crcs, struct osso_error *err)
{
    struct buf b = {0};
    enum osso_status status = OSSO_OK;
    zip_entry(&b, METADATA, crc32_zip(0, metadata->data, metadata->len), metadata->len);
    buf_add(&b, metadata->data, metadata->len);
    status = save_write_at(s->file, 0, b.data, b.len, err);
    for (size_t i = 0; i < s->n && !status; i++) {
        const struct sheet *t = &s->list[i];
        status = data_crc(s, t, space, &crcs[i], err);
        buf_clear(&b);
        npz_before(&b, t, t->whole, crcs[i]);
        if (!status)
            status = save_write_at(s->file, t->at - b.len, b.data, b.len, err);
    }
    buf_clear(&b);
    npz_directory(&b, s, end, crcs, metadata);
    if (!status)
        status = save_write_at(s->file, end, b.data, b.len, err);
    if (!status)
        status = save_set_size(s->file, end + b.len, err);
    buf_free(&b);
    return status;
}

static enum osso_status write_safetensors(struct sheets *s, const struct buf *metadata, size_t header, uint64_t end,
                                          struct osso_error *err)
{
    struct buf b = {0};
    safetensors_header(&b, s, true, metadata->data, header);
    must(b.failed || b.len == header); /* there is room for the metadata */
    enum osso_status status = b.failed ? error_nomem(err, b.len, "a file's header")
                                       : save_write_at(s->file, 0, b.data, b.len, err);
    if (!status)
        status = save_set_size(s->file, end, err);
    buf_free(&b);
    return status;
}

/* The header of a safetensors file stays as long as planned: where all rows are there nothing moves. */
enum osso_status sheets_commit(struct sheets *s, const struct buf *metadata, struct osso_error *err)
{
    uint64_t end, *old = mem_array(s->n, sizeof *old);
    uint32_t *crcs = mem_array(s->n, sizeof *crcs);
    char *space = mem_alloc(MOVE);
    enum osso_status status = old && crcs && space ? OSSO_OK : error_nomem(err, MOVE, "a file's end");
    for (size_t i = 0; i < s->n && !status; i++)
        old[i] = s->list[i].at;
    size_t header = !s->npz && s->n ? s->list[0].at : 0;
    if (!status)
        status = place(s, true, metadata->data, header, &end, err);
    if (!status)
        status = move_together(s, old, space, err);
    if (!status)
        status = s->npz ? write_npz(s, metadata, end, space, crcs, err)
                        : write_safetensors(s, metadata, header, end, err);
    mem_free(old);
    mem_free(crcs);
    mem_free(space);
    struct save *file = s->file;
    s->file = NULL;
    if (!status)
        return save_commit(file, err);
    save_abort(file);
    return status;
}

void sheets_abort(struct sheets *s)
{
    save_abort(s->file);
    s->file = NULL;
}
