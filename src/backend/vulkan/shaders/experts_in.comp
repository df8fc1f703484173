// experts_in.comp: h = SwiGLU(gate x + bias, up x + bias) of a slot's expert, and its int8 form, where q is not 0: of codes and the int8
// form, both matrices of one shape and format. linear_i8, twice, then swiglu. Groups: (outputs / 32, slots).
#version 460
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "weights.glsl"
#include "swiglu.glsl"
layout(local_size_x = 128) in;

layout(push_constant, scalar) uniform Push {
    uint64_t gate, up, ids, x, d, h, q, hd, sums;
    uint row_stride, side_stride, offsets_stride, bias_stride, cols, rows, divide, group;
    int first, end;
    float alpha, limit, shift;
} p;
#include "matrix.glsl"
#include "dot4.glsl"
#include "unpack.glsl"
const uint EACH = 8u;
#include "sums.glsl"
#include "codes.glsl"

shared float h[SUMS];

void main()
{
    uint t = gl_LocalInvocationIndex, first = gl_WorkGroupID.x * SUMS, o = first + t / TEAM * EACH;
    uint slot = gl_WorkGroupID.y, row = slot / p.divide;
    uint64_t q = p.x + uint64_t(row) * uint64_t(p.cols), d = row_of(p.d, row, p.cols / 32u);
    int e = I32(p.ids).v[slot];
    Matrix gate, up;
    if (!expert_matrix(p.gate, e, gate) || !expert_matrix(p.up, e, up))
        return;
    make_sums(gate, gate.data != 0ul, o, q, d, p.cols);
    float a = t < SUMS ? made[t] : 0.0;
    make_sums(up, up.data != 0ul, o, q, d, p.cols);
    if (t < SUMS && first + t < p.rows) {
        h[t] = swiglu(output_of(gate, first + t, a), output_of(up, first + t, made[t]), p.alpha, p.limit, p.shift);
        F32(row_of(p.h, slot, p.rows)).v[first + t] = h[t];
    }
    barrier();
    if (p.q == 0ul)
        return;
    uint at = first + 4u * t;
    bool there = t < 8u && at < p.rows;
    vec4 v = vec4(0.0);
    if (there)
        v = vec4(h[4u * t], h[4u * t + 1u], h[4u * t + 2u], h[4u * t + 3u]);
    put_codes(p.q, p.hd, p.sums, (slot * p.rows + at) / 4u, v, there);
}
