// experts_out.comp: delta = sum over a row's experts, ascending, of weight * (down h + bias), of codes and the int8 form: linear_i8, then
// combine. Of four of the row's slots at a time, a team each. Groups: (outputs / 8, rows).
#version 460
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "weights.glsl"
layout(local_size_x = 128) in;

layout(push_constant, scalar) uniform Push {
    uint64_t matrices, ids, weights, x, d, delta;
    uint row_stride, side_stride, offsets_stride, bias_stride, cols, rows, k, group;
    int first, end;
} p;
#include "matrix.glsl"
#include "dot4.glsl"
#include "unpack.glsl"
const uint EACH = 8u;
#include "sums.glsl"

shared float out_[SUMS];

// That of the row's slot j; its data is 0 where there is none.
Matrix matrix_of(I32 ids, uint j)
{
    Matrix m = Matrix(0ul, 0ul, 0ul, 0ul, 0.0, 0u);
    if (j < p.k)
        expert_matrix(p.matrices, ids.v[j], m);
    return m;
}

void main()
{
    uint t = gl_LocalInvocationIndex, o = gl_WorkGroupID.x * EACH, row = gl_WorkGroupID.y;
    I32 ids = I32(row_of(p.ids, row, p.k));
    F32 weights = F32(row_of(p.weights, row, p.k));
    float sum = 0.0;
    for (uint first = 0u; first < p.k; first += THREADS / TEAM) {
        uint slot = row * p.k + min(first + t / TEAM, p.k - 1u);
        Matrix m = matrix_of(ids, first + t / TEAM);
        make_sums(m, m.data != 0ul, o, p.x + uint64_t(slot) * uint64_t(p.cols), row_of(p.d, slot, p.cols / 32u), p.cols);
        if (t < SUMS && o + t % EACH < p.rows) // sum t is of slot t / EACH
            out_[t] = output_of(matrix_of(ids, first + t / EACH), o + t % EACH, made[t]);
        barrier();
        for (uint i = 0u; i < THREADS / TEAM && first + i < p.k && t < EACH; i++)
            if (ids.v[first + i] >= p.first && ids.v[first + i] < p.end)
                sum = fma1(weights.v[first + i], out_[EACH * i + t], sum);
        barrier(); // before the next slots
    }
    if (t < EACH && o + t < p.rows)
        F32(row_of(p.delta, row, p.rows)).v[o + t] = sum;
}
