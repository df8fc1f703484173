// axpy.comp: y = fma(scale, x, y) by rows: what a low-rank addition ends with. Groups: (width / 64, rows).
#version 460
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
layout(local_size_x = 64) in;

layout(push_constant, scalar) uniform Push {
    uint64_t x, y;
    uint width, x_stride, y_stride;
    float scale;
} p;

void main()
{
    uint i = gl_GlobalInvocationID.x, row = gl_WorkGroupID.y;
    if (i >= p.width)
        return;
    F32 y = F32(row_of(p.y, row, p.y_stride));
    y.v[i] = fma1(p.scale, F32(row_of(p.x, row, p.x_stride)).v[i], y.v[i]);
}
