// linear_i8.comp: y = W x + bias of codes and the int8 form: an exact int32 per block of 32, one FMA per block into
// chain (block mod 4), (p0 + p1) + (p2 + p3). Four threads an output, one a chain. Groups: (outputs / 16, rows).
#version 460
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "weights.glsl"
#include "linear.glsl"
layout(local_size_x = 64) in;

shared float part[64];

int byte_of(uint word, uint i)
{
    return bitfieldExtract(int(word), int(i * 8u), 8);
}

// p.x are codes, four to a word.
int block_dot(uint64_t codes, uint64_t q)
{
    int sum = 0;
    for (uint j = 0u; j < 8u; j++) {
        uint low = U32(q).v[format == Q8_0_ || format == MXFP4_ ? j : j / 2u * 2u];
        if (format == Q8_0_) {
            for (uint i = 0u; i < 4u; i++)
                sum += ((int(uint(U8(codes).v[4u * j + i])) ^ 0x80) - 0x80) * byte_of(low, i);
        } else if (format == MXFP4_) {
            if (j >= 4u)
                break;
            uint high = U32(q).v[j + 4u];
            for (uint i = 0u; i < 4u; i++) {
                uint c = uint(U8(codes).v[4u * j + i]);
                sum += doubled(c & 15u) * byte_of(low, i) + doubled(c >> 4) * byte_of(high, i);
            }
        } else {
            uint word = U32(q).v[j];
            for (uint i = 0u; i < 2u; i++) {
                uint c = uint(U8(codes).v[2u * j + i]);
                sum += doubled(c & 15u) * byte_of(word, 2u * i) + doubled(c >> 4) * byte_of(word, 2u * i + 1u);
            }
        }
    }
    return sum;
}

void main()
{
    uint t = gl_LocalInvocationIndex, o = gl_WorkGroupID.x * 16u + t / 4u, row = gl_WorkGroupID.y;
    uint blocks = p.cols / 32u;
    Matrix m;
    bool found = find_matrix(row, m);
    float sum = 0.0;
    if (found && o < p.rows && m.data != 0ul) {
        uint64_t w = m.data + uint64_t(o) * uint64_t(p.row_stride), s = m.side + uint64_t(o) * uint64_t(p.side_stride);
        uint64_t q = p.x + uint64_t(row / p.divide) * uint64_t(p.cols);
        F32 d = F32(row_of(p.d, row / p.divide, blocks));
        for (uint b = t & 3u; b < blocks; b += 4u)
            sum = fma1(float(block_dot(block_codes(w, b), q + uint64_t(b * 32u))), d.v[b] * block_scale(w, s, b), sum);
    }
    part[t] = sum;
    barrier();
    if (found && o < p.rows && (t & 3u) == 0u) {
        float y = (part[t] + part[t + 1u]) + (part[t + 2u] + part[t + 3u]);
        F32(row_of(p.y, row, p.y_stride)).v[o] = with_bias(m, o, y);
    }
}
