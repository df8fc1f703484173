/* formats.h: what every file of a number format gives to the table in dtype.c, declared from dtype.def. */
#ifndef OSSO_QUANT_FORMATS_H
#define OSSO_QUANT_FORMATS_H

#include "quant/quant.h"

#include <string.h>

#define DTYPE(name, text, block, bytes, gguf, i8)                                                                      \
    void quant_unpack_##name(const uint8_t *block_, uint8_t scale, float *values_out);                                 \
    void quant_unpack_i8_##name(const uint8_t *block_, uint8_t scale, int8_t *codes_out, float *scale_out);            \
    void quant_pack_##name(const float *values, uint8_t *block_out, uint8_t *scale_out);
#include "quant/dtype.def"
#undef DTYPE

static inline uint16_t load_u16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static inline void store_u16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

static inline uint32_t float_bits(float f)
{
    uint32_t u;
    memcpy(&u, &f, 4);
    return u;
}

static inline float float_of_bits(uint32_t u)
{
    float f;
    memcpy(&f, &u, 4);
    return f;
}

/* The largest magnitude as bits: in this order NaN > Inf > every number, so one maximum also finds what is not finite. */
static inline uint32_t amax_bits(const float *values, int n)
{
    uint32_t amax = 0;
    for (int i = 0; i < n; i++) {
        uint32_t u = float_bits(values[i]) & 0x7fffffffu;
        amax = u > amax ? u : amax;
    }
    return amax;
}

#endif
