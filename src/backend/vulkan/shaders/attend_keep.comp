// attend_keep.comp: what is kept of attention, for the rows and heads of `list`, after attend has made `sums`: the scores of
// the keys that the row sees (minus infinity elsewhere) and their weights exp(score - m) / l (0 elsewhere, and all of them
// where l is 0). mode 0: from q and k; 1: from the scores that stand there. A thread a key. Groups: (keys / 64, entries).
#version 460
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "kv.glsl"
#include "attend.glsl"
layout(local_size_x = 64) in;
layout(constant_id = 2) const int mode = 0;

void main()
{
    Kept kept = KeptList(p.list).v[gl_WorkGroupID.y];
    uint key = gl_GlobalInvocationID.x, lo, hi, number = head_number(kept.row, kept.head);
    if (key >= kept.n_keys)
        return;
    seen_by(kept.row, lo, hi);
    F32 sums = F32(row_of(p.sums, number, 2u)), q = F32(row_of(p.q, number, p.head_dim));
    uint64_t at = 4ul * uint64_t(key);
    bool seen = key >= lo && key < hi;
    float score = uintBitsToFloat(MINUS_INFINITY), weight = 0.0;
    if (seen && mode == 1)
        score = F32(kept.scores + at).v[0];
    if (seen && mode == 0) {
        uint64_t k = k_page(kept.row, kept.head, key / KV_PAGE);
        score = 0.0;
        for (uint d = 0u; d < p.head_dim; d++)
            score = fma1(q.v[d], k_value(k, p.head_dim, d, key % KV_PAGE), score);
        score = score * p.scale;
    }
    if (seen && sums.v[1] > 0.0)
        weight = div1(exp1(score - sums.v[0]), sums.v[1]);
    if (kept.scores != 0ul)
        F32(kept.scores + at).v[0] = score;
    if (kept.weights != 0ul)
        F32(kept.weights + at).v[0] = weight;
}
