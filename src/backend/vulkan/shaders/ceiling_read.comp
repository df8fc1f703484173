// ceiling_read.comp: reads n words of 16 bytes once, side by side, and keeps nothing: how fast memory gives what a step streams.
// Any number of groups, which share the words.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
layout(local_size_x = 128) in;

layout(push_constant, scalar) uniform Push {
    uint64_t data, out_;
    uint n;
} p;
layout(buffer_reference, scalar, buffer_reference_align = 16) readonly buffer Data { uvec4 v[]; };

void main()
{
    Data from = Data(p.data);
    uint step_ = gl_NumWorkGroups.x * 128u, i = gl_GlobalInvocationID.x;
    uvec4 a = uvec4(0u), b = a, c = a, d = a; // four in flight
    for (; i + 3u * step_ < p.n; i += 4u * step_) {
        a ^= from.v[i];
        b ^= from.v[i + step_];
        c ^= from.v[i + 2u * step_];
        d ^= from.v[i + 3u * step_];
    }
    for (; i < p.n; i += step_)
        a ^= from.v[i];
    a ^= b ^ c ^ d;
    if ((a.x ^ a.y ^ a.z ^ a.w) == 0x9e3779b9u) // or all of it would be left out
        U32(p.out_).v[0] = 1u;
}
