/* q5_0.c: GGUF's Q5_0 and Q5_1. Blocks of 32 codes of 5 bits: the fifth bits stand in 4 bytes of their own (bit i is
 * code i's), then come low nibbles 0..15, high nibbles 16..31.
 *
 *   Q5_0   22 bytes: an f16 d, fifth bits, nibbles;   value = d * (code - 16)
 *   Q5_1   24 bytes: f16 d and m, the same;           value = d * code + m */
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
