// weights.glsl: the values of a weight matrix where it lies. `format` and the numbers below are enum dtype's.
layout(constant_id = 1) const int format = 0;
const int F32_ = 0, F16_ = 1, BF16_ = 2, Q8_0_ = 3, MXFP4_ = 4, MXFP4_HF_ = 5, MXFP4_PAIRS_ = 18;

// A matrix of a list, as struct vk_matrix says it.
struct Matrix {
    uint64_t data, side, bias;
};
layout(buffer_reference, scalar, buffer_reference_align = 8) readonly buffer Matrices { Matrix v[]; };

// E2M1's value of a nibble, doubled.
int doubled(uint nibble)
{
    int magnitude = int((0xc8643210u >> ((nibble & 7u) * 4u)) & 15u);
    return (nibble & 8u) != 0u ? -magnitude : magnitude;
}

// One value of a format without codes.
float plain_value(int type, uint64_t at)
{
    if (type == F32_)
        return F32(at).v[0];
    uint h = uint(U16(at).v[0]);
    return type == F16_ ? f16_value(h) : bf16_value(h);
}

uint block_bytes()
{
    return format == Q8_0_ ? 34u : format == MXFP4_HF_ ? 16u : 17u;
}

float block_scale(uint64_t row, uint64_t side, uint block)
{
    if (format == Q8_0_)
        return f16_value(uint(U16(row + uint64_t(block) * 34ul).v[0]));
    if (format == MXFP4_HF_)
        return e8m0_half(uint(U8(side).v[block]));
    return e8m0_half(uint(U8(row + uint64_t(block) * 17ul).v[0]));
}

// Where a block's codes begin.
uint64_t block_codes(uint64_t row, uint block)
{
    return row + uint64_t(block * block_bytes() + (format == Q8_0_ ? 2u : format == MXFP4_HF_ ? 0u : 1u));
}

// Value k of a row: code * scale in one rounding. `step`: bytes from one value to the next of a format without codes.
float weight_value(uint64_t row, uint64_t side, uint step, uint k)
{
    if (format <= BF16_)
        return plain_value(format, row + uint64_t(k) * uint64_t(step));
    uint block = k / 32u, i = k % 32u;
    uint64_t codes = block_codes(row, block);
    int code;
    if (format == Q8_0_)
        code = (int(uint(U8(codes).v[i])) ^ 0x80) - 0x80;
    else if (format == MXFP4_)
        code = doubled(uint(U8(codes).v[i & 15u]) >> (i >= 16u ? 4u : 0u) & 15u);
    else
        code = doubled(uint(U8(codes).v[i >> 1u]) >> ((i & 1u) * 4u) & 15u);
    return float(code) * block_scale(row, side, block);
}
