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

/* ---- packing -------------------------------------------------------------------------------------------- */

enum { BLOCK = 32, MOST_MOVE = 7, LANES = 16 }; /* lanes: the 15 moves from one end, and one of them again */

static float middle(int k)
{
    return 0.5f * (float)(K[k] + K[k + 1]);
}

/* The codes whose values are nearest; K ascends, and of two equally near ones the lower is taken. Counting the middles
 * below a value has no branch, so compilers make vectors of it. */
static void nearest(const float *values, float inverse, int32_t *codes_out)
{
    float x[BLOCK];
    for (int i = 0; i < BLOCK; i++) {
        x[i] = values[i] * inverse;
        codes_out[i] = 0;
    }
    for (int k = 0; k < 15; k++)
        for (int i = 0; i < BLOCK; i++)
            codes_out[i] += x[i] > middle(k);
}

/* Several inverse scales side by side, so that no sum waits for another. What each value's code is with the smallest
 * and the largest of them bounds it with the others: few middles lie between. */
struct lanes {
    float inverse[LANES];
    int32_t ends[2][BLOCK];
};

static void bound(const float *values, struct lanes *l)
{
    float low = INFINITY, high = -INFINITY;
    for (int c = 0; c < LANES; c++) {
        low = l->inverse[c] < low ? l->inverse[c] : low;
        high = l->inverse[c] > high ? l->inverse[c] : high;
    }
    nearest(values, low, l->ends[0]);
    nearest(values, high, l->ends[1]);
}

/* The value of K nearest to value i, in every lane. */
static inline void nearest_in_lanes(const struct lanes *l, int i, float value, float *restrict k_out)
{
    int from = l->ends[0][i], to = l->ends[1][i];
    for (int c = 0; c < LANES; c++)
        k_out[c] = K[from < to ? from : to];
    for (int k = from < to ? from : to; k < (from < to ? to : from); k++) {
        float step = (float)(K[k + 1] - K[k]), edge = middle(k);
        for (int c = 0; c < LANES; c++)
            k_out[c] += value * l->inverse[c] > edge ? step : 0;
    }
}

/* The scales of the least squared error for the codes that the lanes give, as f16 has them. */
static void fit(const float *values, struct lanes *l, float *d_out)
{
    float products[LANES] = {0}, squares[LANES] = {0}, k[LANES];
    bound(values, l);
    for (int i = 0; i < BLOCK; i++) {
        nearest_in_lanes(l, i, values[i], k);
        for (int c = 0; c < LANES; c++) {
            products[c] += values[i] * k[c];
            squares[c] += k[c] * k[c];
        }
    }
    for (int c = 0; c < LANES; c++) /* no value of K is 0 */
        d_out[c] = isfinite(l->inverse[c]) ? f16_to_f32(f16_from_f32(products[c] / squares[c])) : 0;
}

static void errors_of(const float *values, const float *d, float *errors_out)
{
    struct lanes l;
    float errors[LANES] = {0}, k[LANES];
    for (int c = 0; c < LANES; c++)
        l.inverse[c] = d[c] != 0 ? 1 / d[c] : 0;
    bound(values, &l);
    for (int i = 0; i < BLOCK; i++) {
        nearest_in_lanes(&l, i, values[i], k);
        for (int c = 0; c < LANES; c++) {
            float error = values[i] - d[c] * k[c];
            errors[c] += error * error;
        }
    }
    memcpy(errors_out, errors, sizeof errors);
}

/* top: the value of largest magnitude, not 0. */
static float best_scale(const float *values, float top)
{
    float best = 0, least = INFINITY, d[LANES], errors[LANES];
    for (int end = 0; end < 16; end += 15) {
        struct lanes l;
        for (int c = 0; c < LANES; c++)
            l.inverse[c] = (float)(K[end] + (c < MOST_MOVE * 2 ? c - MOST_MOVE : MOST_MOVE)) / top;
        fit(values, &l, d);
        errors_of(values, d, errors);
        for (int c = 0; c < LANES; c++)
            if (errors[c] < least) {
                least = errors[c];
                best = d[c];
            }
    }
    return best;
}

void quant_pack_IQ4_NL(const float *values, uint8_t *block_out, const struct sides_out *sides)
{
    (void)sides;
    uint32_t amax = amax_bits(values, 32);
    float top = 0;
    memset(block_out, 0, 18);
    for (int i = 31; i >= 0; i--)
        top = (float_bits(values[i]) & 0x7fffffffu) == amax ? values[i] : top;
    if (amax >= 0x7f800000u) {
        store_u16(block_out, 0x7e00u);
        return;
    }
    float best = top != 0 ? best_scale(values, top) : 0;
    int32_t codes[32];
    store_u16(block_out, f16_from_f32(best));
    nearest(values, best != 0 ? 1 / best : 0, codes);
    for (int i = 0; i < 32 && best != 0; i++)
        block_out[2 + i % 16] |= (uint8_t)(codes[i] << (i / 16 * 4));
}
