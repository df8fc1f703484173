/* sheets.h: tensors that grow by rows, all at a time, in one file: safetensors, or NumPy's .npz. Each has its place
 * from the beginning; when it is to end with fewer rows than planned, what there is moves together. */
#ifndef OSSO_INSPECT_SHEETS_H
#define OSSO_INSPECT_SHEETS_H

#include "base/buf.h"
#include "osso/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sheet_type { SHEET_F32, SHEET_F16, SHEET_BF16, SHEET_I32 };

/* [outer][rows][inner] values; shape as readers see it, whose axis row_axis is the rows. */
struct sheet {
    char name[120];
    enum sheet_type type;
    int64_t outer, rows, inner;
    int64_t shape[4];
    int rank, row_axis;
    int64_t whole; /* rows that count so far */
    uint64_t at;   /* of the file: where its data begins */
};

struct sheets {
    struct sheet *list;
    size_t n;
    bool npz;
    struct save *file;
    uint64_t bytes;    /* of the file as planned */
    uint64_t metadata; /* bytes that there is room for */
};

/* Places of all; sheets->bytes. LIMIT where sizes do not fit 64 bits. */
enum osso_status sheets_plan(struct sheets *s, struct osso_error *err);
enum osso_status sheets_open(struct sheets *s, const char *path, struct osso_error *err);
/* n rows from `row` on, of one of the outer ones: n * inner values as the file has them. */
enum osso_status sheets_put(struct sheets *s, const struct sheet *sheet, int64_t outer, int64_t row, int64_t n,
                            const void *values, struct osso_error *err);
/* The rows that are whole, and the metadata (a JSON object of strings), under the file's name. */
enum osso_status sheets_commit(struct sheets *s, const struct buf *metadata, struct osso_error *err);
void sheets_abort(struct sheets *s);

/* ---- zip.c ---- */

/* A zip archive's pieces: all entries are stored, with 64-bit sizes. */
void zip_entry(struct buf *to, const char *name, uint32_t crc, uint64_t bytes);
void zip_directory_entry(struct buf *to, const char *name, uint32_t crc, uint64_t bytes, uint64_t offset);
void zip_end(struct buf *to, uint64_t entries, uint64_t directory_at, uint64_t directory_bytes);

#endif
