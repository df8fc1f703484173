/* gemm_i8_512.h: the body of linear_i8_* for many rows (prefill, batches) where vectors have 512 bits: panels of
 * activations, passes, the scales of a block, what the passes leave. A file gives the exact sums of a block:
 *
 *   GROUP_ROWS    activation rows that are worked on together, and
 *   GROUP_HALVES  halves of a tile (16 weight rows each) with them: so many partial sums stay in registers
 *   SHAPED_ROWS   code is made for every number of rows that this divides
 *   SIGNED_TILES  whether codes are signed in a tile; else they are shifted, and the sums begin with what takes it off
 *   sums_open, sums_close   around all calls of
 *   pass_dots(shape, tile, panel, n_blocks, scaling, n, fetch, p): one partial sum of GROUP_HALVES x 16 outputs x n
 *                 rows, p = sum of a pass's blocks; block_fma adds a block to it
 *
 * 32 weight rows are unpacked into a tile once and then meet every activation row. In the tile a vector holds 4 inputs of
 * 16 weight rows, so nothing is ever transposed.
 *
 * The partial sums p[block mod 4] of scalar's order would take four times as many registers as there are. So the tile is
 * worked through four times, each pass over the blocks of one partial sum, whose vectors stay in registers; a pass reads a
 * quarter of the tile (26 KB at 2880 inputs), which stays in the first-level cache for all activation rows. */
#include "backend/cpu/avx512/gemm_i8__avx512vnni.h"

#include "backend/cpu/fetch.h"

#include <string.h>

/* A block of a group of activation rows: its codes of each; then their scales; then the same with the bits of 1.0f taken
 * off; then what the shift of the weights to unsigned adds, negated; with offsets the activations' own sums, as floats. */
INLINE int panel_scales(struct shape s)
{
    return GROUP_ROWS * 4 * steps_of(s);
}

enum { SHIFTS = 4 * GROUP_ROWS, START = 2 * SHIFTS, OWN = 3 * SHIFTS /* behind the scales */ };

INLINE int panel_block(struct shape s)
{
    return (panel_scales(s) + (s.offsets ? 4 : 3) * SHIFTS + 31) / 32 * 32;
}
_Static_assert(2 * (STEPS / 2 * TILE_STEP + 2 * TILE_HALVES * 64) <= LINEAR_TILE * LINEAR_TILE_BYTES &&
                   (LINEAR_ACTS + GROUP_ROWS - 1) / GROUP_ROWS * 2 * ((GROUP_ROWS * 32 + 31) / 32 * 32) <=
                       LINEAR_ACTS * LINEAR_ACT_BYTES,
               "linear_workspace_bytes has room for both, of 16 values each with offsets too");

/* An MXFP4 scale is a power of two, so multiplying an activation scale with it adds to its exponent: an integer addition,
 * for which the multipliers need not stop (a tenth of the time). That holds while everything is a normal number: */
enum scaling { MULTIPLY, ADD_EXPONENTS };
enum { ONE_BITS = 127 << 23 };

static bool exponents_add(struct range a, struct range b)
{
    uint32_t lo = (a.lo >> 23) + (b.lo >> 23), hi = (a.hi >> 23) + (b.hi >> 23);
    return a.lo >> 23 >= 1 && b.lo >> 23 >= 1 && a.hi >> 23 <= 254 && b.hi >> 23 <= 254 && lo >= 127 + 1 && hi <= 127 + 254;
}

/* ---- the activation panel ------------------------------------------------------------------------------- */

/* Which code of a block comes where: in steps as the tile's. */
enum code_order { ORDER_PLAIN, ORDER_EVEN_ODD };

