/* q4_k.c: GGUF's Q4_K and Q5_K: 256 values, a scale and a minimum of 6 bits for each 32. 64 values share 32 bytes of
 * nibbles, low ones first.
 *
 *   Q4_K   144 bytes: f16 d and dmin, 12 bytes of scales and minimums, 128 of nibbles
 *   Q5_K   176 bytes: the same, with 32 bytes of fifth bits before the nibbles (bit j of byte t: value 32 j + t)
 *
 * value = d * scale * code - dmin * minimum */
#include "quant/formats.h"

enum { BLOCK = 256, SCALES = 8 };

static int nibble(const uint8_t *nibbles, int i)
{
    return nibbles[i / 64 * 32 + i % 32] >> (i % 64 / 32 * 4) & 15;
}

/* The first four scales and minimums are the low 6 bits of bytes 0..3 and 4..7; of the others the low 4 bits share
 * bytes 8..11, and the high 2 bits are what the first ones left. */
static void scales_of(const uint8_t *block, float *scales_out, float *offsets_out)
{
    const uint8_t *at = block + 4;
    for (int s = 0; s < SCALES; s++) {
        int scale = s < 4 ? at[s] & 63 : (at[s + 4] & 15) | at[s - 4] >> 6 << 4;
        int minimum = s < 4 ? at[s + 4] & 63 : at[s + 4] >> 4 | at[s] >> 6 << 4;
        scales_out[s] = f16_to_f32(load_u16(block)) * (float)scale;
        offsets_out[s] = -f16_to_f32(load_u16(block + 2)) * (float)minimum;
    }
}

void quant_unpack_i8_Q4_K(const uint8_t *block, const struct sides *sides, int8_t *codes_out, float *scales_out,
                          float *offsets_out)
{
    (void)sides;
    scales_of(block, scales_out, offsets_out);
    for (int i = 0; i < BLOCK; i++)
        codes_out[i] = (int8_t)nibble(block + 16, i);
}

void quant_unpack_i8_Q5_K(const uint8_t *block, const struct sides *sides, int8_t *codes_out, float *scales_out,
                          float *offsets_out)
{
    (void)sides;
    scales_of(block, scales_out, offsets_out);
    for (int i = 0; i < BLOCK; i++)
        codes_out[i] = (int8_t)(nibble(block + 48, i) | (block[16 + i % 32] >> (i / 32) & 1) << 4);
}
