// kv_append.comp: stores K and V of rows whose keep flag is 0, to nearest even; Q8_0 packs 32 dims of a position by the
// rule of Q8_0 weights, but a block too large for an f16 scale has an infinite one. A thread a value (Q8_0: a block).
// Groups: (kv heads * head_dim / 64 (Q8_0: / 2048), rows).
#version 460
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "kv.glsl"
layout(local_size_x = 64) in;

layout(push_constant, scalar) uniform Push {
    uint64_t k, v, pos, seq, tables, keep, pages, page_bytes;
    uint n_kv_heads, head_dim;
} p;

// 32 values of x into codes `step` apart from `first` on, their scale at number `scale`.
void put_block(uint64_t part, F32 x, uint from, uint first, uint step, uint scale)
{
    uint bits = 0u, h = 0x7e00u;
    for (uint i = 0u; i < 32u; i++)
        bits = max(bits, floatBitsToUint(x.v[from + i]) & 0x7fffffffu);
    float inverse = 0.0;
    if (bits < INFINITY_BITS) {
        float d = min(div1(uintBitsToFloat(bits), 127.0), 65504.0);
        inverse = d != 0.0 ? div1(1.0, d) : 0.0;
        h = f16_of(d);
        h = h == 0x7bffu ? 0x7c00u : h;
    }
    bool zero = (floatBitsToUint(inverse) & 0x7fffffffu) >= INFINITY_BITS || bits >= INFINITY_BITS;
    U16(part + uint64_t(KV_PAGE * p.head_dim)).v[scale] = uint16_t(h);
    for (uint i = 0u; i < 32u; i++) {
        float code = zero ? 0.0 : min(max(x.v[from + i] * inverse, -127.0), 127.0);
        float towards = uintBitsToFloat(0x3effffffu); // the largest number below 0.5
        int whole = int(code + (code < 0.0 ? -towards : towards));
        U8(part).v[first + i * step] = uint8_t(uint(whole) & 255u);
    }
}

void main()
{
    uint at = gl_GlobalInvocationID.x, row = gl_WorkGroupID.y, each = kv_type == KV_Q8_0 ? 32u : 1u;
    uint width = p.n_kv_heads * p.head_dim, first = at * each;
    if (first >= width || is_kept(p.keep, p.pos, row))
        return;
    uint pos = uint(I32(p.pos).v[row]), j = pos % KV_PAGE, d = first % p.head_dim;
    uint64_t bytes = uint64_t(half_bytes(p.head_dim));
    uint64_t part = page_part(p.tables, I32(p.seq).v[row], pos / KV_PAGE, p.pages, p.page_bytes) +
                    uint64_t(first / p.head_dim) * 2ul * bytes;
    F32 k = F32(row_of(p.k, row, width)), v = F32(row_of(p.v, row, width));
    if (kv_type == KV_Q8_0) {
        put_block(part, k, first, d * KV_PAGE + j, KV_PAGE, d / 32u * KV_PAGE + j);
        put_block(part + bytes, v, first, j * p.head_dim + d, 1u, j * (p.head_dim / 32u) + d / 32u);
    } else {
        put_plain(part, d * KV_PAGE + j, k.v[first]);
        put_plain(part + bytes, j * p.head_dim + d, v.v[first]);
    }
}
