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
#include "backend/cpu/gemm_i8__avx512vnni.h"

#include "backend/cpu/avx512.h"

#include <string.h>

enum { TILE_HALVES = LINEAR_TILE / 16, STEPS = QUANT_BLOCK / 4, GROUP_ROWS = 5 };
/* A block of a tile: per step a vector of each half; then the scales of each half. */
enum { TILE_STEP = TILE_HALVES * 64, TILE_SCALES = STEPS * TILE_STEP, TILE_BLOCK = TILE_SCALES + TILE_HALVES * 64 };
/* A block of a group of activation rows: 32 codes of each; then their scales; then the same with the bits of 1.0f taken
 * off; then what the shift of the weights to unsigned adds, negated. */
enum { PANEL_SCALES = GROUP_ROWS * QUANT_BLOCK, PANEL_SHIFTS = PANEL_SCALES + 4 * GROUP_ROWS,
       PANEL_START = PANEL_SHIFTS + 4 * GROUP_ROWS, PANEL_BLOCK = 224 };

/* Tiles and panels hold their blocks in the order of the passes: 0, 4, 8, ..., 1, 5, ..., 2, 6, ..., 3, 7, ... */
INLINE int64_t pass_blocks(int64_t n_blocks, int pass)
{
    return (n_blocks - pass + 3) / 4;
}

INLINE int64_t pass_start(int64_t n_blocks, int pass)
{
    int64_t at = 0;
    for (int before = 0; before < pass; before++)
        at += pass_blocks(n_blocks, before);
    return at;
}

/* An MXFP4 scale is a power of two, so multiplying an activation scale with it adds to its exponent: an integer addition,
 * for which the multipliers need not stop (a tenth of the time). That holds while everything is a normal number: */
enum scaling { MULTIPLY, ADD_EXPONENTS };
enum { ONE_BITS = 127 << 23 };

/* The smallest and the largest of some positive floats, as bits. */
struct range {
    uint32_t lo, hi;
};

static bool exponents_add(struct range a, struct range b)
{
    uint32_t lo = (a.lo >> 23) + (b.lo >> 23), hi = (a.hi >> 23) + (b.hi >> 23);
    return a.lo >> 23 >= 1 && b.lo >> 23 >= 1 && a.hi >> 23 <= 254 && b.hi >> 23 <= 254 && lo >= 127 + 1 && hi <= 127 + 254;
}

/* Weights on their way from memory to the second-level cache while something else is worked on: `each` lines at a turn. */
struct fetch {
    const char *at, *end;
    int each;
};

INLINE void fetch_some(struct fetch *f)
{
    for (int i = 0; i < f->each && f->at < f->end; i++, f->at += 64)
        _mm_prefetch(f->at, _MM_HINT_T1);
}

/* Rows [lo, lo + LINEAR_TILE) below hi, within so many turns. */
INLINE struct fetch fetch_rows(const struct view *w, int64_t lo, int64_t hi, int64_t turns)
{
    int64_t end = hi - lo < LINEAR_TILE ? hi : lo + LINEAR_TILE, bytes = (end - lo) * w->row_stride;
    const char *at = (const char *)(w->data + lo * w->row_stride);
    return (struct fetch){at, at + bytes, (int)(bytes / 64 / turns) + 1};
}

/* ---- the tile ------------------------------------------------------------------------------------------- */

/* 16 rows of a matrix; those from `n` on are missing and repeat the last one. */
struct tile_rows {
    const uint8_t *data, *scales;
    int64_t stride, scale_stride;
    int n;
};

/* Byte `at` of row r. In a whole tile, a constant, addresses are base + multiples of the stride. */
INLINE const uint8_t *row_at(const struct tile_rows *rows, bool whole, int r, int64_t at)
{
    return rows->data + (whole || r < rows->n ? r : rows->n - 1) * rows->stride + at;
}

/* Block b of 16 rows: STEPS vectors of unsigned bytes, TILE_STEP apart, and 16 scales. */
typedef void unpack_fn(const struct tile_rows *rows, bool whole, int64_t b, uint8_t *to, float *scales);

