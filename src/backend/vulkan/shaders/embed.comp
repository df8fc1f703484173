// embed.comp: x[r] = row ids[r] of a table, exact values. Groups: (columns / 64, rows).
#version 460
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "weights.glsl"
layout(local_size_x = 64) in;

layout(push_constant, scalar) uniform Push {
    uint64_t data, side, offsets, ids, x;
    uint row_stride, side_stride, offsets_stride, col_stride, cols, group;
    float factor;
    uint has_factor;
} p;

void main()
{
    uint k = gl_GlobalInvocationID.x, row = gl_WorkGroupID.y;
    if (k >= p.cols)
        return;
    uint64_t id = uint64_t(I32(p.ids).v[row]);
    Row w = Row(p.data + id * uint64_t(p.row_stride), p.side + id * uint64_t(p.side_stride),
                p.offsets + id * uint64_t(p.offsets_stride));
    float value = weight_value(w, p.col_stride, p.group, k);
    F32(row_of(p.x, row, p.cols)).v[k] = p.has_factor != 0u ? value * p.factor : value;
}
