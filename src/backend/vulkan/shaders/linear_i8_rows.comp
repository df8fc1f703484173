// linear_i8_rows.comp: linear_i8 of many rows, the same sums: codes are unpacked once for TILE rows.
// Groups: (outputs / 16, rows / 8).
#version 460
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "weights.glsl"
#include "linear.glsl"
#include "linear_rows.glsl"
layout(local_size_x = 64) in;

shared float part[TILE * 64u];

// 32 values of a matrix: codes, four to a word, and their scales and offsets (of 16 each, or the first of all).
struct Codes {
    uint word[8];
    float scale[2], offset[2];
};

void unpack(Row w, uint n, out Codes c)
{
    uint block = n * 32u / format_block(), from = n * 32u % format_block(), run = min(format_run(), 32u);
    uint64_t b = w.codes + uint64_t(block * format_bytes());
    int shift = format == DT_AFFINE8 ? 128 : 0; // to int8
    for (uint j = 0u; j < 8u; j++) {
        c.word[j] = 0u;
        for (uint i = 0u; i < 4u; i++)
            c.word[j] |= uint((code_at(b, from + 4u * j + i) - shift) & 255) << (8u * i);
    }
    for (uint k = 0u; k < 32u / run; k++) {
        uint s = (from + k * run) / format_run();
        c.scale[k] = scale_at(w, b, block, s, p.group);
        if (format_offsets()) {
            float offset = offset_at(w, b, block, s, p.group);
            c.offset[k] = format == DT_AFFINE8 ? fma1(128.0, c.scale[k], offset) : offset;
        }
    }
}

// One row's chain after these 32 values.
float add_32(Codes c, U32 q, float d, float sum)
{
    uint run = min(format_run(), 32u);
    for (uint k = 0u; k < 32u / run; k++) {
        int dot = 0, codes = 0;
        for (uint j = k * run / 4u; j < (k + 1u) * run / 4u; j++) {
            uint x = q.v[j];
            for (uint i = 0u; i < 4u; i++) {
                dot += byte_of(c.word[j], i) * byte_of(x, i);
                codes += byte_of(x, i);
            }
        }
        sum = fma1(float(dot), d * c.scale[k], sum);
        if (format_offsets())
            sum = fma1(float(codes), d * c.offset[k], sum);
    }
    return sum;
}

void main()
{
    uint t = gl_LocalInvocationIndex, o = gl_WorkGroupID.x * 16u + t / 4u, blocks = p.cols / 32u;
    uint last = min((gl_WorkGroupID.y + 1u) * TILE, n_rows());
    for (uint at = gl_WorkGroupID.y * TILE, n = 0u; at < last; at += n) {
        Matrix m;
        bool found;
        n = run_from(at, last, m, found);
        for (uint r = 0u; r < n; r++)
            part[r * 64u + t] = 0.0;
        if (found && o < p.rows && m.data != 0ul) {
            Row w = row_at(m, o);
            for (uint b = t & 3u; b < blocks; b += 4u) {
                Codes c;
                unpack(w, b, c);
                for (uint r = 0u; r < n; r++) {
                    uint x = row_number(at + r) / p.divide;
                    U32 q = U32(p.x + uint64_t(x) * uint64_t(p.cols) + uint64_t(b * 32u));
                    part[r * 64u + t] = add_32(c, q, F32(row_of(p.d, x, blocks)).v[b], part[r * 64u + t]);
                }
            }
        }
        barrier();
        if (found && o < p.rows && (t & 3u) == 0u)
            for (uint r = 0u; r < n; r++) {
                uint f = r * 64u + t;
                store(m, row_number(at + r), o, (part[f] + part[f + 1u]) + (part[f + 2u] + part[f + 3u]));
            }
        barrier(); // before the next run's sums
    }
}
