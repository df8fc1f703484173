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

enum { SUB = BLOCK / SCALES, STARTS = 9, LANES = 4 };

/* The codes nearest to a value for scales side by side: so no sum waits for another, and compilers make vectors of it
 * (one choice in each loop: two in a row become branches). */
static inline void nearest(float x, const float *scales, float *restrict codes_out)
{
    for (int c = 0; c < LANES; c++)
        codes_out[c] = x / scales[c];
    for (int c = 0; c < LANES; c++)
        codes_out[c] = scales[c] != 0 ? codes_out[c] : 0;
    for (int c = 0; c < LANES; c++)
        codes_out[c] = codes_out[c] > -32 ? codes_out[c] : -32;
    for (int c = 0; c < LANES; c++)
        codes_out[c] = codes_out[c] < 31 ? codes_out[c] : 31;
    for (int c = 0; c < LANES; c++)
        codes_out[c] = (float)(int)(codes_out[c] + (codes_out[c] < 0 ? -0.5f : 0.5f));
}

static void errors_of(const float *values, const float *scales, float *errors_out)
{
    float errors[LANES] = {0}, codes[LANES];
    for (int i = 0; i < SUB; i++) {
        nearest(values[i], scales, codes);
        for (int c = 0; c < LANES; c++) {
            float error = scales[c] * codes[c] - values[i];
            errors[c] += error * error;
        }
    }
    memcpy(errors_out, errors, sizeof errors);
}

/* The scales of least squares for the codes that these give. */
static void fit(const float *values, float *scales)
{
    float products[LANES] = {0}, squares[LANES] = {0}, codes[LANES];
    for (int i = 0; i < SUB; i++) {
        nearest(values[i], scales, codes);
        for (int c = 0; c < LANES; c++) {
            products[c] += values[i] * codes[c];
            squares[c] += codes[c] * codes[c];
        }
    }
    for (int c = 0; c < LANES; c++)
        scales[c] = squares[c] > 0 ? products[c] / squares[c] : scales[c];
}

static float best_scale(const float *values)
{
    float top = 0, best = 0, least = INFINITY, scales[LANES], errors[LANES];
    for (int i = 0; i < SUB; i++)
        top = fabsf(values[i]) > fabsf(top) ? values[i] : top;
    if (top == 0)
        return 0;
    for (int k = -STARTS; k <= STARTS; k += LANES) {
        for (int c = 0; c < LANES; c++)
            scales[c] = -top / (32 + 0.1f * (float)(k + c < STARTS ? k + c : STARTS));
        fit(values, scales);
        errors_of(values, scales, errors);
        for (int c = 0; c < LANES; c++)
            if (errors[c] < least) {
                least = errors[c];
                best = scales[c];
            }
    }
    return best;
}

static int best_step(const float *values, float scale, float d)
{
    int step = d != 0 ? (int)lrintf(scale / d) : 0, best = 0;
    float least = INFINITY, scales[LANES], errors[LANES];
    for (int c = 0; c < LANES; c++)
        scales[c] = d * (float)(step - 1 + c % 3);
    errors_of(values, scales, errors);
    for (int c = 0; c < 3; c++)
        if (step - 1 + c >= -128 && step - 1 + c <= 127 && errors[c] < least) {
            least = errors[c];
            best = step - 1 + c;
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
        const float own[LANES] = {step != 0 ? d * (float)step : 0}; /* d may be infinite */
        for (int i = s * SUB; i < (s + 1) * SUB; i++) {
            float codes[LANES];
            nearest(values[i], own, codes);
            int half = i / 128, in = i % 128, c = (int)codes[0] + 32;
            block_out[half * 64 + in % 64] |= (uint8_t)((c & 15) << (in / 64 * 4));
            block_out[128 + half * 32 + in % 32] |= (uint8_t)(c >> 4 << (in / 32 * 2));
        }
    }
}
