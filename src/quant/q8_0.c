/* q8_0.c: GGUF's Q8_0. 34 bytes: an f16 scale d, then 32 int8 codes; value = d * code.
 *
 * Packing is ggml's, bit for bit: d = amax / 127, code = x * (1 / d) rounded half away from zero with d not yet rounded
 * to f16. Beyond f16's range d is cut to 65504 and the codes saturate; a block with a NaN or an infinity gets d = NaN.
 */
#include "quant/formats.h"

enum { BLOCK = 32 };

void quant_unpack_i8_Q8_0(const uint8_t *block, const struct sides *sides, int8_t *codes_out, float *scales_out,
                          float *offsets_out)
{
    (void)sides, (void)offsets_out;
    scales_out[0] = f16_to_f32(load_u16(block));
    memcpy(codes_out, block + 2, BLOCK);
}

void quant_pack_Q8_0(const float *values, uint8_t *block_out, const struct sides_out *sides)
{
    (void)sides;
    uint32_t bits = amax_bits(values, BLOCK);
    memset(block_out, 0, BLOCK + 2);
    if (bits >= 0x7f800000u) {
        store_u16(block_out, 0x7e00u);
        return;
    }
    float d = float_of_bits(bits) / 127.0f;
    d = d > 65504.0f ? 65504.0f : d;
    float inverse = d != 0 ? 1.0f / d : 0.0f;
    store_u16(block_out, f16_from_f32(d));
    if (!isfinite(inverse)) /* d so small that its f16 is zero anyway */
        return;
    for (int i = 0; i < BLOCK; i++) {
        float code = values[i] * inverse;
        code = code > 127.0f ? 127.0f : code < -127.0f ? -127.0f : code;
        /* roundf without a call: the largest float below 0.5, so that what lies just below a half stays there */
        block_out[2 + i] = (uint8_t)(int8_t)(code + copysignf(0x1.fffffep-2f, code));
    }
}
