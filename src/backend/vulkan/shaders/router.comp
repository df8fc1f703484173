// router.comp: logits = W x + bias as linear_f32 makes them, and what route makes of them, of up to MOST experts. A thread a lane of
// 8 experts at a time, then a thread an expert, whose place is the number of those before it. Groups: (rows).
#version 460
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "weights.glsl"
layout(local_size_x = 128) in;

layout(push_constant, scalar) uniform Push {
    uint64_t data, side, bias, offsets, x, logits, ids, weights;
    uint row_stride, side_stride, offsets_stride, bias_stride, col_stride, group, cols, n_experts, k;
    float factor;
    uint has_factor;
    int first, end; // of lists, which this is none of
} p;
#include "matrix.glsl"

const uint MOST = 128u;
shared float part[128], logit[MOST], power[MOST];
shared bool chosen[MOST];

// Is a before b among the largest? Ties go to the lowest id, and NaN is below everything.
bool before(uint a, uint b)
{
    bool nan_a = is_nan(logit[a]), nan_b = is_nan(logit[b]);
    if (nan_a || nan_b)
        return nan_a == nan_b ? a < b : nan_b;
    return logit[a] > logit[b] || logit[a] == logit[b] && a < b;
}

void main()
{
    uint t = gl_LocalInvocationIndex, row = gl_WorkGroupID.x;
    F32 x = F32(row_of(p.x, row, p.cols));
    Matrix m = Matrix(p.data, p.side, p.bias, p.offsets, p.factor, p.has_factor);
    for (uint first = 0u; first < p.n_experts; first += 8u) {
        uint e = first + t / 16u;
        float sum = 0.0;
        if (e < p.n_experts && m.data != 0ul) {
            Row w = row_at(m, e);
            for (uint k = t & 15u; k < p.cols; k += 16u)
                sum = fma1(weight_value(w, p.col_stride, p.group, k), x.v[k], sum);
        }
        part[t] = sum;
        for (uint half_way = 8u; half_way > 0u; half_way /= 2u) {
            barrier();
            if ((t & 15u) < half_way)
                part[t] = part[t] + part[t + half_way];
        }
        if (e < p.n_experts && (t & 15u) == 0u) {
            logit[e] = output_of(m, e, part[t]);
            F32(row_of(p.logits, row, p.n_experts)).v[e] = logit[e];
        }
        barrier();
    }
    uint ahead = 0u, at = 0u;
    for (uint e = 0u; t < p.n_experts && e < p.n_experts; e++)
        ahead += before(e, t) ? 1u : 0u;
    chosen[t] = t < p.n_experts && ahead < p.k;
    if (t < p.n_experts && ahead == 0u)
        part[0] = logit[t];
    barrier();
    float top = part[0], sum = 0.0;
    power[t] = chosen[t] ? exp1(logit[t] - top) : 0.0;
    barrier();
    for (uint e = 0u; e < p.n_experts; e++) { // ascending
        sum = chosen[e] ? sum + power[e] : sum;
        at += e < t && chosen[e] ? 1u : 0u;
    }
    if (chosen[t]) {
        I32(row_of(p.ids, row, p.k)).v[at] = int(t);
        F32(row_of(p.weights, row, p.k)).v[at] = div1(power[t], sum);
    }
}
