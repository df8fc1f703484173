// weights.glsl: the values of a weight matrix where it lies, of every format of dtype.def (dtype.glsl is made from it: the
// constant `format` and its numbers, values and bytes of a block, values per scale, whether there are offsets). What a block means is
// written in src/quant; here are the same steps for one value.
#include "dtype.glsl"

layout(constant_id = 3) const int side_type = 0; // of scales and offsets that lie apart, where they may be of any type

// A matrix of a list, as struct vk_matrix says it.
struct Matrix {
    uint64_t data, side, bias, offsets;
    float factor;
    uint has_factor;
};
layout(buffer_reference, scalar, buffer_reference_align = 8) readonly buffer Matrices { Matrix v[]; };

// One row of a matrix.
struct Row {
    uint64_t codes, scales, offsets;
};

uint byte_at(uint64_t at, uint i)
{
    return uint(U8(at).v[i]);
}

float f16_at(uint64_t at)
{
    return f16_value(byte_at(at, 0u) | byte_at(at, 1u) << 8);
}

int signed_byte(uint byte)
{
    return (int(byte) ^ 0x80) - 0x80;
}

// E2M1's value of a nibble, doubled.
int doubled(uint nibble)
{
    int magnitude = int((0xc8643210u >> ((nibble & 7u) * 4u)) & 15u);
    return (nibble & 8u) != 0u ? -magnitude : magnitude;
}

int iq4(uint nibble)
{
    const int values[16] = int[](-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113);
    return values[nibble];
}

// Low nibbles are values 0..15, high ones 16..31.
uint halves(uint64_t at, uint i)
{
    return byte_at(at, i & 15u) >> (i / 16u * 4u) & 15u;
}

// The K formats: so many bits of value i, `share` values of a part of `part` in the same bytes.
uint bits_of(uint64_t at, uint i, uint part, uint share, uint bits)
{
    return byte_at(at, i / part * share + i % share) >> (i % part / share * bits) & ((1u << bits) - 1u);
}

// One value of a format without codes.
float plain_value(int type, uint64_t at)
{
    if (type == DT_F32)
        return F32(at).v[0];
    uint h = uint(U16(at).v[0]);
    return type == DT_F16 ? f16_value(h) : bf16_value(h);
}

int affine_code(uint64_t at, uint i)
{
    uint bits = format_bytes() / 4u, first = i * bits, both = byte_at(at, first / 8u);
    if (first % 8u + bits > 8u)
        both |= byte_at(at, first / 8u + 1u) << 8;
    return int(both >> (first % 8u) & ((1u << bits) - 1u));
}

// Code i of a block; AFFINE8's as it is stored.
int code_at(uint64_t b, uint i)
{
    switch (format) {
    case DT_Q8_0: return signed_byte(byte_at(b, 2u + i));
    case DT_MXFP4: return doubled(halves(b + 1ul, i));
    case DT_MXFP4_HF: return doubled(byte_at(b, i / 2u) >> (i % 2u * 4u) & 15u);
    case DT_MXFP4_PAIRS: return doubled(byte_at(b, 1u + i / 2u) >> (i % 2u * 4u) & 15u);
    case DT_Q4_0: return int(halves(b + 2ul, i)) - 8;
    case DT_Q4_1: return int(halves(b + 4ul, i));
    case DT_Q5_0: return int(halves(b + 6ul, i) | (byte_at(b, 2u + i / 8u) >> (i % 8u) & 1u) << 4) - 16;
    case DT_Q5_1: return int(halves(b + 8ul, i) | (byte_at(b, 4u + i / 8u) >> (i % 8u) & 1u) << 4);
    case DT_IQ4_NL: return iq4(halves(b + 2ul, i));
    case DT_IQ4_XS: return iq4(halves(b + uint64_t(8u + i / 32u * 16u), i % 32u));
    case DT_Q2_K: return int(bits_of(b + 16ul, i, 128u, 32u, 2u));
    case DT_Q3_K: return int(bits_of(b + 32ul, i, 128u, 32u, 2u) | bits_of(b, i, 256u, 32u, 1u) << 2) - 4;
    case DT_Q4_K: return int(bits_of(b + 16ul, i, 64u, 32u, 4u));
    case DT_Q5_K: return int(bits_of(b + 48ul, i, 64u, 32u, 4u) | bits_of(b + 16ul, i, 256u, 32u, 1u) << 4);
    case DT_Q6_K: return int(bits_of(b, i, 128u, 64u, 4u) | bits_of(b + 128ul, i, 128u, 32u, 2u) << 4) - 32;
    case DT_NVFP4: return doubled(byte_at(b, 4u + i / 16u * 8u + i % 8u) >> (i / 8u % 2u * 4u) & 15u);
    default: return affine_code(b, i);
    }
}

