// embed.comp: x[r] = row ids[r] of a table, exact values. Groups: (columns / 64, rows).
#version 460
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "weights.glsl"
layout(local_size_x = 64) in;

layout(push_constant, scalar) uniform Push {
    uint64_t data, side, ids, x;
    uint row_stride, side_stride, col_stride, cols;
} p;

void main()
{
    uint k = gl_GlobalInvocationID.x, row = gl_WorkGroupID.y;
    if (k >= p.cols)
        return;
    uint64_t id = uint64_t(I32(p.ids).v[row]);
    F32(row_of(p.x, row, p.cols)).v[k] = weight_value(p.data + id * uint64_t(p.row_stride),
                                                      p.side + id * uint64_t(p.side_stride), p.col_stride, k);
}
