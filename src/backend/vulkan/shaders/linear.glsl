// linear.glsl: the arguments of both matrix products, and which matrix and row of activations a row of results takes.
// With `ids` row r is a slot: matrix ids[r] of the list `matrices`, the activations of row r / divide. Without, both are x: a load behind a
// condition is not safe, Mesa 26.1's compiler makes it before it asks, so what is absent is at an address that can be read.
layout(push_constant, scalar) uniform Push {
    uint64_t data, side, bias, matrices, ids, x, d, y, offsets;
    uint row_stride, side_stride, col_stride, bias_stride, cols, rows, y_stride, divide;
    int first, end;
    uint offsets_stride, group;
    float factor;
    uint has_factor;
} p;

#include "matrix.glsl"

bool is_listed()
{
    return p.ids != p.x;
}

bool find_matrix(uint row, out Matrix m)
{
    m = Matrix(p.data, p.side, p.bias, p.offsets, p.factor, p.has_factor);
    return !is_listed() || expert_matrix(p.matrices, I32(p.ids).v[row], m);
}

// Stores output o of a row.
void store(Matrix m, uint row, uint o, float y)
{
    F32(row_of(p.y, row, p.y_stride)).v[o] = output_of(m, o, y);
}
