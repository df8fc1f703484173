// linear_i8.comp: y = W x + bias of codes and the int8 form: four chains of dot_i8.glsl, (p0 + p1) + (p2 + p3). Four threads an
// output, one a chain. Groups: (outputs / 16, rows).
#version 460
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "weights.glsl"
#include "linear.glsl"
#include "dot_i8.glsl"
layout(local_size_x = 64) in;

shared float part[64];

void main()
{
    uint t = gl_LocalInvocationIndex, o = gl_WorkGroupID.x * 16u + t / 4u, row = gl_WorkGroupID.y, x = row / p.divide;
    Matrix m;
    bool found = find_matrix(row, m);
    float sum = 0.0;
    if (found && o < p.rows && m.data != 0ul)
        sum = chain_of(m, o, p.x + uint64_t(x) * uint64_t(p.cols), row_of(p.d, x, p.cols / 32u), p.cols, t & 3u);
    part[t] = sum;
    barrier();
    if (found && o < p.rows && (t & 3u) == 0u)
        store(m, row, o, (part[t] + part[t + 1u]) + (part[t + 2u] + part[t + 3u]));
}
