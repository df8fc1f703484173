// add.comp: sum = x + delta by rows; sum may be x. Groups: (width / 64, rows).
#version 460
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
layout(local_size_x = 64) in;

layout(push_constant, scalar) uniform Push {
    uint64_t x, delta, sum;
    uint width;
} p;

void main()
{
    uint i = gl_GlobalInvocationID.x, row = gl_WorkGroupID.y;
    if (i < p.width)
        F32(row_of(p.sum, row, p.width)).v[i] = F32(row_of(p.x, row, p.width)).v[i] + F32(row_of(p.delta, row, p.width)).v[i];
}
