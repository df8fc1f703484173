// attend.comp: attention of one row and query head over its pages, ascending, beginning with the sink. Per page: scores
// by FMA over the dims ascending, the largest, exp, their sum in 16 lanes (position mod 16) and the tree, values by FMA
// over the positions ascending; then the page goes into the running sums. A thread a position, then a thread a dim.
// `sinks` 0: a plain softmax. `sums`, where not 0: [rows][heads] pairs of the largest score and the denominator.
// Groups: (heads, rows).
#version 460
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "kv.glsl"
layout(local_size_x = 128) in;

layout(push_constant, scalar) uniform Push {
    uint64_t q, out_, sinks, sums, pos, seq, tables, floor_, pages, page_bytes, layer_off;
    uint n_heads, group, head_dim, window;
    float scale;
} p;

const uint MAX_HEAD_DIM = 1024u, WIDE = MAX_HEAD_DIM / KV_PAGE;
shared float query[MAX_HEAD_DIM], weight[KV_PAGE], top[KV_PAGE], lanes[16];

// Scores of positions [lo, hi) of a page become weights; m and l on return.
void weigh_page(uint64_t k, uint lo, uint hi, out float m, out float l)
{
    uint j = gl_LocalInvocationIndex;
    float score = 0.0;
    bool seen = j >= lo && j < hi;
    if (seen)
        for (uint d = 0u; d < p.head_dim; d++)
            score = fma1(query[d], k_value(k, p.head_dim, d, j), score);
    score = score * p.scale;
    top[j] = seen && !is_nan(score) ? score : uintBitsToFloat(0xff800000u); // a NaN shows in its weight
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
}

void main()
{
    uint t = gl_LocalInvocationIndex, head = gl_WorkGroupID.x, row = gl_WorkGroupID.y;
    int seq = I32(p.seq).v[row];
    uint hi = uint(I32(p.pos).v[row]) + 1u, lo = p.floor_ == 0ul ? 0u : uint(max(I32(p.floor_).v[seq], 0));
    if (p.window > 0u && hi > p.window)
        lo = max(lo, hi - p.window);
    F32 q = F32(row_of(p.q, row * p.n_heads + head, p.head_dim)), y = F32(row_of(p.out_, row * p.n_heads + head, p.head_dim));
    for (uint d = t; d < p.head_dim; d += KV_PAGE)
        query[d] = q.v[d];
    barrier();
    float big_m = p.sinks == 0ul ? uintBitsToFloat(0xff800000u) : F32(p.sinks).v[head], big_l = p.sinks == 0ul ? 0.0 : 1.0;
    float acc[WIDE];
    for (uint i = 0u; i < WIDE; i++)
        acc[i] = 0.0;
    uint64_t bytes = uint64_t(half_bytes(p.head_dim));
    for (uint page = lo / KV_PAGE; page * KV_PAGE < hi; page++) {
        uint64_t k = page_part(p.tables, seq, page, p.pages, p.page_bytes, p.layer_off) + uint64_t(head / p.group) * 2ul * bytes;
        uint first = page * KV_PAGE, from = lo > first ? lo - first : 0u, end = min(hi - first, KV_PAGE);
        float m, l;
        weigh_page(k, from, end, m, l);
        float peak = m > big_m ? m : big_m, keep = exp1(big_m - peak), take = exp1(m - peak);
        for (uint i = 0u; i * KV_PAGE + t < p.head_dim; i++) {
            float sum = 0.0;
            for (uint j = from; j < end; j++)
                sum = fma1(weight[j], v_value(k + bytes, p.head_dim, i * KV_PAGE + t, j), sum);
            acc[i] = fma1(sum, take, acc[i] * keep);
        }
        big_l = fma1(l, take, big_l * keep);
        big_m = peak;
        barrier(); // before the next page's weights
    }
    for (uint i = 0u; i * KV_PAGE + t < p.head_dim; i++)
        y.v[i * KV_PAGE + t] = div1(acc[i], big_l);
    if (p.sums != 0ul && t == 0u) {
        F32 sums = F32(row_of(p.sums, row * p.n_heads + head, 2u));
        sums.v[0] = big_m;
        sums.v[1] = big_l;
    }
}
