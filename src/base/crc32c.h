/* crc32c.h: CRC-32C (Castagnoli), the checksum of a piece of a file: by the CPU's own instruction where it has one; and
 * CRC-32 as zip archives have it. */
#ifndef OSSO_BASE_CRC32C_H
#define OSSO_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Of n bytes behind those whose sum is `crc` (0: none). */
uint32_t crc32c(uint32_t crc, const void *data, size_t n);
/* The other polynomial's, in the same way. */
uint32_t crc32_zip(uint32_t crc, const void *data, size_t n);
/* crc32c on a CPU without wide products, and on one without the instruction; for tests. */
uint32_t crc32c_by_lanes(uint32_t crc, const void *data, size_t n);
uint32_t crc32c_by_tables(uint32_t crc, const void *data, size_t n);

#endif