// Scale and minimum s of Q4_K and Q5_K, 6 bits each.
uint k_step(uint64_t at, uint s, bool minimum)
{
    if (s < 4u)
        return byte_at(at, minimum ? s + 4u : s) & 63u;
    uint low = byte_at(at, s + 4u), high = byte_at(at, minimum ? s : s - 4u) >> 6;
    return (minimum ? low >> 4 : low & 15u) | high << 4;
}

uint q3_scale(uint64_t at, uint s)
{
    uint low = byte_at(at, s % 8u) >> (s / 8u * 4u) & 15u;
    return low | (byte_at(at, 8u + s % 4u) >> (s / 4u * 2u) & 3u) << 4;
}

float nvfp4_scale(uint byte)
{
    uint exponent = byte >> 3 & 15u, mantissa = byte & 7u;
    if ((byte & 127u) == 127u)
        return 0.0;
    return exponent == 0u ? float(mantissa) * uintBitsToFloat(0x3a800000u)
                          : float(8u + mantissa) * uintBitsToFloat((exponent + 116u) << 23);
}

// What lies apart: the scale or offset of block `block`.
float side_at(uint64_t side, uint block, uint group)
{
    uint i = block * 32u / group;
    return plain_value(side_type, side + uint64_t(i * (side_type == DT_F32 ? 4u : 2u)));
}

// Scale s of block `block`, which begins at b.
float scale_at(Row w, uint64_t b, uint block, uint s, uint group)
{
    switch (format) {
    case DT_MXFP4:
    case DT_MXFP4_PAIRS: return e8m0_half(byte_at(b, 0u));
    case DT_MXFP4_HF: return e8m0_half(byte_at(w.scales, block));
    case DT_IQ4_XS: {
        uint low = byte_at(b, 4u + s / 2u) >> (s % 2u * 4u) & 15u, high = byte_at(b, 2u + s / 4u) >> (s % 4u * 2u) & 3u;
        return f16_at(b) * float(int(low | high << 4) - 32);
    }
    case DT_Q2_K: return f16_at(b + 80ul) * float(byte_at(b, s) & 15u);
    case DT_Q3_K: return f16_at(b + 108ul) * float(int(q3_scale(b + 96ul, s)) - 32);
    case DT_Q4_K:
    case DT_Q5_K: return f16_at(b) * float(k_step(b + 4ul, s, false));
    case DT_Q6_K: return f16_at(b + 208ul) * float(signed_byte(byte_at(b, 192u + s)));
    case DT_NVFP4: return nvfp4_scale(byte_at(b, s));
    case DT_AFFINE2:
    case DT_AFFINE3:
    case DT_AFFINE4:
    case DT_AFFINE5:
    case DT_AFFINE6:
    case DT_AFFINE8: return side_at(w.scales, block, group);
    default: return f16_at(b);
    }
}

float offset_at(Row w, uint64_t b, uint block, uint s, uint group)
{
    switch (format) {
    case DT_Q2_K: return -f16_at(b + 82ul) * float(byte_at(b, s) >> 4);
    case DT_Q4_K:
    case DT_Q5_K: return -f16_at(b + 2ul) * float(k_step(b + 4ul, s, true));
    case DT_Q4_1:
    case DT_Q5_1: return f16_at(b + 2ul);
    default: return side_at(w.offsets, block, group);
    }
}

// Value k of a row: code * scale (+ offset) in one rounding. `step`: bytes from one value to the next without codes.
float weight_value(Row w, uint step, uint group, uint k)
{
    if (format <= DT_BF16)
        return plain_value(format, w.codes + uint64_t(k) * uint64_t(step));
    uint block = k / format_block(), i = k % format_block(), s = i / format_run();
    uint64_t b = w.codes + uint64_t(block * format_bytes());
    float code = float(code_at(b, i)), scale = scale_at(w, b, block, s, group);
    return format_offsets() ? fma1(code, scale, offset_at(w, b, block, s, group)) : code * scale;
}
