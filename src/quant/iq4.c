/* iq4.c: GGUF's IQ4_NL and IQ4_XS: 4-bit codes that name one of 16 values, unevenly spaced.
 *
 *   IQ4_NL   32 values, 18 bytes: an f16 d, then 16 bytes, low nibbles 0..15, high nibbles 16..31; value = d * K[code]
 *   IQ4_XS   256 values, 136 bytes: f16 d, 2 bytes with the high 2 bits of 8 scales, 4 bytes with their low 4, then 16
 *            bytes of codes for each 32 values as above; value = d * (scale - 32) * K[code]
 *
 * Packing IQ4_NL: the value of largest magnitude lies on a code near one of the two ends of K, moved by up to 7 in
 * steps of 1; for each of these scales the codes are the nearest and the scale is then the least-squares one; the
 * smallest error with d as f16 has it counts. A block with a NaN or an infinity gets d = NaN. */
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

/* The codes whose values are nearest; K ascends, and of two equally near ones the lower is taken. Counting the middles
 * below a value has no branch, so compilers make vectors of it. */
static void nearest(const float *values, float inverse, int32_t *codes_out)
{
    float x[32];
    for (int i = 0; i < 32; i++) {
        x[i] = values[i] * inverse;
        codes_out[i] = 0;
    }
    for (int k = 0; k < 15; k++) {
        float middle = 0.5f * (float)(K[k] + K[k + 1]);
        for (int i = 0; i < 32; i++)
            codes_out[i] += x[i] > middle;
    }
}

/* The scale of the least squared error for the codes that `inverse` gives. */
static float fitted(const float *values, float inverse)
{
    int32_t codes[32];
    float products = 0, squares = 0;
    nearest(values, inverse, codes);
    for (int i = 0; i < 32; i++) {
        float k = K[codes[i]];
        products += values[i] * k;
        squares += k * k;
    }
    return products / squares; /* no code is 0 */
}

static float error_of(const float *values, float d)
{
    int32_t codes[32];
    float errors = 0;
    nearest(values, d != 0 ? 1 / d : 0, codes);
    for (int i = 0; i < 32; i++) {
        float error = values[i] - d * K[codes[i]];
        errors += error * error;
    }
    return errors;
}

void quant_pack_IQ4_NL(const float *values, uint8_t *block_out, const struct sides_out *sides)
{
    (void)sides;
    uint32_t amax = amax_bits(values, 32);
    float top = 0, best = 0, least = INFINITY;
    memset(block_out, 0, 18);
    for (int i = 31; i >= 0; i--)
        top = (float_bits(values[i]) & 0x7fffffffu) == amax ? values[i] : top;
    if (amax >= 0x7f800000u) {
        store_u16(block_out, 0x7e00u);
        return;
    }
    for (int end = 0; end < 16 && top != 0; end += 15)
        for (int move = -7; move <= 7; move++) {
            float inverse = (float)(K[end] + move) / top;
            float d = isfinite(inverse) ? f16_to_f32(f16_from_f32(fitted(values, inverse))) : 0,
                  errors = error_of(values, d);
            if (errors < least) {
                least = errors;
                best = d;
            }
        }
    int32_t codes[32];
    store_u16(block_out, f16_from_f32(best));
    nearest(values, best != 0 ? 1 / best : 0, codes);
    for (int i = 0; i < 32 && best != 0; i++)
        block_out[2 + i % 16] |= (uint8_t)(codes[i] << (i / 16 * 4));
}
