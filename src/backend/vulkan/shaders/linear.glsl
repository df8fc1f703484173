// linear.glsl: the arguments of both matrix products, and which matrix and row of activations a row of results takes.
// With `ids` row r is a slot: matrix ids[r] of the list `matrices`, the activations of row r / divide; slots of experts
// outside [first, end) are left alone. A matrix whose data is 0 is all zeros, without bias where that address is 0.
layout(constant_id = 2) const int bias_type = 0; // F32, F16 or BF16

layout(push_constant, scalar) uniform Push {
    uint64_t data, side, bias, matrices, ids, x, d, y, offsets;
    uint row_stride, side_stride, col_stride, bias_stride, cols, rows, y_stride, divide;
    int first, end;
    uint offsets_stride, group;
    float factor;
    uint has_factor;
} p;

// Code i of a word, signed.
int byte_of(uint word, uint i)
{
    return bitfieldExtract(int(word), int(i * 8u), 8);
}

bool expert_matrix(int e, out Matrix m)
{
    m = Matrix(0ul, 0ul, 0ul, 0ul, 0.0, 0u);
    if (e < p.first || e >= p.end)
        return false;
    m = Matrices(p.matrices).v[e];
    return true;
}

bool find_matrix(uint row, out Matrix m)
{
    m = Matrix(p.data, p.side, p.bias, p.offsets, p.factor, p.has_factor);
    return p.ids == 0ul || expert_matrix(I32(p.ids).v[row], m);
}

Row row_at(Matrix m, uint o)
{
    return Row(m.data + uint64_t(o) * uint64_t(p.row_stride), m.side + uint64_t(o) * uint64_t(p.side_stride),
               m.offsets + uint64_t(o) * uint64_t(p.offsets_stride));
}

// Stores output o of a row: its sum, times the matrix's own factor, and the bias.
void store(Matrix m, uint row, uint o, float y)
{
    if ((m.has_factor & 1u) != 0u && m.data != 0ul)
        y = y * m.factor;
    if (m.bias != 0ul)
        y = y + plain_value(bias_type, m.bias + uint64_t(o) * uint64_t(p.bias_stride));
    F32(row_of(p.y, row, p.y_stride)).v[o] = y;
}