/* 16 bytes of each row, turned: dword r of vector k is bytes 4 k .. 4 k + 3 of row r. */
INLINE void turn_rows(const struct tile_rows *rows, bool whole, int64_t at, __m512i turned[4])
{
    __m512i a[4];
#define ROW(r) _mm_loadu_si128((const void *)row_at(rows, whole, (r), at))
    UNROLL
    for (int j = 0; j < 4; j++) { /* quarter i of a[j] is row 4 i + j */
        a[j] = _mm512_castsi128_si512(ROW(j));
        a[j] = _mm512_mask_broadcast_i32x4(a[j], 0x00f0, ROW(4 + j));
        a[j] = _mm512_mask_broadcast_i32x4(a[j], 0x0f00, ROW(8 + j));
        a[j] = _mm512_mask_broadcast_i32x4(a[j], 0xf000, ROW(12 + j));
    }
#undef ROW
    __m512i lo01 = _mm512_unpacklo_epi32(a[0], a[1]), hi01 = _mm512_unpackhi_epi32(a[0], a[1]);
    __m512i lo23 = _mm512_unpacklo_epi32(a[2], a[3]), hi23 = _mm512_unpackhi_epi32(a[2], a[3]);
    turned[0] = _mm512_unpacklo_epi64(lo01, lo23);
    turned[1] = _mm512_unpackhi_epi64(lo01, lo23);
    turned[2] = _mm512_unpacklo_epi64(hi01, hi23);
    turned[3] = _mm512_unpackhi_epi64(hi01, hi23);
}

/* Steps 0-3 take the low halves of bytes 4 k .. 4 k + 3, steps 4-7 the high halves. */
INLINE void store_nibbles(const __m512i turned[4], uint8_t *to)
{
    const __m512i table = mxfp4_table();
    UNROLL
    for (int k = 0; k < 4; k++) {
        _mm512_store_si512(to + k * TILE_STEP, _mm512_permutexvar_epi8(turned[k], table));
        _mm512_store_si512(to + (4 + k) * TILE_STEP, _mm512_permutexvar_epi8(_mm512_srli_epi16(turned[k], 4), table));
    }
}

#define EACH_OF_8(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)

INLINE int load_u16(const uint8_t *at)
{
    uint16_t bits;
    memcpy(&bits, at, 2);
    return bits;
}

/* The byte at `at` of each row as an E8M0 scale. */
INLINE __m512 e8m0_of_rows(const struct tile_rows *rows, bool whole, int64_t at)
{
    __m128i lo = _mm_setzero_si128(), hi = lo; /* two chains of insertions */
#define INSERT(r)                                                                                                      \
    lo = _mm_insert_epi8(lo, *row_at(rows, whole, (r), at), (r));                                                      \
    hi = _mm_insert_epi8(hi, *row_at(rows, whole, (r) + 8, at), (r));
    EACH_OF_8(INSERT)
#undef INSERT
    return mxfp4_scales(_mm512_slli_epi32(_mm512_cvtepu8_epi32(_mm_unpacklo_epi64(lo, hi)), 24));
}

INLINE __m512 f16_of_rows(const struct tile_rows *rows, bool whole, int64_t at)
{
    __m128i lo = _mm_setzero_si128(), hi = lo;
#define INSERT(r)                                                                                                      \
    lo = _mm_insert_epi16(lo, load_u16(row_at(rows, whole, (r), at)), (r));                                            \
    hi = _mm_insert_epi16(hi, load_u16(row_at(rows, whole, (r) + 8, at)), (r));
    EACH_OF_8(INSERT)
#undef INSERT
    return _mm512_cvtph_ps(_mm256_set_m128i(hi, lo));
}

INLINE void unpack_mxfp4(const struct tile_rows *rows, bool whole, int64_t b, uint8_t *to, float *scales)
{
    __m512i turned[4];
    turn_rows(rows, whole, b * 17 + 1, turned);
    store_nibbles(turned, to);
    _mm512_store_ps(scales, e8m0_of_rows(rows, whole, b * 17));
}

INLINE void unpack_mxfp4_hf(const struct tile_rows *rows, bool whole, int64_t b, uint8_t *to, float *scales)
{
    const struct tile_rows beside = {.data = rows->scales, .stride = rows->scale_stride, .n = rows->n};
    __m512i turned[4];
    turn_rows(rows, whole, b * 16, turned);
    store_nibbles(turned, to);
    _mm512_store_ps(scales, e8m0_of_rows(&beside, whole, b));
}

INLINE void unpack_q8_0(const struct tile_rows *rows, bool whole, int64_t b, uint8_t *to, float *scales)
{
    const __m512i flip = _mm512_set1_epi8((char)0x80);
    UNROLL
    for (int half = 0; half < 2; half++) {
        __m512i turned[4];
        turn_rows(rows, whole, b * 34 + 2 + 16 * half, turned);
        UNROLL
        for (int k = 0; k < 4; k++)
            _mm512_store_si512(to + (4 * half + k) * TILE_STEP, _mm512_xor_si512(turned[k], flip));
    }
    _mm512_store_ps(scales, f16_of_rows(rows, whole, b * 34));
}

