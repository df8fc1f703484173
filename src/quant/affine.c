/* affine.c: MLX's affine formats, AFFINE2 to AFFINE8: value = scale * code + offset, with a scale and an offset (MLX
 * says bias) for a group of 32, 64 or 128 values in tensors of their own, of any 16- or 32-bit float type and any sign.
 *
 * The codes of a row are one stream of bits, low bits first: a block of 32 takes 4 bytes for each bit of a code.
 *
 * Codes of 8 bits do not fit int8: there they are 128 less, and the offset is 128 scales more, which may round; the
 * values are made from what is stored.
 *
 * Packing is MLX's: the end of the range that has the larger magnitude is exact, the scale is the range / (2^bits - 1),
 * moved so that 0 has a code; the codes are then the nearest for scale and offset as they are stored. */
#include "quant/formats.h"

enum { BLOCK = 32 };

static int code(const uint8_t *block, int bits, int i)
{
    int at = i * bits, both = block[at / 8];
    if (at % 8 + bits > 8)
        both |= block[at / 8 + 1] << 8;
    return both >> (at % 8) & ((1 << bits) - 1);
}

static void unpack(const uint8_t *block, int bits, const struct sides *sides, int8_t *codes_out, float *scales_out,
                   float *offsets_out)
{
    scales_out[0] = sides_value(sides, 0, 0);
    offsets_out[0] = sides_value(sides, 1, 0);
    for (int i = 0; i < BLOCK; i++)
        codes_out[i] = (int8_t)code(block, bits, i);
}

#define AFFINE(bits)                                                                                                   \
    void quant_unpack_i8_AFFINE##bits(const uint8_t *block, const struct sides *sides, int8_t *codes_out,              \
                                      float *scales_out, float *offsets_out)                                           \
    {                                                                                                                  \
        unpack(block, bits, sides, codes_out, scales_out, offsets_out);                                                \
    }
AFFINE(2)
AFFINE(3)
AFFINE(4)
AFFINE(5)
AFFINE(6)

void quant_unpack_i8_AFFINE8(const uint8_t *block, const struct sides *sides, int8_t *codes_out, float *scales_out,
                             float *offsets_out)
{
    scales_out[0] = sides_value(sides, 0, 0);
    offsets_out[0] = fmaf(128, scales_out[0], sides_value(sides, 1, 0));
    for (int i = 0; i < BLOCK; i++)
        codes_out[i] = (int8_t)(block[i] - 128);
}

void quant_unpack_AFFINE8(const uint8_t *block, const struct sides *sides, float *values_out)
{
    float scale = sides_value(sides, 0, 0), offset = sides_value(sides, 1, 0);
    for (int i = 0; i < BLOCK; i++)
        values_out[i] = fmaf((float)block[i], scale, offset);
}

void quant_pack_affine(int bits, const float *values, int n, uint8_t *codes_out, const struct sides_out *sides)
{
    const float most = (float)((1 << bits) - 1), least_scale = 1e-7f;
    struct range range = range_of(values, n);
    bool low = fabsf(range.low) > fabsf(range.high), finite = amax_bits(values, n) < 0x7f800000u;
    float scale = (range.high - range.low) / most, edge = low ? range.low : range.high;
    scale = scale > least_scale ? scale : least_scale;
    scale = low ? scale : -scale;
    float steps = rintf(edge / scale);
    sides_store(sides, 0, !finite ? NAN : steps != 0 ? edge / steps : scale);
    sides_store(sides, 1, !finite || steps == 0 ? 0 : edge);
    memset(codes_out, 0, (size_t)(n / 8 * bits));
    const struct sides stored = {{sides->data[0], sides->data[1]}, {sides->dtype[0], sides->dtype[1]}};
    float s = sides_value(&stored, 0, 0), offset = sides_value(&stored, 1, 0);
    for (int i = 0; i < n && finite && s != 0; i++) {
        float c = rintf((values[i] - offset) / s);
        unsigned code = (unsigned)(c < 0 ? 0 : c > most ? most : c);
        int at = i * bits;
        codes_out[at / 8] |= (uint8_t)(code << (at % 8));
        if (at % 8 + bits > 8)
            codes_out[at / 8 + 1] |= (uint8_t)(code >> (8 - at % 8));
    }
}

#define PACK_AFFINE(bits)                                                                                              \
    void quant_pack_AFFINE##bits(const float *values, uint8_t *block_out, const struct sides_out *sides)               \
    {                                                                                                                  \
        quant_pack_affine(bits, values, BLOCK, block_out, sides);                                                      \
    }
PACK_AFFINE(4)
PACK_AFFINE(5)
PACK_AFFINE(6)
PACK_AFFINE(8)
