/* gemm_i8__avx2.c: int8 activations times weights of any format with codes for more than a few activation rows.
 *
 * Weight rows are unpacked once, a unit at a time, and then used by every activation row, 4 at a time. A unit holds two
 * groups of 8 rows of bytes: a vector has 4 values of each of 8 rows, and the activations' 4 values are broadcast to
 * meet them, so a row's products stay in that row's 32 bits and nothing is ever added across.
 *
 * NARROW and RUNS (codes__avx2.h): 16 rows, 8 in each group. WIDE bytes are too large to be added in int16, so their units
 * have 8 rows: the high halves of the bytes in one group, the low halves in the other, which are put together once per
 * block. With 0..15 for the low half and 0..15 minus 8 for the high one, 16 products are at most 16 * 15 * 127 = 30480: one
 * loop serves both. A block is what one scale serves: 32 values, 16 in RUNS.
 *
 * What a step costs is one VPMADDUBSW and one VPADDW per vector, and both share the vector units: the loop runs at nine
 * tenths of the rate at which those two can be issued at all. */
#include "backend/cpu/avx2/i8__avx2.h"

#include "backend/cpu/fetch.h"

enum { PANEL_ACTS = 4, STEPS = 8 /* of 4 values, at most: a block of 32 */ };

/* What the loops depend on of a format. */
struct shape {
    enum kind kind;
    bool offsets;
};

INLINE struct shape shape_of(enum dtype t)
{
    return (struct shape){kind_of(t), offsets_of(t)};
}

/* Steps of a block; blocks of 32 values. */
INLINE int steps_of(struct shape s)
{
    return s.kind == RUNS ? STEPS / 2 : STEPS;
}

INLINE int blocks_of_32(struct shape s)
{
    return s.kind == RUNS ? 2 : 1;
}

/* A block of a unit: two groups of 8 rows, step by step; their scales; their offsets. */
INLINE int unit_block(struct shape s)
{
    return steps_of(s) * 64 + (s.offsets ? 128 : 64);
}

/* Units that workspace has room for, and rows of one. */
INLINE int units_of(struct shape s)
{
    return LINEAR_TILE * LINEAR_TILE_BYTES / (unit_block(s) * blocks_of_32(s));
}

INLINE int unit_rows(struct shape s)
{
    return s.kind == WIDE ? 8 : 16;
}

/* A block of a panel: [step][act] values, [act] corrections, [act] scales, with offsets [act] own sums. */
INLINE int panel_block(struct shape s)
{
    return 4 * PANEL_ACTS * (steps_of(s) + (s.offsets ? 3 : 2));
}
_Static_assert(LINEAR_TILE * LINEAR_TILE_BYTES >= 2 * (STEPS / 2 * 64 + 128) && 2 * 4 * (STEPS / 2 + 3) <= LINEAR_ACT_BYTES,
               "linear_workspace_bytes has room for a unit and the panel, of RUNS with offsets too");

static const uint8_t *row_at(const struct view *w, int64_t o, int64_t hi)
{
    return w->data + (o < hi ? o : hi - 1) * w->row_stride;
}

/* 16 bytes of 8 rows, `at` bytes into each, to 4 vectors of 4 bytes of each row. */
INLINE void transpose(const uint8_t *const *rows, int64_t at, __m256i *out)
{
    __m256i v[4], t[4];
    UNROLL
    for (int r = 0; r < 4; r++)
        v[r] = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128((const void *)(rows[r] + at))),
                                       _mm_loadu_si128((const void *)(rows[r + 4] + at)), 1);
    t[0] = _mm256_unpacklo_epi32(v[0], v[1]);
    t[1] = _mm256_unpackhi_epi32(v[0], v[1]);
    t[2] = _mm256_unpacklo_epi32(v[2], v[3]);
    t[3] = _mm256_unpackhi_epi32(v[2], v[3]);
    out[0] = _mm256_unpacklo_epi64(t[0], t[2]);
    out[1] = _mm256_unpackhi_epi64(t[0], t[2]);
    out[2] = _mm256_unpacklo_epi64(t[1], t[3]);
    out[3] = _mm256_unpackhi_epi64(t[1], t[3]);
}

INLINE void store(uint8_t *at, __m256i v)
{
    _mm256_store_si256((void *)at, v);
}

