// dot_i8.glsl: sums of weights' codes with those of activations: an exact int32 per 32 values (16 where a scale serves no more), one
// FMA each (and one for an offset) into chain (number of the 32 mod 4). Included behind matrix.glsl; p.group is values per scale.

// All 32 of MXFP4, whose bytes have two codes each: 16 apart, or neighbours.
int dot_mxfp4(uint64_t codes, U32 q)
{
    int sum = 0;
    Words words = words_at(codes);
    for (uint j = 0u; j < 4u; j++) {
        uint word = next_word(words, j), x = q.v[format == DT_MXFP4 ? j : 2u * j];
        uint y = q.v[format == DT_MXFP4 ? j + 4u : 2u * j + 1u];
        for (uint i = 0u; i < 4u; i++) {
            uint c = word >> (8u * i), from = i < 2u ? x : y, n = i % 2u * 2u;
            if (format == DT_MXFP4)
                sum += doubled(c & 15u) * byte_of(x, i) + doubled(c >> 4 & 15u) * byte_of(y, i);
            else
                sum += doubled(c & 15u) * byte_of(from, n) + doubled(c >> 4 & 15u) * byte_of(from, n + 1u);
        }
    }
    return sum;
}

int dot_q8_0(uint64_t codes, U32 q)
{
    int sum = 0;
    Words words = words_at(codes);
    for (uint j = 0u; j < 8u; j++) {
        uint word = next_word(words, j), x = q.v[j];
        for (uint i = 0u; i < 4u; i++)
            sum += byte_of(word, i) * byte_of(x, i);
    }
    return sum;
}

int dot_any(uint64_t b, uint from, U32 q, uint at, uint n, out int codes)
{
    int sum = 0, shift = format == DT_AFFINE8 ? 128 : 0; // to int8
    codes = 0;
    for (uint i = 0u; i < n; i++) {
        int x = byte_of(q.v[(at + i) / 4u], i % 4u);
        sum += (code_at(b, from + i) - shift) * x;
        codes += x;
    }
    return sum;
}

// p after the n-th 32 values of a row, whose activations are q and d.
float add_32(Row w, uint n, U32 q, float d, float sum)
{
    uint block = n * 32u / format_block(), from = n * 32u % format_block(), run = min(format_run(), 32u);
    uint64_t b = w.codes + uint64_t(block * format_bytes());
    if (format == DT_MXFP4 || format == DT_MXFP4_HF || format == DT_MXFP4_PAIRS)
        return fma1(float(dot_mxfp4(format == DT_MXFP4_HF ? b : b + 1ul, q)), d * scale_at(w, b, block, 0u, p.group), sum);
    if (format == DT_Q8_0)
        return fma1(float(dot_q8_0(b + 2ul, q)), d * scale_at(w, b, block, 0u, p.group), sum);
    for (uint k = 0u; k < 32u; k += run) {
        uint s = (from + k) / format_run();
        int codes;
        float dot = float(dot_any(b, from + k, q, k, run, codes)), scale = scale_at(w, b, block, s, p.group);
        sum = fma1(dot, d * scale, sum);
        if (format_offsets()) {
            float offset = offset_at(w, b, block, s, p.group);
            if (format == DT_AFFINE8)
                offset = fma1(128.0, scale, offset);
            sum = fma1(float(codes), d * offset, sum);
        }
    }
    return sum;
}

// Chain `chain` of row o's sum with the activations q and their scales d, both at their row.
float chain_of(Matrix m, uint o, uint64_t q, uint64_t d, uint cols, uint chain)
{
    Row w = row_at(m, o);
    float sum = 0.0;
    for (uint b = chain; b < cols / 32u; b += 4u)
        sum = add_32(w, b, U32(q + uint64_t(b * 32u)), F32(d).v[b], sum);
    return sum;
}
