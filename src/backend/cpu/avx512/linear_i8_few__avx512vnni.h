/* linear_i8_few__avx512vnni.h: int8 activations times weights of any format with codes, with VPDPBUSD.
 *
 * The unit of work is a quad: 4 weight rows x 1 group of 4 blocks. Its weights are 8 vectors of unsigned bytes: lo[r] has
 * the first 16 values of each of the 4 blocks of row r in its four 128-bit quarters, hi[r] the last 16. The activations
 * lie in a panel in the same order, so one VPDPBUSD leaves 4 partial sums per block in that block's quarter; 4 rows'
 * accumulators transpose into one vector [block][row] of exact block sums, which takes one FMA into p[block mod 4] for
 * 4 rows at once. This is scalar's order.
 *
 * VPDPBUSD wants one unsigned side: MXFP4's doubled codes get +12 (from the table), Q8_0's get +128 (xor 0x80); the
 * sums begin with minus 12 or 128 times the activation sum of each block. All of it is exact. The other formats load as for
 * AVX2 (codes__avx2.h), a pair of blocks in each half of a vector.
 *
 * Up to FEW activation rows read the weights where they lie (decode, small batches); more rows are a case for
 * gemm_i8__avx512vnni.c. */
#ifndef OSSO_BACKEND_LINEAR_I8_FEW_AVX512VNNI_H
#define OSSO_BACKEND_LINEAR_I8_FEW_AVX512VNNI_H

#include "backend/cpu/avx512/quad__avx512vnni.h"

#include "backend/cpu/fetch.h"
#include "backend/cpu/avx512/gemm_i8__avx512vnni.h"
#include "backend/cpu/tables.h"

#include <string.h>

/* The activation panel: per row and group 64 bytes lo, 64 hi, and in each quarter what the sums begin with and the scale. It
 * is small, for 8 rows of it share the first-level cache with the weights to come. Behind the scale: with offsets the
 * activations' own sum, in RUNS that of the first and of the last 16; in RUNS without, what the last 16's sums begin
 * with. */
enum { PANEL_BYTES = 3 * 64, FEW = 8 };

static int32_t sum16(const int8_t *q)
{
    int32_t sum = 0;
    for (int i = 0; i < 16; i++)
        sum += q[i];
    return sum;
}

static int32_t float_bits(int32_t i)
{
    float f = (float)i;
    memcpy(&i, &f, sizeof i);
    return i;
}

/* A block's 16 bytes behind its values. `shift`: of the weights. */
INLINE __m128i start_of(bool runs, bool offsets, int32_t shift, const int8_t *q, int32_t sum, int32_t d_bits)
{
    int32_t last = runs ? sum16(q + 16) : 0, first = sum - last;
    if (!offsets)
        return _mm_setr_epi32(-shift * first, d_bits, -shift * last, 0);
    return runs ? _mm_setr_epi32(0, d_bits, float_bits(first), float_bits(last))
                : _mm_setr_epi32(-shift * sum, d_bits, float_bits(sum), 0);
}

/* `pairs`: even values into lo, odd ones into hi. */
static void fill_panel(const struct gather *in, bool pairs, bool runs, bool offsets, int32_t shift, uint8_t *panel)
{
    const __m128i even_odd = _mm_setr_epi8(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15);
    const struct act *act = in->act;
    int64_t n_blocks = act->width / QUANT_BLOCK, n_groups = (n_blocks + 3) / 4;
    for (int i = 0; i < in->n; i++) {
        int64_t row = gather_row(in, i);
        const int8_t *q = act->q + row * act->width;
        for (int64_t b = 0; b < n_groups * 4; b++) {
            uint8_t *at = panel + (i * n_groups + b / 4) * PANEL_BYTES + b % 4 * 16;
            __m128i lo = _mm_setzero_si128(), hi = lo, start_scale = lo;
            if (b < n_blocks) {
                int32_t d_bits;
                memcpy(&d_bits, &act->d[row * n_blocks + b], 4);
                lo = _mm_loadu_si128((const void *)(q + b * QUANT_BLOCK));
                hi = _mm_loadu_si128((const void *)(q + b * QUANT_BLOCK + 16));
                if (pairs) {
                    __m128i front = _mm_shuffle_epi8(lo, even_odd), back = _mm_shuffle_epi8(hi, even_odd);
                    lo = _mm_unpacklo_epi64(front, back), hi = _mm_unpackhi_epi64(front, back);
                }
                start_scale = start_of(runs, offsets, shift, q + b * QUANT_BLOCK, act->sum[row * n_blocks + b], d_bits);
            }
            _mm_store_si128((void *)at, lo);
            _mm_store_si128((void *)(at + 64), hi);
            _mm_store_si128((void *)(at + 128), start_scale);
        }
    }
}

