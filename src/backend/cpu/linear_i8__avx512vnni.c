/* linear_i8__avx512vnni.c: int8 activations times Q8_0, MXFP4 and MXFP4_HF weights with VPDPBUSD.
 *
 * The unit of work is a quad: 4 weight rows x 1 group of 4 blocks. Its weights are 8 vectors of unsigned bytes: lo[r] has
 * the first 16 values of each of the 4 blocks of row r in its four 128-bit quarters, hi[r] the last 16. The activations
 * lie in a panel in the same order, so one VPDPBUSD leaves 4 partial sums per block in that block's quarter; 4 rows'
 * accumulators transpose into one vector [block][row] of exact block sums, which takes one FMA into p[block mod 4] for
 * 4 rows at once. This is scalar's order.
 *
 * VPDPBUSD wants one unsigned side: MXFP4's doubled codes get +12 (from the table), Q8_0's get +128 (xor 0x80); the
 * panel carries 12 or 128 times the activation sum of each block, which is taken off again. All of it is exact.
 *
 * Up to FEW activation rows read the weights where they lie (small batches); more rows are a case for gemm_i8__avx512vnni.c.
 * One row is left to AVX2's kernel: it waits for memory, has the same bits, and got 5 to 13 % more of the memory's speed on
 * Zen 5 in turns with this one (20b, 2 threads). */
#include "backend/cpu/avx512.h"

#include "backend/cpu/fetch.h"
#include "backend/cpu/gemm_i8__avx512vnni.h"
#include "backend/cpu/overlay__avx2.h"
#include "backend/cpu/overlay__avx512vnni.h"

#include <string.h>

struct quad {
    __m512i lo[4], hi[4];
    __m512 scale; /* [block][row] */
};

/* Four rows of a matrix; the missing ones of a last quad repeat the last row. */
struct rows {
    const uint8_t *data[4], *scales[4];
    const uint8_t *fetch, *fetch_scales; /* what should be on its way from memory while group 0 is worked on */
};

/* Fills *q with group g; `blocks` (1..4) of its blocks exist. */
typedef void load_quad_fn(const struct rows *rows, int64_t g, int blocks, struct quad *q);

/* The rows of a quad lie one after another, so one linear stream of whole lines feeds all four. */
INLINE void fetch_group(const struct rows *rows, int64_t g, int group_bytes)
{
    UNROLL
    for (int at = 0; at < 4 * group_bytes; at += 64)
        _mm_prefetch((const char *)(rows->fetch + g * 4 * group_bytes + at), _MM_HINT_T0);
}

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
    fetch_group(rows, g, 68);
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
    fetch_group(rows, g, 64);
    _mm_prefetch((const char *)(rows->fetch_scales + g * 16), _MM_HINT_T0);
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

/* Index vectors into two neighbouring 64-byte loads: 16 bytes from `first` on of each of 4 blocks that lie 34 apart. */
INLINE __m512i block_bytes(int first)
{
    const __m128i count = _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512i start = quarters_of((char)first, (char)(first + 34), (char)(first + 68), (char)(first + 102));
    return _mm512_add_epi8(_mm512_broadcast_i32x4(count), start);
}

/* Scales come as bytes too: those of blocks 0 and 1 lie in the first load, of 2 and 3 in the second; word 4 b + r of the
 * result is block b's of row r. */
INLINE __m512i scale_words(__m512i words, int r, __m512i front, __m512i back)
{
    const __m512i at = _mm512_set_epi64(0, 0, 0, 0, 0x2726272627262726, 0x0504050405040504, 0x2322232223222322, 0x0100010001000100);
    words = _mm512_mask_permutexvar_epi8(words, (__mmask64)0x0303u << (2 * r), at, front);
    return _mm512_mask_permutexvar_epi8(words, (__mmask64)0x03030000u << (2 * r), at, back);
}

INLINE void load_q8_0(const struct rows *rows, int64_t g, int blocks, struct quad *q)
{
    const __m512i flip = _mm512_set1_epi8((char)0x80), lo = block_bytes(2), hi = block_bytes(18 - 8);
    __m512i scales = _mm512_setzero_si512();
    fetch_group(rows, g, 136);
    UNROLL
    for (int r = 0; r < 4; r++) {
        uint8_t space[4 * 34];
        const uint8_t *at = rows->data[r] + g * 136;
        if (blocks != 4) {
            memset(space, 0, sizeof space);
            memcpy(space, at, (size_t)blocks * 34);
            at = space;
        }
        __m512i front = _mm512_loadu_si512(at), back = _mm512_loadu_si512(at + 64);
        q->lo[r] = _mm512_xor_si512(_mm512_permutex2var_epi8(front, lo, back), flip);
        scales = scale_words(scales, r, front, back);
        q->hi[r] = _mm512_xor_si512(_mm512_permutex2var_epi8(_mm512_loadu_si512(at + 8), hi, _mm512_loadu_si512(at + 72)), flip);
    }
    q->scale = _mm512_cvtph_ps(_mm512_castsi512_si256(scales));
}

/* The activation panel: per row and group 64 bytes lo, 64 hi, 16 scales and 16 corrections, both [block][row of quad]. */
enum { PANEL_BYTES = 4 * 64, FEW = 8 };