/* Rows o .. o + 7 into group g of a unit; rows that do not exist repeat the last one. */
INLINE void unpack_mxfp4(bool hf, const struct view *w, int64_t o, int64_t hi, int g, uint8_t *unit)
{
    const uint8_t *rows[8], *scales[8];
    for (int r = 0; r < 8; r++) {
        int64_t row = o + r < hi ? o + r : hi - 1;
        rows[r] = row_at(w, row, hi) + (hf ? 0 : 1);
        scales[r] = hf ? w->side[0].data + row * w->side[0].stride : rows[r] - 1;
    }
    const int bytes = hf ? 16 : 17, scale_step = hf ? 1 : 17, block = unit_block(shape_of(DT_MXFP4));
    for (int64_t b = 0; b < w->cols / QUANT_BLOCK; b++, unit += block) {
        __m256i codes[4];
        uint64_t s = 0;
        transpose(rows, b * bytes, codes);
        UNROLL
        for (int i = 0; i < 4; i++) {
            store(unit + 64 * i + 32 * g, code_values(codes[i]));
            store(unit + 64 * (i + 4) + 32 * g, code_values(_mm256_srli_epi16(codes[i], 4)));
        }
        UNROLL
        for (int r = 0; r < 8; r++)
            s |= (uint64_t)scales[r][b * scale_step] << (8 * r);
        _mm256_store_ps((void *)(unit + STEPS * 64 + 32 * g), half_scales(s));
    }
}

/* Four signed bytes of 8 rows as high and low halves. */
INLINE void store_split(uint8_t *at, __m256i codes)
{
    const __m256i half = _mm256_set1_epi8(15), u = _mm256_xor_si256(codes, _mm256_set1_epi8((char)0x80));
    store(at, _mm256_and_si256(_mm256_srli_epi16(u, 4), half));
    store(at + 32, _mm256_and_si256(u, half));
}

INLINE void unpack_q8_0(const struct view *w, int64_t o, int64_t hi, uint8_t *unit)
{
    const uint8_t *rows[8];
    for (int r = 0; r < 8; r++)
        rows[r] = row_at(w, o + r, hi);
    for (int64_t b = 0; b < w->cols / QUANT_BLOCK; b++, unit += unit_block(shape_of(DT_Q8_0))) {
        __m256i codes[STEPS];
        uint16_t s[8];
        transpose(rows, b * 34 + 2, codes);
        transpose(rows, b * 34 + 18, codes + 4);
        UNROLL
        for (int i = 0; i < STEPS; i++)
            store_split(unit + 64 * i, codes[i]);
        UNROLL
        for (int r = 0; r < 8; r++)
            memcpy(&s[r], rows[r] + b * 34, 2);
        _mm256_store_ps((void *)(unit + STEPS * 64), _mm256_cvtph_ps(_mm_loadu_si128((const void *)s)));
    }
}

/* Any format: codes of 8 rows as pair_codes gives them, values of a block (or run) side by side in `space`. */
INLINE void pair_to_space(enum dtype t, const struct code_rows *four, int64_t pair, bool two, uint8_t (*space)[64])
{
    UNROLL
    for (int r = 0; r < 4; r++) {
        __m256i first, last;
        pair_codes(t, four->data[r], pair, two, &first, &last);
        _mm256_store_si256((void *)space[r], _mm256_permute2x128_si256(first, last, 0x20));
        _mm256_store_si256((void *)(space[r] + 32), _mm256_permute2x128_si256(first, last, 0x31));
    }
}

/* Four rows' values of a block, scales or offsets, into a group's. */
INLINE void store_four(uint8_t *at, __m256 values, int block)
{
    _mm_store_ps((void *)at, block ? _mm256_extractf128_ps(values, 1) : _mm256_castps256_ps128(values));
}

