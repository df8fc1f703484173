/* plain.c: F32, F16 and BF16, and the conversions between them. Rounding is to nearest, ties to even; denormals are
 * kept; a NaN stays a NaN (made quiet). */
#include "quant/formats.h"

float f16_to_f32(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16, exponent = (h >> 10) & 31u, mantissa = h & 0x3ffu;
    if (exponent == 31)
        return float_of_bits(sign | 0x7f800000u | mantissa << 13);
    if (exponent == 0) /* mantissa * 2^-24, exactly; the sign survives zero */
        return float_of_bits(sign | float_bits((float)mantissa * 0x1p-24f));
    return float_of_bits(sign | (exponent + 112) << 23 | mantissa << 13);
}

uint16_t f16_from_f32(float f)
{
    uint32_t u = float_bits(f), sign = (u >> 16) & 0x8000u, magnitude = u & 0x7fffffffu;
    if (magnitude > 0x7f800000u)
        return (uint16_t)(sign | 0x7e00u | ((magnitude >> 13) & 0x3ffu));
    if (magnitude >= 0x477ff000u) /* 65520 and above round to infinity */
        return (uint16_t)(sign | 0x7c00u);
    if (magnitude < 0x38800000u) {
        /* Below 2^-14 the result is denormal: adding 0.5 leaves the value in units of 2^-24 in the low mantissa bits,
         * rounded by the addition itself. */
        return (uint16_t)(sign | (float_bits(float_of_bits(magnitude) + 0.5f) - 0x3f000000u));
    }
    uint32_t odd = (magnitude >> 13) & 1u;
    return (uint16_t)(sign | ((magnitude - 0x38000000u + 0xfffu + odd) >> 13));
}

uint16_t bf16_from_f32(float f)
{
    uint32_t u = float_bits(f);
    if ((u & 0x7fffffffu) > 0x7f800000u)
        return (uint16_t)(u >> 16 | 0x40u);
    return (uint16_t)((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
}

void quant_unpack_F32(const uint8_t *block, const struct sides *sides, float *values_out)
{
    (void)sides;
    *values_out = float_of_bits((uint32_t)load_u16(block) | (uint32_t)load_u16(block + 2) << 16);
}

void quant_pack_F32(const float *values, uint8_t *block_out, const struct sides_out *sides)
{
    (void)sides;
    uint32_t u = float_bits(*values);
    store_u16(block_out, (uint16_t)u);
    store_u16(block_out + 2, (uint16_t)(u >> 16));
}

void quant_unpack_F16(const uint8_t *block, const struct sides *sides, float *values_out)
{
    (void)sides;
    *values_out = f16_to_f32(load_u16(block));
}

void quant_pack_F16(const float *values, uint8_t *block_out, const struct sides_out *sides)
{
    (void)sides;
    store_u16(block_out, f16_from_f32(*values));
}

void quant_unpack_BF16(const uint8_t *block, const struct sides *sides, float *values_out)
{
    (void)sides;
    *values_out = bf16_to_f32(load_u16(block));
}

void quant_pack_BF16(const float *values, uint8_t *block_out, const struct sides_out *sides)
{
    (void)sides;
    store_u16(block_out, bf16_from_f32(*values));
}
