/* linear_i8_few__avx2.h: int8 activations times weights of any format with codes: a few activation rows (decode) read the
 * weights where they lie; more go to gemm_i8__avx2.c.
 *
 * The unit of work is a pair of blocks of 4 weight rows. A vector of codes has 16 values of each block in its two halves,
 * and the activations lie in a panel in the same order; so a row leaves some partial sums per block in that block's half,
 * and 4 rows transpose into one vector [block][row] of exact block sums, which takes one FMA into p[block mod 4] for 4
 * rows at once, and with offsets one more. Where scales serve 16 values, the first and the last 16 go that way one after
 * the other. This is scalar's order.
 *
 * WIDE codes give their sign to the activations, for VPMADDUBSW wants unsigned weights: two products are at most
 * 2 * 128 * 127 = 32512, which is widened at once. i8__avx2.h says how the others stay in int16. */
#ifndef OSSO_BACKEND_LINEAR_I8_FEW_AVX2_H
#define OSSO_BACKEND_LINEAR_I8_FEW_AVX2_H

#include "backend/cpu/avx2/i8__avx2.h"

#include "backend/cpu/fetch.h"
#include "backend/cpu/tables.h"

enum { FEW = 4 /* activation rows */ };

/* Activation rows that a format's few have code for: the most used ones each number up to FEW, blocks of 32 one and FEW
 * (some of them zero), others one. It is a matter of the compiler's time and the program's size. */
INLINE bool has_each(enum dtype t)
{
    return t == DT_Q8_0 || t == DT_MXFP4 || t == DT_MXFP4_HF;
}

INLINE int few_of(enum dtype t)
{
    const bool stream = t == DT_AFFINE2 || t == DT_AFFINE3 || t == DT_AFFINE5 || t == DT_AFFINE6;
    return block_of(t) == 32 && !stream ? FEW : 1;
}

/* The panel, per row and pair: 64 bytes of values; then, as 8 of [block][row], corrections, scales, own sums, and in RUNS
 * the last 16's corrections and sums. */
enum { PANEL_CORRECTION = 64, PANEL_SCALE = 96, PANEL_SUM = 128, PANEL_LAST = 160 };

INLINE int pair_panel(enum dtype t)
{
    return kind_of(t) == RUNS ? PANEL_LAST + 64 : offsets_of(t) ? PANEL_SUM + 32 : PANEL_SUM;
}

/* Four rows of a matrix. */
struct rows {
    struct code_rows codes;
    struct ahead ahead;
    const uint8_t *ahead_scales;
};

/* A row's partial sums: of all 32 values, or in [0] and [1] of the first and the last 16; WIDE in int32, else in int16. */
INLINE void row_sums(enum dtype t, __m256i first, __m256i last, const uint8_t *panel, __m256i out[2])
{
    __m256i a = _mm256_load_si256((const void *)panel), b = _mm256_load_si256((const void *)(panel + 32));
    if (kind_of(t) == RUNS) {
        out[0] = _mm256_maddubs_epi16(first, a);
        out[1] = _mm256_maddubs_epi16(last, b);
        return;
    }
    if (kind_of(t) == NARROW) {
        out[0] = _mm256_add_epi16(_mm256_maddubs_epi16(first, a), _mm256_maddubs_epi16(last, b));
        return;
    }
    const __m256i one = _mm256_set1_epi16(1);
    a = _mm256_maddubs_epi16(_mm256_abs_epi8(first), _mm256_sign_epi8(a, first));
    b = _mm256_maddubs_epi16(_mm256_abs_epi8(last), _mm256_sign_epi8(b, last));
    out[0] = _mm256_add_epi32(_mm256_madd_epi16(a, one), _mm256_madd_epi16(b, one));
}

INLINE __m256i add_sums(enum dtype t, __m256i a, __m256i b)
{
    return kind_of(t) == WIDE ? _mm256_add_epi32(a, b) : _mm256_add_epi16(a, b);
}

/* Four rows' sums to whole ones, [block][row]; `panel` has their corrections, `own` the activations' sums. */
INLINE __m256 block_sums(enum dtype t, __m256i (*rows)[2], int run, const uint8_t *panel, __m256i own)
{
    __m256i t0 = add_sums(t, _mm256_unpacklo_epi32(rows[0][run], rows[1][run]),
                          _mm256_unpackhi_epi32(rows[0][run], rows[1][run]));
    __m256i t1 = add_sums(t, _mm256_unpacklo_epi32(rows[2][run], rows[3][run]),
                          _mm256_unpackhi_epi32(rows[2][run], rows[3][run]));
    __m256i sum = add_sums(t, _mm256_unpacklo_epi64(t0, t1), _mm256_unpackhi_epi64(t0, t1));
    if (kind_of(t) != WIDE) {
        sum = _mm256_add_epi16(sum, _mm256_load_si256((const void *)panel));
        sum = _mm256_madd_epi16(sum, _mm256_set1_epi16(1));
        if (offsets_of(t)) /* its bias was for int16 alone: 16 */
            sum = _mm256_add_epi32(sum, _mm256_slli_epi32(own, 4));
    }
    return _mm256_cvtepi32_ps(sum);
}

