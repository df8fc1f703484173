/* rows_file.c: a safetensors file of one f32 tensor that grows by rows. */
#include "osso/embed.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "format/write.h"

struct osso_rows_file {
    struct save *file;
    uint64_t left, columns; /* rows that are still to come */
};

enum osso_status osso_rows_create(const char *path, const char *tensor, uint64_t rows, uint64_t columns,
                                  const char *metadata, struct osso_rows_file **file_out, struct osso_error *err)
{
    struct tensor t = {.name = (char *)tensor, .dtype = DT_F32, .rank = 2, .shape = {(int64_t)rows, (int64_t)columns}};
    *file_out = NULL;
    if (rows > INT64_MAX / sizeof(float) / (columns ? columns : 1))
        return error_set(err, OSSO_LIMIT, "%s: more rows than a file can have", path);
    t.bytes = rows * columns * sizeof(float);
    struct osso_rows_file *f = mem_alloc(sizeof *f);
    if (!f)
        return error_nomem(err, sizeof *f, "a file's rows");
    *f = (struct osso_rows_file){.left = rows, .columns = columns};
    enum osso_status status = save_open(path, &f->file, err);
    if (!status)
        status = safetensors_write_header_of(f->file, &t, 1, metadata ? metadata : "{\"format\":\"pt\"}", err);
    if (status) {
        save_abort(f->file);
        mem_free(f);
        return status;
    }
    *file_out = f;
    return OSSO_OK;
}

enum osso_status osso_rows_add(struct osso_rows_file *f, const float *values, uint64_t rows, struct osso_error *err)
{
    if (rows > f->left)
        return error_set(err, OSSO_USAGE, "%llu rows for a file that has room for %llu", (unsigned long long)rows,
                         (unsigned long long)f->left);
    f->left -= rows;
    return save_write(f->file, values, (size_t)(rows * f->columns) * sizeof *values, err);
}

enum osso_status osso_rows_close(struct osso_rows_file *f, bool keep, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    if (!f)
        return OSSO_OK;
    if (keep && f->left > 0)
        status = error_set(err, OSSO_USAGE, "%llu rows of the file are missing", (unsigned long long)f->left);
    if (keep && !status)
        status = save_commit(f->file, err);
    else
        save_abort(f->file);
    mem_free(f);
    return status;
}
