/* numbers.h: numbers as people write them. */
#ifndef OSSO_CLI_NUMBERS_H
#define OSSO_CLI_NUMBERS_H

#include <stdbool.h>
#include <stdint.h>

/* Strict: the whole string, in range, no NaN. */
bool parse_i64(const char *s, int64_t *out);
bool parse_u64(const char *s, uint64_t *out);
bool parse_f64(const char *s, double *out);

/* "512M", "1.5G", "64KiB", "8gb", "4096": K, M, G and T are powers of 1024, with or without an i or B behind them. The
 * whole string; a part of a byte is dropped, but 1.5 without a unit is no size. */
bool parse_size(const char *s, int64_t *bytes_out);
/* The shortest of these for a number of bytes: "512M", "1536"; returns `space`, of at least 24 bytes. */
const char *size_text(char *space, uint64_t bytes);

/* "12.8 GB" (10^9 bytes) into a space of at least 32 bytes; returns it. */
const char *human_bytes(char *space, uint64_t bytes);

#endif