/* Rows o .. o + 7 into group g of a unit (WIDE: into both). */
INLINE void unpack_coded(enum dtype t, const struct view *w, int64_t o, int64_t hi, int g, uint8_t *unit)
{
    const struct shape shape = shape_of(t);
    const int steps = steps_of(shape), size = unit_block(shape), runs = blocks_of_32(shape);
    const struct code_rows rows[2] = {code_rows(w, o, hi), code_rows(w, o + 4, hi)};
    struct pair_scales open[2][4];
    int64_t n_blocks = w->cols / QUANT_BLOCK;
    uint8_t space[8][64] __attribute__((aligned(32)));
    const uint8_t *at[8] = {space[0], space[1], space[2], space[3], space[4], space[5], space[6], space[7]};
    for (int64_t pair = 0; 2 * pair < n_blocks; pair++) {
        const bool two = 2 * pair + 1 < n_blocks;
        const struct pair_scales *scales[2];
        for (int h = 0; h < 2; h++) {
            if (two)
                pair_to_space(t, &rows[h], pair, true, space + 4 * h);
            else
                pair_to_space(t, &rows[h], pair, false, space + 4 * h);
            scales[h] = pair_scales(t, &rows[h], pair, two, false, open[h]);
        }
        for (int b = 0; b < (two ? 2 : 1) * runs; b++, unit += size) {
            __m256i codes[STEPS];
            transpose(at, 4 * steps * b, codes);
            if (steps == STEPS)
                transpose(at, 4 * steps * b + 16, codes + 4);
            UNROLL
            for (int i = 0; i < steps; i++)
                if (shape.kind == WIDE)
                    store_split(unit + 64 * i, codes[i]);
                else
                    store(unit + 64 * i + 32 * g, codes[i]);
            for (int h = 0; h < 2; h++) {
                store_four(unit + steps * 64 + 32 * g + 16 * h, scales[h]->scale[b % runs], b / runs);
                if (shape.offsets)
                    store_four(unit + steps * 64 + 64 + 32 * g + 16 * h, scales[h]->offset[b % runs], b / runs);
            }
        }
    }
}

INLINE void unpack_unit(enum dtype t, const struct view *w, int64_t o, int64_t hi, uint8_t *unit)
{
    if (t == DT_Q8_0) {
        unpack_q8_0(w, o, hi, unit);
    } else if (t == DT_MXFP4 || t == DT_MXFP4_HF) {
        unpack_mxfp4(t == DT_MXFP4_HF, w, o, hi, 0, unit);
        unpack_mxfp4(t == DT_MXFP4_HF, w, o + 8, hi, 1, unit);
    } else {
        for (int g = 0; g < unit_rows(shape_of(t)) / 8; g++)
            unpack_coded(t, w, o + 8 * g, hi, g, unit);
    }
}

/* Activation rows first .. first + n - 1, by fours. */
INLINE void fill_panel(enum dtype t, const struct gather *in, int first, int n, uint8_t *panel)
{
    const struct act *act = in->act;
    const struct shape shape = shape_of(t);
    const int steps = steps_of(shape), size = panel_block(shape);
    int64_t n_blocks = act->width / QUANT_BLOCK;
    for (int i = 0; i < n; i++) {
        int64_t row = gather_row(in, first + i);
        uint8_t *at = panel + i / PANEL_ACTS * n_blocks * blocks_of_32(shape) * size + i % PANEL_ACTS * 4;
        for (int64_t b = 0; b < n_blocks; b++) {
            __m256i q = ordered_block(act->q + row * act->width + b * QUANT_BLOCK, in_pairs(t));
            int32_t words[STEPS], correction[2], own[2];
            _mm256_storeu_si256((void *)words, q);
            corrections(shape.kind == RUNS, q, shape.kind == WIDE ? 8 : bias_of(t), correction);
            own_sums(shape.kind == RUNS, q, act->sum[row * n_blocks + b], own);
            for (int run = 0; run < blocks_of_32(shape); run++, at += size) {
                UNROLL
                for (int s = 0; s < steps; s++)
                    memcpy(at + s * 4 * PANEL_ACTS, &words[run * steps + s], 4);
                memcpy(at + steps * 4 * PANEL_ACTS, &correction[run], 4);
                memcpy(at + (steps + 1) * 4 * PANEL_ACTS, &act->d[row * n_blocks + b], 4);
                if (shape.offsets)
                    memcpy(at + (steps + 2) * 4 * PANEL_ACTS, &own[run], 4);
            }
        }
    }
}

INLINE __m256i broadcast4(const uint8_t *at)
{
    return _mm256_castps_si256(_mm256_broadcast_ss((const float *)(const void *)at));
}

/* Adds here and now. GCC would make all products of a block first and keep them in memory, to add them as a tree. */
INLINE __m256i add_now(__m256i sum, __m256i products)
{
    sum = _mm256_add_epi16(sum, products);
    __asm__("" : "+x"(sum));
    return sum;
}

