// swiglu.comp: h = g * (1 / (1 + exp(-(alpha * g)))) * (u + shift) of gate and up clamped at limit, and its int8 form, where q is not
// 0. Slots of experts outside [first, end) are left alone; ids == gate: none is. A thread four values. Groups: (width / 256, slots).
#version 460
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "swiglu.glsl"
const uint THREADS = 64u;
#include "codes.glsl"
layout(local_size_x = 64) in;

layout(push_constant, scalar) uniform Push {
    uint64_t gate, up, h, ids, q, d, sums;
    uint width;
    int first, end;
    float alpha, limit, shift;
} p;

void main()
{
    uint at = 4u * gl_GlobalInvocationID.x, slot = gl_WorkGroupID.y;
    if (p.ids != p.gate && (I32(p.ids).v[slot] < p.first || I32(p.ids).v[slot] >= p.end))
        return;
    F32 gate = F32(row_of(p.gate, slot, p.width)), up = F32(row_of(p.up, slot, p.width)), h = F32(row_of(p.h, slot, p.width));
    vec4 v = vec4(0.0);
    for (uint i = at; i < min(at + 4u, p.width); i++) {
        v[i - at] = swiglu(gate.v[i], up.v[i], p.alpha, p.limit, p.shift);
        h.v[i] = v[i - at];
    }
    if (p.q != 0ul)
        put_codes(p.q, p.d, p.sums, (slot * p.width + at) / 4u, v, at < p.width);
}
