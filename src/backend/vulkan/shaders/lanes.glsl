// lanes.glsl: float sums of one row of activations with 4 outputs' exact weights, of every format, row-major or transposed: 16 lanes, lane i
// takes inputs i, i + 16, ... by FMA from 0; then the tree. A group of 128 threads brings pieces of the rows into shared memory, many loads
// of each thread under way at once, and 64 of them, a lane each, add up. Included behind matrix.glsl.
const uint THREADS = 128u, OUTPUTS = 4u, PIECE = 512u, WIDE = PIECE + 16u, LOADS = PIECE / THREADS;
shared float weights_[OUTPUTS * WIDE], inputs[PIECE], part[16u * OUTPUTS];

// Values [from, from + n) of this thread's share of x and of the weights.
void bring(Matrix m, uint first, uint rows, uint64_t x, uint from, uint n)
{
    uint t = gl_LocalInvocationIndex;
    float v[LOADS * (OUTPUTS + 1u)];
    for (uint j = 0u; j < LOADS; j++) {
        uint i = t + THREADS * j, at = from + min(i, n - 1u); // of what is there, whatever a compiler reads before it asks
        v[j] = i < n ? F32(x).v[at] : 0.0;
        for (uint o = 0u; o < OUTPUTS; o++)
            v[LOADS * (o + 1u) + j] =
                i < n && first + o < rows ? weight_value(row_at(m, min(first + o, rows - 1u)), p.col_stride, p.group, at) : 0.0;
    }
    for (uint j = 0u; j < LOADS; j++) {
        inputs[t + THREADS * j] = v[j];
        for (uint o = 0u; o < OUTPUTS; o++)
            weights_[o * WIDE + t + THREADS * j] = v[LOADS * (o + 1u) + j];
    }
}

// part[16 i] becomes the sum of output first + i, below `rows`; all zeros where it is not there. All threads call it.
void lane_sums(Matrix m, bool there, uint first, uint rows, uint64_t x)
{
    uint t = gl_LocalInvocationIndex, lane = t & 15u;
    float sum = 0.0;
    for (uint from = 0u; from < p.cols && there; from += PIECE) {
        uint n = min(PIECE, p.cols - from);
        bring(m, first, rows, x, from, n);
        barrier();
        for (uint k = lane; k < n && t < 16u * OUTPUTS; k += 16u)
            sum = fma1(weights_[t / 16u * WIDE + k], inputs[k], sum);
        barrier(); // before the next piece
    }
    if (t < 16u * OUTPUTS)
        part[t] = sum;
    for (uint half_way = 8u; half_way > 0u; half_way /= 2u) {
        barrier();
        if (lane < half_way && t < 16u * OUTPUTS)
            part[t] = part[t] + part[t + half_way];
    }
    barrier();
}
