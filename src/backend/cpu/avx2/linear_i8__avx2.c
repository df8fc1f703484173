/* linear_i8__avx2.c: int8 activations times Q8_0, MXFP4 and MXFP4_HF weights: a few activation rows (decode) read the
 * weights where they lie; more go to gemm_i8__avx2.c.
 *
 * The unit of work is a pair of blocks of 4 weight rows. A vector of codes has 16 values of each block in its two halves,
 * and the activations lie in a panel in the same order; so a row leaves some partial sums per block in that block's half,
 * and 4 rows transpose into one vector [block][row] of exact block sums, which takes one FMA into p[block mod 4] for 4
 * rows at once. This is scalar's order.
 *
 * Q8_0 gives its sign to the activations, for VPMADDUBSW wants unsigned weights: two products are at most
 * 2 * 128 * 127 = 32512, which is widened at once. i8__avx2.h says how MXFP4 stays in int16. */
#include "backend/cpu/avx2/i8__avx2.h"

#include "backend/cpu/fetch.h"
#include "backend/cpu/tables.h"

enum {
    FEW = 4,         /* activation rows */
    PAIR_PANEL = 128 /* the panel, per row and pair: 64 bytes of values, 8 corrections, 8 scales, both [block][row] */
};

/* Four rows of a matrix; the missing ones of a last four repeat the last row. */
struct rows {
    const uint8_t *data[4], *scales[4];
    struct ahead ahead;
    const uint8_t *ahead_scales;
};

INLINE int block_bytes(enum format format)
{
    return format == FORMAT_Q8_0 ? 34 : format == FORMAT_MXFP4 ? 17 : 16;
}

/* 16 bytes from here and, if there is a second block, 16 from there. */
INLINE __m256i halves(const uint8_t *here, const uint8_t *there, bool two)
{
    __m256i v = _mm256_zextsi128_si256(_mm_loadu_si128((const void *)here));
    return two ? _mm256_inserti128_si256(v, _mm_loadu_si128((const void *)there), 1) : v;
}

/* The first and the last 16 values of a row's pair of blocks: Q8_0's as they are, MXFP4's plus 12. */
INLINE void row_values(enum format format, const uint8_t *at, bool two, __m256i *first_out, __m256i *last_out)
{
    if (format == FORMAT_Q8_0) {
        *first_out = halves(at + 2, at + 36, two);
        *last_out = halves(at + 18, at + 52, two);
        return;
    }
    __m256i codes = format == FORMAT_MXFP4 ? halves(at + 1, at + 18, two) : halves(at, at + 16, two);
    *first_out = code_values(codes);
    *last_out = code_values(_mm256_srli_epi16(codes, 4));
}

/* Scales of a pair of blocks, [block][row]. */
INLINE __m256 pair_scales(enum format format, const struct rows *rows, int64_t pair, bool two)
{
    const int step = format == FORMAT_MXFP4_HF ? 1 : block_bytes(format);
    const int64_t here = 2 * pair * step, there = here + step;
    if (format == FORMAT_Q8_0) {
        uint16_t s[8] = {0};
        UNROLL
        for (int r = 0; r < 4; r++) {
            memcpy(&s[r], rows->data[r] + here, 2);
            if (two)
                memcpy(&s[r + 4], rows->data[r] + there, 2);
        }
        return _mm256_cvtph_ps(_mm_loadu_si128((const void *)s));
    }
    uint64_t s = 0;
    UNROLL
    for (int r = 0; r < 4; r++)
        s |= (uint64_t)rows->scales[r][here] << (8 * r) | (two ? (uint64_t)rows->scales[r][there] << (8 * r + 32) : 0);
    return half_scales(s);
}

/* A row's partial sums: in int16 for MXFP4, in int32 for Q8_0. */
INLINE __m256i row_sums(enum format format, __m256i first, __m256i last, const uint8_t *panel)
{
    __m256i a = _mm256_load_si256((const void *)panel), b = _mm256_load_si256((const void *)(panel + 32));
    if (format != FORMAT_Q8_0)
        return _mm256_add_epi16(_mm256_maddubs_epi16(first, a), _mm256_maddubs_epi16(last, b));
    const __m256i one = _mm256_set1_epi16(1);
    a = _mm256_maddubs_epi16(_mm256_abs_epi8(first), _mm256_sign_epi8(a, first));
    b = _mm256_maddubs_epi16(_mm256_abs_epi8(last), _mm256_sign_epi8(b, last));
    return _mm256_add_epi32(_mm256_madd_epi16(a, one), _mm256_madd_epi16(b, one));
}