/* One block of a unit times n (a constant) activation rows: exact sums as floats, [act][group] (one group if WIDE). */
INLINE void block_sums(struct shape shape, const uint8_t *unit, const uint8_t *panel, int n, __m256 (*sums)[2])
{
    const bool split = shape.kind == WIDE;
    const int steps = steps_of(shape);
    __m256i s[PANEL_ACTS][2];
    UNROLL
    for (int i = 0; i < n; i++) {
        s[i][0] = broadcast4(panel + steps * 4 * PANEL_ACTS + 4 * i);
        s[i][1] = split ? _mm256_setzero_si256() : s[i][0];
    }
    UNROLL
    for (int k = 0; k < steps; k++) {
        const __m256i *w = (const void *)(unit + 64 * k);
        __m256i w0 = _mm256_load_si256(w), w1 = _mm256_load_si256(w + 1);
        UNROLL
        for (int i = 0; i < n; i++) {
            __m256i a = broadcast4(panel + k * 4 * PANEL_ACTS + 4 * i);
            s[i][0] = add_now(s[i][0], _mm256_maddubs_epi16(w0, a));
            s[i][1] = add_now(s[i][1], _mm256_maddubs_epi16(w1, a));
        }
    }
    const __m256i one = _mm256_set1_epi16(1), sixteen = _mm256_set1_epi16(16);
    UNROLL
    for (int i = 0; i < n; i++) {
        __m256i a = _mm256_madd_epi16(s[i][0], split ? sixteen : one), b = _mm256_madd_epi16(s[i][1], one);
        if (shape.offsets && !split) { /* their bias was for int16 alone: 16 */
            __m256i bias = _mm256_slli_epi32(broadcast4(panel + (steps + 2) * 4 * PANEL_ACTS + 4 * i), 4);
            a = _mm256_add_epi32(a, bias), b = _mm256_add_epi32(b, bias);
        }
        sums[i][0] = _mm256_cvtepi32_ps(split ? _mm256_add_epi32(a, b) : a);
        if (!split)
            sums[i][1] = _mm256_cvtepi32_ps(b);
    }
}

/* What a block adds to the partial sums of n rows: the dot's FMA, then, with offsets, the own sum's. */
INLINE void block_fma(struct shape shape, const uint8_t *unit, const uint8_t *panel, int n, __m256 (*sums)[2],
                      __m256 (*p)[2])
{
    const int steps = steps_of(shape), groups = shape.kind == WIDE ? 1 : 2;
    UNROLL
    for (int i = 0; i < n; i++) {
        __m256 d = _mm256_castsi256_ps(broadcast4(panel + (steps + 1) * 4 * PANEL_ACTS + 4 * i));
        UNROLL
        for (int g = 0; g < groups; g++) {
            const uint8_t *scale = unit + steps * 64 + 32 * g;
            p[i][g] = _mm256_fmadd_ps(sums[i][g], _mm256_mul_ps(d, _mm256_load_ps((const void *)scale)), p[i][g]);
            if (shape.offsets) {
                __m256 own = _mm256_cvtepi32_ps(broadcast4(panel + (steps + 2) * 4 * PANEL_ACTS + 4 * i));
                p[i][g] = _mm256_fmadd_ps(own, _mm256_mul_ps(d, _mm256_load_ps((const void *)(scale + 64))), p[i][g]);
            }
        }
    }
}

/* One unit times n (a constant) activation rows. The partial sums p[block mod 4] stay in memory: a block gives the cache
 * twenty times as long as that takes. */
INLINE void unit_dot(struct shape shape, const uint8_t *unit, const uint8_t *panel, int64_t n_blocks, int n, float *y,
                     int64_t y_stride, int64_t n_out)
{
    const int groups = shape.kind == WIDE ? 1 : 2, runs = blocks_of_32(shape);
    __m256 p[4][PANEL_ACTS][2];
    for (int q = 0; q < 4; q++)
        for (int i = 0; i < n; i++)
            p[q][i][0] = p[q][i][1] = _mm256_setzero_ps();
    for (int64_t b = 0; b < n_blocks; b++)
        for (int run = 0; run < runs; run++, unit += unit_block(shape), panel += panel_block(shape)) {
            __m256 sums[PANEL_ACTS][2];
            block_sums(shape, unit, panel, n, sums);
            block_fma(shape, unit, panel, n, sums, p[b % 4]);
        }
    for (int i = 0; i < n; i++)
        for (int g = 0; g < groups; g++) {
            __m256 sum = _mm256_add_ps(_mm256_add_ps(p[0][i][g], p[1][i][g]), _mm256_add_ps(p[2][i][g], p[3][i][g]));
            store8(y + i * y_stride + 8 * g, n_out - 8 * g, sum);
        }
}

INLINE void unit_dots(struct shape shape, const uint8_t *unit, const uint8_t *panel, int64_t n_blocks, int n, float *y,
                      int64_t y_stride, int64_t n_out)
{
    switch (n) {
    case 1: unit_dot(shape, unit, panel, n_blocks, 1, y, y_stride, n_out); break;
    case 2: unit_dot(shape, unit, panel, n_blocks, 2, y, y_stride, n_out); break;
    case 3: unit_dot(shape, unit, panel, n_blocks, 3, y, y_stride, n_out); break;
    default: unit_dot(shape, unit, panel, n_blocks, 4, y, y_stride, n_out);
    }
}

