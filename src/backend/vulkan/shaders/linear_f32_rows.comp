// linear_f32_rows.comp: linear_f32 of many rows, the same sums: a weight is read once for TILE rows.
// Groups: (outputs / 4, rows / 8).
#version 460
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "weights.glsl"
#include "linear.glsl"
#include "linear_rows.glsl"
const uint TILE = 8u;
layout(local_size_x = 64) in;

shared float part[TILE * 64u];

void main()
{
    uint t = gl_LocalInvocationIndex, o = gl_WorkGroupID.x * 4u + t / 16u;
    uint last = min((gl_WorkGroupID.y + 1u) * TILE, n_rows());
    for (uint at = gl_WorkGroupID.y * TILE, n = 0u; at < last; at += n) {
        Matrix m;
        bool found;
        n = run_from(at, last, m, found);
        for (uint r = 0u; r < n; r++)
            part[r * 64u + t] = 0.0;
        if (found && o < p.rows && m.data != 0ul) {
            Row w = row_at(m, o);
            for (uint k = t & 15u; k < p.cols; k += 16u) {
                float weight = weight_value(w, p.col_stride, p.group, k);
                for (uint r = 0u; r < n; r++) {
                    F32 x = F32(row_of(p.x, row_number(at + r) / p.divide, p.cols));
                    part[r * 64u + t] = fma1(weight, x.v[k], part[r * 64u + t]);
                }
            }
        }
        for (uint half_way = 8u; half_way > 0u; half_way /= 2u) {
            barrier();
            for (uint r = 0u; r < n && (t & 15u) < half_way; r++)
                part[r * 64u + t] = part[r * 64u + t] + part[r * 64u + t + half_way];
        }
        if (found && o < p.rows && (t & 15u) == 0u)
            for (uint r = 0u; r < n; r++)
                store(m, row_number(at + r), o, part[r * 64u + t]);
        barrier(); // before the next run's sums
    }
}
