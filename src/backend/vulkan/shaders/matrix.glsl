// matrix.glsl: rows of a matrix, which may be one of a list of experts'. Included behind push constants `p` that have row_stride,
// side_stride, offsets_stride, bias_stride, first and end. Slots of experts outside [first, end) are left alone. A matrix whose data is 0 is
// all zeros, without bias where that address is 0.
layout(constant_id = 2) const int bias_type = 0; // F32, F16 or BF16

// Code i of a word, signed.
int byte_of(uint word, uint i)
{
    return bitfieldExtract(int(word), int(i * 8u), 8);
}

bool expert_matrix(uint64_t list, int e, out Matrix m)
{
    bool mine = e >= p.first && e < p.end;
    m = Matrices(list).v[mine ? e : p.first]; // before it is asked (linear.glsl says why)
    if (!mine)
        m = Matrix(0ul, 0ul, 0ul, 0ul, 0.0, 0u);
    return mine;
}

Row row_at(Matrix m, uint o)
{
    return Row(m.data + uint64_t(o) * uint64_t(p.row_stride), m.side + uint64_t(o) * uint64_t(p.side_stride),
               m.offsets + uint64_t(o) * uint64_t(p.offsets_stride));
}

// Output o: its sum, times the matrix's own factor, and the bias.
float output_of(Matrix m, uint o, float y)
{
    if ((m.has_factor & 1u) != 0u && m.data != 0ul)
        y = y * m.factor;
    float bias = plain_value(bias_type, m.bias != 0ul ? m.bias + uint64_t(o) * uint64_t(p.bias_stride) : p.x);
    return m.bias != 0ul ? y + bias : y;
}
