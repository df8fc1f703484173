/* linear_i8__avx512vnni.c: int8 activations times weights of any format with codes, with VPDPBUSD.
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
#include "backend/cpu/avx512/avx512.h"

#include "backend/cpu/fetch.h"
#include "backend/cpu/avx512/gemm_i8__avx512vnni.h"
#include "backend/cpu/tables.h"

#include <string.h>

struct quad {
    __m512i lo[4], hi[4];
    __m512 scale[2], offset[2]; /* [block][row]; [1] of the last 16 values in RUNS */
};

/* Four rows of a matrix; the missing ones of a last quad repeat the last row. */
struct rows {
    const uint8_t *data[4], *scales[4];
    struct code_rows coded;
    struct ahead ahead;
    const uint8_t *ahead_scales;
};

/* load_*: fills *q with group g; `blocks` (1..4) of its blocks exist. */

/* One byte all over each 128-bit quarter. */
INLINE __m512i quarters_of(char a, char b, char c, char d)
{
    __m512i v = _mm512_castsi128_si512(_mm_set1_epi8(a));
    v = _mm512_inserti32x4(v, _mm_set1_epi8(b), 1);
    v = _mm512_inserti32x4(v, _mm_set1_epi8(c), 2);
    return _mm512_inserti32x4(v, _mm_set1_epi8(d), 3);
}

INLINE void load_mxfp4(const struct rows *rows, int64_t g, int blocks, struct quad *q)
{
    /* Byte j of quarter b is byte 17 b + 1 + j of the group; quarter 3 ends beyond 64 bytes and is loaded by itself. */
    const __m128i one_to_16 = _mm_setr_epi8(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16);
    const __m512i scale_at = quarters_of(0, 17, 34, 51);
    const __m512i where = _mm512_add_epi8(_mm512_broadcast_i32x4(one_to_16), scale_at);
    const __m512i table = mxfp4_table();
    __m512i s24 = _mm512_setzero_si512();
    fetch_ahead(&rows->ahead, g * 4 * 68, 4 * 68, true);
    UNROLL
    for (int r = 0; r < 4; r++) {
        const uint8_t *at = rows->data[r] + g * 68;
        __m512i raw, codes;
        if (blocks == 4) {
            raw = _mm512_loadu_si512(at);
            codes = _mm512_mask_broadcast_i32x4(_mm512_permutexvar_epi8(where, raw), 0xf000,
                                                _mm_loadu_si128((const void *)(at + 52)));
        } else {
            raw = _mm512_maskz_loadu_epi8(((__mmask64)1 << (17 * blocks)) - 1, at);
            codes = _mm512_permutexvar_epi8(where, raw);
        }
        q->lo[r] = _mm512_permutexvar_epi8(codes, table);
        q->hi[r] = _mm512_permutexvar_epi8(_mm512_srli_epi16(codes, 4), table);
        s24 = _mm512_mask_permutexvar_epi8(s24, 0x0008000800080008u << (4 * r), scale_at, raw);
    }
    q->scale[0] = mxfp4_scales(s24);
}

