/* gemm_i8__avx512vnni.c: int8 activations times quantized weights for many rows (prefill, batches).
 *
 * 32 weight rows are unpacked into a tile once and then meet every activation row. In the tile a vector holds 4 inputs of
 * 16 weight rows, so one VPDPBUSD with 4 broadcast activation bytes advances 16 outputs and nothing is ever transposed.
 * A step of the inner loop is 2 such vectors times 5 activation rows: 10 independent sums for 7 loads (5 rows are a little
 * faster than 6: measured).
 *
 * The partial sums p[block mod 4] of scalar's order would take 40 registers. So the tile is worked through four times,
 * each pass over the blocks of one partial sum, whose 10 vectors stay in registers; a pass reads a quarter of the tile
 * (26 KB at 2880 inputs), which stays in the first-level cache for all activation rows. */
#include "backend/cpu/avx512/gemm_i8__avx512vnni.h"

#include "backend/cpu/fetch.h"

#include <string.h>

enum { GROUP_ROWS = 5 };
/* A block of a group of activation rows: 32 codes of each; then their scales; then the same with the bits of 1.0f taken
 * off; then what the shift of the weights to unsigned adds, negated. */
enum { PANEL_SCALES = GROUP_ROWS * QUANT_BLOCK, PANEL_SHIFTS = PANEL_SCALES + 4 * GROUP_ROWS,
       PANEL_START = PANEL_SHIFTS + 4 * GROUP_ROWS, PANEL_BLOCK = 224 };
_Static_assert(TILE_BLOCK <= LINEAR_TILE * 36 &&
                   (LINEAR_ACTS + GROUP_ROWS - 1) / GROUP_ROWS * PANEL_BLOCK <= LINEAR_ACTS * 48,
               "linear_workspace_bytes has room for both");

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

/* Row i of the panel's groups. */
INLINE void fill_row(const struct act *act, int64_t row, int i, enum code_order order, int32_t shift, uint8_t *panel,
                     struct range *range)
{
    int64_t n_blocks = act->width / QUANT_BLOCK;
    uint8_t *at = panel + i / GROUP_ROWS * n_blocks * PANEL_BLOCK;
    int in_group = i % GROUP_ROWS;
    for (int pass = 0; pass < 4; pass++)
        for (int64_t b = pass; b < n_blocks; b += 4, at += PANEL_BLOCK) {
            int32_t start = -shift * act->sum[row * n_blocks + b];
            uint32_t bits, above_one;
            memcpy(&bits, &act->d[row * n_blocks + b], 4);
            above_one = (bits ? bits : ONE_BITS) - ONE_BITS; /* a block of zeros: any finite scale does */
            range->lo = bits && bits < range->lo ? bits : range->lo;
            range->hi = bits > range->hi ? bits : range->hi;
            _mm256_store_si256((void *)(at + in_group * QUANT_BLOCK),
                               ordered_codes(act->q + row * act->width + b * QUANT_BLOCK, order));
            memcpy(at + PANEL_SCALES + 4 * in_group, &bits, 4);
            memcpy(at + PANEL_SHIFTS + 4 * in_group, &above_one, 4);
            memcpy(at + PANEL_START + 4 * in_group, &start, 4);
        }
}

/* ---- the product ---------------------------------------------------------------------------------------- */

INLINE __m512i broadcast_dword(const uint8_t *at)
{
    int32_t i;
    memcpy(&i, at, 4);
    return _mm512_set1_epi32(i);
}

/* The scale of row r's block times the weights' scales. */
INLINE __m512 scale_product(enum scaling scaling, const uint8_t *panel, int r, __m512 weights)
{
    if (scaling == ADD_EXPONENTS)
        return _mm512_castsi512_ps(_mm512_add_epi32(broadcast_dword(panel + PANEL_SHIFTS + 4 * r), _mm512_castps_si512(weights)));
    return _mm512_mul_ps(_mm512_castsi512_ps(broadcast_dword(panel + PANEL_SCALES + 4 * r)), weights);
}

