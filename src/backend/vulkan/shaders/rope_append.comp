// rope_append.comp: q and k rotated in place as rope does it, then k and v stored as kv_append does it, of types without blocks. A
// thread a pair of q's values, or of k's and of v's. Groups: ((heads + kv heads) * head_dim / 2 / 64, rows).
#version 460
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "kv.glsl"
#include "rope.glsl"
layout(local_size_x = 64) in;

layout(push_constant, scalar) uniform Push {
    uint64_t q, k, v, angles, pos, seq, tables, keep, pages, page_bytes;
    uint n_heads, n_kv_heads, head_dim;
} p;

void main()
{
    uint at = gl_GlobalInvocationID.x, row = gl_WorkGroupID.y, steps = p.head_dim / 2u, queries = p.n_heads * steps;
    if (at < queries) {
        rotate(row_of(p.q, row, p.n_heads * p.head_dim), row_of(p.angles, row, p.head_dim), at, p.head_dim);
        return;
    }
    at -= queries;
    if (at >= p.n_kv_heads * steps)
        return;
    uint64_t k_row = row_of(p.k, row, p.n_kv_heads * p.head_dim);
    rotate(k_row, row_of(p.angles, row, p.head_dim), at, p.head_dim);
    if (is_kept(p.keep, p.pos, row))
        return;
    F32 k = F32(k_row), v = F32(row_of(p.v, row, p.n_kv_heads * p.head_dim));
    uint pos = uint(I32(p.pos).v[row]), j = pos % KV_PAGE, head = at / steps;
    uint64_t bytes = uint64_t(half_bytes(p.head_dim));
    uint64_t part = page_part(p.tables, I32(p.seq).v[row], pos / KV_PAGE, p.pages, p.page_bytes) + uint64_t(head) * 2ul * bytes;
    for (uint i = 0u; i < 2u; i++) {
        uint d = at % steps + i * steps;
        put_plain(part, d * KV_PAGE + j, k.v[head * p.head_dim + d]);
        put_plain(part + bytes, j * p.head_dim + d, v.v[head * p.head_dim + d]);
    }
}