static void fill_panel(const struct gather *in, int32_t offset, uint8_t *panel)
{
    const struct act *act = in->act;
    int64_t n_blocks = act->width / QUANT_BLOCK, n_groups = (n_blocks + 3) / 4;
    for (int i = 0; i < in->n; i++) {
        int64_t row = gather_row(in, i);
        const int8_t *q = act->q + row * act->width;
        for (int64_t b = 0; b < n_groups * 4; b++) {
            uint8_t *at = panel + (i * n_groups + b / 4) * PANEL_BYTES + b % 4 * 16;
            bool there = b < n_blocks;
            __m128i zero = _mm_setzero_si128();
            const __m128i *from = (const void *)(q + b * QUANT_BLOCK);
            _mm_store_si128((void *)at, there ? _mm_loadu_si128(from) : zero);
            _mm_store_si128((void *)(at + 64), there ? _mm_loadu_si128(from + 1) : zero);
            _mm_store_ps((void *)(at + 128), _mm_set1_ps(there ? act->d[row * n_blocks + b] : 0));
            _mm_store_si128((void *)(at + 192), _mm_set1_epi32(there ? offset * act->sum[row * n_blocks + b] : 0));
        }
    }
}

/* One quad against one activation group: the products of a group into p. */
INLINE __m512 quad_step(const struct quad *q, const uint8_t *panel, __mmask16 mask, __m512 p)
{
    __m512i lo = _mm512_load_si512(panel), hi = _mm512_load_si512(panel + 64), a[4];
    UNROLL
    for (int r = 0; r < 4; r++)
        a[r] = _mm512_dpbusd_epi32(_mm512_dpbusd_epi32(_mm512_setzero_si512(), q->lo[r], lo), q->hi[r], hi);
    __m512i t0 = _mm512_add_epi32(_mm512_unpacklo_epi32(a[0], a[1]), _mm512_unpackhi_epi32(a[0], a[1]));
    __m512i t1 = _mm512_add_epi32(_mm512_unpacklo_epi32(a[2], a[3]), _mm512_unpackhi_epi32(a[2], a[3]));
    __m512i sum = _mm512_add_epi32(_mm512_unpacklo_epi64(t0, t1), _mm512_unpackhi_epi64(t0, t1));
    sum = _mm512_sub_epi32(sum, _mm512_load_si512(panel + 192));
    __m512 scale = _mm512_mul_ps(_mm512_load_ps(panel + 128), q->scale);
    return _mm512_mask3_fmadd_ps(_mm512_cvtepi32_ps(sum), scale, p, mask);
}

/* (p0 + p1) + (p2 + p3) for 4 rows. */
INLINE __m128 finish(__m512 p)
{
    __m128 front = _mm_add_ps(_mm512_castps512_ps128(p), _mm512_extractf32x4_ps(p, 1));
    return _mm_add_ps(front, _mm_add_ps(_mm512_extractf32x4_ps(p, 2), _mm512_extractf32x4_ps(p, 3)));
}

/* Four weight rows times n (a constant, 2..FEW) activation rows. */
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
    struct rows rows = {.fetch = fetch_from(w, o, hi, next)};
    rows.fetch_scales = w->scales ? w->scales + o * w->scale_stride + FETCH_SCALES_AHEAD : NULL;
    UNROLL
    for (int r = 0; r < 4; r++) {
        int64_t at = o + r < hi ? o + r : hi - 1;
        rows.data[r] = w->data + at * w->row_stride;
        rows.scales[r] = w->scales ? w->scales + at * w->scale_stride : NULL;
    }
    return rows;
}

static __mmask8 rows_mask(int64_t o, int64_t hi)
{
    return hi - o >= 4 ? 15 : (__mmask8)((1 << (hi - o)) - 1);
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

INLINE void linear_i8(load_quad_fn *load, linear_fn *one, linear_fn *many, int32_t offset, const struct view *w, int64_t lo, int64_t hi,
                      const struct gather *in, float *y, int64_t y_stride, void *scratch)
{
    uint8_t *panel = (uint8_t *)(((uintptr_t)scratch + 63) & ~(uintptr_t)63);
    if (in->n == 1 || in->n > FEW) {
        (in->n == 1 ? one : many)(w, lo, hi, in, y, y_stride, scratch);
        return;
    }
    fill_panel(in, offset, panel);
    linear_few(load, w, lo, hi, in, panel, y, y_stride);
}

void linear_i8_q8_0__avx512vnni(const struct view *w, int64_t lo, int64_t hi, const struct gather *in, float *y,
                                int64_t y_stride, void *scratch)
{
    linear_i8(load_q8_0, linear_i8_q8_0__avx2, gemm_i8_q8_0__avx512vnni, 128, w, lo, hi, in, y, y_stride, scratch);
}

void linear_i8_mxfp4__avx512vnni(const struct view *w, int64_t lo, int64_t hi, const struct gather *in, float *y,
                                 int64_t y_stride, void *scratch)
{
    linear_i8(load_mxfp4, linear_i8_mxfp4__avx2, gemm_i8_mxfp4__avx512vnni, 12, w, lo, hi, in, y, y_stride, scratch);
}

void linear_i8_mxfp4_hf__avx512vnni(const struct view *w, int64_t lo, int64_t hi, const struct gather *in, float *y,
                                    int64_t y_stride, void *scratch)
{
    linear_i8(load_mxfp4_hf, linear_i8_mxfp4_hf__avx2, gemm_i8_mxfp4_hf__avx512vnni, 12, w, lo, hi, in, y, y_stride, scratch);
}