/* Every unit of a tile times every activation row; the next tile's weights come from memory meanwhile. */
INLINE void tile_dots(struct shape shape, const uint8_t *tile, const uint8_t *panel, int64_t n_blocks, int n,
                      int64_t n_out, float *y, int64_t y_stride, struct fetch fetch)
{
    const int rows = unit_rows(shape), runs = blocks_of_32(shape);
    for (int i = 0; i < n; i += PANEL_ACTS, panel += n_blocks * runs * panel_block(shape))
        for (int u = 0; u < units_of(shape) && u * rows < n_out; u++) {
            fetch_some(&fetch);
            unit_dots(shape, tile + u * n_blocks * runs * unit_block(shape), panel, n_blocks, n - i,
                      y + i * y_stride + u * rows, y_stride, n_out - u * rows);
        }
}

/* Code of its own for each shape, not for each format. */
#define TILE_DOTS(name, ...)                                                                                           \
    static void tile_dots_##name(const uint8_t *tile, const uint8_t *panel, int64_t n_blocks, int n, int64_t n_out,    \
                                 float *y, int64_t y_stride, struct fetch fetch)                                       \
    {                                                                                                                  \
        tile_dots((struct shape){__VA_ARGS__}, tile, panel, n_blocks, n, n_out, y, y_stride, fetch);                   \
    }
TILE_DOTS(narrow, NARROW, false)
TILE_DOTS(narrow_offsets, NARROW, true)
TILE_DOTS(wide, WIDE, false)
TILE_DOTS(wide_offsets, WIDE, true)
TILE_DOTS(runs, RUNS, false)
TILE_DOTS(runs_offsets, RUNS, true)

typedef void tile_dots_fn(const uint8_t *tile, const uint8_t *panel, int64_t n_blocks, int n, int64_t n_out, float *y,
                          int64_t y_stride, struct fetch fetch);

INLINE tile_dots_fn *tile_dots_of(struct shape s)
{
    static tile_dots_fn *const plain[] = {tile_dots_narrow, tile_dots_wide, tile_dots_runs};
    static tile_dots_fn *const offsets[] = {tile_dots_narrow_offsets, tile_dots_wide_offsets, tile_dots_runs_offsets};
    return (s.offsets ? offsets : plain)[s.kind];
}

INLINE void gemm_i8(enum dtype t, const struct view *w, int64_t lo, int64_t hi, const struct gather *in, float *y,
                    int64_t y_stride, void *workspace)
{
    const struct shape shape = shape_of(t);
    const int rows = unit_rows(shape), units = units_of(shape), tile_rows = units * rows;
    int64_t n_blocks = w->cols / QUANT_BLOCK, unit_bytes = n_blocks * blocks_of_32(shape) * unit_block(shape);
    uint8_t *tile = (uint8_t *)(((uintptr_t)workspace + 63) & ~(uintptr_t)63), *panel = tile + units * unit_bytes;
    for (int first = 0; first < in->n; first += LINEAR_ACTS) {
        int n = in->n - first < LINEAR_ACTS ? in->n - first : LINEAR_ACTS;
        if (!in->again || in->n > LINEAR_ACTS)
            fill_panel(t, in, first, n, panel);
        for (int64_t o = lo; o < hi; o += tile_rows) {
            int64_t end = hi - o < tile_rows ? hi : o + tile_rows;
            for (int u = 0; o + u * rows < end; u++)
                unpack_unit(t, w, o + u * rows, hi, tile + u * unit_bytes);
            tile_dots_of(shape)(tile, panel, n_blocks, n, end - o, y + first * y_stride + (o - lo), y_stride,
                                fetch_rows(w, end, hi, tile_rows, (n + 3) / 4 * units));
        }
    }
}

#define GEMM(name, format)                                                                                             \
    void gemm_i8_##name##__avx2(const struct view *w, int64_t lo, int64_t hi, const struct gather *in, float *y,       \
                                int64_t y_stride, void *workspace)                                                     \
    {                                                                                                                  \
        gemm_i8(DT_##format, w, lo, hi, in, y, y_stride, workspace);                                                   \
    }
GEMM(q8_0, Q8_0)
GEMM(mxfp4, MXFP4)
GEMM(mxfp4_hf, MXFP4_HF)
CODED_BY_32(GEMM)
CODED_OTHERS(GEMM)
