// route.comp: the k largest of a row's logits (ties to the lowest id, NaN below everything), ids ascending, and the softmax
// over them, summed in that order. A thread a row. Groups: (rows / 64).
#version 460
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
layout(local_size_x = 64) in;

layout(push_constant, scalar) uniform Push {
    uint64_t logits, ids, weights;
    uint n, k, n_experts;
} p;

bool taken(I32 ids, uint n, int e)
{
    bool found = false;
    for (uint i = 0u; i < n; i++)
        found = found || ids.v[i] == e;
    return found;
}

void main()
{
    uint row = gl_GlobalInvocationID.x;
    if (row >= p.n)
        return;
    F32 logits = F32(row_of(p.logits, row, p.n_experts)), weights = F32(row_of(p.weights, row, p.k));
    I32 ids = I32(row_of(p.ids, row, p.k));
    for (uint c = 0u; c < p.k; c++) {
        int best = -1;
        for (int e = 0; e < int(p.n_experts); e++)
            if (!taken(ids, c, e) && (best < 0 || logits.v[e] > logits.v[best] || is_nan(logits.v[best]) && !is_nan(logits.v[e])))
                best = e;
        uint at = c;
        for (; at > 0u && ids.v[at - 1u] > best; at--)
            ids.v[at] = ids.v[at - 1u];
        ids.v[at] = best;
    }
    float top = logits.v[ids.v[0]], sum = 0.0;
    for (uint j = 1u; j < p.k; j++)
        top = logits.v[ids.v[j]] > top ? logits.v[ids.v[j]] : top;
    for (uint j = 0u; j < p.k; j++) {
        float w = exp1(logits.v[ids.v[j]] - top);
        weights.v[j] = w;
        sum = sum + w;
    }
    for (uint j = 0u; j < p.k; j++)
        weights.v[j] = div1(weights.v[j], sum);
}