INLINE __m256i add_sums(enum format format, __m256i a, __m256i b)
{
    return format == FORMAT_Q8_0 ? _mm256_add_epi32(a, b) : _mm256_add_epi16(a, b);
}

/* Four rows' sums to whole ones, [block][row]. */
INLINE __m256 block_sums(enum format format, const __m256i *rows, const uint8_t *panel)
{
    __m256i t0 = add_sums(format, _mm256_unpacklo_epi32(rows[0], rows[1]), _mm256_unpackhi_epi32(rows[0], rows[1]));
    __m256i t1 = add_sums(format, _mm256_unpacklo_epi32(rows[2], rows[3]), _mm256_unpackhi_epi32(rows[2], rows[3]));
    __m256i sum = add_sums(format, _mm256_unpacklo_epi64(t0, t1), _mm256_unpackhi_epi64(t0, t1));
    if (format != FORMAT_Q8_0) {
        sum = _mm256_add_epi16(sum, _mm256_load_si256((const void *)(panel + 64)));
        sum = _mm256_madd_epi16(sum, _mm256_set1_epi16(1));
    }
    return _mm256_cvtepi32_ps(sum);
}

/* One pair of blocks (if not `two`, only its first exists) of 4 rows times n activation rows, all constants but the
 * position; panels lie `stride` bytes apart. */
INLINE void pair_step(enum format format, const struct rows *rows, int64_t pair, bool two, const uint8_t *panel,
                      int64_t stride, int n, __m256 *p)
{
    __m256i sums[FEW][4];
    UNROLL
    for (int r = 0; r < 4; r++) {
        __m256i first, last;
        row_values(format, rows->data[r] + pair * 2 * block_bytes(format), two, &first, &last);
        UNROLL
        for (int i = 0; i < n; i++)
            sums[i][r] = row_sums(format, first, last, panel + i * stride);
    }
    __m256 scale = pair_scales(format, rows, pair, two);
    UNROLL
    for (int i = 0; i < n; i++) {
        const uint8_t *at = panel + i * stride;
        __m256 both = _mm256_mul_ps(_mm256_load_ps((const void *)(at + 96)), scale);
        __m256 sum = _mm256_fmadd_ps(block_sums(format, sums[i], at), both, p[i]);
        p[i] = two ? sum : _mm256_blend_ps(p[i], sum, 0x0f); /* even adding 0 would turn -0 into 0 */
    }
}

INLINE void fetch_group(enum format format, const struct rows *rows, int64_t g)
{
    fetch_ahead(&rows->ahead, g * 16 * block_bytes(format), 16 * block_bytes(format), false);
    if (format == FORMAT_MXFP4_HF)
        _mm_prefetch((const char *)(rows->ahead_scales + g * 16), _MM_HINT_T0);
}

/* (p0 + p1) + (p2 + p3) of 4 rows. */
INLINE __m128 finish(__m256 p01, __m256 p23)
{
    __m128 front = _mm_add_ps(_mm256_castps256_ps128(p01), _mm256_extractf128_ps(p01, 1));
    return _mm_add_ps(front, _mm_add_ps(_mm256_castps256_ps128(p23), _mm256_extractf128_ps(p23, 1)));
}

/* Four weight rows times n (a constant, 1..FEW) activation rows; the first n_out of them are stored. */
INLINE void rows_dot(enum format format, const struct rows *rows, int64_t n_blocks, const uint8_t *panel, int n,
                     float *y, int64_t y_stride, int64_t n_out)
{
    int64_t stride = (n_blocks + 1) / 2 * PAIR_PANEL, g = 0;
    __m256 p01[FEW], p23[FEW];
    UNROLL
    for (int i = 0; i < n; i++)
        p01[i] = p23[i] = _mm256_setzero_ps();
    for (; g < n_blocks / 4; g++, panel += 2 * PAIR_PANEL) {
        fetch_group(format, rows, g);
        pair_step(format, rows, 2 * g, true, panel, stride, n, p01);
        pair_step(format, rows, 2 * g + 1, true, panel + PAIR_PANEL, stride, n, p23);
    }
    if (n_blocks % 4 >= 2)
        pair_step(format, rows, 2 * g, true, panel, stride, n, p01);
    if (n_blocks % 4 == 1)
        pair_step(format, rows, 2 * g, false, panel, stride, n, p01);
    if (n_blocks % 4 == 3)
        pair_step(format, rows, 2 * g + 1, false, panel + PAIR_PANEL, stride, n, p23);
    UNROLL
    for (int i = 0; i < n; i++) {
        float four[4];
        _mm_storeu_ps(four, finish(p01[i], p23[i]));
        if (n_out >= 4)
            memcpy(y + i * y_stride, four, sizeof four);
        else
            memcpy(y + i * y_stride, four, (size_t)n_out * sizeof *four);
    }
}