INLINE __m256i ordered_codes(const int8_t *q, enum code_order order)
{
    const __m256i even_odd = _mm256_setr_epi8(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, /* low halves */
                                              1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
    __m256i codes = _mm256_loadu_si256((const void *)q);
    return order == ORDER_EVEN_ODD ? _mm256_permutexvar_epi8(even_odd, codes) : codes;
}

static int32_t sum_of(const int8_t *q, int n)
{
    int32_t sum = 0;
    for (int i = 0; i < n; i++)
        sum += q[i];
    return sum;
}

/* One block: n codes at q, ordered ones in `codes`. */
INLINE void fill_block(struct shape shape, const uint8_t *codes, int n, int32_t own, float d, int32_t shift, int in_group,
                       uint8_t *at, struct range *range)
{
    uint8_t *behind = at + panel_scales(shape) + 4 * in_group;
    int32_t start = -shift * own;
    uint32_t bits, above_one;
    memcpy(&bits, &d, 4);
    above_one = (bits ? bits : ONE_BITS) - ONE_BITS; /* a block of zeros: any finite scale does */
    range->lo = bits && bits < range->lo ? bits : range->lo;
    range->hi = bits > range->hi ? bits : range->hi;
    memcpy(at + in_group * n, codes, (size_t)n);
    memcpy(behind, &bits, 4);
    memcpy(behind + SHIFTS, &above_one, 4);
    memcpy(behind + START, &start, 4);
    if (shape.offsets) {
        float sum = (float)own;
        memcpy(behind + OWN, &sum, 4);
    }
}

/* Row i of the panel's groups. */
INLINE void fill_row(struct shape shape, const struct act *act, int64_t row, int i, enum code_order order, int32_t shift,
                     uint8_t *panel, struct range *range)
{
    const int runs = blocks_of_32(shape), n = QUANT_BLOCK / runs;
    int64_t n_blocks = act->width / QUANT_BLOCK;
    uint8_t *at = panel + i / GROUP_ROWS * n_blocks * runs * panel_block(shape);
    for (int pass = 0; pass < 4; pass++)
        for (int64_t b = pass; b < n_blocks; b += 4) {
            const int8_t *q = act->q + row * act->width + b * QUANT_BLOCK;
            uint8_t codes[QUANT_BLOCK];
            _mm256_storeu_si256((void *)codes, ordered_codes(q, order));
            for (int run = 0; run < runs; run++, at += panel_block(shape)) {
                int32_t own = shape.runs ? sum_of(q + run * n, n) : act->sum[row * n_blocks + b];
                fill_block(shape, codes + run * n, n, own, act->d[row * n_blocks + b], shift, i % GROUP_ROWS, at, range);
            }
        }
}

/* ---- the product ---------------------------------------------------------------------------------------- */

INLINE __m512i broadcast_dword(const uint8_t *at)
{
    int32_t i;
    memcpy(&i, at, 4);
    return _mm512_set1_epi32(i);
}

/* The scale of row r's block times the weights' scales; `behind` is where the panel's scales begin. */
INLINE __m512 scale_product(enum scaling scaling, const uint8_t *behind, int r, __m512 weights)
{
    if (scaling == ADD_EXPONENTS)
        return _mm512_castsi512_ps(_mm512_add_epi32(broadcast_dword(behind + SHIFTS + 4 * r), _mm512_castps_si512(weights)));
    return _mm512_mul_ps(_mm512_castsi512_ps(broadcast_dword(behind + 4 * r)), weights);
}

/* What a block's sums, and with offsets the activations' own, add to the partial sums of n rows. */
INLINE void block_fma(struct shape shape, enum scaling scaling, const uint8_t *scales, const uint8_t *behind, int n,
                      sums_of_block sums, __m512 p[GROUP_HALVES][GROUP_ROWS])
{
    __m512 s[GROUP_HALVES];
    UNROLL
    for (int half = 0; half < GROUP_HALVES; half++)
        s[half] = _mm512_load_ps(scales + half * 64);
    UNROLL
    for (int r = 0; r < n; r++)
        UNROLL
        for (int half = 0; half < GROUP_HALVES; half++)
            p[half][r] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(row_sums(sums, half, r)),
                                         scale_product(scaling, behind, r, s[half]), p[half][r]);
    if (!shape.offsets)
        return;
    UNROLL
    for (int half = 0; half < GROUP_HALVES; half++)
        s[half] = _mm512_load_ps(scales + (TILE_HALVES + half) * 64);
    UNROLL
    for (int r = 0; r < n; r++) {
        __m512 own = _mm512_castsi512_ps(broadcast_dword(behind + OWN + 4 * r));
        UNROLL
        for (int half = 0; half < GROUP_HALVES; half++)
            p[half][r] = _mm512_fmadd_ps(own, scale_product(MULTIPLY, behind, r, s[half]), p[half][r]);
    }
}

/* One partial sum of 16 outputs a half x n rows (n a constant): p = sum of a pass's blocks. */
INLINE void pass_dots(struct shape shape, const uint8_t *tile, const uint8_t *panel, int64_t n_blocks, enum scaling scaling,
                      int n, struct fetch *fetch, __m512 p[GROUP_HALVES][GROUP_ROWS]);
