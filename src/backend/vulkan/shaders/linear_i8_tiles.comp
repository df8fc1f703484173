// linear_i8_tiles.comp: linear_i8_rows by the device's matrices of int8 (VK_KHR_cooperative_matrix), the same sums. Products are
// ROWS x OUT of 8 subgroups or how many there are: a block of 32 columns is one or more multiply-adds into exact integers; these
// become f32, and each is added to its chain by an FMA, element by element of three matrices of one type. Which element is whose
// is the device's affair: scales are loaded as matrices, too, each row (or column) of which is the same.
// A group makes OUT outputs of ROWS rows: 128 columns at a time lie in shared memory, one block of each chain's; a subgroup has
// one chain, EACH times M rows of it, and all outputs. Formats with a scale for each 32 values and no offsets. A subgroup has
// EACH * M invocations. Groups: (outputs / OUT, rows / 64).
// With F16 defined (linear_i8_tiles_f16) for devices whose matrices are of f16 with sums in f32: codes are integers of at most 128,
// products of two and sums of 32 such stay below 2^24, so every one of them is exact, in whatever order it is made.
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_basic : require
#ifdef F16
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#else
#extension GL_EXT_shader_explicit_arithmetic_types_int8 : require
#endif
#include "common.glsl"
#include "weights.glsl"
#include "linear.glsl"
#include "linear_rows.glsl"
#include "dot4.glsl"
#include "unpack.glsl"
layout(local_size_x = 256) in;
// The device's shape: rows, outputs, columns of one multiply-add. M and N divide 64, K is 8, 16 or 32.
layout(constant_id = 4) const uint M = 8u;
layout(constant_id = 5) const uint N = 8u;
layout(constant_id = 6) const uint K = 8u;
layout(constant_id = 7) const uint EACH = 1u;

// Codes in 8 bytes, and such words of 32 codes with some so that banks differ. Outputs: what the codes leave room for in 32 KB.
#ifdef F16
#define CODE float16_t
#define DOT float
const uint OUT = 32u, PER = 4u, WIDE = 10u;
#else
#define CODE int8_t
#define DOT int
const uint OUT = 64u, PER = 8u, WIDE = 6u;
#endif
const uint ROWS = 64u, CHAINS = 4u, TILES = OUT / N, SUMS = EACH * TILES;
#define MATRIX(type) coopmat<type, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator>
shared uvec2 code[CHAINS * OUT * WIDE], act[CHAINS * ROWS * WIDE];
shared float scale[CHAINS * OUT], act_scale[CHAINS * ROWS];
MATRIX(float) sum[SUMS]; // this subgroup's: TILES for each M rows

// What a thread brings of 128 columns: block c of one output and of one row of activations.
struct Brought {
    Codes w;
    uint x[8];
    float d;
};

// Of columns 32 from on; of the run that begins at slot `at` (n rows).
void bring(Matrix m, uint from, uint at, uint n, out Brought b)
{
    uint t = gl_LocalInvocationIndex, c = t % CHAINS, i = t / CHAINS, o = gl_WorkGroupID.x * OUT + i, blocks = p.cols / 32u;
    if (from + c < blocks && i < OUT && o < p.rows)
        unpack(row_at(m, o), from + c, b.w);
    if (from + c < blocks && i < n) {
        uint row = row_number(at + i) / p.divide;
        activations(p.x + uint64_t(row) * uint64_t(p.cols) + uint64_t((from + c) * 32u), b.x);
        b.d = F32(row_of(p.d, row, blocks)).v[from + c];
    }
}

#ifdef F16
// Four codes of int8: the bytes of an f16 between 1,024 and 2,047 are 0x64 and what it has above 1,024.
uvec2 halves(uint word)
{
    uint u = word ^ 0x80808080u; // 128 more, unsigned
    uint low = (u & 0xffu) | (u & 0xff00u) << 8 | 0x64006400u, high = (u >> 16 & 0xffu) | (u >> 8 & 0xff0000u) | 0x64006400u;
    return uvec2(packFloat2x16(unpackFloat2x16(low) - f16vec2(1152.0)), packFloat2x16(unpackFloat2x16(high) - f16vec2(1152.0)));
}
#endif

// Word j of 32 codes, as matrices are loaded from it.
uvec2 word_of(uint codes[8], uint j)
{
#ifdef F16
    return halves(codes[j]);
#else
    return uvec2(codes[2u * j], codes[2u * j + 1u]);
#endif
}

