// router.comp: logits = W x + bias as linear_f32 makes them, 4 experts a group, and what route makes of them, of up to MOST experts: by the
// group that is the last of its row's to be done, a thread an expert, whose place is the number of those before it. `done` counts a row's
// groups; it is zero before and after. Groups: (experts / 4, rows). With ALONE defined a group makes all of its row's logits, one four after the
// other, and nobody counts: for Metal, which has no atomics at an address. Groups: (1, rows).
#version 460
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "weights.glsl"
layout(local_size_x = 128) in;

layout(push_constant, scalar) uniform Push {
    uint64_t data, side, bias, offsets, x, logits, ids, weights, done;
    uint row_stride, side_stride, offsets_stride, bias_stride, col_stride, group, cols, n_experts, k;
    float factor;
    uint has_factor;
    int first, end; // of lists, which this is none of
} p;
#include "matrix.glsl"
#include "lanes.glsl"

const uint MOST = 128u;
shared float logit[MOST], power[MOST], largest;
shared bool chosen[MOST];

// Is a before b among the largest? Ties go to the lowest id, and NaN is below everything.
bool before(uint a, uint b)
{
    bool nan_a = is_nan(logit[a]), nan_b = is_nan(logit[b]);
    if (nan_a || nan_b)
        return nan_a == nan_b ? a < b : nan_b;
    return logit[a] > logit[b] || logit[a] == logit[b] && a < b;
}

#ifdef ALONE
bool make_logits(uint row)
{
    uint t = gl_LocalInvocationIndex;
    Matrix m = Matrix(p.data, p.side, p.bias, p.offsets, p.factor, p.has_factor);
    F32 all = F32(row_of(p.logits, row, p.n_experts));
    for (uint first = 0u; first < p.n_experts; first += OUTPUTS) {
        lane_sums(m, m.data != 0ul, first, p.n_experts, row_of(p.x, row, p.cols));
        if (t < OUTPUTS && first + t < p.n_experts) {
            logit[first + t] = output_of(m, first + t, part[16u * t]);
            all.v[first + t] = logit[first + t];
        }
        barrier(); // before the next four's parts
    }
    return true;
}
#else
shared uint before_us;
// What groups tell each other.
layout(buffer_reference, scalar, buffer_reference_align = 4) coherent buffer Logits { float v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 4) coherent buffer Done { uint v[]; };

// This group's logits; true for the last of the row's groups, to which all are there.
bool make_logits(uint row)
{
    uint t = gl_LocalInvocationIndex, first = gl_WorkGroupID.x * OUTPUTS;
    Matrix m = Matrix(p.data, p.side, p.bias, p.offsets, p.factor, p.has_factor);
    Logits all = Logits(row_of(p.logits, row, p.n_experts));
    lane_sums(m, m.data != 0ul, first, p.n_experts, row_of(p.x, row, p.cols));
    if (t < OUTPUTS && first + t < p.n_experts)
        all.v[first + t] = output_of(m, first + t, part[16u * t]);
    memoryBarrierBuffer();
    barrier();
    if (t == 0u)
        before_us = atomicAdd(Done(p.done).v[row], 1u);
    barrier();
    if (before_us + 1u < gl_NumWorkGroups.x)
        return false;
    memoryBarrierBuffer();
    if (t == 0u)
        Done(p.done).v[row] = 0u; // for the next layer
    if (t < p.n_experts)
        logit[t] = all.v[t];
    barrier();
    return true;
}
#endif

void main()
{
    uint t = gl_LocalInvocationIndex, row = gl_WorkGroupID.y;
    if (!make_logits(row))
        return;
    uint ahead = 0u, at = 0u;
    for (uint e = 0u; t < p.n_experts && e < p.n_experts; e++)
        ahead += before(e, t) ? 1u : 0u;
    chosen[t] = t < p.n_experts && ahead < p.k;
    if (t < p.n_experts && ahead == 0u)
        largest = logit[t];
    barrier();
    float top = largest, sum = 0.0;
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
