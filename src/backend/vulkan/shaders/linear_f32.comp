// linear_f32.comp: y = W x + bias of exact weights and f32 activations, of every format, row-major or transposed: 16
// lanes, lane i takes inputs i, i + 16, ... by FMA from 0; then the tree. A thread a lane. Groups: (outputs / 4, rows).
#version 460
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "weights.glsl"
#include "linear.glsl"
layout(local_size_x = 64) in;

shared float part[64];

void main()
{
    uint t = gl_LocalInvocationIndex, o = gl_WorkGroupID.x * 4u + t / 16u, row = gl_WorkGroupID.y;
    Matrix m;
    bool found = find_matrix(row, m);
    float sum = 0.0;
    if (found && o < p.rows && m.data != 0ul) {
        Row w = row_at(m, o);
        F32 x = F32(row_of(p.x, row / p.divide, p.cols));
        for (uint k = t & 15u; k < p.cols; k += 16u)
            sum = fma1(weight_value(w, p.col_stride, p.group, k), x.v[k], sum);
    }
    part[t] = sum;
    for (uint half_way = 8u; half_way > 0u; half_way /= 2u) {
        barrier();
        if ((t & 15u) < half_way)
            part[t] = part[t] + part[t + half_way];
    }
    if (found && o < p.rows && (t & 15u) == 0u)
        store(m, row, o, part[t]);
}
