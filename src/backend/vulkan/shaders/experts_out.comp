// experts_out.comp: delta = sum over a row's experts, ascending, of weight * (down h + bias), of codes and the int8 form: linear_i8, then
// combine. Of two of the row's slots at a time, four threads an output, one a chain. Groups: (outputs / 16, rows).
#version 460
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "weights.glsl"
layout(local_size_x = 128) in;

layout(push_constant, scalar) uniform Push {
    uint64_t matrices, ids, weights, x, d, delta;
    uint row_stride, side_stride, offsets_stride, bias_stride, cols, rows, k, group;
    int first, end;
} p;
#include "matrix.glsl"
#include "dot_i8.glsl"

shared float part[128], made[32]; // made[2 slots][16 outputs]

void main()
{
    uint t = gl_LocalInvocationIndex, o = gl_WorkGroupID.x * 16u + t / 4u % 16u, row = gl_WorkGroupID.y;
    I32 ids = I32(row_of(p.ids, row, p.k));
    F32 weights = F32(row_of(p.weights, row, p.k));
    float sum = 0.0;
    for (uint first = 0u; first < p.k; first += 2u) {
        uint j = first + t / 64u, slot = row * p.k + j;
        Matrix m = Matrix(0ul, 0ul, 0ul, 0ul, 0.0, 0u);
        if (j < p.k && o < p.rows && expert_matrix(p.matrices, ids.v[j], m) && m.data != 0ul)
            part[t] = chain_of(m, o, p.x + uint64_t(slot) * uint64_t(p.cols), row_of(p.d, slot, p.cols / 32u), p.cols, t & 3u);
        else
            part[t] = 0.0;
        barrier();
        if ((t & 3u) == 0u && o < p.rows)
            made[t / 4u] = output_of(m, o, (part[t] + part[t + 1u]) + (part[t + 2u] + part[t + 3u]));
        barrier();
        for (uint i = 0u; i < 2u && first + i < p.k && t < 64u; i++)
            if (ids.v[first + i] >= p.first && ids.v[first + i] < p.end)
                sum = fma1(weights.v[first + i], made[16u * i + t / 4u], sum);
        barrier(); // before the next slots
    }
    if (t < 64u && (t & 3u) == 0u && o < p.rows)
        F32(row_of(p.delta, row, p.rows)).v[o] = sum;
}
