/* npy_read.h: NumPy's files of integers, mapped: matrices of any whole type, read as int64. */
#ifndef OSSO_FORMAT_NPY_READ_H
#define OSSO_FORMAT_NPY_READ_H

#include "base/file.h"

struct npy {
    struct file_map map;
    const uint8_t *data;
    int64_t rows, columns;
    int bytes; /* of a value */
    bool is_signed, swapped;
};

/* Two dimensions, in C order, nothing behind the values. FORMAT, with the reason, for what is something else. */
enum osso_status npy_open_ids(const char *path, struct npy *npy_out, struct osso_error *err);
void npy_close(struct npy *npy);
int64_t npy_at(const struct npy *npy, int64_t row, int64_t column);

#endif
