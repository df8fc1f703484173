/* q6_k.c: GGUF's Q6_K: 256 values in 210 bytes: 128 bytes with the low 4 bits, 64 with the high 2, 16 int8 scales (one
 * for each 16 values), f16 d. Of 128 values 64 share the bytes of nibbles, and all four 32s those of bit pairs.
 * value = d * scale * (code - 32)
 *
 * Packing: for each 16 values the scale of least squared error, from 19 starts around (the value of largest magnitude)
 * / -32; d lets the largest scale be -128; then each 8-bit scale and its neighbours are tried with the codes that they
 * give. A block with a NaN or an infinity gets d = NaN. */
#include "quant/formats.h"

enum { BLOCK = 256, SCALES = 16 };

void quant_unpack_i8_Q6_K(const uint8_t *block, const struct sides *sides, int8_t *codes_out, float *scales_out,
                          float *offsets_out)
{
    (void)sides, (void)offsets_out;
    for (int i = 0; i < BLOCK; i++) {
        int half = i / 128, in = i % 128;
        int low = block[half * 64 + in % 64] >> (in / 64 * 4) & 15;
        int high = block[128 + half * 32 + in % 32] >> (in / 32 * 2) & 3;
        codes_out[i] = (int8_t)((low | high << 4) - 32);
    }
    for (int s = 0; s < SCALES; s++)
        scales_out[s] = f16_to_f32(load_u16(block + 208)) * (float)(int8_t)block[192 + s];
}

/* ---- packing -------------------------------------------------------------------------------------------- */

enum { SUB = BLOCK / SCALES, STARTS = 9 };

static int nearest(float x, float scale)
{
    float c = scale != 0 ? x / scale : 0;
    c = c < -32 ? -32 : c > 31 ? 31 : c;
    return (int)(c + (c < 0 ? -0.5f : 0.5f));
}

static float error_of(const float *values, float scale)
{
    float errors = 0;
    for (int i = 0; i < SUB; i++) {
        float error = scale * (float)nearest(values[i], scale) - values[i];
        errors += error * error;
    }
    return errors;
}

static float fitted(const float *values, float scale)
{
    float products = 0, squares = 0;
    for (int i = 0; i < SUB; i++) {
        float code = (float)nearest(values[i], scale);
        products += values[i] * code;
        squares += code * code;
    }
    return squares > 0 ? products / squares : scale;
}

static float best_scale(const float *values)
{
    float top = 0, best = 0, least = INFINITY;
    for (int i = 0; i < SUB; i++)
        top = fabsf(values[i]) > fabsf(top) ? values[i] : top;
    for (int k = -STARTS; k <= STARTS && top != 0; k++) {
        float scale = fitted(values, -top / (32 + 0.1f * (float)k)), errors = error_of(values, scale);
        if (errors < least) {
            least = errors;
            best = scale;
        }
    }
    return best;
}

static int best_step(const float *values, float scale, float d)
{
    int step = d != 0 ? (int)lrintf(scale / d) : 0, best = 0;
    float least = INFINITY;
    for (int s = step - 1; s <= step + 1; s++) {
        float errors = s >= -128 && s <= 127 ? error_of(values, d * (float)s) : INFINITY;
        if (errors < least) {
            least = errors;
            best = s;
        }
    }
    return best;
}

void quant_pack_Q6_K(const float *values, uint8_t *block_out, const struct sides_out *sides)
{
    (void)sides;
    float scales[SCALES], top = 0;
    memset(block_out, 0, 210);
    if (amax_bits(values, BLOCK) >= 0x7f800000u) {
        store_u16(block_out + 208, 0x7e00u);
        return;
    }
    for (int s = 0; s < SCALES; s++) {
        scales[s] = best_scale(values + s * SUB);
        top = fabsf(scales[s]) > fabsf(top) ? scales[s] : top;
    }
    store_u16(block_out + 208, f16_from_f32(top / -128));
    float d = f16_to_f32(load_u16(block_out + 208));
    for (int s = 0; s < SCALES; s++) {
        int step = best_step(values + s * SUB, scales[s], d);
        block_out[192 + s] = (uint8_t)(int8_t)step;
        for (int i = s * SUB; i < (s + 1) * SUB; i++) {
            int half = i / 128, in = i % 128, c = nearest(values[i], d * (float)step) + 32;
            block_out[half * 64 + in % 64] |= (uint8_t)((c & 15) << (in / 64 * 4));
            block_out[128 + half * 32 + in % 32] |= (uint8_t)(c >> 4 << (in / 32 * 2));
        }
    }
}
