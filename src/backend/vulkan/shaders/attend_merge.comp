// attend_merge.comp: the pages' sums that attend has made in mode 3, merged ascending from the sink on. A thread a dim.
// Groups: (heads, rows).
#version 460
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "kv.glsl"
#include "attend.glsl"
const uint THREADS = 64u;
#include "codes.glsl"
#include "attend_codes.glsl"
layout(local_size_x = 64) in;

void main()
{
    uint t = gl_LocalInvocationIndex, head = gl_WorkGroupID.x, row = gl_WorkGroupID.y, number = head_number(row, head), lo, hi;
    seen_by(row, lo, hi);
    F32 y = F32(row_of(p.out_, number, p.head_dim));
    for (uint d = t; d < p.head_dim; d += 64u) {
        float acc = 0.0, big_m = sink_of(head), big_l = p.sinks != 0ul ? 1.0 : 0.0;
        for (uint page = lo / KV_PAGE; page * KV_PAGE < hi; page++) {
            F32 sums = F32(page_sums(number, page - lo / KV_PAGE));
            float m = sums.v[0], peak = m > big_m ? m : big_m, keep = exp1(big_m - peak), take = exp1(m - peak);
            acc = fma1(sums.v[2u + d], take, acc * keep);
            big_l = fma1(sums.v[1], take, big_l * keep);
            big_m = peak;
        }
        query[d] = div1(acc, big_l);
        y.v[d] = query[d];
        if (d == 0u && p.sums != 0ul) {
            F32 sums = F32(row_of(p.sums, number, 2u));
            sums.v[0] = big_m;
            sums.v[1] = big_l;
        }
    }
    if (p.codes != 0ul)
        head_codes(number);
}
