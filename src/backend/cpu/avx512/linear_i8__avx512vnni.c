/* linear_i8__avx512vnni.c: int8 activations times Q8_0, MXFP4 and MXFP4_HF weights with VPDPBUSD.
 *
 * The unit of work is a quad: 4 weight rows x 1 group of 4 blocks. Its weights are 8 vectors of unsigned bytes: lo[r] has
 * the first 16 values of each of the 4 blocks of row r in its four 128-bit quarters, hi[r] the last 16. The activations
 * lie in a panel in the same order, so one VPDPBUSD leaves 4 partial sums per block in that block's quarter; 4 rows'
 * accumulators transpose into one vector [block][row] of exact block sums, which takes one FMA into p[block mod 4] for
 * 4 rows at once. This is scalar's order.
 *
 * VPDPBUSD wants one unsigned side: MXFP4's doubled codes get +12 (from the table), Q8_0's get +128 (xor 0x80); the
 * sums begin with minus 12 or 128 times the activation sum of each block. All of it is exact.
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
    __m512 scale; /* [block][row] */
};

/* Four rows of a matrix; the missing ones of a last quad repeat the last row. */
struct rows {
    const uint8_t *data[4], *scales[4];
    struct ahead ahead;
    const uint8_t *ahead_scales;
};

/* Fills *q with group g; `blocks` (1..4) of its blocks exist. */
typedef void load_quad_fn(const struct rows *rows, int64_t g, int blocks, struct quad *q);

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
    q->scale = mxfp4_scales(s24);
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
    q->scale = mxfp4_scales(_mm512_slli_epi32(_mm512_cvtepu8_epi32(by_block), 24));
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
    q->scale = _mm512_cvtph_ps(_mm256_loadu_si256((const void *)scales));
}

/* The activation panel: per row and group 64 bytes lo, 64 hi, and in each quarter what the sums begin with and the scale. It
 * is small, for 8 rows of it share the first-level cache with the weights to come. */
enum { PANEL_BYTES = 3 * 64, FEW = 8 };

static void fill_panel(const struct gather *in, int32_t offset, uint8_t *panel)
{
    const struct act *act = in->act;
    int64_t n_blocks = act->width / QUANT_BLOCK, n_groups = (n_blocks + 3) / 4;
    for (int i = 0; i < in->n; i++) {
        int64_t row = gather_row(in, i);
        const int8_t *q = act->q + row * act->width;
        for (int64_t b = 0; b < n_groups * 4; b++) {
            uint8_t *at = panel + (i * n_groups + b / 4) * PANEL_BYTES + b % 4 * 16;
            __m128i lo = _mm_setzero_si128(), hi = lo, start_scale = lo;
            if (b < n_blocks) {
                lo = _mm_loadu_si128((const void *)(q + b * QUANT_BLOCK));
                hi = _mm_loadu_si128((const void *)(q + b * QUANT_BLOCK + 16));
                start_scale = _mm_castps_si128(_mm_set_ps(0, 0, act->d[row * n_blocks + b], 0));
                start_scale = _mm_insert_epi32(start_scale, -offset * act->sum[row * n_blocks + b], 0);
            }
            _mm_store_si128((void *)at, lo);
            _mm_store_si128((void *)(at + 64), hi);
            _mm_store_si128((void *)(at + 128), start_scale);
        }
    }
}

/* One quad against one activation group: the products of a group into p. */
INLINE __m512 quad_step(const struct quad *q, const uint8_t *panel, __mmask16 mask, __m512 p)
{
    __m512i lo = _mm512_load_si512(panel), hi = _mm512_load_si512(panel + 64), a[4];
    __m512i start = _mm512_maskz_load_epi32(0x1111, panel + 128);
    UNROLL
    for (int r = 0; r < 4; r++)
        a[r] = _mm512_dpbusd_epi32(_mm512_dpbusd_epi32(start, q->lo[r], lo), q->hi[r], hi);
    __m512i t0 = _mm512_add_epi32(_mm512_unpacklo_epi32(a[0], a[1]), _mm512_unpackhi_epi32(a[0], a[1]));
    __m512i t1 = _mm512_add_epi32(_mm512_unpacklo_epi32(a[2], a[3]), _mm512_unpackhi_epi32(a[2], a[3]));
    __m512i sum = _mm512_add_epi32(_mm512_unpacklo_epi64(t0, t1), _mm512_unpackhi_epi64(t0, t1));
    __m512 scale = _mm512_mul_ps(_mm512_permute_ps(_mm512_load_ps(panel + 128), 0x55), q->scale);
    return _mm512_mask3_fmadd_ps(_mm512_cvtepi32_ps(sum), scale, p, mask);
}

