// rope.comp: half-split rotation in place; row r's angles are head_dim / 2 cosines, then as many sines.
// Groups: (heads * head_dim / 2 / 64, rows).
#version 460
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
layout(local_size_x = 64) in;

layout(push_constant, scalar) uniform Push {
    uint64_t x, angles;
    uint n_heads, head_dim;
} p;

void main()
{
    uint at = gl_GlobalInvocationID.x, row = gl_WorkGroupID.y, steps = p.head_dim / 2u;
    if (at >= p.n_heads * steps)
        return;
    F32 x = F32(row_of(p.x, row, p.n_heads * p.head_dim)), angles = F32(row_of(p.angles, row, p.head_dim));
    uint i = at % steps, first = at / steps * p.head_dim + i;
    float a = x.v[first], b = x.v[first + steps], c = angles.v[i], s = angles.v[i + steps];
    x.v[first] = a * c - b * s;
    x.v[first + steps] = b * c + a * s;
}
