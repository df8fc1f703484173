// norm.comp: y = x / rms(x) * gain: squares in 16 lanes and the tree, r = 1 / sqrt(sum / width + eps), (x * r) * gain; and y's int8
// form, where q is not 0. `rows_of` 0: row r is x's row r. delta, where not 0: x + delta in the place of x, and stored at sum, which
// may be x. Groups: (rows).
#version 460
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
const uint THREADS = 128u, PIECE = 1024u;
#include "codes.glsl"
layout(local_size_x = 128) in;

layout(push_constant, scalar) uniform Push {
    uint64_t x, rows_of, gain, y, delta, sum, q, d, sums;
    uint width;
    float eps;
} p;

shared float lanes[16], piece[PIECE];

float value(uint row, uint i)
{
    float x = F32(row_of(p.x, row, p.width)).v[i], more = F32(row_of(p.delta != 0ul ? p.delta : p.x, row, p.width)).v[i];
    return p.delta != 0ul ? x + more : x;
}

void main()
{
    uint t = gl_LocalInvocationIndex, to = gl_WorkGroupID.x, row = p.rows_of == p.x ? to : uint(I32(p.rows_of).v[to]);
    float sum = 0.0;
    for (uint from = 0u; from < p.width; from += PIECE) { // all bring values, many loads under way at once; 16 add up
        for (uint j = 0u; j < PIECE / THREADS; j++)
            if (from + j * THREADS + t < p.width)
                piece[j * THREADS + t] = value(row, from + j * THREADS + t);
        barrier();
        for (uint i = t; t < 16u && i < min(PIECE, p.width - from); i += 16u)
            sum = fma1(piece[i], piece[i], sum);
        barrier(); // before the next piece
    }
    if (t < 16u)
        lanes[t] = sum;
    barrier();
    float mean = div1(lanes_sum(lanes), float(p.width)), r = div1(1.0, sqrt1(mean + p.eps));
    F32 y = F32(row_of(p.y, to, p.width)), gain = F32(p.gain), stored = F32(row_of(p.sum, row, p.width));
    for (uint first = 0u; first < p.width; first += 4u * THREADS) { // a thread four values, and only it reads and writes them
        vec4 v = vec4(0.0);
        uint at = first + 4u * t;
        for (uint i = at; i < min(at + 4u, p.width); i++) {
            float x = value(row, i);
            if (p.delta != 0ul)
                stored.v[i] = x;
            v[i - at] = (x * r) * gain.v[i];
            y.v[i] = v[i - at];
        }
        if (p.q != 0ul)
            put_codes(p.q, p.d, p.sums, (to * p.width + at) / 4u, v, at < p.width);
    }
}