/* (p0 + p1) + (p2 + p3) for 4 rows. */
INLINE __m128 finish(__m512 p)
{
    __m128 front = _mm_add_ps(_mm512_castps512_ps128(p), _mm512_extractf32x4_ps(p, 1));
    return _mm_add_ps(front, _mm_add_ps(_mm512_extractf32x4_ps(p, 2), _mm512_extractf32x4_ps(p, 3)));
}

/* Four weight rows times n (a constant, 1..FEW) activation rows. */
INLINE void quad_dot(load_quad_fn *load, const struct rows *rows, int64_t n_blocks, const uint8_t *panel, int n,
                     float *y, int64_t y_stride, __mmask8 row_mask)
{
    int64_t n_whole = n_blocks / 4, n_groups = (n_blocks + 3) / 4;
    __m512 p[FEW];
    struct quad q;
    UNROLL
    for (int i = 0; i < n; i++)
        p[i] = _mm512_setzero_ps();
    for (int64_t g = 0; g < n_whole; g++) {
        load(rows, g, 4, &q);
        UNROLL
        for (int i = 0; i < n; i++)
            p[i] = quad_step(&q, panel + (i * n_groups + g) * PANEL_BYTES, 0xffff, p[i]);
    }
    if (n_whole < n_groups) {
        int rest = (int)(n_blocks % 4);
        __mmask16 there = (__mmask16)((1 << 4 * rest) - 1);
        load(rows, n_whole, rest, &q);
        UNROLL
        for (int i = 0; i < n; i++)
            p[i] = quad_step(&q, panel + (i * n_groups + n_whole) * PANEL_BYTES, there, p[i]);
    }
    UNROLL
    for (int i = 0; i < n; i++)
        _mm_mask_storeu_ps(y + i * y_stride, row_mask, finish(p[i]));
}

INLINE void quad_dots(load_quad_fn *load, const struct rows *rows, int64_t n_blocks, const uint8_t *panel, int n,
                      float *y, int64_t y_stride, __mmask8 row_mask)
{
#define CASE(count)                                                                                                    \
    case count:                                                                                                        \
        quad_dot(load, rows, n_blocks, panel, count, y, y_stride, row_mask);                                           \
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

static struct rows quad_rows(const struct view *w, int64_t o, int64_t hi, const uint8_t *next)
{
    struct rows rows = {.ahead = fetch_from(w, o, hi, next)};
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
INLINE void linear_few(load_quad_fn *load, const struct view *w, int64_t lo, int64_t hi, const struct gather *in,
                       const uint8_t *panel, float *y, int64_t y_stride)
{
    fetch_start(w, lo);
    for (int64_t o = lo; o < hi; o += 4) {
        struct rows rows = quad_rows(w, o, hi, in->next);
        quad_dots(load, &rows, w->cols / QUANT_BLOCK, panel, in->n, y + (o - lo), y_stride, rows_mask(o, hi));
    }
}

INLINE void linear_i8(load_quad_fn *load, linear_fn *many, int32_t offset, const struct view *w, int64_t lo, int64_t hi,
                      const struct gather *in, float *y, int64_t y_stride, void *workspace)
{
    uint8_t *panel = (uint8_t *)(((uintptr_t)workspace + 63) & ~(uintptr_t)63);
    if (in->n > FEW) {
        many(w, lo, hi, in, y, y_stride, workspace);
        return;
    }
    if (!in->again)
        fill_panel(in, offset, panel);
    linear_few(load, w, lo, hi, in, panel, y, y_stride);
}

void linear_i8_q8_0__avx512vnni(const struct view *w, int64_t lo, int64_t hi, const struct gather *in, float *y,
                                int64_t y_stride, void *workspace)
{
    linear_i8(load_q8_0, gemm_i8_q8_0__avx512vnni, 128, w, lo, hi, in, y, y_stride, workspace);
}

void linear_i8_mxfp4__avx512vnni(const struct view *w, int64_t lo, int64_t hi, const struct gather *in, float *y,
                                 int64_t y_stride, void *workspace)
{
    linear_i8(load_mxfp4, gemm_i8_mxfp4__avx512vnni, 12, w, lo, hi, in, y, y_stride, workspace);
}

void linear_i8_mxfp4_hf__avx512vnni(const struct view *w, int64_t lo, int64_t hi, const struct gather *in, float *y,
                                    int64_t y_stride, void *workspace)
{
    linear_i8(load_mxfp4_hf, gemm_i8_mxfp4_hf__avx512vnni, 12, w, lo, hi, in, y, y_stride, workspace);
}
