/* formats.h: what every file of a number format gives to the table in dtype.c, declared from dtype.def: pack, and
 * unpack_i8 where there are codes (dtype.c makes unpack of it) or unpack. */
#ifndef OSSO_QUANT_FORMATS_H
#define OSSO_QUANT_FORMATS_H

#include "quant/quant.h"

#include <math.h>
#include <string.h>

#define DTYPE(name, ...)                                                                                               \
    void quant_unpack_##name(const uint8_t *block, const struct sides *sides, float *values_out);                      \
    void quant_unpack_i8_##name(const uint8_t *block, const struct sides *sides, int8_t *codes_out, float *scales_out, \
                                float *offsets_out);                                                                   \
    void quant_pack_##name(const float *values, uint8_t *block_out, const struct sides_out *sides);
#include "quant/dtype.def"
#undef DTYPE

/* A group of n values (whole blocks) of MLX's affine formats of so many bits, with one scale and one offset. */
void quant_pack_affine(int bits, const float *values, int n, uint8_t *codes_out, const struct sides_out *sides);
/* MXFP4 with the scale byte of the smallest error among the rule's own and its neighbours. */
void quant_pack_mxfp4_search(const float *values, bool apart, uint8_t *block_out, const struct sides_out *sides);

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

/* Value i of a block's scales (which = 0) or offsets (1) that lie apart: F32, F16 or BF16. */
static inline float sides_value(const struct sides *sides, int which, int i)
{
    const struct dtype_info *info = dtype_info(sides->dtype[which]);
    float f;
    info->unpack(sides->data[which] + i * info->block_bytes, NULL, &f);
    return f;
}

/* The smallest and the largest of n values. */
struct range {
    float low, high;
};
static inline struct range range_of(const float *values, int n)
{
    struct range r = {values[0], values[0]};
    for (int i = 1; i < n; i++) {
        r.low = values[i] < r.low ? values[i] : r.low;
        r.high = values[i] > r.high ? values[i] : r.high;
    }
    return r;
}

static inline void sides_store(const struct sides_out *sides, int which, float value)
{
    dtype_info(sides->dtype[which])->pack(&value, sides->data[which], NULL);
}

/* The largest magnitude as bits: in this order NaN > Inf > every number, so one maximum also finds what is not finite.
 */
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
