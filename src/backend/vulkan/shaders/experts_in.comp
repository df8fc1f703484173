// experts_in.comp: h = SwiGLU(gate x + bias, up x + bias) of a slot's expert, and its int8 form, where q is not 0: of codes and the int8
// form, both matrices of one shape and format. linear_i8, twice, then swiglu. Four threads an output, one a chain of each.
// Groups: (outputs / 32, slots).
#version 460
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "weights.glsl"
#include "swiglu.glsl"
const uint THREADS = 128u;
#include "codes.glsl"
layout(local_size_x = 128) in;

layout(push_constant, scalar) uniform Push {
    uint64_t gate, up, ids, x, d, h, q, hd, sums;
    uint row_stride, side_stride, offsets_stride, bias_stride, cols, rows, divide, group;
    int first, end;
    float alpha, limit, shift;
} p;
#include "matrix.glsl"
#include "dot_i8.glsl"

shared float part[2u * THREADS], made[32];

void main()
{
    uint t = gl_LocalInvocationIndex, o = gl_WorkGroupID.x * 32u + t / 4u, slot = gl_WorkGroupID.y, row = slot / p.divide;
    uint64_t q = p.x + uint64_t(row) * uint64_t(p.cols), d = row_of(p.d, row, p.cols / 32u);
    int e = I32(p.ids).v[slot];
    Matrix gate, up;
    if (!expert_matrix(p.gate, e, gate) || !expert_matrix(p.up, e, up))
        return;
    bool inside = o < p.rows;
    part[t] = inside && gate.data != 0ul ? chain_of(gate, o, q, d, p.cols, t & 3u) : 0.0;
    part[THREADS + t] = inside && up.data != 0ul ? chain_of(up, o, q, d, p.cols, t & 3u) : 0.0;
    barrier();
    if ((t & 3u) == 0u) {
        uint u = THREADS + t;
        float a = (part[t] + part[t + 1u]) + (part[t + 2u] + part[t + 3u]), b = (part[u] + part[u + 1u]) + (part[u + 2u] + part[u + 3u]);
        if (inside) {
            made[t / 4u] = swiglu(output_of(gate, o, a), output_of(up, o, b), p.alpha, p.limit, p.shift);
            F32(row_of(p.h, slot, p.rows)).v[o] = made[t / 4u];
        }
    }
    barrier();
    if (p.q == 0ul)
        return;
    uint at = gl_WorkGroupID.x * 32u + 4u * t;
    bool there = t < 8u && at < p.rows;
    vec4 v = vec4(0.0);
    if (there)
        v = vec4(made[4u * t], made[4u * t + 1u], made[4u * t + 2u], made[4u * t + 3u]);
    put_codes(p.q, p.hd, p.sums, (slot * p.rows + at) / 4u, v, there);
}