INLINE void unpack_half(unpack_fn *unpack, const struct tile_rows *rows, bool whole, int64_t n_blocks, uint8_t *tile)
{
    for (int pass = 0; pass < 4; pass++)
        for (int64_t b = pass; b < n_blocks; b += 4, tile += TILE_BLOCK)
            unpack(rows, whole, b, tile, (float *)(tile + TILE_SCALES));
}

static struct range tile_range(const uint8_t *tile, int64_t n_blocks)
{
    __m512i lo = _mm512_set1_epi32(-1), hi = _mm512_setzero_si512();
    for (int64_t b = 0; b < n_blocks; b++)
        for (int half = 0; half < TILE_HALVES; half++) {
            __m512i bits = _mm512_load_si512(tile + b * TILE_BLOCK + TILE_SCALES + half * 64);
            lo = _mm512_min_epu32(lo, bits);
            hi = _mm512_max_epu32(hi, bits);
        }
    return (struct range){_mm512_reduce_min_epu32(lo), _mm512_reduce_max_epu32(hi)};
}

INLINE void unpack_tile(unpack_fn *unpack, const struct view *w, int64_t lo, int64_t hi, uint8_t *tile)
{
    for (int half = 0; half < TILE_HALVES; half++, tile += 64) {
        int64_t o = lo + 16 * half < hi ? lo + 16 * half : hi - 1; /* a half that is missing repeats the last row */
        struct tile_rows rows = {w->data + o * w->row_stride, w->scales ? w->scales + o * w->scale_stride : NULL,
                                 w->row_stride, w->scale_stride, hi - o < 16 ? (int)(hi - o) : 16};
        if (rows.n == 16)
            unpack_half(unpack, &rows, true, w->cols / QUANT_BLOCK, tile);
        else
            unpack_half(unpack, &rows, false, w->cols / QUANT_BLOCK, tile);
    }
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
INLINE void gemm_i8(unpack_fn *unpack, bool powers, enum code_order order, int32_t shift, const struct view *w, int64_t lo,
                    int64_t hi, const struct gather *in, float *y, int64_t y_stride, void *scratch)
{
    int64_t n_blocks = w->cols / QUANT_BLOCK;
    uint8_t *tile = (uint8_t *)(((uintptr_t)scratch + 63) & ~(uintptr_t)63);
    struct partials partials;
    partials.p01 = (float *)(tile + n_blocks * TILE_BLOCK);
    partials.p2 = partials.p01 + LINEAR_ACTS * LINEAR_TILE;
    uint8_t *panel = (uint8_t *)(partials.p2 + LINEAR_ACTS * LINEAR_TILE); /* its blocks keep to 32 bytes only */
    for (int first = 0; first < in->n; first += LINEAR_ACTS) {
        int n = in->n - first < LINEAR_ACTS ? in->n - first : LINEAR_ACTS;
        int64_t turns = (n + GROUP_ROWS - 1) / GROUP_ROWS * n_blocks;
        struct fetch fetch = fetch_rows(w, lo, hi, n);
        struct range range = {UINT32_MAX, 0};
        for (int i = 0; i < n; i++) {
            fill_row(in->act, gather_row(in, first + i), i, order, shift, panel, &range);
            fetch_some(&fetch);
        }
        for (int64_t o = lo; o < hi; o += LINEAR_TILE) {
            int64_t end = hi - o < LINEAR_TILE ? hi : o + LINEAR_TILE;
            unpack_tile(unpack, w, o, end, tile);
            bool add = powers && exponents_add(range, tile_range(tile, n_blocks));
            tile_dots(tile, panel, n_blocks, add ? ADD_EXPONENTS : MULTIPLY, n, end - o, y + first * y_stride + (o - lo), y_stride, partials,
                      fetch_rows(w, end, hi, turns));
        }
    }
}

void gemm_i8_q8_0__avx512vnni(const struct view *w, int64_t lo, int64_t hi, const struct gather *in, float *y,
                              int64_t y_stride, void *scratch)
{
    gemm_i8(unpack_q8_0, false, ORDER_PLAIN, 128, w, lo, hi, in, y, y_stride, scratch);
}

void gemm_i8_mxfp4__avx512vnni(const struct view *w, int64_t lo, int64_t hi, const struct gather *in, float *y,
                               int64_t y_stride, void *scratch)
{
    gemm_i8(unpack_mxfp4, true, ORDER_PLAIN, 12, w, lo, hi, in, y, y_stride, scratch);
}

void gemm_i8_mxfp4_hf__avx512vnni(const struct view *w, int64_t lo, int64_t hi, const struct gather *in, float *y,
                                  int64_t y_stride, void *scratch)
{
    gemm_i8(unpack_mxfp4_hf, true, ORDER_EVEN_ODD, 12, w, lo, hi, in, y, y_stride, scratch);
}
