// linear_i8_rows.comp: linear_i8 of many rows, the same sums. A group makes 32 outputs of TILE rows: 128 columns at a time are unpacked
// into shared memory, and a quarter of the threads takes each chain's 32 of them, 4 outputs of 8 rows a thread, whose sums stay in
// registers. Groups: (outputs / 32, rows / 32).
#version 460
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "weights.glsl"
#include "linear.glsl"
#include "linear_rows.glsl"
#include "dot4.glsl"
#include "unpack.glsl"
layout(local_size_x = 128) in;

const uint TILE = 32u, OUTPUTS = 32u, WIDE = 33u, CHAINS = 4u, WORDS = 8u;
const uint MINE = 4u, ROWS = 8u; // a thread's outputs and rows
shared uint code[CHAINS * WORDS * WIDE], act[CHAINS * WORDS * WIDE];
shared float scale[CHAINS * 2u * WIDE], offset[CHAINS * 2u * WIDE], act_scale[CHAINS * WIDE], part[128u * MINE];

// What a thread brings of 128 columns: block c of one output and of one row of activations.
struct Brought {
    Codes w;
    uint x[WORDS];
    float d;
};

// Of columns 32 from on, c the thread's; i, its output and its row of the run that begins at slot `at` (n rows).
void bring(Matrix m, uint from, uint at, uint n, out Brought b)
{
    uint t = gl_LocalInvocationIndex, c = t & 3u, i = t / CHAINS, o = gl_WorkGroupID.x * OUTPUTS + i, blocks = p.cols / 32u;
    if (from + c < blocks && o < p.rows)
        unpack(row_at(m, o), from + c, b.w);
    if (from + c < blocks && i < n) {
        uint row = row_number(at + i) / p.divide;
        activations(p.x + uint64_t(row) * uint64_t(p.cols) + uint64_t((from + c) * 32u), b.x);
        b.d = F32(row_of(p.d, row, blocks)).v[from + c];
    }
}

// Where all threads see it; what was not brought is never looked at, or not stored.
void put(Brought b)
{
    uint t = gl_LocalInvocationIndex, c = t & 3u, i = t / CHAINS;
    for (uint j = 0u; j < WORDS; j++) {
        code[(c * WORDS + j) * WIDE + i] = b.w.word[j];
        act[(c * WORDS + j) * WIDE + i] = b.x[j];
    }
    act_scale[c * WIDE + i] = b.d;
    for (uint k = 0u; k < 2u; k++) {
        scale[(c * 2u + k) * WIDE + i] = b.w.scale[k];
        if (format_offsets())
            offset[(c * 2u + k) * WIDE + i] = b.w.offset[k];
    }
}

// This thread's chain c after the 32 values that lie there: outputs x, x + 8 ... of rows y, y + 4 ..., below n.
void add_32(uint c, uint x, uint y, uint n, inout float sum[MINE * ROWS])
{
    uint words = min(format_run(), 32u) / 4u;
    for (uint k = 0u; k < WORDS / words; k++) {
        int dot[MINE * ROWS], codes[ROWS];
        for (uint i = 0u; i < MINE * ROWS; i++)
            dot[i] = 0;
        for (uint i = 0u; i < ROWS; i++)
            codes[i] = 0;
        for (uint j = k * words; j < (k + 1u) * words; j++) {
            uint w[MINE], base = (c * WORDS + j) * WIDE;
            for (uint i = 0u; i < MINE; i++)
                w[i] = code[base + x + 8u * i];
            for (uint i = 0u; i < ROWS; i++)
                if (y + 4u * i < n) {
                    uint a = act[base + y + 4u * i];
                    for (uint o = 0u; o < MINE; o++)
                        dot[i * MINE + o] += dot4(a, w[o]);
                    if (format_offsets())
                        codes[i] += dot4(a, 0x01010101u);
                }
        }
        for (uint i = 0u; i < ROWS; i++)
            for (uint o = 0u; o < MINE && y + 4u * i < n; o++) {
                float d = act_scale[c * WIDE + y + 4u * i];
                uint at = (c * 2u + k) * WIDE + x + 8u * o;
                sum[i * MINE + o] = fma1(float(dot[i * MINE + o]), d * scale[at], sum[i * MINE + o]);
                if (format_offsets())
                    sum[i * MINE + o] = fma1(float(codes[i]), d * offset[at], sum[i * MINE + o]);
            }
    }
}

// The four chains of each sum meet: row i of each thread's in turn.
void put_sums(Matrix m, uint at, uint n, float sum[MINE * ROWS])
{
    uint t = gl_LocalInvocationIndex, thread = t % 32u, o = gl_WorkGroupID.x * OUTPUTS + thread % 8u + 8u * (t / 32u);
    for (uint i = 0u; i < ROWS; i++) {
        for (uint k = 0u; k < MINE; k++)
            part[k * 128u + t] = sum[i * MINE + k];
        barrier();
        uint row = thread / 8u + 4u * i, f = t / 32u * 128u + thread; // output t / 32 of that thread
        if (o < p.rows && row < n)
            store(m, row_number(at + row), o, (part[f] + part[f + 32u]) + (part[f + 64u] + part[f + 96u]));
        barrier();
    }
}

void main()
{
    uint t = gl_LocalInvocationIndex, c = t / 32u, x = t % 8u, y = t % 32u / 8u, blocks = p.cols / 32u;
    uint last = min((gl_WorkGroupID.y + 1u) * TILE, n_rows());
    for (uint at = gl_WorkGroupID.y * TILE, n = 0u; at < last; at += n) {
        Matrix m;
        bool found;
        float sum[MINE * ROWS];
        n = run_from(at, last, m, found);
        for (uint i = 0u; i < MINE * ROWS; i++)
            sum[i] = 0.0;
        if (found && m.data != 0ul) {
            Brought next;
            bring(m, 0u, at, n, next);
            for (uint from = 0u; from < blocks; from += CHAINS) {
                put(next);
                barrier();
                bring(m, from + CHAINS, at, n, next); // on its way meanwhile
                if (from + c < blocks)
                    add_32(c, x, y, n, sum);
                barrier(); // before what lies there is written over
            }
        }
        if (found)
            put_sums(m, at, n, sum);
    }
}
