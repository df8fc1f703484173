// combine.comp: delta = sum over a row's experts, ascending, of weight * output, by FMA from 0; slots of experts outside
// [first, end) add nothing. Groups: (width / 64, rows).
#version 460
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
layout(local_size_x = 64) in;

layout(push_constant, scalar) uniform Push {
    uint64_t y, ids, weights, delta;
    uint width, k;
    int first, end;
} p;

void main()
{
    uint o = gl_GlobalInvocationID.x, row = gl_WorkGroupID.y;
    if (o >= p.width)
        return;
    I32 ids = I32(row_of(p.ids, row, p.k));
    F32 weights = F32(row_of(p.weights, row, p.k));
    float sum = 0.0;
    for (uint j = 0u; j < p.k; j++)
        if (ids.v[j] >= p.first && ids.v[j] < p.end)
            sum = fma1(weights.v[j], F32(row_of(p.y, row * p.k + j, p.width)).v[o], sum);
    F32(row_of(p.delta, row, p.width)).v[o] = sum;
}