/* Four rows' accumulators to whole sums, [block][row]. */
INLINE __m512 turned_sums(const __m512i a[4])
{
    __m512i t0 = _mm512_add_epi32(_mm512_unpacklo_epi32(a[0], a[1]), _mm512_unpackhi_epi32(a[0], a[1]));
    __m512i t1 = _mm512_add_epi32(_mm512_unpacklo_epi32(a[2], a[3]), _mm512_unpackhi_epi32(a[2], a[3]));
    return _mm512_cvtepi32_ps(_mm512_add_epi32(_mm512_unpacklo_epi64(t0, t1), _mm512_unpackhi_epi64(t0, t1)));
}

/* One quad against one activation group: the products of a group into p; run after run the dot, then the offset. */
INLINE __m512 quad_step(bool runs, bool offsets, const struct quad *q, const uint8_t *panel, __mmask16 mask, __m512 p)
{
    __m512i lo = _mm512_load_si512(panel), hi = _mm512_load_si512(panel + 64), a[4], b[4];
    __m512 behind = _mm512_load_ps(panel + 128), d = _mm512_permute_ps(behind, 0x55);
    __m512i start = _mm512_maskz_load_epi32(0x1111, panel + 128);
    UNROLL
    for (int r = 0; r < 4; r++) {
        a[r] = _mm512_dpbusd_epi32(start, q->lo[r], lo);
        if (!runs)
            a[r] = _mm512_dpbusd_epi32(a[r], q->hi[r], hi);
        else
            b[r] = _mm512_dpbusd_epi32(offsets ? start : _mm512_maskz_load_epi32(0x4444, panel + 128), q->hi[r], hi);
    }
    p = _mm512_mask3_fmadd_ps(turned_sums(a), _mm512_mul_ps(d, q->scale[0]), p, mask);
    if (offsets)
        p = _mm512_mask3_fmadd_ps(_mm512_permute_ps(behind, 0xaa), _mm512_mul_ps(d, q->offset[0]), p, mask);
    if (!runs)
        return p;
    p = _mm512_mask3_fmadd_ps(turned_sums(b), _mm512_mul_ps(d, q->scale[1]), p, mask);
    if (offsets)
        p = _mm512_mask3_fmadd_ps(_mm512_permute_ps(behind, 0xff), _mm512_mul_ps(d, q->offset[1]), p, mask);
    return p;
}

/* (p0 + p1) + (p2 + p3) for 4 rows. */
INLINE __m128 finish(__m512 p)
{
    __m128 front = _mm_add_ps(_mm512_castps512_ps128(p), _mm512_extractf32x4_ps(p, 1));
    return _mm_add_ps(front, _mm_add_ps(_mm512_extractf32x4_ps(p, 2), _mm512_extractf32x4_ps(p, 3)));
}

/* Four weight rows times n (a constant, 1..FEW) activation rows. */
INLINE void quad_dot(enum dtype t, const struct rows *rows, int64_t n_blocks, const uint8_t *panel, int n,
                     float *y, int64_t y_stride, __mmask8 row_mask)
{
    int64_t n_whole = n_blocks / 4, n_groups = (n_blocks + 3) / 4;
    const bool runs = kind_of(t) == RUNS, offsets = offsets_of(t);
    __m512 p[FEW];
    struct quad q = {0}; /* not every load fills all of it */
    struct pair_scales open[4];
    UNROLL
    for (int i = 0; i < n; i++)
        p[i] = _mm512_setzero_ps();
    for (int64_t g = 0; g < n_whole; g++) {
        load(t, rows, g, 4, open, &q);
        UNROLL
        for (int i = 0; i < n; i++)
            p[i] = quad_step(runs, offsets, &q, panel + (i * n_groups + g) * PANEL_BYTES, 0xffff, p[i]);
    }
    if (n_whole < n_groups) {
        int rest = (int)(n_blocks % 4);
        __mmask16 there = (__mmask16)((1 << 4 * rest) - 1);
        load_rest(t, rows, n_whole, rest, open, &q);
        UNROLL
        for (int i = 0; i < n; i++)
            p[i] = quad_step(runs, offsets, &q, panel + (i * n_groups + n_whole) * PANEL_BYTES, there, p[i]);
    }
    UNROLL
    for (int i = 0; i < n; i++)
        _mm_mask_storeu_ps(y + i * y_stride, row_mask, finish(p[i]));
}

