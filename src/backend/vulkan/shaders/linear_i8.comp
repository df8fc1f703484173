// linear_i8.comp: y = W x + bias of codes and the int8 form: the sums of sums.glsl, of few rows. Groups: (outputs / 8, rows).
#version 460
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "weights.glsl"
#include "linear.glsl"
#include "dot4.glsl"
#include "unpack.glsl"
const uint EACH = 2u;
#include "sums.glsl"
layout(local_size_x = 128) in;

void main()
{
    uint t = gl_LocalInvocationIndex, first = gl_WorkGroupID.x * SUMS, row = gl_WorkGroupID.y, x = row / p.divide;
    Matrix m;
    if (!find_matrix(row, m))
        return;
    make_sums(m, m.data != 0ul, first + t / TEAM * EACH, p.x + uint64_t(x) * uint64_t(p.cols), row_of(p.d, x, p.cols / 32u), p.cols);
    if (t < SUMS && first + t < p.rows)
        store(m, row, first + t, made[t]);
}
