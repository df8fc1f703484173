// linear.glsl: the arguments of both matrix products, and which matrix and row of activations a row of results takes.
// With `ids` row r is a slot: matrix ids[r] of the list `matrices`, the activations of row r / divide; slots of experts
// outside [first, end) are left alone. A matrix whose data is 0 is all zeros, without bias where that address is 0.
layout(constant_id = 2) const int bias_type = 0; // F32_, F16_ or BF16_

layout(push_constant, scalar) uniform Push {
    uint64_t data, side, bias, matrices, ids, x, d, y;
    uint row_stride, side_stride, col_stride, bias_stride, cols, rows, y_stride, divide;
    int first, end;
} p;

bool find_matrix(uint row, out Matrix m)
{
    m = Matrix(p.data, p.side, p.bias);
    if (p.ids == 0ul)
        return true;
    int e = I32(p.ids).v[row];
    if (e < p.first || e >= p.end)
        return false;
    m = Matrices(p.matrices).v[e];
    return true;
}

float with_bias(Matrix m, uint o, float y)
{
    return m.bias == 0ul ? y : y + plain_value(bias_type, m.bias + uint64_t(o) * uint64_t(p.bias_stride));
}