/* What a pair adds to p, from one activation row: run after run the dot's FMA, then, with offsets, the sum's. */
INLINE __m256 pair_fma(enum dtype t, __m256i (*rows)[2], const struct pair_scales *scales, const uint8_t *panel,
                       __m256 p)
{
    const int runs = kind_of(t) == RUNS ? 2 : 1;
    __m256 d = _mm256_load_ps((const void *)(panel + PANEL_SCALE));
    UNROLL
    for (int run = 0; run < runs; run++) {
        const uint8_t *at = panel + (run ? PANEL_LAST : PANEL_CORRECTION);
        const uint8_t *own_at = panel + (run ? PANEL_LAST + 32 : PANEL_SUM);
        __m256i own = offsets_of(t) ? _mm256_load_si256((const void *)own_at) : _mm256_setzero_si256();
        p = _mm256_fmadd_ps(block_sums(t, rows, run, at, own), _mm256_mul_ps(d, scales->scale[run]), p);
        if (offsets_of(t))
            p = _mm256_fmadd_ps(_mm256_cvtepi32_ps(own), _mm256_mul_ps(d, scales->offset[run]), p);
    }
    return p;
}

/* One pair of blocks (if not `two`, only its first exists) of 4 rows times n activation rows, all constants but the
 * position; panels lie `stride` bytes apart. */
INLINE void pair_step(enum dtype t, const struct rows *rows, int64_t pair, bool two, const uint8_t *panel,
                      int64_t stride, int n, struct pair_scales open[4], __m256 *p)
{
    __m256i sums[FEW][4][2];
    UNROLL
    for (int r = 0; r < 4; r++) {
        __m256i first, last;
        pair_codes(t, rows->codes.data[r], pair, two, &first, &last);
        UNROLL
        for (int i = 0; i < n; i++)
            row_sums(t, first, last, panel + i * stride, sums[i][r]);
    }
    const struct pair_scales *scales = pair_scales(t, &rows->codes, pair, two, false, open);
    UNROLL
    for (int i = 0; i < n; i++) {
        __m256 sum = pair_fma(t, sums[i], scales, panel + i * stride, p[i]);
        p[i] = two ? sum : _mm256_blend_ps(p[i], sum, 0x0f); /* even adding 0 would turn -0 into 0 */
    }
}

/* Four blocks of four rows. */
INLINE void fetch_group(enum dtype t, const struct rows *rows, int64_t g)
{
    const int bytes = 16 * 32 * bytes_of(t) / block_of(t);
    fetch_ahead(&rows->ahead, g * bytes, bytes, false);
    if (t == DT_MXFP4_HF)
        _mm_prefetch((const char *)(rows->ahead_scales + g * 16), _MM_HINT_T0);
}

/* (p0 + p1) + (p2 + p3) of 4 rows. */
INLINE __m128 finish(__m256 p01, __m256 p23)
{
    __m128 front = _mm_add_ps(_mm256_castps256_ps128(p01), _mm256_extractf128_ps(p01, 1));
    return _mm_add_ps(front, _mm_add_ps(_mm256_castps256_ps128(p23), _mm256_extractf128_ps(p23, 1)));
}

/* Four weight rows times n (a constant, 1..FEW) activation rows; of their outputs n_out by n_in are stored. */
INLINE void rows_dot(enum dtype t, const struct rows *rows, int64_t n_blocks, const uint8_t *panel, int n,
                     int n_in, float *y, int64_t y_stride, int64_t n_out)
{
    const int bytes = pair_panel(t);
    int64_t stride = (n_blocks + 1) / 2 * bytes, g = 0;
    struct pair_scales open[4];
    __m256 p01[FEW], p23[FEW];
    UNROLL
    for (int i = 0; i < n; i++)
        p01[i] = p23[i] = _mm256_setzero_ps();
    for (; g < n_blocks / 4; g++, panel += 2 * bytes) {
        fetch_group(t, rows, g);
        pair_step(t, rows, 2 * g, true, panel, stride, n, open, p01);
        pair_step(t, rows, 2 * g + 1, true, panel + bytes, stride, n, open, p23);
    }
    if (block_of(t) < 256 && n_blocks % 4 >= 2)
        pair_step(t, rows, 2 * g, true, panel, stride, n, open, p01);
    if (block_of(t) == 32 && n_blocks % 4 == 1)
        pair_step(t, rows, 2 * g, false, panel, stride, n, open, p01);
    if (block_of(t) == 32 && n_blocks % 4 == 3)
        pair_step(t, rows, 2 * g + 1, false, panel + bytes, stride, n, open, p23);
    UNROLL
    for (int i = 0; i < n; i++) {
        float four[4];
        if (i >= n_in)
            break;
        _mm_storeu_ps(four, finish(p01[i], p23[i]));
        if (n_out >= 4)
            memcpy(y + i * y_stride, four, sizeof four);
        else
            memcpy(y + i * y_stride, four, (size_t)n_out * sizeof *four);
    }
}

