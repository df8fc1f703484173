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

enum { SUB = BLOCK / SCALES, STARTS = 21, LANES = 4, MOST_PAIRS = 12 };

/* value = scale * code - minimum */
struct line {
    float scale, minimum;
};

/* Lines side by side, so that no sum waits for another; compilers make vectors of it. */
struct lanes {
    float scale[LANES], minimum[LANES];
};

/* The codes nearest to a value. One choice in each loop: two in a row become branches. */
static inline void nearest(float x, const struct lanes *l, float most, float *restrict codes_out)
{
    for (int c = 0; c < LANES; c++)
        codes_out[c] = (x + l->minimum[c]) / l->scale[c] + 0.5f;
    for (int c = 0; c < LANES; c++)
        codes_out[c] = codes_out[c] < most ? codes_out[c] : most;
    for (int c = 0; c < LANES; c++)
        codes_out[c] = codes_out[c] > 0 ? codes_out[c] : 0;
    for (int c = 0; c < LANES; c++)
        codes_out[c] = (float)(int)codes_out[c];
    for (int c = 0; c < LANES; c++)
        codes_out[c] = l->scale[c] > 0 ? codes_out[c] : 0;
}

static void errors_of(const float *values, const struct lanes *l, float most, float *errors_out)
{
    float errors[LANES] = {0}, codes[LANES];
    for (int i = 0; i < SUB; i++) {
        nearest(values[i], l, most, codes);
        for (int c = 0; c < LANES; c++) {
            float error = l->scale[c] * codes[c] - l->minimum[c] - values[i];
            errors[c] += error * error;
        }
    }
    memcpy(errors_out, errors, sizeof errors);
}

/* The line of least squares for the sums over one lane's codes; minimums are no less than 0. */
static struct line least_squares(float x, float l, float xl, float ll, struct line by)
{
    float determinant = SUB * ll - l * l;
    if (determinant <= 0)
        return by;
    struct line line = {(SUB * xl - x * l) / determinant, (l * xl - x * ll) / determinant};
    if (line.minimum < 0)
        line = (struct line){ll > 0 ? xl / ll : 0, 0};
    return line.scale > 0 ? line : by;
}

/* The lines of least squares for the codes that the lanes give. */
static void fit(const float *values, struct lanes *lanes, float most)
{
    float x = 0, l[LANES] = {0}, xl[LANES] = {0}, ll[LANES] = {0}, codes[LANES];
    for (int i = 0; i < SUB; i++) {
        x += values[i];
        nearest(values[i], lanes, most, codes);
        for (int c = 0; c < LANES; c++) {
            l[c] += codes[c];
            xl[c] += values[i] * codes[c];
            ll[c] += codes[c] * codes[c];
        }
    }
    for (int c = 0; c < LANES; c++) {
        struct line by = {lanes->scale[c], lanes->minimum[c]}, line = least_squares(x, l[c], xl[c], ll[c], by);
        lanes->scale[c] = line.scale;
        lanes->minimum[c] = line.minimum;
    }
}

static struct line best_line(const float *values, float most)
{
    struct range range = range_of(values, SUB);
    struct line best = {0, range.low < 0 ? -range.low : 0};
    float lowest = best.minimum, span = range.high + lowest, least = 0, errors[LANES];
    for (int i = 0; i < SUB; i++)
        least += (-lowest - values[i]) * (-lowest - values[i]);
    for (int i = 0; i < STARTS && span > 0; i += LANES) {
        struct lanes lanes;
        for (int c = 0; c < LANES; c++) {
            int start = i + c < STARTS ? i + c : STARTS - 1;
            lanes.scale[c] = span / (most - 1 + 0.1f * (float)start);
            lanes.minimum[c] = lowest;
        }
        fit(values, &lanes, most);
        errors_of(values, &lanes, most, errors);
        for (int c = 0; c < LANES; c++)
            if (errors[c] < least) {
                least = errors[c];
                best = (struct line){lanes.scale[c], lanes.minimum[c]};
            }
    }
    return best;
}

/* The pair of 6-bit numbers near a line that has the smallest error. */
static void best_steps(const float *values, struct line line, float d, float dmin, float most, int steps_out[2])
{
    int scale = d > 0 ? (int)(line.scale / d + 0.5f) : 0, minimum = dmin > 0 ? (int)(line.minimum / dmin + 0.5f) : 0;
    int pairs[MOST_PAIRS][2], n = 0;
    float least = INFINITY, errors[MOST_PAIRS];
    struct lanes lanes[MOST_PAIRS / LANES] = {{{0}, {0}}};
    for (int s = scale > 0 ? scale - 1 : 0; s <= scale + 1 && s < 64; s++)
        for (int m = minimum > 0 ? minimum - 1 : 0; m <= minimum + 1 && m < 64; m++, n++) {
            lanes[n / LANES].scale[n % LANES] = d * (float)(pairs[n][0] = s);
            lanes[n / LANES].minimum[n % LANES] = dmin * (float)(pairs[n][1] = m);
        }
    for (int i = 0; i < n; i += LANES)
        errors_of(values, &lanes[i / LANES], most, errors + i);
    for (int i = 0; i < n; i++)
        if (errors[i] < least) {
            least = errors[i];
            steps_out[0] = pairs[i][0];
            steps_out[1] = pairs[i][1];
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
    int steps[2] = {0, 0};
    struct line lines[SCALES];
    float most = fifth ? 31 : 15, scale = 0, minimum = 0;
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
        const struct lanes own = {{d * (float)steps[0]}, {dmin * (float)steps[1]}};
        for (int i = s * SUB; i < (s + 1) * SUB; i++) {
            float codes[LANES];
            nearest(values[i], &own, most, codes);
            nibbles[i / 64 * 32 + i % 32] |= (uint8_t)(((int)codes[0] & 15) << (i % 64 / 32 * 4));
            if (fifth)
                fifth[i % 32] |= (uint8_t)((int)codes[0] >> 4 << (i / 32));
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
