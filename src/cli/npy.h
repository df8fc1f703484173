/* npy.h: writes a float32 matrix as a NumPy file (format version 1.0), row by row, whole or not at all. */
#ifndef OSSO_CLI_NPY_H
#define OSSO_CLI_NPY_H

#include "base/file.h"

#include <stdint.h>

/* Opens `path` and writes the header of (rows, columns); the caller writes exactly so many rows, then save_commit. */
enum osso_status npy_open(const char *path, uint64_t rows, uint64_t columns, struct save **save_out,
                          struct osso_error *err);

#endif
