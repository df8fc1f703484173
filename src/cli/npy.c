/* npy.c: magic, version, header length, a Python literal padded so that the data begins at a multiple of 64. */
#include "cli/npy.h"

#include <stdio.h>
#include <string.h>

enum osso_status npy_open(const char *path, uint64_t rows, uint64_t columns, struct save **save_out,
                          struct osso_error *err)
{
    enum { HEADER = 128, BEFORE = 10 };
    const uint16_t one = 1;
    char header[HEADER + 1];
    memset(header, ' ', HEADER);
    memcpy(header, "\x93NUMPY\x01\x00", 8);
    header[8] = HEADER - BEFORE; /* little endian, whatever the machine */
    header[9] = 0;
    int n = snprintf(header + BEFORE, HEADER - BEFORE,
                     "{'descr': '%cf4', 'fortran_order': False, 'shape': (%llu, %llu), }",
                     *(const char *)&one ? '<' : '>', (unsigned long long)rows, (unsigned long long)columns);
    header[BEFORE + n] = ' ';
    header[HEADER - 1] = '\n';
    enum osso_status status = save_open(path, save_out, err);
    if (status)
        return status;
    status = save_write(*save_out, header, HEADER, err);
    if (status) {
        save_abort(*save_out);
        *save_out = NULL;
    }
    return status;
}
