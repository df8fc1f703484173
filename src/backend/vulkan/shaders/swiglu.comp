// swiglu.comp: h = g * (1 / (1 + exp(-(alpha * g)))) * (u + shift) of gate and up clamped at limit; a NaN passes. Slots of
// experts outside [first, end) are left alone; ids 0: none is. Groups: (width / 64, slots).
#version 460
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
layout(local_size_x = 64) in;

layout(push_constant, scalar) uniform Push {
    uint64_t gate, up, h, ids;
    uint width;
    int first, end;
    float alpha, limit, shift;
} p;

void main()
{
    uint i = gl_GlobalInvocationID.x, slot = gl_WorkGroupID.y;
    if (i >= p.width || p.ids != 0ul && (I32(p.ids).v[slot] < p.first || I32(p.ids).v[slot] >= p.end))
        return;
    float gate = F32(row_of(p.gate, slot, p.width)).v[i], up = F32(row_of(p.up, slot, p.width)).v[i];
    float g = p.limit < gate ? p.limit : gate, u = -p.limit > up ? -p.limit : up;
    u = p.limit < u ? p.limit : u;
    float s = div1(1.0, 1.0 + exp1(-(p.alpha * g)));
    F32(row_of(p.h, slot, p.width)).v[i] = (g * s) * (u + p.shift);
}
