/* q5_0.c: GGUF's Q5_0 and Q5_1. Blocks of 32 codes of 5 bits: the fifth bits stand in 4 bytes of their own (bit i is
 * code i's), then come low nibbles 0..15, high nibbles 16..31.
 *
 *   Q5_0   22 bytes: an f16 d, fifth bits, nibbles;   value = d * (code - 16)
 *   Q5_1   24 bytes: f16 d and m, the same;           value = d * code + m
 *
 * Packing is ggml's, as that of Q4_0 and Q4_1 with 16 and 31 in the place of 8 and 15. */
#include "quant/formats.h"

enum { BLOCK = 32 };

/* Code i; `bits` is where the fifth bits begin. */
static int code(const uint8_t *bits, int i)
{
    int low = bits[4 + i % 16] >> (i / 16 * 4) & 15;
    return low | (bits[i / 8] >> (i % 8) & 1) << 4;
}

void quant_unpack_i8_Q5_0(const uint8_t *block, const struct sides *sides, int8_t *codes_out, float *scales_out,
                          float *offsets_out)
{
    (void)sides, (void)offsets_out;
    scales_out[0] = f16_to_f32(load_u16(block));
    for (int i = 0; i < BLOCK; i++)
        codes_out[i] = (int8_t)(code(block + 2, i) - 16);
}

void quant_unpack_i8_Q5_1(const uint8_t *block, const struct sides *sides, int8_t *codes_out, float *scales_out,
                          float *offsets_out)
{
    (void)sides;
    scales_out[0] = f16_to_f32(load_u16(block));
    offsets_out[0] = f16_to_f32(load_u16(block + 2));
    for (int i = 0; i < BLOCK; i++)
        codes_out[i] = (int8_t)code(block + 4, i);
}

/* Code i goes where code() finds it; the bytes are 0. */
static void set_code(uint8_t *bits, int i, float c)
{
    int whole = (int)(c < 31 ? c : 31);
    bits[4 + i % 16] |= (uint8_t)((whole & 15) << (i / 16 * 4));
    bits[i / 8] |= (uint8_t)(whole >> 4 << (i % 8));
}

void quant_pack_Q5_0(const float *values, uint8_t *block_out, const struct sides_out *sides)
{
    (void)sides;
    uint32_t amax = amax_bits(values, BLOCK);
    float top = 0;
    for (int i = BLOCK - 1; i >= 0; i--)
        top = (float_bits(values[i]) & 0x7fffffffu) == amax ? values[i] : top;
    float d = top / -16, inverse = d != 0 ? 1 / d : 0;
    memset(block_out, 0, 22);
    store_u16(block_out, amax >= 0x7f800000u ? 0x7e00u : f16_from_f32(d));
    for (int i = 0; i < BLOCK && amax < 0x7f800000u && isfinite(inverse); i++)
        set_code(block_out + 2, i, values[i] * inverse + 16.5f);
}

void quant_pack_Q5_1(const float *values, uint8_t *block_out, const struct sides_out *sides)
{
    (void)sides;
    struct range range = range_of(values, BLOCK);
    float d = (range.high - range.low) / 31, inverse = d != 0 ? 1 / d : 0;
    bool finite = amax_bits(values, BLOCK) < 0x7f800000u;
    memset(block_out, 0, 24);
    store_u16(block_out, finite ? f16_from_f32(d) : 0x7e00u);
    if (!finite)
        return;
    store_u16(block_out + 2, f16_from_f32(range.low));
    for (int i = 0; i < BLOCK && isfinite(inverse); i++)
        set_code(block_out + 4, i, (values[i] - range.low) * inverse + 0.5f);
}