INLINE void load_mxfp4_hf(const struct rows *rows, int64_t g, int blocks, struct quad *q)
{
    const __m512i table = mxfp4_table();
    uint32_t scales[4] = {0};
    fetch_ahead(&rows->ahead, g * 4 * 64, 4 * 64, true);
    _mm_prefetch((const char *)(rows->ahead_scales + g * 16), _MM_HINT_T0);
    UNROLL
    for (int r = 0; r < 4; r++) {
        const uint8_t *at = rows->data[r] + g * 64;
        __m512i raw = blocks == 4 ? _mm512_loadu_si512(at)
                                  : _mm512_maskz_loadu_epi8(((__mmask64)1 << (16 * blocks)) - 1, at);
        __m512i even = _mm512_permutexvar_epi8(raw, table);
        __m512i odd = _mm512_permutexvar_epi8(_mm512_srli_epi16(raw, 4), table);
        q->lo[r] = _mm512_unpacklo_epi8(even, odd);
        q->hi[r] = _mm512_unpackhi_epi8(even, odd);
        if (blocks == 4)
            memcpy(&scales[r], rows->scales[r] + g * 4, 4);
        else
            for (int b = 0; b < blocks; b++)
                scales[r] |= (uint32_t)rows->scales[r][g * 4 + b] << (8 * b);
    }
    __m128i by_row = _mm_setr_epi32((int)scales[0], (int)scales[1], (int)scales[2], (int)scales[3]);
    __m128i by_block = _mm_shuffle_epi8(by_row, _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
    q->scale[0] = mxfp4_scales(_mm512_slli_epi32(_mm512_cvtepu8_epi32(by_block), 24));
}

/* 16 bytes of each of 4 blocks that lie 34 apart. Loads of 64 bytes would do with half as many, but nearly all of them would
 * lie across two lines, and two lines that are still on their way from memory cost a third of the speed (Zen 5). */
INLINE __m512i four_blocks(const uint8_t *at)
{
    __m512i v = _mm512_zextsi128_si512(_mm_loadu_si128((const void *)at));
    v = _mm512_mask_broadcast_i32x4(v, 0x00f0, _mm_loadu_si128((const void *)(at + 34)));
    v = _mm512_mask_broadcast_i32x4(v, 0x0f00, _mm_loadu_si128((const void *)(at + 68)));
    return _mm512_mask_broadcast_i32x4(v, 0xf000, _mm_loadu_si128((const void *)(at + 102)));
}

INLINE void load_q8_0(const struct rows *rows, int64_t g, int blocks, struct quad *q)
{
    const __m512i flip = _mm512_set1_epi8((char)0x80);
    uint16_t scales[16];
    fetch_ahead(&rows->ahead, g * 4 * 136, 4 * 136, true);
    UNROLL
    for (int r = 0; r < 4; r++) {
        uint8_t space[4 * 34];
        const uint8_t *at = rows->data[r] + g * 136;
        if (blocks != 4) {
            memset(space, 0, sizeof space);
            memcpy(space, at, (size_t)blocks * 34);
            at = space;
        }
        q->lo[r] = _mm512_xor_si512(four_blocks(at + 2), flip);
        q->hi[r] = _mm512_xor_si512(four_blocks(at + 18), flip);
        UNROLL
        for (int b = 0; b < 4; b++)
            memcpy(&scales[4 * b + r], at + b * 34, 2);
    }
    q->scale[0] = _mm512_cvtph_ps(_mm256_loadu_si256((const void *)scales));
}

INLINE __m512 both_halves(__m256 a, __m256 b)
{
    return _mm512_castsi512_ps(_mm512_inserti64x4(_mm512_castsi256_si512(_mm256_castps_si256(a)), _mm256_castps_si256(b), 1));
}

/* Any format: two pairs. `open` is what pair_scales keeps. */
INLINE void load_coded(enum dtype t, const struct rows *rows, int64_t g, int blocks, struct pair_scales open[4],
                       struct quad *q)
{
    const int bytes = 16 * 32 * bytes_of(t) / block_of(t), runs = kind_of(t) == RUNS ? 2 : 1;
    const __m512i flip = _mm512_set1_epi8((char)0x80);
    fetch_ahead(&rows->ahead, g * bytes, bytes, true);
    UNROLL
    for (int r = 0; r < 4; r++) {
        __m256i f0, l0, f1, l1;
        pair_codes(t, rows->coded.data[r], 2 * g, blocks >= 2, &f0, &l0);
        f1 = f0, l1 = l0;
        if (blocks > 2)
            pair_codes(t, rows->coded.data[r], 2 * g + 1, blocks == 4, &f1, &l1);
        q->lo[r] = _mm512_inserti64x4(_mm512_castsi256_si512(f0), f1, 1);
        q->hi[r] = _mm512_inserti64x4(_mm512_castsi256_si512(l0), l1, 1);
        if (kind_of(t) == WIDE) {
            q->lo[r] = _mm512_xor_si512(q->lo[r], flip);
            q->hi[r] = _mm512_xor_si512(q->hi[r], flip);
        }
    }
    struct pair_scales a = *pair_scales(t, &rows->coded, 2 * g, blocks >= 2, false, open), b = a;
    if (blocks > 2)
        b = *pair_scales(t, &rows->coded, 2 * g + 1, blocks == 4, false, open);
    UNROLL
    for (int run = 0; run < runs; run++) {
        q->scale[run] = both_halves(a.scale[run], b.scale[run]);
        if (offsets_of(t))
            q->offset[run] = both_halves(a.offset[run], b.offset[run]);
    }
}

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

/* A block's 16 bytes behind its values. `shift`: of the weights. */
INLINE __m128i start_of(bool runs, bool offsets, int32_t shift, const int8_t *q, int32_t sum, int32_t d_bits)
{
    int32_t last = runs ? sum16(q + 16) : 0, first = sum - last;
    if (!offsets)
        return _mm_setr_epi32(-shift * first, d_bits, -shift * last, 0);
    return runs ? _mm_setr_epi32(0, d_bits, first, last) : _mm_setr_epi32(-shift * sum, d_bits, sum, 0);
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
    if (offsets) {
        __m512 own = _mm512_cvtepi32_ps(_mm512_castps_si512(_mm512_permute_ps(behind, 0xaa)));
        p = _mm512_mask3_fmadd_ps(own, _mm512_mul_ps(d, q->offset[0]), p, mask);
    }
    if (!runs)
        return p;
    p = _mm512_mask3_fmadd_ps(turned_sums(b), _mm512_mul_ps(d, q->scale[1]), p, mask);
    if (offsets) {
        __m512 own = _mm512_cvtepi32_ps(_mm512_castps_si512(_mm512_permute_ps(behind, 0xff)));
        p = _mm512_mask3_fmadd_ps(own, _mm512_mul_ps(d, q->offset[1]), p, mask);
    }
    return p;
}

/* (p0 + p1) + (p2 + p3) for 4 rows. */
INLINE __m128 finish(__m512 p)
{
    __m128 front = _mm_add_ps(_mm512_castps512_ps128(p), _mm512_extractf32x4_ps(p, 1));
    return _mm_add_ps(front, _mm_add_ps(_mm512_extractf32x4_ps(p, 2), _mm512_extractf32x4_ps(p, 3)));
}

INLINE void load(enum dtype t, const struct rows *rows, int64_t g, int blocks, struct pair_scales open[4], struct quad *q)
{
    if (t == DT_Q8_0)
        load_q8_0(rows, g, blocks, q);
    else if (t == DT_MXFP4)
        load_mxfp4(rows, g, blocks, q);
    else if (t == DT_MXFP4_HF)
        load_mxfp4_hf(rows, g, blocks, q);
    else
        load_coded(t, rows, g, blocks, open, q);
}

/* What is left of a row has as many blocks as it has; a load is compiled for each count. */
INLINE void load_rest(enum dtype t, const struct rows *rows, int64_t g, int blocks, struct pair_scales open[4],
                      struct quad *q)
{
    if (t == DT_Q8_0 || t == DT_MXFP4 || t == DT_MXFP4_HF)
        load(t, rows, g, blocks, open, q);
    else if (block_of(t) == 32 && blocks == 1)
        load_coded(t, rows, g, 1, open, q);
    else if (block_of(t) == 32 && blocks == 3)
        load_coded(t, rows, g, 3, open, q);
    else if (block_of(t) < 256)
        load_coded(t, rows, g, 2, open, q);
}

/* Four weight rows times n (a constant, 1..FEW) activation rows. */
INLINE void quad_dot(enum dtype t, const struct rows *rows, int64_t n_blocks, const uint8_t *panel, int n,
                     float *y, int64_t y_stride, __mmask8 row_mask)
{
    int64_t n_whole = n_blocks / 4, n_groups = (n_blocks + 3) / 4;
    const bool runs = kind_of(t) == RUNS, offsets = offsets_of(t);
    __m512 p[FEW];
    struct quad q;
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

static struct rows quad_rows(const struct view *w, int64_t o, int64_t hi, const uint8_t *next)
{
    struct rows rows = {.ahead = fetch_from(w, o, hi, next), .coded = code_rows(w, o, hi)};
    rows.ahead_scales = w->side[0].data ? w->side[0].data + o * w->side[0].stride + FETCH_SCALES_AHEAD : NULL;
    UNROLL
    for (int r = 0; r < 4; r++) {
        int64_t at = o + r < hi ? o + r : hi - 1;
        rows.data[r] = w->data + at * w->row_stride;
        rows.scales[r] = w->side[0].data ? w->side[0].data + at * w->side[0].stride : NULL;
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
    fetch_start(w, lo);
    for (int64_t o = lo; o < hi; o += 4) {
        struct rows rows = quad_rows(w, o, hi, in->next);
        if (few_of(t) == 1)
            quad_dot(t, &rows, w->cols / QUANT_BLOCK, panel, 1, y + (o - lo), y_stride, rows_mask(o, hi));
        else
            quad_dots(t, &rows, w->cols / QUANT_BLOCK, panel, in->n, y + (o - lo), y_stride, rows_mask(o, hi));
    }
}

INLINE void linear_i8(enum dtype t, linear_fn *many, const struct view *w, int64_t lo, int64_t hi,
                      const struct gather *in, float *y, int64_t y_stride, void *workspace)
{
    const bool pairs = in_pairs(t) && t != DT_MXFP4_HF; /* which unpacks into the natural order */
    uint8_t *panel = (uint8_t *)(((uintptr_t)workspace + 63) & ~(uintptr_t)63);
    if (!group_known(w)) {
        linear_i8_any__avx2(w, lo, hi, in, y, y_stride, workspace);
        return;
    }
    if (in->n > few_of(t)) {
        many(w, lo, hi, in, y, y_stride, workspace);
        return;
    }
    if (!in->again)
        fill_panel(in, pairs, kind_of(t) == RUNS, offsets_of(t), shift_of(t), panel);
    linear_few(t, w, lo, hi, in, panel, y, y_stride);
}

#define LINEAR_I8(name, format)                                                                                        \
    void linear_i8_##name##__avx512vnni(const struct view *w, int64_t lo, int64_t hi, const struct gather *in,         \
                                        float *y, int64_t y_stride, void *workspace)                                   \
    {                                                                                                                  \
        linear_i8(DT_##format, gemm_i8_##name##__avx512vnni, w, lo, hi, in, y, y_stride, workspace);                   \
    }
LINEAR_I8(q8_0, Q8_0)
LINEAR_I8(mxfp4, MXFP4)
LINEAR_I8(mxfp4_hf, MXFP4_HF)
CODED_BY_32(LINEAR_I8)
CODED_OTHERS(LINEAR_I8)
