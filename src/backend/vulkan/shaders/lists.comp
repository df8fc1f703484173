// lists.comp: slots by expert, ascending within one: slots[start[e] .. start[e + 1]). A thread an expert. Groups: (1).
#version 460
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
layout(local_size_x = 64) in;

layout(push_constant, scalar) uniform Push {
    uint64_t ids, start, slots;
    uint n_slots, n_experts;
} p;

void main()
{
    I32 ids = I32(p.ids), start = I32(p.start), slots = I32(p.slots);
    for (int e = int(gl_LocalInvocationIndex); e <= int(p.n_experts); e += 64) {
        int at = 0;
        for (uint s = 0u; s < p.n_slots; s++)
            at += ids.v[s] < e ? 1 : 0;
        start.v[e] = at;
        for (uint s = 0u; s < p.n_slots; s++)
            if (ids.v[s] == e)
                slots.v[at++] = int(s);
    }
}
