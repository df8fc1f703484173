// rope.comp: rotation in place (rope.glsl). A thread a pair. Groups: (heads * head_dim / 2 / 64, rows).
#version 460
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "rope.glsl"
layout(local_size_x = 64) in;

layout(push_constant, scalar) uniform Push {
    uint64_t x, angles;
    uint n_heads, head_dim;
} p;

void main()
{
    uint at = gl_GlobalInvocationID.x, row = gl_WorkGroupID.y;
    if (at < p.n_heads * (p.head_dim / 2u))
        rotate(row_of(p.x, row, p.n_heads * p.head_dim), row_of(p.angles, row, p.head_dim), at, p.head_dim);
}