INLINE struct rows rows_at(const struct view *w, int64_t o, int64_t hi, const uint8_t *next)
{
    struct rows rows = {.codes = code_rows(w, o, hi), .ahead = fetch_from(w, o, hi, next)};
    rows.ahead_scales = w->side[0].data ? w->side[0].data + o * w->side[0].stride + FETCH_SCALES_AHEAD : NULL;
    return rows;
}

/* Four times the same value: of every row. */
INLINE void put4(uint8_t *at, int32_t value)
{
    _mm_store_si128((void *)at, _mm_set1_epi32(value));
}

INLINE void half_panel(enum dtype t, uint8_t *at, int half, __m256i block, int32_t sum, float d)
{
    const bool runs = kind_of(t) == RUNS;
    int32_t values[2];
    at += 16 * half;
    _mm_store_si128((void *)at, _mm256_castsi256_si128(block));
    _mm_store_si128((void *)(at + 32), _mm256_extracti128_si256(block, 1));
    corrections(runs, block, bias_of(t), values);
    put4(at + PANEL_CORRECTION, values[0]);
    _mm_store_ps((void *)(at + PANEL_SCALE), _mm_set1_ps(d));
    if (runs)
        put4(at + PANEL_LAST, values[1]);
    if (!offsets_of(t))
        return;
    own_sums(runs, block, sum, values);
    put4(at + PANEL_SUM, values[0]);
    if (runs)
        put4(at + PANEL_LAST + 32, values[1]);
}

/* The activation rows one after another; a second block that does not exist is 0. */
INLINE void fill_panel(enum dtype t, const struct gather *in, uint8_t *panel)
{
    const struct act *act = in->act;
    const int bytes = pair_panel(t);
    int64_t n_blocks = act->width / QUANT_BLOCK;
    for (int i = 0; i < in->n; i++) {
        int64_t row = gather_row(in, i), b = 0;
        for (; b < n_blocks; b++) {
            __m256i q = ordered_block(act->q + row * act->width + b * QUANT_BLOCK, in_pairs(t));
            half_panel(t, panel + b / 2 * bytes, (int)(b % 2), q, act->sum[row * n_blocks + b],
                       act->d[row * n_blocks + b]);
        }
        if (b % 2)
            half_panel(t, panel + b / 2 * bytes, 1, _mm256_setzero_si256(), 0, 0);
        panel += (n_blocks + 1) / 2 * bytes;
    }
    if (in->n > 1 && !has_each(t))
        memset(panel, 0, (size_t)((FEW - in->n) * ((n_blocks + 1) / 2) * bytes));
}

INLINE void linear_few(enum dtype t, const struct view *w, int64_t lo, int64_t hi, const struct gather *in,
                       const uint8_t *panel, float *y, int64_t y_stride)
{
    int64_t n_blocks = w->cols / QUANT_BLOCK;
    if (!in->again)
        fetch_start(w, lo);
    for (int64_t o = lo; o < hi; o += 4) {
        struct rows rows = rows_at(w, o, hi, in->next);
        float *out = y + (o - lo);
        if (in->n == 1)
            rows_dot(t, &rows, n_blocks, panel, 1, 1, out, y_stride, hi - o);
        else if (has_each(t) && in->n == 2)
            rows_dot(t, &rows, n_blocks, panel, 2, 2, out, y_stride, hi - o);
        else if (has_each(t) && in->n == 3)
            rows_dot(t, &rows, n_blocks, panel, 3, 3, out, y_stride, hi - o);
        else if (few_of(t) == FEW)
            rows_dot(t, &rows, n_blocks, panel, FEW, in->n, out, y_stride, hi - o);
    }
}

INLINE void linear_i8(enum dtype t, linear_fn *many, const struct view *w, int64_t lo, int64_t hi,
                      const struct gather *in, float *y, int64_t y_stride, void *workspace)
{
    uint8_t *panel = (uint8_t *)(((uintptr_t)workspace + 63) & ~(uintptr_t)63);
    if (in->n > few_of(t)) {
        many(w, lo, hi, in, y, y_stride, workspace);
        return;
    }
    if (!in->again)
        fill_panel(t, in, panel);
    linear_few(t, w, lo, hi, in, panel, y, y_stride);
}

#define LINEAR_I8_FEW(name, format)                                                                                    \
    void linear_i8_##name##__avx2(const struct view *w, int64_t lo, int64_t hi, const struct gather *in, float *y,     \
                                  int64_t y_stride, void *workspace)                                                   \
    {                                                                                                                  \
        linear_i8(DT_##format, gemm_i8_##name##__avx2, w, lo, hi, in, y, y_stride, workspace);                         \
    }

#endif
