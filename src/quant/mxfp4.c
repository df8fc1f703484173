/* mxfp4.c: the 4-bit format of gpt-oss's experts, in its three layouts. A block is 32 E2M1 codes and one scale byte s;
 * value = {0, .5, 1, 1.5, 2, 3, 4, 6, and the negatives}[code] * 2^(s-127); s = 255 is NaN.
 *
 *   MXFP4    (GGUF)      17 bytes: s, then 16 code bytes; low nibbles are elements 0..15, high nibbles 16..31
 *   MXFP4_PAIRS (GGUF)   17 bytes: s, then 16 code bytes in the order of MXFP4_HF: Ollama's first files have it
 *   MXFP4_HF (HF, MLX)   16 code bytes, low nibble element 2j, high nibble 2j+1; the scale bytes are another tensor
 *
 * As int8 the table is doubled and the scale is 2^(s-128): still exact, with denormals for s < 2.
 *
 * Packing is ggml's, bit for bit: s = floor(log2(amax)) - 2 + 127 (kept within 0..254; 0 when all are zero), then the
 * nearest value; ties go to the lower code, so towards zero, and what rounds to zero loses its sign. A block with a NaN
 * or an infinity gets s = 255. The search tries s - 1 and s + 1 too and takes the smallest squared error. */
#include "quant/formats.h"

enum { BLOCK = 32, CODE_BYTES = 16 };

static const int8_t doubled[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

float e8m0_to_f32(uint8_t s)
{
    if (s == 255)
        return float_of_bits(0x7fc00000u);
    return float_of_bits(s == 0 ? 0x00400000u : (uint32_t)s << 23);
}

/* 2^(s-128): the scale that goes with the doubled table. */
static float half_scale(uint8_t s)
{
    return e8m0_to_f32(s) * 0.5f;
}

static uint8_t scale_for(const float *values)
{
    uint32_t bits = amax_bits(values, BLOCK);
    if (bits == 0)
        return 0;
    if (bits >= 0x7f800000u)
        return 255;
    int exponent;
    frexpf(float_of_bits(bits), &exponent); /* amax = [0.5, 1) * 2^exponent */
    int s = exponent - 1 - 2 + 127;
    return (uint8_t)(s < 0 ? 0 : s);
}

static uint8_t nearest_code(float x, float scale)
{
    /* Halfway points between neighbours; a value on one goes to the lower code. */
    static const float middle[7] = {0.25f, 0.75f, 1.25f, 1.75f, 2.5f, 3.5f, 5.0f};
    double magnitude = fabs((double)x) / scale; /* exact: the scale is a power of two, doubles reach far below f32 */
    int code = 0;
    while (code < 7 && magnitude > middle[code])
        code++;
    return (uint8_t)(x < 0 && code > 0 ? code | 8 : code);
}

/* The 32 codes of these values and their scale byte. */
static uint8_t encode(const float *values, uint8_t *codes_out)
{
    uint8_t s = scale_for(values);
    memset(codes_out, 0, BLOCK);
    if (s == 255)
        return s;
    float scale = e8m0_to_f32(s);
    for (int i = 0; i < BLOCK; i++)
        codes_out[i] = nearest_code(values[i], scale);
    return s;
}

static double error_with(const float *values, uint8_t s)
{
    double errors = 0, scale = (double)e8m0_to_f32(s);
    for (int i = 0; i < BLOCK; i++) {
        double error = doubled[nearest_code(values[i], e8m0_to_f32(s))] * 0.5 * scale - (double)values[i];
        errors += error * error;
    }
    return errors;
}

/* As encode, with the scale of the smallest error; of equal ones the rule's own, then the smaller. */
static uint8_t encode_search(const float *values, uint8_t *codes_out)
{
    uint8_t own = encode(values, codes_out), best = own;
    if (own == 255 || amax_bits(values, BLOCK) == 0)
        return own;
    double least = error_with(values, own);
    for (int s = own - 1; s <= own + 1; s += 2) {
        double errors = s >= 0 && s < 255 ? error_with(values, (uint8_t)s) : INFINITY;
        if (errors < least) {
            least = errors;
            best = (uint8_t)s;
        }
    }
    for (int i = 0; i < BLOCK; i++)
        codes_out[i] = nearest_code(values[i], e8m0_to_f32(best));
    return best;
}

void quant_unpack_i8_MXFP4(const uint8_t *block, const struct sides *sides, int8_t *codes_out, float *scales_out,
                           float *offsets_out)
{
    (void)sides, (void)offsets_out;
    scales_out[0] = half_scale(block[0]);
    for (int j = 0; j < CODE_BYTES; j++) {
        codes_out[j] = doubled[block[1 + j] & 15];
        codes_out[j + 16] = doubled[block[1 + j] >> 4];
    }
}

static void store_halves(const uint8_t *codes, uint8_t *block_out)
{
    for (int j = 0; j < CODE_BYTES; j++)
        block_out[1 + j] = (uint8_t)(codes[j] | codes[j + 16] << 4);
}

static void store_pairs(const uint8_t *codes, uint8_t *block_out)
{
    for (int j = 0; j < CODE_BYTES; j++)
        block_out[j] = (uint8_t)(codes[2 * j] | codes[2 * j + 1] << 4);
}

void quant_pack_MXFP4(const float *values, uint8_t *block_out, const struct sides_out *sides)
{
    (void)sides;
    uint8_t codes[BLOCK];
    block_out[0] = encode(values, codes);
    store_halves(codes, block_out);
}

static void pairs(const uint8_t *bytes, int8_t *codes_out)
{
    for (int j = 0; j < CODE_BYTES; j++) {
        codes_out[2 * j] = doubled[bytes[j] & 15];
        codes_out[2 * j + 1] = doubled[bytes[j] >> 4];
    }
}

void quant_unpack_i8_MXFP4_PAIRS(const uint8_t *block, const struct sides *sides, int8_t *codes_out, float *scales_out,
                                 float *offsets_out)
{
    (void)sides, (void)offsets_out;
    scales_out[0] = half_scale(block[0]);
    pairs(block + 1, codes_out);
}

void quant_unpack_i8_MXFP4_HF(const uint8_t *block, const struct sides *sides, int8_t *codes_out, float *scales_out,
                              float *offsets_out)
{
    (void)offsets_out;
    scales_out[0] = half_scale(sides->data[0][0]);
    pairs(block, codes_out);
}

void quant_pack_MXFP4_HF(const float *values, uint8_t *block_out, const struct sides_out *sides)
{
    uint8_t codes[BLOCK];
    sides->data[0][0] = encode(values, codes);
    store_pairs(codes, block_out);
}

void quant_pack_mxfp4_search(const float *values, bool apart, uint8_t *block_out, const struct sides_out *sides)
{
    uint8_t codes[BLOCK], s = encode_search(values, codes);
    *(apart ? sides->data[0] : block_out) = s;
    (apart ? store_pairs : store_halves)(codes, block_out);
}
