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
#include "backend/cpu/avx2/tile_i8__avx2.h"

#include "backend/cpu/fetch.h"

/* Activation rows first .. first + n - 1, by fours. */
INLINE void fill_panel(struct shape shape, const struct coded *t, const struct gather *in, int first, int n, uint8_t *panel)
{
    const struct act *act = in->act;
    const int steps = steps_of(shape), size = panel_block(shape);
    int64_t n_blocks = act->width / QUANT_BLOCK;
    for (int i = 0; i < n; i++) {
        int64_t row = gather_row(in, first + i);
        uint8_t *at = panel + i / PANEL_ACTS * n_blocks * blocks_of_32(shape) * size + i % PANEL_ACTS * 4;
        for (int64_t b = 0; b < n_blocks; b++) {
            __m256i q = ordered_block(act->q + row * act->width + b * QUANT_BLOCK, t->pairs);
            int32_t words[STEPS], correction[2], own[2];
            _mm256_storeu_si256((void *)words, q);
            corrections(shape.kind == RUNS, q, shape.kind == WIDE ? 8 : t->bias, correction);
            own_sums(shape.kind == RUNS, q, act->sum[row * n_blocks + b], own);
            for (int run = 0; run < blocks_of_32(shape); run++, at += size) {
                UNROLL
                for (int s = 0; s < steps; s++)
                    memcpy(at + s * 4 * PANEL_ACTS, &words[run * steps + s], 4);
                memcpy(at + steps * 4 * PANEL_ACTS, &correction[run], 4);
                memcpy(at + (steps + 1) * 4 * PANEL_ACTS, &act->d[row * n_blocks + b], 4);
                if (shape.offsets) {
                    float sum = (float)own[run];
                    memcpy(at + (steps + 2) * 4 * PANEL_ACTS, &sum, 4);
                }
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
        if (shape.offsets && !split) { /* their bias was for int16 alone: what it took off */
            __m256i off = _mm256_madd_epi16(broadcast4(panel + steps * 4 * PANEL_ACTS + 4 * i), one);
            a = _mm256_sub_epi32(a, off), b = _mm256_sub_epi32(b, off);
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
                __m256 own = _mm256_castsi256_ps(broadcast4(panel + (steps + 2) * 4 * PANEL_ACTS + 4 * i));
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

INLINE void gemm_i8(struct shape shape, const struct coded *t, const struct view *w, int64_t lo, int64_t hi,
                    const struct gather *in, float *y, int64_t y_stride, void *workspace)
{
    const int rows = unit_rows(shape), units = units_of(shape), tile_rows = units * rows;
    int64_t n_blocks = w->cols / QUANT_BLOCK, unit_bytes = n_blocks * blocks_of_32(shape) * unit_block(shape);
    uint8_t *tile = (uint8_t *)(((uintptr_t)workspace + 63) & ~(uintptr_t)63), *panel = tile + units * unit_bytes;
    for (int first = 0; first < in->n; first += LINEAR_ACTS) {
        int n = in->n - first < LINEAR_ACTS ? in->n - first : LINEAR_ACTS;
        if (!in->again || in->n > LINEAR_ACTS)
            fill_panel(shape, t, in, first, n, panel);
        for (int64_t o = lo; o < hi; o += tile_rows) {
            int64_t end = hi - o < tile_rows ? hi : o + tile_rows;
            for (int u = 0; o + u * rows < end; u++)
                t->unpack(w, o + u * rows, hi, tile + u * unit_bytes);
            tile_dots(shape, tile, panel, n_blocks, n, end - o, y + first * y_stride + (o - lo), y_stride,
                      fetch_rows(w, end, hi, tile_rows, (n + 3) / 4 * units));
        }
    }
}

/* Code of its own for each shape, not for each format. */
#define EACH_SHAPE(X)                                                                                                  \
    X(NARROW, false) X(NARROW, true) X(WIDE, false) X(WIDE, true) X(RUNS, false) X(RUNS, true)
#define GEMM_OF(kind, offsets)                                                                                         \
    static void gemm_##kind##_##offsets(const struct coded *t, const struct view *w, int64_t lo, int64_t hi,           \
                                        const struct gather *in, float *y, int64_t y_stride, void *workspace)          \
    {                                                                                                                  \
        gemm_i8((struct shape){kind, offsets}, t, w, lo, hi, in, y, y_stride, workspace);                              \
    }
EACH_SHAPE(GEMM_OF)

void gemm_i8_coded__avx2(const struct coded *t, const struct view *w, int64_t lo, int64_t hi, const struct gather *in,
                         float *y, int64_t y_stride, void *workspace)
{
#define CALL(kind_is, offsets_are)                                                                                     \
    if (t->shape.kind == kind_is && t->shape.offsets == offsets_are) {                                                 \
        gemm_##kind_is##_##offsets_are(t, w, lo, hi, in, y, y_stride, workspace);                                      \
        return;                                                                                                        \
    }
    EACH_SHAPE(CALL)
#undef CALL
}
