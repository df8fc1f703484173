// ceiling_dot.comp: n times eight dots of four bytes a thread, from registers: how many the device does in the form that the kernels use.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "dot4.glsl"
layout(local_size_x = 128) in;

layout(push_constant, scalar) uniform Push {
    uint64_t out_;
    uint n;
} p;

void main()
{
    int sum[8];
    uint b = gl_GlobalInvocationID.x * 0x9e3779b9u | 0x01010101u;
    for (uint j = 0u; j < 8u; j++)
        sum[j] = int(b + j);
    for (uint i = 0u; i < p.n; i++)
        for (uint j = 0u; j < 8u; j++)
            sum[j] += dot4(uint(sum[j]), b);
    for (uint j = 1u; j < 8u; j++)
        sum[0] ^= sum[j];
    I32(p.out_).v[gl_GlobalInvocationID.x & 1023u] = sum[0];
}
