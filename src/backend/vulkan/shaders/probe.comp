// probe.comp: what a device does with n triples: [0] its own fma(a, b, c), [1] this backend's, [2] a * b, [3] a + c, [4] a / b, [5] the root of a, [6] exp(a), each n
// values. The host knows what they should be. Groups: (n / 64).
#version 460
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
layout(local_size_x = 64) in;

layout(push_constant, scalar) uniform Push {
    uint64_t a, b, c, out_;
    uint n;
} p;

void main()
{
    uint i = gl_GlobalInvocationID.x;
    if (i >= p.n)
        return;
    float a = F32(p.a).v[i], b = F32(p.b).v[i], c = F32(p.c).v[i];
    F32(row_of(p.out_, 0u, p.n)).v[i] = fma(a, b, c);
    F32(row_of(p.out_, 1u, p.n)).v[i] = fma1(a, b, c);
    F32(row_of(p.out_, 2u, p.n)).v[i] = a * b;
    F32(row_of(p.out_, 3u, p.n)).v[i] = a + c;
    F32(row_of(p.out_, 4u, p.n)).v[i] = div1(a, b);
    F32(row_of(p.out_, 5u, p.n)).v[i] = sqrt1(a);
    F32(row_of(p.out_, 6u, p.n)).v[i] = exp1(a);
}
