// norm.comp: y = x / rms(x) * gain: squares in 16 lanes and the tree, r = 1 / sqrt(sum / width + eps), (x * r) * gain.
// `rows_of` 0: row r is x's row r. Groups: (rows).
#version 460
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
layout(local_size_x = 64) in;

layout(push_constant, scalar) uniform Push {
    uint64_t x, rows_of, gain, y;
    uint width;
    float eps;
} p;

shared float lanes[16];

void main()
{
    uint t = gl_LocalInvocationIndex, row = gl_WorkGroupID.x;
    F32 x = F32(row_of(p.x, p.rows_of == 0ul ? row : uint(I32(p.rows_of).v[row]), p.width));
    if (t < 16u) {
        float sum = 0.0;
        for (uint i = t; i < p.width; i += 16u)
            sum = fma1(x.v[i], x.v[i], sum);
        lanes[t] = sum;
    }
    barrier();
    float mean = div1(lanes_sum(lanes), float(p.width)), r = div1(1.0, sqrt1(mean + p.eps));
    F32 y = F32(row_of(p.y, row, p.width)), gain = F32(p.gain);
    for (uint i = t; i < p.width; i += 64u)
        y.v[i] = (x.v[i] * r) * gain.v[i];
}
