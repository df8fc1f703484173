/* q4_k.c: GGUF's Q4_K and Q5_K: 256 values, a scale and a minimum of 6 bits for each 32. 64 values share 32 bytes of
 * nibbles, low ones first.
 *
 *   Q4_K   144 bytes: f16 d and dmin, 12 bytes of scales and minimums, 128 of nibbles
 *   Q5_K   176 bytes: the same, with 32 bytes of fifth bits before the nibbles (bit j of byte t: value 32 j + t)
 *
 * value = d * scale * code - dmin * minimum
 *
 * Packing: for each 32 values a scale and a minimum of least squared error, tried from 21 starts; d and dmin let the
 * largest of them be 63; then each pair of 6-bit numbers and its neighbours are tried with the codes that they give. A
 * block with a NaN or an infinity gets d = NaN. */
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

/* ---- packing -------------------------------------------------------------------------------------------- */

enum { SUB = BLOCK / SCALES, STARTS = 21 };

/* value = scale * code - minimum */
struct line {
    float scale, minimum;
};

static int nearest(float x, struct line by, int most)
{
    float c = by.scale > 0 ? (x + by.minimum) / by.scale + 0.5f : 0;
    return c < 0 ? 0 : c < (float)most + 1 ? (int)c : most;
}

static float error_of(const float *values, struct line by, int most)
{
    float errors = 0;
    for (int i = 0; i < SUB; i++) {
        float error = by.scale * (float)nearest(values[i], by, most) - by.minimum - values[i];
        errors += error * error;
    }
    return errors;
}

/* The line of least squares for the codes that `by` gives; minimums are no less than 0. */
static struct line fitted(const float *values, struct line by, int most)
{
    float x = 0, l = 0, xl = 0, ll = 0;
    for (int i = 0; i < SUB; i++) {
        float code = (float)nearest(values[i], by, most);
        x += values[i];
        l += code;
        xl += values[i] * code;
        ll += code * code;
    }
    float determinant = SUB * ll - l * l;
    if (determinant <= 0)
        return by;
    struct line line = {(SUB * xl - x * l) / determinant, (l * xl - x * ll) / determinant};
    if (line.minimum < 0)
        line = (struct line){ll > 0 ? xl / ll : 0, 0};
    return line.scale > 0 ? line : by;
}

static struct line best_line(const float *values, int most)
{
    struct range range = range_of(values, SUB);
    struct line best = {0, range.low < 0 ? -range.low : 0};
    float least = error_of(values, best, most), span = range.high + best.minimum;
    for (int i = 0; i < STARTS && span > 0; i++) {
        struct line start = {span / ((float)most - 1 + 0.1f * (float)i), best.minimum};
        start.minimum = range.low < 0 ? -range.low : 0;
        struct line line = fitted(values, start, most);
        float errors = error_of(values, line, most);
        if (errors < least) {
            least = errors;
            best = line;
        }
    }
    return best;
}

/* The pair of 6-bit numbers near a line that has the smallest error. */
static void best_steps(const float *values, struct line line, float d, float dmin, int most, int steps_out[2])
{
    int scale = d > 0 ? (int)(line.scale / d + 0.5f) : 0, minimum = dmin > 0 ? (int)(line.minimum / dmin + 0.5f) : 0;
    float least = INFINITY;
    for (int s = scale > 0 ? scale - 1 : 0; s <= scale + 1 && s < 64; s++)
        for (int m = minimum > 0 ? minimum - 1 : 0; m <= minimum + 1 && m < 64; m++) {
            float errors = error_of(values, (struct line){d * (float)s, dmin * (float)m}, most);
            if (errors < least) {
                least = errors;
                steps_out[0] = s;
                steps_out[1] = m;
            }
        }
}

/* The inverse of scales_of. */
static void store_steps(uint8_t *at, int s, const int steps[2])
{
    if (s < 4) {
        at[s] |= (uint8_t)steps[0];
        at[s + 4] |= (uint8_t)steps[1];
        return;
    }
    at[s + 4] |= (uint8_t)((steps[0] & 15) | steps[1] << 4);
    at[s - 4] |= (uint8_t)(steps[0] >> 4 << 6);
    at[s] |= (uint8_t)(steps[1] >> 4 << 6);
}

/* fifth: where the fifth bits stand, or NULL; all bytes are 0. */
static void pack(const float *values, uint8_t *block_out, uint8_t *fifth, uint8_t *nibbles)
{
    int most = fifth ? 31 : 15, steps[2] = {0, 0};
    struct line lines[SCALES];
    float scale = 0, minimum = 0;
    if (amax_bits(values, BLOCK) >= 0x7f800000u) {
        store_u16(block_out, 0x7e00u);
        return;
    }
    for (int s = 0; s < SCALES; s++) {
        lines[s] = best_line(values + s * SUB, most);
        scale = lines[s].scale > scale ? lines[s].scale : scale;
        minimum = lines[s].minimum > minimum ? lines[s].minimum : minimum;
    }
    store_u16(block_out, f16_from_f32(scale / 63));
    store_u16(block_out + 2, f16_from_f32(minimum / 63));
    float d = f16_to_f32(load_u16(block_out)), dmin = f16_to_f32(load_u16(block_out + 2));
    for (int s = 0; s < SCALES; s++) {
        best_steps(values + s * SUB, lines[s], d, dmin, most, steps);
        store_steps(block_out + 4, s, steps);
        for (int i = s * SUB; i < (s + 1) * SUB; i++) {
            int c = nearest(values[i], (struct line){d * (float)steps[0], dmin * (float)steps[1]}, most);
            nibbles[i / 64 * 32 + i % 32] |= (uint8_t)((c & 15) << (i % 64 / 32 * 4));
            if (fifth)
                fifth[i % 32] |= (uint8_t)(c >> 4 << (i / 32));
        }
    }
}

void quant_pack_Q4_K(const float *values, uint8_t *block_out, const struct sides_out *sides)
{
    (void)sides;
    memset(block_out, 0, 144);
    pack(values, block_out, NULL, block_out + 16);
}

void quant_pack_Q5_K(const float *values, uint8_t *block_out, const struct sides_out *sides)
{
    (void)sides;
    memset(block_out, 0, 176);
    pack(values, block_out, block_out + 16, block_out + 48);
}
