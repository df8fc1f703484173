// copy.comp: n words from one place to another; from 0: zeros. Groups: (n / 64 in both dimensions together).
#version 460
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
layout(local_size_x = 64) in;

layout(push_constant, scalar) uniform Push {
    uint64_t to, from, n;
} p;

void main()
{
    uint64_t i = (uint64_t(gl_WorkGroupID.y) * uint64_t(gl_NumWorkGroups.x) + uint64_t(gl_WorkGroupID.x)) * 64ul +
                 uint64_t(gl_LocalInvocationIndex);
    if (i < p.n)
        U32(p.to + 4ul * i).v[0] = p.from == 0ul ? 0u : U32(p.from + 4ul * i).v[0];
}
