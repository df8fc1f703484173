/* crc32c.c: CRC-32C, by tables of eight bytes a turn or, on x86, by the instruction that SSE 4.2 brought; zip's CRC-32,
 * by tables alone. */
#include "base/crc32c.h"

#include <string.h>

enum { FEW = 4096 }; /* bytes for which tables are not worth making */
/* Reflected. */
static const uint32_t castagnoli = 0x82f63b78u, zip = 0xedb88320u;

/* Bit by bit: the definition, for the few bytes at an end. */
static uint32_t by_bits(uint32_t polynomial, uint32_t crc, const uint8_t *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        crc ^= s[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (polynomial & (0u - (crc & 1)));
    }
    return crc;
}

/* Eight bytes a turn; the tables are made for every call, which a piece of a mebibyte does not notice. */
static uint32_t by_tables(uint32_t polynomial, uint32_t crc, const uint8_t *s, size_t n)
{
    uint32_t table[8][256];
    for (uint32_t i = 0; i < 256; i++) {
        uint8_t byte = (uint8_t)i;
        table[0][i] = by_bits(polynomial, 0, &byte, 1);
    }
    for (int t = 1; t < 8; t++)
        for (int i = 0; i < 256; i++)
            table[t][i] = table[t - 1][i] >> 8 ^ table[0][table[t - 1][i] & 255];
    for (; n >= 8; n -= 8, s += 8) {
        crc ^= (uint32_t)s[0] | (uint32_t)s[1] << 8 | (uint32_t)s[2] << 16 | (uint32_t)s[3] << 24;
        crc = table[7][crc & 255] ^ table[6][crc >> 8 & 255] ^ table[5][crc >> 16 & 255] ^ table[4][crc >> 24] ^
              table[3][s[4]] ^ table[2][s[5]] ^ table[1][s[6]] ^ table[0][s[7]];
    }
    return by_bits(polynomial, crc, s, n);
}

uint32_t crc32c_by_tables(uint32_t crc, const void *data, size_t n)
{
    return ~by_tables(castagnoli, ~crc, data, n);
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t crc, const uint8_t *s, size_t n)
{
    uint64_t wide = crc, eight;
    for (; n >= 8; n -= 8, s += 8) {
        memcpy(&eight, s, 8);
        wide = __builtin_ia32_crc32di(wide, eight);
    }
    crc = (uint32_t)wide;
    for (size_t i = 0; i < n; i++)
        crc = __builtin_ia32_crc32qi(crc, s[i]);
    return crc;
}
#endif

uint32_t crc32c(uint32_t crc, const void *data, size_t n)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2"))
        return ~by_instruction(~crc, data, n);
#endif
    return n < FEW ? ~by_bits(castagnoli, ~crc, data, n) : crc32c_by_tables(crc, data, n);
}

uint32_t crc32_zip(uint32_t crc, const void *data, size_t n)
{
    return n < FEW ? ~by_bits(zip, ~crc, data, n) : ~by_tables(zip, ~crc, data, n);
}