static void sums_open(struct shape shape);
static void sums_close(void);

/* Where the passes leave their sums for the last one: (p0 + p1) + (p2 + p3). Rows of LINEAR_TILE floats. */
struct partials {
    float *p01, *p2;
};

struct block_of_outputs {
    float *y; /* of the group's first row */
    int64_t y_stride;
    int rows;
    __mmask16 there[TILE_HALVES];
};

/* Rows from out->rows on are there to make n a round number: they have no y. */
INLINE void keep_pass(int pass, int n, int first, __m512 p[GROUP_HALVES][GROUP_ROWS], float *p01, float *p2,
                      const struct block_of_outputs *out)
{
    UNROLL
    for (int r = 0; r < n; r++)
        UNROLL
        for (int half = 0; half < GROUP_HALVES; half++) {
            int at = r * LINEAR_TILE + (first + half) * 16;
            if (pass == 0)
                _mm512_store_ps(p01 + at, p[half][r]);
            else if (pass == 1)
                _mm512_store_ps(p01 + at, _mm512_add_ps(_mm512_load_ps(p01 + at), p[half][r]));
            else if (pass == 2)
                _mm512_store_ps(p2 + at, p[half][r]);
            else if (SHAPED_ROWS == 1 || r < out->rows)
                _mm512_mask_storeu_ps(out->y + r * out->y_stride + (first + half) * 16, out->there[first + half],
                                      _mm512_add_ps(_mm512_load_ps(p01 + at),
                                                    _mm512_add_ps(_mm512_load_ps(p2 + at), p[half][r])));
        }
}

/* n rows (a constant), one pass. */
INLINE void group_pass(struct shape shape, int pass, enum scaling scaling, int n, const uint8_t *tile, const uint8_t *panel,
                       int64_t n_blocks, struct fetch *fetch, float *p01, float *p2, const struct block_of_outputs *out)
{
    for (int first = 0; first < TILE_HALVES; first += GROUP_HALVES) {
        __m512 p[GROUP_HALVES][GROUP_ROWS];
        pass_dots(shape, tile + first * 64, panel, n_blocks, scaling, n, fetch, p);
        keep_pass(pass, n, first, p, p01, p2, out);
    }
}

typedef void group_pass_fn(int pass, int n, const uint8_t *tile, const uint8_t *panel, int64_t n_blocks,
                           struct fetch *fetch, float *p01, float *p2, const struct block_of_outputs *out);

#define CASE(runs, offsets, how, part)                                                                                 \
    case part:                                                                                                         \
        if ((part) * SHAPED_ROWS <= GROUP_ROWS)                                                                        \
            group_pass((struct shape){runs, offsets}, pass, how, PART_ROWS(part), tile, panel, n_blocks, fetch, p01,   \
                       p2, out);                                                                                       \
        break
#define PART_ROWS(part) ((part) * SHAPED_ROWS < GROUP_ROWS ? (part) * SHAPED_ROWS : GROUP_ROWS)
#define GROUP_PASS(name, runs, offsets, how)                                                                           \
    static void name(int pass, int n, const uint8_t *tile, const uint8_t *panel, int64_t n_blocks,                     \
                     struct fetch *fetch, float *p01, float *p2, const struct block_of_outputs *out)                   \
    {                                                                                                                  \
        switch ((n + SHAPED_ROWS - 1) / SHAPED_ROWS) {                                                                 \
            CASE(runs, offsets, how, 1);                                                                               \
            CASE(runs, offsets, how, 2);                                                                               \
            CASE(runs, offsets, how, 3);                                                                               \
            CASE(runs, offsets, how, 4);                                                                               \
            CASE(runs, offsets, how, 5);                                                                               \
        }                                                                                                              \
    }
GROUP_PASS(pass_plain, false, false, MULTIPLY)
GROUP_PASS(pass_powers, false, false, ADD_EXPONENTS)
GROUP_PASS(pass_offsets, false, true, MULTIPLY)
GROUP_PASS(pass_runs, true, false, MULTIPLY)
GROUP_PASS(pass_runs_offsets, true, true, MULTIPLY)
#undef CASE
#undef PART_ROWS

static group_pass_fn *pass_of(struct shape shape, enum scaling scaling)
{
    if (shape.runs)
        return shape.offsets ? pass_runs_offsets : pass_runs;
    return shape.offsets ? pass_offsets : scaling == ADD_EXPONENTS ? pass_powers : pass_plain;
}

