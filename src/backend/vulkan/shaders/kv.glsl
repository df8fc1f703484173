// kv.glsl: where K and V lie. A layer's part of a page holds, for each kv head, K as [head_dim][128], then V as
// [128][head_dim]; Q8_0's are codes, with the f16 scales of a half behind all of its codes.
layout(constant_id = 1) const int kv_type = 0; // enum kv_type's
const int KV_F16 = 0, KV_BF16 = 1, KV_F32 = 2, KV_Q8_0 = 4;
const uint KV_PAGE = 128u;

uint half_bytes(uint head_dim)
{
    uint values = KV_PAGE * head_dim;
    return kv_type == KV_Q8_0 ? values + values / 16u : kv_type == KV_F32 ? values * 4u : values * 2u;
}

// Is this row's K and V kept as they are? keep may be 0; pos is read in its place (attend.glsl says why).
bool is_kept(uint64_t keep, uint64_t pos, uint row)
{
    uint there = uint(U8(keep != 0ul ? keep : pos).v[row]);
    return keep != 0ul && there != 0u;
}

// tables: the addresses of every sequence's list of page numbers; pages: where the layer's part of page 0 lies.
uint64_t page_part(uint64_t tables, int seq, uint page, uint64_t pages, uint64_t page_bytes)
{
    int number = I32(U64(tables).v[seq]).v[page];
    return pages + uint64_t(number) * page_bytes;
}

void put_plain(uint64_t part, uint i, float x)
{
    if (kv_type == KV_F32)
        F32(part).v[i] = x;
    else
        U16(part).v[i] = uint16_t(kv_type == KV_F16 ? f16_of(x) : bf16_of(x));
}

// Value i of K or V; `scale` is the number of its block of 32.
float kv_value(uint64_t part, uint head_dim, uint i, uint scale)
{
    if (kv_type == KV_F32)
        return F32(part).v[i];
    if (kv_type == KV_Q8_0)
        return float((int(uint(U8(part).v[i])) ^ 0x80) - 0x80) * f16_value(uint(U16(part + uint64_t(KV_PAGE * head_dim)).v[scale]));
    uint h = uint(U16(part).v[i]);
    return kv_type == KV_F16 ? f16_value(h) : bf16_value(h);
}

float k_value(uint64_t part, uint head_dim, uint d, uint j)
{
    return kv_value(part, head_dim, d * KV_PAGE + j, d / 32u * KV_PAGE + j);
}

float v_value(uint64_t part, uint head_dim, uint d, uint j)
{
    return kv_value(part, head_dim, j * head_dim + d, j * (head_dim / 32u) + d / 32u);
}
