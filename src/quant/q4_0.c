/* q4_0.c: GGUF's Q4_0 and Q4_1. Blocks of 32 codes of 4 bits, low nibbles 0..15, high nibbles 16..31.
 *
 *   Q4_0   18 bytes: an f16 d, then 16 bytes of codes; value = d * (code - 8)
 *   Q4_1   20 bytes: f16 d and m, then the codes;      value = d * code + m
 *
 * Packing is ggml's. Q4_0: d = (the value of largest magnitude) / -8, code = x / d + 8.5 cut to 0..15. Q4_1: m is the
 * smallest value, d = (largest - m) / 15, code = (x - m) / d + 0.5 cut to 0..15. A block with a NaN or an infinity gets
 * d = NaN. */
#include "quant/formats.h"

enum { BLOCK = 32, CODE_BYTES = 16 };

void quant_unpack_i8_Q4_0(const uint8_t *block, const struct sides *sides, int8_t *codes_out, float *scales_out,
                          float *offsets_out)
{
    (void)sides, (void)offsets_out;
    scales_out[0] = f16_to_f32(load_u16(block));
    for (int j = 0; j < CODE_BYTES; j++) {
        codes_out[j] = (int8_t)((block[2 + j] & 15) - 8);
        codes_out[j + 16] = (int8_t)((block[2 + j] >> 4) - 8);
    }
}

static uint8_t code(float x, float inverse)
{
    float c = x * inverse + 8.5f;
    return (uint8_t)(c < 15 ? c : 15);
}

void quant_pack_Q4_0(const float *values, uint8_t *block_out, const struct sides_out *sides)
{
    (void)sides;
    uint32_t amax = amax_bits(values, BLOCK);
    float top = 0;
    for (int i = BLOCK - 1; i >= 0; i--)
        top = (float_bits(values[i]) & 0x7fffffffu) == amax ? values[i] : top;
    float d = top / -8, inverse = d != 0 ? 1 / d : 0;
    memset(block_out, 0, 2 + CODE_BYTES);
    store_u16(block_out, amax >= 0x7f800000u ? 0x7e00u : f16_from_f32(d));
    if (amax >= 0x7f800000u || !isfinite(inverse)) /* the latter: d so small that its f16 is zero anyway */
        return;
    for (int j = 0; j < CODE_BYTES; j++)
        block_out[2 + j] = (uint8_t)(code(values[j], inverse) | code(values[j + 16], inverse) << 4);
}

void quant_unpack_i8_Q4_1(const uint8_t *block, const struct sides *sides, int8_t *codes_out, float *scales_out,
                          float *offsets_out)
{
    (void)sides;
    scales_out[0] = f16_to_f32(load_u16(block));
    offsets_out[0] = f16_to_f32(load_u16(block + 2));
    for (int j = 0; j < CODE_BYTES; j++) {
        codes_out[j] = (int8_t)(block[4 + j] & 15);
        codes_out[j + 16] = (int8_t)(block[4 + j] >> 4);
    }
}

void quant_pack_Q4_1(const float *values, uint8_t *block_out, const struct sides_out *sides)
{
    (void)sides;
    struct range range = range_of(values, BLOCK);
    float d = (range.high - range.low) / 15, inverse = d != 0 ? 1 / d : 0;
    bool finite = amax_bits(values, BLOCK) < 0x7f800000u;
    memset(block_out, 0, 4 + CODE_BYTES);
    store_u16(block_out, finite ? f16_from_f32(d) : 0x7e00u);
    if (!finite)
        return;
    store_u16(block_out + 2, f16_from_f32(range.low));
    if (!isfinite(inverse)) /* d so small that its f16 is zero anyway */
        return;
    for (int i = 0; i < BLOCK; i++) {
        float c = (values[i] - range.low) * inverse + 0.5f;
        block_out[4 + i % CODE_BYTES] |= (uint8_t)((int)(c < 15 ? c : 15) << (i / CODE_BYTES * 4));
    }
}