static void tile_dots(struct shape shape, const uint8_t *tile, const uint8_t *panel, int64_t n_blocks, enum scaling scaling,
                      int n, int64_t n_out, float *y, int64_t y_stride, struct partials partials, struct fetch fetch)
{
    group_pass_fn *group = pass_of(shape, scaling);
    const int runs = blocks_of_32(shape);
    for (int pass = 0; pass < 4; pass++) {
        int64_t start = pass_start(n_blocks, pass) * runs, blocks = pass_blocks(n_blocks, pass) * runs;
        for (int i = 0; i < n; i += GROUP_ROWS) {
            int rows = n - i < GROUP_ROWS ? n - i : GROUP_ROWS;
            struct block_of_outputs out = {
                y + i * y_stride, y_stride, rows, {first_lanes(n_out), first_lanes(n_out - 16)}};
            group(pass, rows, tile + start * tile_block(shape),
                  panel + (i / GROUP_ROWS * n_blocks * runs + start) * panel_block(shape), blocks, &fetch,
                  partials.p01 + i * LINEAR_TILE, partials.p2 + i * LINEAR_TILE, &out);
        }
    }
}

INLINE void gemm_i8(enum dtype t, tile_fn *unpack, const struct view *w, int64_t lo, int64_t hi, const struct gather *in,
                    float *y, int64_t y_stride, void *workspace)
{
    const struct shape shape = shape_of(t);
    const int32_t away = SIGNED_TILES ? shift_of(t) : 0; /* already in the tile */
    int64_t n_blocks = w->cols / QUANT_BLOCK;
    struct range *range = (struct range *)(((uintptr_t)workspace + 63) & ~(uintptr_t)63); /* of the panel's scales */
    uint8_t *tile = (uint8_t *)range + 64;
    struct partials partials;
    partials.p01 = (float *)(tile + n_blocks * blocks_of_32(shape) * tile_block(shape));
    partials.p2 = partials.p01 + LINEAR_ACTS * LINEAR_TILE;
    uint8_t *panel = (uint8_t *)(partials.p2 + LINEAR_ACTS * LINEAR_TILE); /* its blocks keep to 32 bytes only */
    for (int first = 0; first < in->n; first += LINEAR_ACTS) {
        int n = in->n - first < LINEAR_ACTS ? in->n - first : LINEAR_ACTS;
        int64_t turns = (n + GROUP_ROWS - 1) / GROUP_ROWS * n_blocks * blocks_of_32(shape) * (TILE_HALVES / GROUP_HALVES);
        struct fetch fetch = fetch_rows(w, lo, hi, LINEAR_TILE, n);
        if (!in->again || in->n > LINEAR_ACTS) {
            *range = (struct range){UINT32_MAX, 0};
            for (int i = 0; i < n; i++) {
                fill_row(shape, in->act, gather_row(in, first + i), i, in_pairs(t) ? ORDER_EVEN_ODD : ORDER_PLAIN,
                         shift_of(t) - away, panel, range);
                fetch_some(&fetch);
            }
        }
        sums_open(shape);
        for (int64_t o = lo; o < hi; o += LINEAR_TILE) {
            int64_t end = hi - o < LINEAR_TILE ? hi : o + LINEAR_TILE;
            bool add = exponents_add(*range, unpack(w, o, end, (uint8_t)away, tile));
            tile_dots(shape, tile, panel, n_blocks, add ? ADD_EXPONENTS : MULTIPLY, n, end - o,
                      y + first * y_stride + (o - lo), y_stride, partials, fetch_rows(w, end, hi, LINEAR_TILE, turns));
        }
        sums_close();
    }
}

#define GEMM(name, format)                                                                                             \
    void ISA(gemm_i8_##name)(const struct view *w, int64_t lo, int64_t hi, const struct gather *in, float *y,          \
                             int64_t y_stride, void *workspace)                                                        \
    {                                                                                                                  \
        gemm_i8(DT_##format, tile_##name##__avx512vnni, w, lo, hi, in, y, y_stride, workspace);                        \
    }
GEMM(q8_0, Q8_0)
GEMM(mxfp4, MXFP4)
GEMM(mxfp4_hf, MXFP4_HF)
CODED_BY_32(GEMM)
CODED_OTHERS(GEMM)
#undef GEMM
