// attend.glsl: the arguments of attention, and which keys a row sees. codes, where not 0: the int8 form of out, whose scales and sums lie
// so many words (of 4 bytes) from there.
layout(push_constant, scalar) uniform Push {
    uint64_t q, out_, sinks, sums, pos, seq, tables, floor_, pages, page_bytes, list, codes;
    uint n_heads, group, head_dim, window;
    float scale;
    uint n_pages;
    int scales, code_sums;
} p;

const uint MINUS_INFINITY = 0xff800000u;

// A row and head whose scores or weights are kept, or were changed: n_keys values each, 0: none (struct vk_kept).
struct Kept {
    uint64_t scores, weights;
    uint row, head, n_keys, unused;
};
layout(buffer_reference, scalar, buffer_reference_align = 8) readonly buffer KeptList { Kept v[]; };

// A load behind a condition is not safe: Mesa 26.1's compiler makes it before it asks. So where there are no sinks, and where
// no row has a floor, an address of this call is read all the same, before it is asked whether that counts.
float sink_of(uint head)
{
    float there = F32(p.sinks != 0ul ? p.sinks : p.q).v[head];
    return p.sinks != 0ul ? there : uintBitsToFloat(MINUS_INFINITY);
}

uint floor_of(uint row)
{
    uint seq = uint(I32(p.seq).v[row]);
    int there = I32(p.floor_ != 0ul ? p.floor_ : p.seq).v[p.floor_ != 0ul ? seq : row];
    return p.floor_ != 0ul ? uint(max(there, 0)) : 0u;
}

void seen_by(uint row, out uint lo, out uint hi)
{
    hi = uint(I32(p.pos).v[row]) + 1u;
    lo = floor_of(row);
    if (p.window > 0u && hi > p.window)
        lo = max(lo, hi - p.window);
}

// K of the page that a head of a row reads; V lies half_bytes behind.
uint64_t k_page(uint row, uint head, uint page)
{
    return page_part(p.tables, I32(p.seq).v[row], page, p.pages, p.page_bytes) +
           uint64_t(head / p.group) * 2ul * uint64_t(half_bytes(p.head_dim));
}

// Row and head number of q, out and sums.
uint head_number(uint row, uint head)
{
    return row * p.n_heads + head;
}

// Where one page's sums of a row and head stand, the page counted from the first that the row sees: m, l, then a value for
// each dim. list then is [rows][heads][n_pages] of these.
uint64_t page_sums(uint number, uint page)
{
    return p.list + 4ul * (uint64_t(number) * uint64_t(p.n_pages) + uint64_t(page)) * uint64_t(p.head_dim + 2u);
}
