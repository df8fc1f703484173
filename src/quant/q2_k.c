/* q2_k.c: GGUF's Q2_K and Q3_K: 256 values, a scale for each 16. Two bits of a code stand in 64 bytes: values of one
 * half (128) share 32 bytes, bit pairs going up with each 32 values.
 *
 *   Q2_K   84 bytes: 16 bytes of scale (low nibble) and minimum (high), codes, f16 d and dmin;
 *          value = d * scale * code - dmin * minimum
 *   Q3_K   110 bytes: 32 bytes with the third bits, codes, 12 bytes with 16 scales of 6 bits, f16 d;
 *          value = d * (scale - 32) * (code - 4) */
#include "quant/formats.h"

enum { BLOCK = 256, SCALES = 16 };

static int two_bits(const uint8_t *codes, int i)
{
    return codes[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3;
}

void quant_unpack_i8_Q2_K(const uint8_t *block, const struct sides *sides, int8_t *codes_out, float *scales_out,
                          float *offsets_out)
{
    (void)sides;
    for (int i = 0; i < BLOCK; i++)
        codes_out[i] = (int8_t)two_bits(block + 16, i);
    for (int s = 0; s < SCALES; s++) {
        scales_out[s] = f16_to_f32(load_u16(block + 80)) * (float)(block[s] & 15);
        offsets_out[s] = -f16_to_f32(load_u16(block + 82)) * (float)(block[s] >> 4);
    }
}

/* Scale s: the low 4 bits lie in bytes 0..7 (8..15 in their high nibbles), the high 2 in bytes 8..11. */
static int q3_scale(const uint8_t *at, int s)
{
    int low = s < 8 ? at[s] & 15 : at[s - 8] >> 4;
    return low | (at[8 + s % 4] >> (s / 4 * 2) & 3) << 4;
}

void quant_unpack_i8_Q3_K(const uint8_t *block, const struct sides *sides, int8_t *codes_out, float *scales_out,
                          float *offsets_out)
{
    (void)sides, (void)offsets_out;
    for (int i = 0; i < BLOCK; i++)
        codes_out[i] = (int8_t)((two_bits(block + 32, i) | (block[i % 32] >> (i / 32) & 1) << 2) - 4);
    for (int s = 0; s < SCALES; s++)
        scales_out[s] = f16_to_f32(load_u16(block + 108)) * (float)(q3_scale(block + 96, s) - 32);
}