static struct rows rows_at(const struct view *w, int64_t o, int64_t hi, const uint8_t *next)
{
    struct rows rows = {.ahead = fetch_from(w, o, hi, next)};
    rows.ahead_scales = w->side[0].data ? w->side[0].data + o * w->side[0].stride + FETCH_SCALES_AHEAD : NULL;
    UNROLL
    for (int r = 0; r < 4; r++) {
        int64_t at = o + r < hi ? o + r : hi - 1;
        rows.data[r] = w->data + at * w->row_stride;
        rows.scales[r] = w->side[0].data ? w->side[0].data + at * w->side[0].stride : rows.data[r];
    }
    return rows;
}

static void half_panel(uint8_t *at, int half, __m256i block, int32_t correction, float d)
{
    _mm_store_si128((void *)(at + 16 * half), _mm256_castsi256_si128(block));
    _mm_store_si128((void *)(at + 32 + 16 * half), _mm256_extracti128_si256(block, 1));
    _mm_store_si128((void *)(at + 64 + 16 * half), _mm_set1_epi32(correction));
    _mm_store_ps((void *)(at + 96 + 16 * half), _mm_set1_ps(d));
}

/* The activation rows one after another; a second block that does not exist is 0. */
INLINE void fill_panel(enum format format, const struct gather *in, uint8_t *panel)
{
    const struct act *act = in->act;
    int64_t n_blocks = act->width / QUANT_BLOCK;
    for (int i = 0; i < in->n; i++) {
        int64_t row = gather_row(in, i), b = 0;
        for (; b < n_blocks; b++) {
            __m256i q = ordered_block(act->q + row * act->width + b * QUANT_BLOCK, format == FORMAT_MXFP4_HF);
            half_panel(panel + b / 2 * PAIR_PANEL, (int)(b % 2), q, corrections(q, 12), act->d[row * n_blocks + b]);
        }
        if (b % 2)
            half_panel(panel + b / 2 * PAIR_PANEL, 1, _mm256_setzero_si256(), 0, 0);
        panel += (n_blocks + 1) / 2 * PAIR_PANEL;
    }
}

INLINE void linear_few(enum format format, const struct view *w, int64_t lo, int64_t hi, const struct gather *in,
                       const uint8_t *panel, float *y, int64_t y_stride)
{
    int64_t n_blocks = w->cols / QUANT_BLOCK;
    fetch_start(w, lo);
    for (int64_t o = lo; o < hi; o += 4) {
        struct rows rows = rows_at(w, o, hi, in->next);
        float *out = y + (o - lo);
        switch (in->n) {
        case 1:
            rows_dot(format, &rows, n_blocks, panel, 1, out, y_stride, hi - o);
            break;
        case 2:
            rows_dot(format, &rows, n_blocks, panel, 2, out, y_stride, hi - o);
            break;
        case 3:
            rows_dot(format, &rows, n_blocks, panel, 3, out, y_stride, hi - o);
            break;
        default:
            rows_dot(format, &rows, n_blocks, panel, 4, out, y_stride, hi - o);
        }
    }
}

INLINE void linear_i8(enum format format, linear_fn *many, const struct view *w, int64_t lo, int64_t hi,
                      const struct gather *in, float *y, int64_t y_stride, void *workspace)
{
    uint8_t *panel = (uint8_t *)(((uintptr_t)workspace + 63) & ~(uintptr_t)63);
    if (in->n > FEW) {
        many(w, lo, hi, in, y, y_stride, workspace);
        return;
    }
    if (!in->again)
        fill_panel(format, in, panel);
    linear_few(format, w, lo, hi, in, panel, y, y_stride);
}

#define LINEAR(name, format, many)                                                                                     \
    void name##__avx2(const struct view *w, int64_t lo, int64_t hi, const struct gather *in, float *y,                 \
                      int64_t y_stride, void *workspace)                                                                 \
    {                                                                                                                  \
        linear_i8(format, many, w, lo, hi, in, y, y_stride, workspace);                                                  \
    }
LINEAR(linear_i8_q8_0, FORMAT_Q8_0, gemm_i8_q8_0__avx2)
LINEAR(linear_i8_mxfp4, FORMAT_MXFP4, gemm_i8_mxfp4__avx2)
LINEAR(linear_i8_mxfp4_hf, FORMAT_MXFP4_HF, gemm_i8_mxfp4_hf__avx2)
