// attend.comp: attention of one row and query head over its pages, ascending, beginning with the sink. Per page: scores
// by FMA over the dims ascending, the largest, exp, their sum in 16 lanes (position mod 16) and the tree, values by FMA
// over the positions ascending; then the page goes into the running sums. A thread a position, then a thread a dim.
// `sinks` 0: a plain softmax. `sums`, where not 0: [rows][heads] pairs of the largest score and the denominator.
//
// mode 0: of every row and head; groups (heads, rows). 3: one page's sums alone, for attend_merge; groups (heads, rows,
// n_pages). 1: of the rows and heads of `list`, by the scores that stand there:
// a page that is masked as a whole says nothing, and without any key or sink the result is zero. 2: by the weights there.
// Groups of both: (entries).
#version 460
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "kv.glsl"
#include "attend.glsl"
const uint THREADS = 128u;
#include "codes.glsl"
#include "attend_codes.glsl"
layout(local_size_x = 128) in;
layout(constant_id = 2) const int mode = 0;

const uint WIDE = MAX_HEAD_DIM / KV_PAGE, TOGETHER = 16u; // loads of a thread under way at once
shared float weight[KV_PAGE], top[KV_PAGE], lanes[16];
shared uint unmasked;

// The score of position j of a page; `at` is what stands in the list for the page.
float score_of(uint64_t k, uint64_t at, uint j)
{
    if (mode == 1)
        return F32(at).v[j];
    float score = 0.0;
    uint d = 0u;
    for (; d + TOGETHER <= p.head_dim; d += TOGETHER) {
        float v[TOGETHER];
        for (uint i = 0u; i < TOGETHER; i++)
            v[i] = k_value(k, p.head_dim, d + i, j);
        for (uint i = 0u; i < TOGETHER; i++)
            score = fma1(query[d + i], v[i], score);
    }
    for (; d < p.head_dim; d++)
        score = fma1(query[d], k_value(k, p.head_dim, d, j), score);
    return score * p.scale;
}

// Scores of positions [lo, hi) of a page become weights; m and l on return. False: all are masked.
bool weigh_page(uint64_t k, uint64_t at, uint lo, uint hi, out float m, out float l)
{
    uint j = gl_LocalInvocationIndex;
    bool seen = j >= lo && j < hi;
    float score = seen ? score_of(k, at, clamp(j, lo, hi - 1u)) : 0.0;
    top[j] = seen && !is_nan(score) ? score : uintBitsToFloat(MINUS_INFINITY); // a NaN shows in its weight
    if (j == 0u)
        unmasked = 0u;
    barrier();
    if (seen && floatBitsToUint(score) != MINUS_INFINITY)
        unmasked = 1u;
    for (uint half_way = 64u; half_way > 0u; half_way /= 2u) {
        barrier();
        if (j < half_way)
            top[j] = top[j + half_way] > top[j] ? top[j + half_way] : top[j];
    }
    barrier();
    m = top[0] == 0.0 ? 0.0 : top[0]; // no -0
    weight[j] = exp1(score - m);
    barrier();
    if (j < 16u) {
        float sum = 0.0;
        for (uint i = j; i < hi; i += 16u)
            if (i >= lo)
                sum = sum + weight[i];
        lanes[j] = sum;
    }
    barrier();
    l = lanes_sum(lanes);
    return mode != 1 || unmasked != 0u;
}

void main()
{
    uint t = gl_LocalInvocationIndex, head = gl_WorkGroupID.x, row = gl_WorkGroupID.y, lo, hi;
    uint64_t kept = 0ul;
    if (mode == 1 || mode == 2) {
        Kept entry = KeptList(p.list).v[gl_WorkGroupID.x];
        head = entry.head;
        row = entry.row;
        kept = mode == 1 ? entry.scores : entry.weights;
    }
    seen_by(row, lo, hi);
    F32 q = F32(row_of(p.q, head_number(row, head), p.head_dim)), y = F32(row_of(p.out_, head_number(row, head), p.head_dim));
    if (mode == 0 || mode == 3)
        for (uint d = t; d < p.head_dim; d += KV_PAGE)
            query[d] = q.v[d];
    barrier();
    float big_m = sink_of(head), big_l = p.sinks == 0ul ? 0.0 : 1.0;
    float acc[WIDE];
    for (uint i = 0u; i < WIDE; i++)
        acc[i] = 0.0;
    for (uint page = lo / KV_PAGE + (mode == 3 ? gl_WorkGroupID.z : 0u); page * KV_PAGE < hi;
         page += mode == 3 ? hi : 1u) { // one, then none
        uint64_t k = k_page(row, head, page), v = k + uint64_t(half_bytes(p.head_dim));
        uint first = page * KV_PAGE, from = lo > first ? lo - first : 0u, end = min(hi - first, KV_PAGE);
        uint64_t at = kept + 4ul * uint64_t(first);
        F32 sums = F32(mode == 3 ? page_sums(head_number(row, head), gl_WorkGroupID.z) : 0ul);
        float m = 0.0, l = 0.0, keep = 1.0, take = 1.0, peak = 0.0;
        bool says = true;
        if (mode == 2) {
            weight[t] = t >= from && t < end ? F32(at).v[clamp(t, from, end - 1u)] : 0.0;
            barrier();
        } else {
            says = weigh_page(k, at, from, end, m, l);
            peak = m > big_m ? m : big_m;
            keep = exp1(big_m - peak);
            take = exp1(m - peak);
        }
        for (uint i = 0u; says && i * KV_PAGE + t < p.head_dim; i++) {
            float sum = mode == 2 ? acc[i] : 0.0;
            uint j = from;
            for (; j + TOGETHER <= end; j += TOGETHER) {
                float values[TOGETHER];
                for (uint n = 0u; n < TOGETHER; n++)
                    values[n] = v_value(v, p.head_dim, i * KV_PAGE + t, j + n);
                for (uint n = 0u; n < TOGETHER; n++)
                    sum = fma1(weight[j + n], values[n], sum);
            }
            for (; j < end; j++)
                sum = fma1(weight[j], v_value(v, p.head_dim, i * KV_PAGE + t, j), sum);
            if (mode == 3)
                sums.v[2u + i * KV_PAGE + t] = sum;
            else
                acc[i] = mode == 2 ? sum : fma1(sum, take, acc[i] * keep);
        }
        if (mode == 3 && t == 0u) {
            sums.v[0] = m;
            sums.v[1] = l;
        }
        if (says && mode != 2) {
            big_l = fma1(l, take, big_l * keep);
            big_m = peak;
        }
        barrier(); // before the next page's weights
    }
    uint stored = mode == 3 ? 0u : p.head_dim;
    for (uint i = 0u; i * KV_PAGE + t < stored; i++) {
        query[i * KV_PAGE + t] = mode == 2 ? acc[i] : mode == 1 && big_l == 0.0 ? 0.0 : div1(acc[i], big_l);
        y.v[i * KV_PAGE + t] = query[i * KV_PAGE + t];
    }
    if (mode < 2 && p.sums != 0ul && t == 0u) {
        F32 sums = F32(row_of(p.sums, head_number(row, head), 2u));
        sums.v[0] = big_m;
        sums.v[1] = big_l;
    }
    if (mode != 3 && p.codes != 0ul)
        head_codes(head_number(row, head));
}