/* One partial sum of 32 outputs x n rows (n a constant): p = sum of this pass's `n_blocks` blocks. */
INLINE void pass_dots(const uint8_t *tile, const uint8_t *panel, int64_t n_blocks, enum scaling scaling, int n,
                      struct fetch *fetch, __m512 p[TILE_HALVES][GROUP_ROWS])
{
    UNROLL
    for (int r = 0; r < n; r++)
        p[0][r] = p[1][r] = _mm512_setzero_ps();
    for (int64_t b = 0; b < n_blocks; b++, tile += TILE_BLOCK, panel += PANEL_BLOCK) {
        __m512i sum[TILE_HALVES][GROUP_ROWS];
        fetch_some(fetch);
        UNROLL
        for (int r = 0; r < n; r++)
            sum[0][r] = sum[1][r] = broadcast_dword(panel + PANEL_START + 4 * r);
        UNROLL
        for (int k = 0; k < STEPS; k++) {
            __m512i w0 = _mm512_load_si512(tile + k * TILE_STEP), w1 = _mm512_load_si512(tile + k * TILE_STEP + 64);
            UNROLL
            for (int r = 0; r < n; r++) {
                __m512i a = broadcast_dword(panel + r * QUANT_BLOCK + 4 * k);
                sum[0][r] = _mm512_dpbusd_epi32(sum[0][r], w0, a);
                sum[1][r] = _mm512_dpbusd_epi32(sum[1][r], w1, a);
            }
        }
        __m512 s0 = _mm512_load_ps(tile + TILE_SCALES), s1 = _mm512_load_ps(tile + TILE_SCALES + 64);
        UNROLL
        for (int r = 0; r < n; r++) {
            p[0][r] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum[0][r]), scale_product(scaling, panel, r, s0), p[0][r]);
            p[1][r] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum[1][r]), scale_product(scaling, panel, r, s1), p[1][r]);
        }
    }
}

/* Where the passes leave their sums for the last one: (p0 + p1) + (p2 + p3). Rows of LINEAR_TILE floats. */
struct partials {
    float *p01, *p2;
};

struct block_of_outputs {
    float *y; /* of the group's first row */
    int64_t y_stride;
    __mmask16 there[TILE_HALVES];
};

INLINE void keep_pass(int pass, int n, __m512 p[TILE_HALVES][GROUP_ROWS], float *p01, float *p2,
                      const struct block_of_outputs *out)
{
    UNROLL
    for (int r = 0; r < n; r++)
        UNROLL
        for (int half = 0; half < TILE_HALVES; half++) {
            int at = r * LINEAR_TILE + half * 16;
            if (pass == 0)
                _mm512_store_ps(p01 + at, p[half][r]);
            else if (pass == 1)
                _mm512_store_ps(p01 + at, _mm512_add_ps(_mm512_load_ps(p01 + at), p[half][r]));
            else if (pass == 2)
                _mm512_store_ps(p2 + at, p[half][r]);
            else
                _mm512_mask_storeu_ps(out->y + r * out->y_stride + half * 16, out->there[half],
                                      _mm512_add_ps(_mm512_load_ps(p01 + at),
                                                    _mm512_add_ps(_mm512_load_ps(p2 + at), p[half][r])));
        }
}

/* n rows (a constant), one pass. */
INLINE void group_pass(int pass, enum scaling scaling, int n, const uint8_t *tile, const uint8_t *panel, int64_t n_blocks,
                       struct fetch *fetch, float *p01, float *p2, const struct block_of_outputs *out)
{
    __m512 p[TILE_HALVES][GROUP_ROWS];
    pass_dots(tile, panel, n_blocks, scaling, n, fetch, p);
    keep_pass(pass, n, p, p01, p2, out);
}

static void group_pass_of(int pass, enum scaling scaling, int n, const uint8_t *tile, const uint8_t *panel, int64_t n_blocks,
                          struct fetch *fetch, float *p01, float *p2, const struct block_of_outputs *out)
{
#define CASE(how, count)                                                                                               \
    case how * (GROUP_ROWS + 1) + count:                                                                               \
        group_pass(pass, how, count, tile, panel, n_blocks, fetch, p01, p2, out);                                      \
        break
    switch ((int)scaling * (GROUP_ROWS + 1) + n) {
        CASE(MULTIPLY, 1);
        CASE(MULTIPLY, 2);
        CASE(MULTIPLY, 3);
        CASE(MULTIPLY, 4);
        CASE(MULTIPLY, 5);
        CASE(ADD_EXPONENTS, 1);
        CASE(ADD_EXPONENTS, 2);
        CASE(ADD_EXPONENTS, 3);
        CASE(ADD_EXPONENTS, 4);
        CASE(ADD_EXPONENTS, 5);
    }
#undef CASE
}

