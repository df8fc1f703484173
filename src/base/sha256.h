/* sha256.h: SHA-256 (FIPS 180-4) of bytes in memory. */
#ifndef OSSO_BASE_SHA256_H
#define OSSO_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { SHA256_LEN = 32 };
void sha256(const void *data, size_t n, uint8_t out[SHA256_LEN]);

#endif