INLINE void quad_dots(enum dtype t, const struct rows *rows, int64_t n_blocks, const uint8_t *panel, int n,
                      float *y, int64_t y_stride, __mmask8 row_mask)
{
#define CASE(count)                                                                                                    \
    case count:                                                                                                        \
        quad_dot(t, rows, n_blocks, panel, count, y, y_stride, row_mask);                                           \
        break
    switch (n) {
        CASE(1);
        CASE(2);
        CASE(3);
        CASE(4);
        CASE(5);
        CASE(6);
        CASE(7);
        CASE(8);
    }
#undef CASE
}

/* Activation rows of the formats that have code for each number up to it; of the others one. It is a matter of the compiler's time and the program's size. */
INLINE int few_of(enum dtype t)
{
    return t == DT_Q8_0 || t == DT_MXFP4 || t == DT_MXFP4_HF ? FEW : 1;
}

/* Of four rows what the format's loads look at. In line, and each field by itself: as a struct that is handed back through
 * memory, written in words and read in vectors, it was half of the time of a small matrix in the cache. */
INLINE struct rows quad_rows(enum dtype t, const struct view *w, int64_t o, int64_t hi, const uint8_t *next)
{
    const bool plain = t == DT_Q8_0 || t == DT_MXFP4 || t == DT_MXFP4_HF;
    struct rows rows = {.ahead = fetch_from(w, o, hi, next)};
    if (!plain)
        rows.coded = code_rows(w, o, hi);
    if (t == DT_MXFP4_HF)
        rows.ahead_scales = w->side[0].data + o * w->side[0].stride + FETCH_SCALES_AHEAD;
    UNROLL
    for (int r = 0; r < 4; r++) {
        int64_t at = o + r < hi ? o + r : hi - 1;
        rows.data[r] = w->data + at * w->row_stride;
        if (t == DT_MXFP4_HF)
            rows.scales[r] = w->side[0].data + at * w->side[0].stride;
    }
    return rows;
}

static __mmask8 rows_mask(int64_t o, int64_t hi)
{
    return (__mmask8)(hi - o >= 4 ? 15 : (1 << (hi - o)) - 1);
}

/* Few activation rows: straight from the weights. */
INLINE void linear_few(enum dtype t, const struct view *w, int64_t lo, int64_t hi, const struct gather *in,
                       const uint8_t *panel, float *y, int64_t y_stride)
{
    if (!in->again)
        fetch_start(w, lo);
    if (t == DT_MXFP4_HF) /* scales that lie apart are nobody's `next` */
        fetch_scales(w, lo, hi);
    for (int64_t o = lo; o < hi; o += 4) {
        struct rows rows = quad_rows(t, w, o, hi, in->next);
        if (few_of(t) == 1)
            quad_dot(t, &rows, w->cols / QUANT_BLOCK, panel, 1, y + (o - lo), y_stride, rows_mask(o, hi));
        else
            quad_dots(t, &rows, w->cols / QUANT_BLOCK, panel, in->n, y + (o - lo), y_stride, rows_mask(o, hi));
    }
}

INLINE void linear_i8(enum dtype t, linear_fn *many, const struct view *w, int64_t lo, int64_t hi,
                      const struct gather *in, float *y, int64_t y_stride, void *workspace)
{
    const bool pairs = in_pairs(t);
    uint8_t *panel = (uint8_t *)(((uintptr_t)workspace + 63) & ~(uintptr_t)63);
    if (in->n > few_of(t)) {
        many(w, lo, hi, in, y, y_stride, workspace);
        return;
    }
    if (!in->again)
        fill_panel(in, pairs, kind_of(t) == RUNS, offsets_of(t), shift_of(t), panel);
    linear_few(t, w, lo, hi, in, panel, y, y_stride);
}

#define LINEAR_I8_FEW(name, format)                                                                                        \
    void linear_i8_##name##__avx512vnni(const struct view *w, int64_t lo, int64_t hi, const struct gather *in,         \
                                        float *y, int64_t y_stride, void *workspace)                                   \
    {                                                                                                                  \
        linear_i8(DT_##format, gemm_i8_##name##__avx512vnni, w, lo, hi, in, y, y_stride, workspace);                   \
    }

#endif
