// linear_f32.comp: y = W x + bias of exact weights and f32 activations: the sums of lanes.glsl. Groups: (outputs / 4, rows).
#version 460
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "weights.glsl"
#include "linear.glsl"
#include "lanes.glsl"
layout(local_size_x = 128) in;

void main()
{
    uint t = gl_LocalInvocationIndex, o = gl_WorkGroupID.x * OUTPUTS, row = gl_WorkGroupID.y;
    Matrix m;
    if (!find_matrix(row, m))
        return;
    lane_sums(m, m.data != 0ul, o, p.rows, row_of(p.x, row / p.divide, p.cols));
    if (t < OUTPUTS && o + t < p.rows)
        store(m, row, o + t, part[16u * t]);
}
