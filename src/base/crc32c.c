/* crc32c.c: CRC-32C, by tables of eight bytes a turn or, on x86, by the instruction that SSE 4.2 brought, three at a
 * time, or by products of polynomials, 256 bytes a turn; zip's CRC-32, by tables alone. */
#include "base/crc32c.h"

#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum {
    FEW = 4096,      /* bytes for which tables are not worth making */
    LONG = 32 << 10, /* bytes that are worth a factor */
    WIDE = 256       /* bytes a turn of products */
};
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
/* a and b as polynomials, their product modulo Castagnoli's; bit 31 is 1. */
static uint32_t product(uint32_t a, uint32_t b)
{
    uint32_t sum = 0;
    for (; a; a <<= 1) {
        sum ^= b & (0u - (a >> 31));
        b = b >> 1 ^ (castagnoli & (0u - (b & 1)));
    }
    return sum;
}

/* What so many bytes of zeros multiply a sum by. */
static uint32_t factor_of(size_t bytes)
{
    uint32_t factor = 1u << 31, power = 1u << 23; /* x to the eighth */
    for (; bytes; bytes >>= 1) {
        if (bytes & 1)
            factor = product(factor, power);
        power = product(power, power);
    }
    return factor;
}

/* The instruction takes three cycles and one may begin in each, so long texts are three, side by side: a sum is linear,
 * and what follows a text multiplies it by a factor of its length. */
__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t crc, const uint8_t *s, size_t n)
{
    uint64_t a = crc, b = 0, c = 0, x, y, z;
    size_t third = n >= LONG ? n / 24 * 8 : 0;
    for (const uint8_t *end = s + third; s < end; s += 8) {
        memcpy(&x, s, 8);
        memcpy(&y, s + third, 8);
        memcpy(&z, s + 2 * third, 8);
        a = __builtin_ia32_crc32di(a, x);
        b = __builtin_ia32_crc32di(b, y);
        c = __builtin_ia32_crc32di(c, z);
    }
    if (third) {
        uint32_t factor = factor_of(third);
        a = product(product((uint32_t)a, factor) ^ (uint32_t)b, factor) ^ (uint32_t)c;
        s += 2 * third;
        n -= 3 * third;
    }
    for (; n >= 8; n -= 8, s += 8) {
        memcpy(&x, s, 8);
        a = __builtin_ia32_crc32di(a, x);
    }
    crc = (uint32_t)a;
    for (size_t i = 0; i < n; i++)
        crc = __builtin_ia32_crc32qi(crc, s[i]);
    return crc;
}

/* The 128 bits in each lane of `sum`, moved on by so many bits that `next` comes behind them: their halves times two
 * powers of x. As bits stand here the highest power is the lowest bit, so that a product of 64 and 32 of them comes out
 * multiplied by x to the 33rd: to move by D bits takes x^(D + 31) for the first half and x^(D - 33) for the second. */
__attribute__((target("avx512f,vpclmulqdq"))) static __m512i moved(__m512i sum, __m512i powers, __m512i next)
{
    __m512i first = _mm512_clmulepi64_epi128(sum, powers, 0x00), second = _mm512_clmulepi64_epi128(sum, powers, 0x11);
    return _mm512_ternarylogic_epi64(first, second, next, 0x96); /* all three added */
}

/* Four registers go through the text side by side; what they come to is 64 bytes with the same rest. n is a multiple of
 * WIDE, and not 0. */
__attribute__((target("avx512f,vpclmulqdq,sse4.2"))) static uint32_t by_products(uint32_t crc, const uint8_t *s,
                                                                                 size_t n)
{
    const __m512i by_2048 = _mm512_set4_epi64(0xb9e02b86, 0xdcb17aa4, 0xb9e02b86, 0xdcb17aa4),
                  by_512 = _mm512_set4_epi64(0x9e4addf8, 0x740eef02, 0x9e4addf8, 0x740eef02);
    __m512i a = _mm512_loadu_si512(s), b = _mm512_loadu_si512(s + 64), c = _mm512_loadu_si512(s + 128),
            d = _mm512_loadu_si512(s + 192);
    uint8_t rest[64];
    a = _mm512_xor_si512(a, _mm512_zextsi128_si512(_mm_cvtsi32_si128((int)crc)));
    for (const uint8_t *end = s + n; (s += WIDE) < end;) {
        a = moved(a, by_2048, _mm512_loadu_si512(s));
        b = moved(b, by_2048, _mm512_loadu_si512(s + 64));
        c = moved(c, by_2048, _mm512_loadu_si512(s + 128));
        d = moved(d, by_2048, _mm512_loadu_si512(s + 192));
    }
    _mm512_storeu_si512(rest, moved(moved(moved(a, by_512, b), by_512, c), by_512, d));
    return by_instruction(0, rest, sizeof rest);
}
#endif

uint32_t crc32c_by_lanes(uint32_t crc, const void *data, size_t n)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2"))
        return ~by_instruction(~crc, data, n);
#endif
    return n < FEW ? ~by_bits(castagnoli, ~crc, data, n) : crc32c_by_tables(crc, data, n);
}

uint32_t crc32c(uint32_t crc, const void *data, size_t n)
{
#if defined(__x86_64__)
    if (n >= WIDE && __builtin_cpu_supports("vpclmulqdq") && __builtin_cpu_supports("avx512f")) {
        size_t whole = n / WIDE * WIDE;
        crc = ~by_products(~crc, data, whole);
        data = (const uint8_t *)data + whole;
        n -= whole;
    }
#endif
    return crc32c_by_lanes(crc, data, n);
}

uint32_t crc32_zip(uint32_t crc, const void *data, size_t n)
{
    return n < FEW ? ~by_bits(zip, ~crc, data, n) : ~by_tables(zip, ~crc, data, n);
}
