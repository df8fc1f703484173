// unpack.glsl: 32 values of a matrix as words of four int8, and activations in the same order. Included behind matrix.glsl and dot4.glsl;
// p.group is values per scale.
layout(buffer_reference, scalar, buffer_reference_align = 16) readonly buffer Vec4s { uvec4 v[]; };

// Codes, four to a word, and their scales and offsets (of 16 each, or the first of all).
struct Codes {
    uint word[8];
    float scale[2], offset[2];
};

// E2M1's values, doubled, of the low four bits of each byte: magnitudes 0 1 2 3 4 6 8 12, then the sign (0 has none).
uint doubled_4(uint n)
{
    uint v = n & 0x07070707u, high = v >> 2 & 0x01010101u;
    uint magnitude = v + (v & (high | high << 1)) + ((high & v >> 1 & v) << 1);
    uint sign = (n & (v + 0x07070707u)) >> 3 & 0x01010101u;
    return (magnitude ^ (sign << 8) - sign) + sign;
}

bool is_mxfp4()
{
    return format == DT_MXFP4 || format == DT_MXFP4_HF || format == DT_MXFP4_PAIRS;
}

uvec4 four_words(uint64_t at)
{
    if ((uint(at) & 15u) == 0u)
        return Vec4s(at).v[0];
    Words w = words_at(at);
    uvec4 v;
    for (uint j = 0u; j < 4u; j++)
        v[j] = next_word(w, j);
    return v;
}

// The n-th 32 values of a row. MXFP4's are taken low halves of bytes first, then high ones, in every layout.
void unpack(Row w, uint n, out Codes c)
{
    uint block = n * 32u / format_block(), from = n * 32u % format_block(), run = min(format_run(), 32u);
    uint64_t b = w.codes + uint64_t(block * format_bytes());
    if (is_mxfp4()) {
        uvec4 v = four_words(format == DT_MXFP4_HF ? b : b + 1ul);
        for (uint j = 0u; j < 4u; j++) {
            c.word[j] = doubled_4(v[j]);
            c.word[j + 4u] = doubled_4(v[j] >> 4);
        }
    } else if (format == DT_Q8_0) {
        Words words = words_at(b + 2ul);
        for (uint j = 0u; j < 8u; j++)
            c.word[j] = next_word(words, j);
    } else {
        int shift = format == DT_AFFINE8 ? 128 : 0; // to int8
        for (uint j = 0u; j < 8u; j++) {
            c.word[j] = 0u;
            for (uint i = 0u; i < 4u; i++)
                c.word[j] |= uint((code_at(b, from + 4u * j + i) - shift) & 255) << (8u * i);
        }
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

// 32 activations at q, 16-aligned, in the order in which unpack gives codes.
void activations(uint64_t q, out uint x[8])
{
    uvec4 v[2] = uvec4[](Vec4s(q).v[0], Vec4s(q).v[1]);
    bool pairs = format == DT_MXFP4_HF || format == DT_MXFP4_PAIRS; // a byte has neighbours
    for (uint j = 0u; j < 4u; j++) {
        uint a = v[j / 2u][j % 2u * 2u], b = v[j / 2u][j % 2u * 2u + 1u];
        x[j] = pairs ? (a & 255u) | (a >> 8 & 0xff00u) | (b & 255u) << 16 | (b & 0xff0000u) << 8 : v[0][j];
        x[j + 4u] = pairs ? (a >> 8 & 255u) | (a >> 16 & 0xff00u) | (b & 0xff00u) << 8 | (b & 0xff000000u) : v[1][j];
    }
}

// FMAs that 32 values add to their chain: one for each scale, and one more for its offset.
uint steps()
{
    return 32u / min(format_run(), 32u) * (format_offsets() ? 2u : 1u);
}

// What step s of them multiplies: an exact sum of integers, and a product of scales (or of the activations' and an offset).
void step_of(Codes c, uint x[8], float d, uint s, out float dot, out float by)
{
    uint words = min(format_run(), 32u) / 4u, k = format_offsets() ? s / 2u : s;
    bool offset = format_offsets() && s % 2u == 1u;
    int sum = 0;
    for (uint j = k * words; j < (k + 1u) * words; j++)
        sum += dot4(x[j], offset ? 0x01010101u : c.word[j]);
    dot = float(sum);
    by = d * (offset ? c.offset[k] : c.scale[k]);
}
