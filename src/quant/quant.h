/* quant.h: the number formats of dtype.def. All conversions here are the definition; kernels are tested against them.
 */
#ifndef OSSO_QUANT_H
#define OSSO_QUANT_H

#include <stdbool.h>
#include <stdint.h>

enum dtype {
#define DTYPE(name, ...) DT_##name,
#include "quant/dtype.def"
#undef DTYPE
    DT_U8, /* raw bytes inside a container (MXFP4 blocks and scales before they become a view) */
    DT_COUNT
};

/* Values of the largest block that any format may have, and scales in it: what buffers on the stack are made for. */
enum { DTYPE_MAX_BLOCK = 256, DTYPE_MAX_SCALES = DTYPE_MAX_BLOCK / 16 };

enum dtype_codes { CODES_PLAIN, CODES_SIGNED, CODES_UNSIGNED, CODES_SHIFTED };
enum dtype_place { PLACE_NONE, PLACE_INSIDE, PLACE_U8, PLACE_ANY };

/* Where a block's scales (0) and offsets (1) lie, when not inside it; the formats that have none apart take NULL. */
struct sides {
    const uint8_t *data[2];
    enum dtype dtype[2]; /* of one value */
};
struct sides_out {
    uint8_t *data[2];
    enum dtype dtype[2];
};

struct dtype_info {
    const char *name;
    int block;       /* values per block */
    int per_scale;   /* values per scale; 0: the view's group */
    int block_bytes; /* bytes per block */
    int gguf_type;   /* -1: not a GGUF type */
    enum dtype_codes codes;
    enum dtype_place scales, offsets;
    /* One block to its exact values (code * scale in one rounding, + offset in the same). */
    void (*unpack)(const uint8_t *block, const struct sides *sides, float *values_out);
    /* One block to int8 codes and, per scale, scale and offset: value = code * scale + offset. offsets_out is not
     * touched where the format has none and may then be NULL. NULL for plain formats. */
    void (*unpack_i8)(const uint8_t *block, const struct sides *sides, int8_t *codes_out, float *scales_out,
                      float *offsets_out);
    /* The nearest block to these values (the rule is in the format's file). A scale that the view's group shares among
     * blocks is made for this one alone. NULL where the format is only read. */
    void (*pack)(const float *values, uint8_t *block_out, const struct sides_out *sides);
};

const struct dtype_info *dtype_info(enum dtype t);
/* A whole row of n values, what lies apart beside it: `pack` block after block, but a group that several blocks share
 * has one scale for all of it. search: MXFP4 only, see mxfp4.c. */
struct quant_row {
    enum dtype dtype;
    int64_t group;
    bool search;
};
void quant_pack_row(const struct quant_row *how, const float *values, int64_t n, uint8_t *out,
                    const struct sides_out *sides);
/* DT_COUNT if there is none. */
enum dtype dtype_from_gguf(uint32_t type);

/* A block is int8 codes with f32 scales (and offsets), exactly. */
static inline bool dtype_has_i8(const struct dtype_info *info)
{
    return info->codes != CODES_PLAIN;
}

/* Scales of one block. */
static inline int dtype_scales(const struct dtype_info *info)
{
    return info->per_scale ? info->block / info->per_scale : 1;
}

/* Scales or offsets lie in a tensor of their own. */
static inline bool dtype_apart(const struct dtype_info *info)
{
    return info->scales >= PLACE_U8 || info->offsets >= PLACE_U8;
}

/* Scalars. f16 and bf16 round to nearest even; NaN stays NaN. */
float f16_to_f32(uint16_t h);
uint16_t f16_from_f32(float f);
static inline float bf16_to_f32(uint16_t h)
{
    union {
        uint32_t u;
        float f;
    } v = {(uint32_t)h << 16};
    return v.f;
}
uint16_t bf16_from_f32(float f);
/* 2^(s-127) exactly, denormals included; s = 255 is NaN. */
float e8m0_to_f32(uint8_t s);
/* Its half, 2^(s-128), as bits: the scale that goes with the doubled codes of MXFP4's kernels. */
static inline uint32_t e8m0_half_bits(uint8_t s)
{
    uint32_t bits = s >= 2 ? (uint32_t)(s - 1) << 23 : 0x00200000u << s;
    return s == 255 ? 0x7fc00000u : bits;
}
static inline float e8m0_half(uint8_t s)
{
    union {
        uint32_t u;
        float f;
    } v = {e8m0_half_bits(s)};
    return v.f;
}

#endif