// Where all threads see it; what was not brought makes elements that are not stored.
void put(Brought b)
{
    uint t = gl_LocalInvocationIndex, c = t % CHAINS, i = t / CHAINS;
    for (uint j = 0u; j < 32u / PER; j++)
        act[(c * ROWS + i) * WIDE + j] = word_of(b.x, j);
    for (uint j = 0u; j < 32u / PER && i < OUT; j++)
        code[(c * OUT + i) * WIDE + j] = word_of(b.w.word, j);
    if (i < OUT)
        scale[c * OUT + i] = b.w.scale[0];
    act_scale[c * ROWS + i] = b.d;
}

// M rows of a chain from `row` on, after the 32 columns that lie there.
void add_32(uint c, uint row, uint each)
{
    coopmat<CODE, gl_ScopeSubgroup, M, K, gl_MatrixUseA> a[32u / 8u];
    MATRIX(float) d, s;
    for (uint k = 0u; k < 32u / K; k++)
        coopMatLoad(a[k], act, (c * ROWS + row) * WIDE + k * K / PER, WIDE, gl_CooperativeMatrixLayoutRowMajor);
    coopMatLoad(d, act_scale, c * ROWS + row, 0u, gl_CooperativeMatrixLayoutColumnMajor);
    for (uint o = 0u; o < TILES; o++) {
        coopmat<CODE, gl_ScopeSubgroup, K, N, gl_MatrixUseB> b;
        MATRIX(DOT) dot = MATRIX(DOT)(0);
        for (uint k = 0u; k < 32u / K; k++) {
            coopMatLoad(b, code, (c * OUT + o * N) * WIDE + k * K / PER, WIDE, gl_CooperativeMatrixLayoutColumnMajor);
            dot = coopMatMulAdd(a[k], b, dot);
        }
        coopMatLoad(s, scale, c * OUT + o * N, 0u, gl_CooperativeMatrixLayoutRowMajor);
        MATRIX(float) whole = MATRIX(float)(dot);
        for (int e = 0; e < whole.length(); e++)
            sum[each * TILES + o][e] = fma1(whole[e], d[e] * s[e], sum[each * TILES + o][e]);
    }
}

// The four chains of each sum meet: a matrix of every subgroup in turn, where the codes were (as f32, two to a word).
void put_sums(Matrix m, uint at, uint n)
{
    uint group = gl_SubgroupID / CHAINS, size = M * N / 2u;
    for (uint i = 0u; i < SUMS; i++) {
        coopMatStore(sum[i], code, gl_SubgroupID * size, N / 2u, gl_CooperativeMatrixLayoutRowMajor);
        barrier();
        // Element e of the matrix of four subgroups.
        for (uint t = gl_LocalInvocationIndex; t < gl_NumSubgroups / CHAINS * size * 2u; t += gl_WorkGroupSize.x) {
            uint g = t / (size * 2u), e = t % (size * 2u), row = (g * EACH + i / TILES) * M + e / N;
            uint o = gl_WorkGroupID.x * OUT + i % TILES * N + e % N;
            float part[CHAINS];
            for (uint c = 0u; c < CHAINS; c++)
                part[c] = uintBitsToFloat(code[(g * CHAINS + c) * size + e / 2u][e % 2u]);
            if (o < p.rows && row < n)
                store(m, row_number(at + row), o, (part[0] + part[1]) + (part[2] + part[3]));
        }
        barrier();
    }
}

void main()
{
    uint c = gl_SubgroupID % CHAINS, first = gl_SubgroupID / CHAINS * EACH * M, blocks = p.cols / 32u;
    uint last = min((gl_WorkGroupID.y + 1u) * ROWS, n_rows());
    for (uint at = gl_WorkGroupID.y * ROWS, n = 0u; at < last; at += n) {
        Matrix m;
        bool found;
        n = run_from(at, last, m, found);
        for (uint i = 0u; i < SUMS; i++)
            sum[i] = MATRIX(float)(0.0);
        if (found && m.data != 0ul) {
            Brought next;
            bring(m, 0u, at, n, next);
            for (uint from = 0u; from < blocks; from += CHAINS) {
                put(next);
                barrier();
                bring(m, from + CHAINS, at, n, next); // on its way meanwhile
                for (uint i = 0u; i < EACH && from + c < blocks; i++)
                    if (first + i * M < n)
                        add_32(c, first + i * M, i);
                barrier(); // before what lies there is written over
            }
        }
        if (found)
            put_sums(m, at, n);
    }
}