static void tile_dots(const uint8_t *tile, const uint8_t *panel, int64_t n_blocks, enum scaling scaling, int n,
                      int64_t n_out, float *y, int64_t y_stride, struct partials partials, struct fetch fetch)
{
    for (int pass = 0; pass < 4; pass++) {
        int64_t start = pass_start(n_blocks, pass), blocks = pass_blocks(n_blocks, pass);
        for (int i = 0; i < n; i += GROUP_ROWS) {
            struct block_of_outputs out = {y + i * y_stride, y_stride, {first_lanes(n_out), first_lanes(n_out - 16)}};
            group_pass_of(pass, scaling, n - i < GROUP_ROWS ? n - i : GROUP_ROWS, tile + start * TILE_BLOCK,
                          panel + (i / GROUP_ROWS * n_blocks + start) * PANEL_BLOCK, blocks, &fetch,
                          partials.p01 + i * LINEAR_TILE, partials.p2 + i * LINEAR_TILE, &out);
        }
    }
}

/* `powers`: the weights' scales are powers of two. */
static void gemm_i8(tile_fn *unpack, bool powers, enum code_order order, int32_t shift, const struct view *w, int64_t lo,
                    int64_t hi, const struct gather *in, float *y, int64_t y_stride, void *workspace)
{
    int64_t n_blocks = w->cols / QUANT_BLOCK;
    struct range *range = (struct range *)(((uintptr_t)workspace + 63) & ~(uintptr_t)63); /* of the panel's scales */
    uint8_t *tile = (uint8_t *)range + 64;
    struct partials partials;
    partials.p01 = (float *)(tile + n_blocks * TILE_BLOCK);
    partials.p2 = partials.p01 + LINEAR_ACTS * LINEAR_TILE;
    uint8_t *panel = (uint8_t *)(partials.p2 + LINEAR_ACTS * LINEAR_TILE); /* its blocks keep to 32 bytes only */
    for (int first = 0; first < in->n; first += LINEAR_ACTS) {
        int n = in->n - first < LINEAR_ACTS ? in->n - first : LINEAR_ACTS;
        int64_t turns = (n + GROUP_ROWS - 1) / GROUP_ROWS * n_blocks;
        struct fetch fetch = fetch_rows(w, lo, hi, LINEAR_TILE, n);
        if (!in->again || in->n > LINEAR_ACTS) {
            *range = (struct range){UINT32_MAX, 0};
            for (int i = 0; i < n; i++) {
                fill_row(in->act, gather_row(in, first + i), i, order, shift, panel, range);
                fetch_some(&fetch);
            }
        }
        for (int64_t o = lo; o < hi; o += LINEAR_TILE) {
            int64_t end = hi - o < LINEAR_TILE ? hi : o + LINEAR_TILE;
            bool add = exponents_add(*range, unpack(w, o, end, tile)) && powers;
            tile_dots(tile, panel, n_blocks, add ? ADD_EXPONENTS : MULTIPLY, n, end - o, y + first * y_stride + (o - lo),
                      y_stride, partials, fetch_rows(w, end, hi, LINEAR_TILE, turns));
        }
    }
}

void gemm_i8_q8_0__avx512vnni(const struct view *w, int64_t lo, int64_t hi, const struct gather *in, float *y,
                              int64_t y_stride, void *workspace)
{
    gemm_i8(tile_q8_0__avx512vnni, false, ORDER_PLAIN, 128, w, lo, hi, in, y, y_stride, workspace);
}

void gemm_i8_mxfp4__avx512vnni(const struct view *w, int64_t lo, int64_t hi, const struct gather *in, float *y,
                               int64_t y_stride, void *workspace)
{
    gemm_i8(tile_mxfp4__avx512vnni, true, ORDER_PLAIN, 12, w, lo, hi, in, y, y_stride, workspace);
}

void gemm_i8_mxfp4_hf__avx512vnni(const struct view *w, int64_t lo, int64_t hi, const struct gather *in, float *y,
                                  int64_t y_stride, void *workspace)
{
    gemm_i8(tile_mxfp4_hf__avx512vnni, true, ORDER_EVEN_ODD, 12, w, lo, hi, in, y, y_stride, workspace);
}
