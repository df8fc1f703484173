/* quant.h: the number formats of dtype.def. All conversions here are the definition; kernels are tested against them. */
#ifndef OSSO_QUANT_H
#define OSSO_QUANT_H

#include <stdbool.h>
#include <stdint.h>

enum dtype {
#define DTYPE(name, text, block, bytes, gguf, i8) DT_##name,
#include "quant/dtype.def"
#undef DTYPE
    DT_U8, /* raw bytes inside a container (MXFP4 blocks and scales before they become a view) */
    DT_COUNT
};

struct dtype_info {
    const char *name;
    int block;       /* values per block */
    int block_bytes; /* bytes per block */
    int gguf_type;   /* -1: not a GGUF type */
    bool has_i8;     /* a block is int8 codes times one f32 scale, exactly */
    /* One block to its exact values. `scale` is the scale byte of MXFP4_HF; others ignore it. */
    void (*unpack)(const uint8_t *block, uint8_t scale, float *values_out);
    /* One block of 32 to int8 codes and the scale with value = code * scale, exactly. NULL without has_i8. */
    void (*unpack_i8)(const uint8_t *block, uint8_t scale, int8_t *codes_out, float *scale_out);
    /* The nearest block to these values (the rule is in the format's file). *scale_out: see unpack; may be NULL. */
    void (*pack)(const float *values, uint8_t *block_out, uint8_t *scale_out);
};

const struct dtype_info *dtype_info(enum dtype t);
/* DT_COUNT if there is none. */
enum dtype dtype_from_name(const char *name);
enum dtype dtype_from_gguf(uint32_t type);
/* Bytes of `count` values (count a multiple of the block); false on overflow or a ragged count. */
bool dtype_bytes(enum dtype t, uint64_t count, uint64_t *bytes_out);

/* Scalars. f16 and bf16 round to nearest even; NaN stays NaN. */
float f16_to_f32(uint16_t h);
uint16_t f16_from_f32(float f);
static inline float bf16_to_f32(uint16_t h)
{
    union { uint32_t u; float f; } v = {(uint32_t)h << 16};
    return v.f;
}
uint16_t bf16_from_f32(float f);
/* 2^(s-127) exactly, denormals included; s = 255 is NaN. */
float e8m0_to_f32(uint8_t s);

#endif
