/* iq4.c: GGUF's IQ4_NL and IQ4_XS: 4-bit codes that name one of 16 values, unevenly spaced.
 *
 *   IQ4_NL   32 values, 18 bytes: an f16 d, then 16 bytes, low nibbles 0..15, high nibbles 16..31; value = d * K[code]
 *   IQ4_XS   256 values, 136 bytes: f16 d, 2 bytes with the high 2 bits of 8 scales, 4 bytes with their low 4, then 16
 *            bytes of codes for each 32 values as above; value = d * (scale - 32) * K[code] */
#include "quant/formats.h"

static const int8_t K[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

static void codes_32(const uint8_t *nibbles, int8_t *codes_out)
{
    for (int j = 0; j < 16; j++) {
        codes_out[j] = K[nibbles[j] & 15];
        codes_out[j + 16] = K[nibbles[j] >> 4];
    }
}

void quant_unpack_i8_IQ4_NL(const uint8_t *block, const struct sides *sides, int8_t *codes_out, float *scales_out,
                            float *offsets_out)
{
    (void)sides, (void)offsets_out;
    scales_out[0] = f16_to_f32(load_u16(block));
    codes_32(block + 2, codes_out);
}

void quant_unpack_i8_IQ4_XS(const uint8_t *block, const struct sides *sides, int8_t *codes_out, float *scales_out,
                            float *offsets_out)
{
    (void)sides, (void)offsets_out;
    int high = load_u16(block + 2);
    for (int s = 0; s < 8; s++) {
        int scale = (block[4 + s / 2] >> (s % 2 * 4) & 15) | (high >> (2 * s) & 3) << 4;
        scales_out[s] = f16_to_f32(load_u16(block)) * (float)(scale - 32);
        codes_32(block + 8 + 16 * s, codes_out + 32 * s);
    }
}
