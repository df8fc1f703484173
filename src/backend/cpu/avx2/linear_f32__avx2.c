/* linear_f32__avx2.c: f32 activations times the exact values of any format. Two registers are scalar's 16 lanes: lane i
 * takes elements i, i + 16, ...; several rows at a time keep enough FMAs under way. By hand and not by
 * body/linear_f32.h: with so few registers a tile is worked on by halves, and MXFP4 in the body's form is 3 %
 * slower. */
#include "backend/cpu/avx2/linear_many__avx2.h"
#include "backend/cpu/avx2/scales__avx2.h"
#include "backend/cpu/avx2/vec__avx2.h"

#include "backend/cpu/body/values16_plain.h"

INLINE vec16 scaled(__m128i codes, float scale)
{
    __m256 lo = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(codes)), s = _mm256_set1_ps(scale);
    __m256 hi = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_unpackhi_epi64(codes, codes)));
    return (vec16){_mm256_mul_ps(lo, s), _mm256_mul_ps(hi, s)};
}

/* The doubled values of the codes in the low halves of 16 bytes. */
INLINE __m128i doubled(__m128i codes)
{
    const __m128i table = _mm_setr_epi8(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12);
    return _mm_shuffle_epi8(table, _mm_and_si128(codes, _mm_set1_epi8(15)));
}

INLINE vec16 values16_mxfp4(const uint8_t *row, const uint8_t *scales, int64_t k, int64_t n)
{
    (void)scales, (void)n;
    const uint8_t *block = row + k / 32 * 17;
    __m128i codes = _mm_loadu_si128((const void *)(block + 1));
    return scaled(doubled(k % 32 ? _mm_srli_epi16(codes, 4) : codes), e8m0_half(block[0]));
}

INLINE vec16 values16_mxfp4_hf(const uint8_t *row, const uint8_t *scales, int64_t k, int64_t n)
{
    (void)n;
    __m128i pairs = _mm_loadl_epi64((const void *)(row + k / 2));
    __m128i codes = _mm_unpacklo_epi8(doubled(pairs), doubled(_mm_srli_epi16(pairs, 4)));
    return scaled(codes, e8m0_half(scales[k / 32]));
}

/* Rows o, o + 1, ... of a matrix. */
struct rows {
    const uint8_t *data, *scales;
    int64_t stride, scale_stride;
};

/* Up to MANY_ACTS activation rows wait for memory: neighbouring weight rows are fetched as one linear stream,
 * FETCH_AHEAD bytes ahead. More activation rows come MANY_ACTS at a time over SHARE_ROWS weight rows, which meanwhile
 * stay in the cache, and CHUNK columns at a time. */
enum { ONE_ACT_ROWS = 4, MANY_ACTS = 3, MANY_ACTS_ROWS = 2, SHARE_ROWS = 16, CHUNK = 512 };

/* GCC would load anew for each FMA, and loads are what there are too few of. */
INLINE __m256 load_once(const float *x)
{
    __m256 v = _mm256_loadu_ps(x);
    __asm__("" : "+x"(v));
    return v;
}

/* Elements k .. k + 15 of ONE_ACT_ROWS weight rows times one activation row. */
INLINE void one_act_step(values16_fn *load, const struct rows *w, int64_t k, const float *x, vec16 *l)
{
    vec16 xi = load16(x + k, 16);
    UNROLL
    for (int r = 0; r < ONE_ACT_ROWS; r++)
        l[r] = fma16(load(w->data + r * w->stride, w->scales + r * w->scale_stride, k, 16), xi, l[r]);
}

/* Elements k .. k + 15 of n_rows weight rows times n_acts activation rows, both constants. Lanes 0..7 first: 12 sums
 * leave no room for both halves of the weights, and of a load only the half that is used is compiled. */
INLINE void tile_step(values16_fn *load, const struct rows *w, int64_t k, const float *const *x, int n_rows, int n_acts,
                      vec16 *l)
{
    __m256 values[MANY_ACTS_ROWS];
    UNROLL
    for (int r = 0; r < n_rows; r++)
        values[r] = load(w->data + r * w->stride, w->scales + r * w->scale_stride, k, 16).lo;
    UNROLL
    for (int i = 0; i < n_acts; i++) {
        __m256 xi = load_once(x[i] + k);
        UNROLL
        for (int r = 0; r < n_rows; r++)
            l[i * n_rows + r].lo = _mm256_fmadd_ps(values[r], xi, l[i * n_rows + r].lo);
    }
    UNROLL
    for (int r = 0; r < n_rows; r++)
        values[r] = load(w->data + r * w->stride, w->scales + r * w->scale_stride, k, 16).hi;
    UNROLL
    for (int i = 0; i < n_acts; i++) {
        __m256 xi = load_once(x[i] + k + 8);
        UNROLL
        for (int r = 0; r < n_rows; r++)
            l[i * n_rows + r].hi = _mm256_fmadd_ps(values[r], xi, l[i * n_rows + r].hi);
    }
}

/* The last n elements. The lanes beyond keep what they have: even adding 0 would turn -0 into 0. */
INLINE void tile_rest(values16_fn *load, const struct rows *w, int64_t k, int64_t n, const float *const *x, int n_rows,
                      int n_acts, vec16 *l)
{
    const __m256 front = _mm256_castsi256_ps(first_lanes(n)), back = _mm256_castsi256_ps(first_lanes(n - 8));
    UNROLL
    for (int i = 0; i < n_acts; i++) {
        vec16 xi = load16(x[i] + k, n);
        UNROLL
        for (int r = 0; r < n_rows; r++) {
            vec16 *at = &l[i * n_rows + r];
            vec16 sum = fma16(load(w->data + r * w->stride, w->scales + r * w->scale_stride, k, n), xi, *at);
            at->lo = _mm256_blendv_ps(at->lo, sum.lo, front);
            at->hi = _mm256_blendv_ps(at->hi, sum.hi, back);
        }
    }
}

/* Columns [k, end) of n_rows weight rows from o on, added to lanes[row][act], which begin at 0 with column 0. */
INLINE void tile_add(values16_fn *load, int bytes16, const struct view *v, int64_t o, int64_t k, int64_t end,
                     const float *const *x, int n_rows, int n_acts, bool fetch, vec16 (*lanes)[MANY_ACTS])
{
    struct rows w = {v->data + o * v->row_stride, v->side[0].data ? v->side[0].data + o * v->side[0].stride : v->data,
                     v->row_stride, v->side[0].stride};
    vec16 l[MANY_ACTS * MANY_ACTS_ROWS];
    UNROLL
    for (int i = 0; i < n_rows * n_acts; i++)
        l[i] = zero16();
    if (k > 0) {
        UNROLL
        for (int i = 0; i < n_rows * n_acts; i++)
            l[i] = lanes[i % n_rows][i / n_rows];
    }
    const struct ahead ahead = {.far = w.data + FETCH_AHEAD, .second = fetch_second()};
    for (; k + 16 <= end; k += 16) {
        if (fetch)
            fetch_ahead(&ahead, k / 16 * bytes16 * n_rows, bytes16 * n_rows, false);
        if (n_rows == ONE_ACT_ROWS)
            one_act_step(load, &w, k, x[0], l);
        else
            tile_step(load, &w, k, x, n_rows, n_acts, l);
    }
    if (k < end)
        tile_rest(load, &w, k, end - k, x, n_rows, n_acts, l);
    UNROLL
    for (int i = 0; i < n_rows * n_acts; i++)
        lanes[i % n_rows][i / n_rows] = l[i];
}

/* tree_sum of eight outputs, whose lanes are `apart` from each other: two of them share a register at every step. */
INLINE __m256 tree_sums8(const vec16 *l, int apart)
{
    __m256 eight[8], four[4], two[2];
    UNROLL
    for (int r = 0; r < 8; r++)
        eight[r] = _mm256_add_ps(l[r * apart].lo, l[r * apart].hi);
    UNROLL
    for (int r = 0; r < 4; r++)
        four[r] = _mm256_add_ps(_mm256_permute2f128_ps(eight[r], eight[r + 4], 0x20),
                                _mm256_permute2f128_ps(eight[r], eight[r + 4], 0x31));
    UNROLL
    for (int r = 0; r < 2; r++)
        two[r] = _mm256_add_ps(_mm256_shuffle_ps(four[2 * r], four[2 * r + 1], 0x44),
                               _mm256_shuffle_ps(four[2 * r], four[2 * r + 1], 0xee));
    return _mm256_add_ps(_mm256_shuffle_ps(two[0], two[1], 0x88), _mm256_shuffle_ps(two[0], two[1], 0xdd));
}

/* Outputs [lo, hi), at most SHARE_ROWS, for n_acts (a constant) activation rows from `first` on. */
INLINE void linear_rows(values16_fn *load, int bytes16, const struct view *w, int64_t lo, int64_t hi,
                        const struct gather *in, int first, int n_acts, struct fetch *fetch, float *y, int64_t y_stride)
{
    const int n_rows = n_acts == 1 ? ONE_ACT_ROWS : MANY_ACTS_ROWS;
    const bool stream = n_acts == 1 || in->n <= MANY_ACTS;
    const float *x[MANY_ACTS];
    vec16 lanes[SHARE_ROWS][MANY_ACTS];
    for (int i = 0; i < n_acts; i++)
        x[i] = in->act->f + gather_row(in, first + i) * in->act->width;
    for (int64_t k = 0, end; k < w->cols; k = end) {
        int64_t o = lo;
        end = stream || w->cols - k < CHUNK ? w->cols : k + CHUNK;
        for (; o + n_rows <= hi; o += n_rows) {
            fetch_some(fetch);
            tile_add(load, bytes16, w, o, k, end, x, n_rows, n_acts, stream, lanes + (o - lo));
        }
        for (; o < hi; o++)
            tile_add(load, bytes16, w, o, k, end, x, 1, n_acts, false, lanes + (o - lo));
    }
    for (int i = 0; i < n_acts; i++) {
        int64_t o = lo;
        for (; o + 8 <= hi; o += 8)
            _mm256_storeu_ps(y + i * y_stride + (o - lo), tree_sums8(&lanes[o - lo][i], MANY_ACTS));
        for (; o < hi; o++)
            y[i * y_stride + (o - lo)] = tree_sum(lanes[o - lo][i]);
    }
}

/* Outputs [lo, hi), at most SHARE_ROWS, for all activation rows. */
INLINE void linear_share(values16_fn *load, int bytes16, const struct view *w, int64_t lo, int64_t hi,
                         const struct gather *in, struct fetch fetch, float *y, int64_t y_stride)
{
    for (int first = 0, n; first < in->n; first += n, y += n * y_stride) {
        int left = in->n - first;
        n = left == 4 ? 2 : left < MANY_ACTS ? left : MANY_ACTS;
        if (n == MANY_ACTS)
            linear_rows(load, bytes16, w, lo, hi, in, first, MANY_ACTS, &fetch, y, y_stride);
        else if (n == 2)
            linear_rows(load, bytes16, w, lo, hi, in, first, 2, &fetch, y, y_stride);
        else
            linear_rows(load, bytes16, w, lo, hi, in, first, 1, &fetch, y, y_stride);
    }
}

/* `acts`: what many_pack__avx2 made of MANY_FROM rows and more. `space`: many_panel_values(w->cols). */
static void linear_share_f32(const struct view *w, const struct gather *in, const float *acts, struct fetch fetch,
                             float *y, int64_t y_stride, float *space)
{
    if (in->n >= MANY_FROM)
        linear_many__avx2(w, acts, in->n, fetch, y, y_stride, space);
    else
        linear_share(values16_f32, 64, w, 0, w->rows, in, fetch, y, y_stride);
}

/* Rows [lo, hi) of a matrix of blocks as f32, for which linear_workspace_bytes has room. */
static struct view share_view(const struct view *w, int64_t lo, int64_t hi, const float *values)
{
    return (struct view){
        .dtype = DT_F32, .rows = hi - lo, .cols = w->cols, .data = (const uint8_t *)values, .row_stride = w->cols * 4};
}

INLINE struct view unpack_share(values16_fn *load, const struct view *w, int64_t lo, int64_t hi, float *values)
{
    struct view v = share_view(w, lo, hi, values);
    for (int64_t o = lo; o < hi; o++)
        for (int64_t k = 0; k < w->cols; k += 16, values += 16) {
            const uint8_t *row = w->data + o * w->row_stride;
            vec16 l = load(row, w->side[0].data ? w->side[0].data + o * w->side[0].stride : row, k, 16);
            _mm256_storeu_ps(values, l.lo);
            _mm256_storeu_ps(values + 8, l.hi);
        }
    return v;
}
_Static_assert(SHARE_ROWS * 128 + MANY_OUTPUTS * 128 <= LINEAR_ACTS * LINEAR_ACT_BYTES &&
                   16 * MANY_OUTPUTS * (int)sizeof(float) <= LINEAR_ACTS * 2 * LINEAR_TILE * (int)sizeof(float),
               "an unpacked share and a panel fit the workspace");

/* Rows [lo, hi) come next; until then each activation row has its turn with every pair of rows and chunk. */
INLINE struct fetch fetch_share(const struct view *w, int64_t lo, int64_t hi, int n)
{
    int64_t groups = (n + MANY_ACTS - 1) / MANY_ACTS, chunks = (w->cols + CHUNK - 1) / CHUNK;
    int64_t turns = n < MANY_FROM ? groups * chunks * SHARE_ROWS / MANY_ACTS_ROWS : (n + MANY_TILE - 1) / MANY_TILE;
    if (n <= MANY_ACTS) /* they have a stream of their own */
        return (struct fetch){0};
    return fetch_rows(w, lo, hi, SHARE_ROWS, turns);
}

/* Values of f16 and bf16 are unpacked for many rows, where no row of theirs ends within 16. */
INLINE void linear_part(values16_fn *load, int bytes16, const struct view *w, int64_t lo, int64_t hi,
                        const struct gather *in, float *y, int64_t y_stride, float *workspace)
{
    float *space = workspace + many_kept_values(w->cols);
    const bool blocks = bytes16 < 32 || (bytes16 < 64 && in->n >= MANY_FROM && w->cols % 16 == 0);
    for (int64_t o = lo, end; o < hi; o = end, y += SHARE_ROWS) {
        end = o + SHARE_ROWS < hi ? o + SHARE_ROWS : hi;
        struct fetch fetch = fetch_share(w, end, hi, in->n);
        if (blocks && in->n > MANY_ACTS) {
            struct view share = unpack_share(load, w, o, end, space);
            linear_share_f32(&share, in, workspace, fetch, y, y_stride, space + SHARE_ROWS * w->cols);
        } else if (bytes16 == 64 && in->n >= MANY_FROM) {
            struct view share = share_view(w, o, end, (const float *)(const void *)(w->data + o * w->row_stride));
            share.row_stride = w->row_stride;
            linear_many__avx2(&share, workspace, in->n, fetch, y, y_stride, space);
        } else {
            linear_share(load, bytes16, w, o, end, in, fetch, y, y_stride);
        }
    }
}

INLINE void linear_f32(values16_fn *load, int bytes16, const struct view *w, int64_t lo, int64_t hi,
                       const struct gather *in, float *y, int64_t y_stride, void *workspace)
{
    struct act act;
    for (int first = 0; first < in->n; first += many_rows(in)) {
        struct gather part = packed_part(in, first, &act, workspace);
        linear_part(load, bytes16, w, lo, hi, &part, y + first * y_stride, y_stride, workspace);
    }
}

/* bytes16: what 16 values take (rounded up). */
#define LINEAR(name, load, bytes16)                                                                                    \
    void name##__avx2(const struct view *w, int64_t lo, int64_t hi, const struct gather *in, float *y,                 \
                      int64_t y_stride, void *workspace)                                                               \
    {                                                                                                                  \
        linear_f32(load, bytes16, w, lo, hi, in, y, y_stride, workspace);                                              \
    }
LINEAR(linear_f32_f32, values16_f32, 64)
LINEAR(linear_f32_f16, values16_f16, 32)
LINEAR(linear_f32_bf16, values16_bf16, 32)
LINEAR(linear_f32_q8_0, values16_q8_0, 17)
LINEAR(linear_f32_mxfp4, values16_mxfp4, 9)
LINEAR(linear_f32_mxfp4_hf, values16_mxfp4_hf, 8)

/* ---- every other format with codes: unpacked as its integer kernel does it, a share at a time ------------------ */

/* 16 codes as values: + `add` is the format's code, which times scale, plus offset, is exact in one rounding. */
INLINE void coded_values16(bool offsets, __m256i codes, int half, int add, float scale, float offset, float *values)
{
    __m128i v = half ? _mm256_extracti128_si256(codes, 1) : _mm256_castsi256_si128(codes);
    UNROLL
    for (int i = 0; i < 2; i++, v = _mm_srli_si128(v, 8), values += 8) {
        __m256i whole = _mm256_add_epi32(_mm256_cvtepi8_epi32(v), _mm256_set1_epi32(add));
        __m256 f = _mm256_cvtepi32_ps(whole), s = _mm256_set1_ps(scale);
        _mm256_storeu_ps(values, offsets ? _mm256_fmadd_ps(f, s, _mm256_set1_ps(offset)) : _mm256_mul_ps(f, s));
    }
}

/* One row's pair of blocks; `scales` and `offsets` are [run][block][row]. */
INLINE void coded_pair(enum dtype t, const uint8_t *row, int r, int64_t pair, bool two, const float (*scales)[8],
                       const float (*offsets)[8], float *values)
{
    const int add = t == DT_AFFINE8 ? 128 : kind_of(t) == WIDE || offsets_of(t) ? 0 : -bias_of(t);
    const int last_run = kind_of(t) == RUNS;
    __m256i codes[2], in_order[2];
    pair_codes(t, row, pair, two, &codes[0], &codes[1]);
    in_order[0] = in_pairs(t) ? _mm256_unpacklo_epi8(codes[0], codes[1]) : codes[0];
    in_order[1] = in_pairs(t) ? _mm256_unpackhi_epi8(codes[0], codes[1]) : codes[1];
    for (int b = 0; b < (two ? 2 : 1); b++)
        for (int i = 0; i < 2; i++) {
            int run = i ? last_run : 0, at = 4 * b + r;
            coded_values16(offsets_of(t), in_order[i], b, add, scales[run][at], offsets[run][at],
                           values + 32 * b + 16 * i);
        }
}

INLINE void unpack_coded(enum dtype t, const struct view *w, int64_t lo, int64_t hi, float *values)
{
    int64_t n_blocks = w->cols / QUANT_BLOCK;
    struct pair_scales open[4];
    for (int64_t o = lo; o < hi; o += 4, values += 4 * w->cols) {
        struct code_rows rows = code_rows(w, o, hi);
        for (int64_t pair = 0; 2 * pair < n_blocks; pair++) {
            const bool two = 2 * pair + 1 < n_blocks;
            const struct pair_scales *at = pair_scales(t, &rows, pair, two, true, open);
            float scales[2][8], offsets[2][8] = {{0}};
            for (int run = 0; run < (kind_of(t) == RUNS ? 2 : 1); run++) {
                _mm256_storeu_ps(scales[run], at->scale[run]);
                if (offsets_of(t))
                    _mm256_storeu_ps(offsets[run], at->offset[run]);
            }
            for (int r = 0; r < 4 && o + r < hi; r++) {
                float *to = values + r * w->cols + pair * 64;
                if (two)
                    coded_pair(t, rows.data[r], r, pair, true, scales, offsets, to);
                else
                    coded_pair(t, rows.data[r], r, pair, false, scales, offsets, to);
            }
        }
    }
}

#define UNPACK(name, format)                                                                                           \
    static void unpack_##name(const struct view *w, int64_t lo, int64_t hi, float *values)                             \
    {                                                                                                                  \
        unpack_coded(DT_##format, w, lo, hi, values);                                                                  \
    }
CODED_BY_32(UNPACK)
CODED_OTHERS(UNPACK)

typedef void unpack_fn(const struct view *w, int64_t lo, int64_t hi, float *values);

static unpack_fn *unpack_of(const struct view *w)
{
    if (w->col_stride)
        return NULL;
    switch (w->dtype) {
#define CASE(name, format)                                                                                             \
    case DT_##format: return unpack_##name;
        CODED_BY_32(CASE)
        CODED_OTHERS(CASE)
#undef CASE
    default: return NULL;
    }
}

void linear_f32_any__avx2(const struct view *w, int64_t lo, int64_t hi, const struct gather *in, float *y,
                          int64_t y_stride, void *workspace)
{
    unpack_fn *unpack = unpack_of(w);
    if (!unpack) {
        linear_f32_any__scalar(w, lo, hi, in, y, y_stride, workspace);
        return;
    }
    float *values = (float *)workspace + many_kept_values(w->cols);
    struct act act;
    for (int first = 0; first < in->n; first += many_rows(in)) {
        struct gather part = packed_part(in, first, &act, workspace);
        for (int64_t o = lo, end; o < hi; o = end) {
            end = o + SHARE_ROWS < hi ? o + SHARE_ROWS : hi;
            struct view share = share_view(w, o, end, values);
            unpack(w, o, end, values);
            linear_share_f32(&share, &part, workspace, fetch_rows(w, end, hi, SHARE_ROWS, part.n * SHARE_ROWS),
                             y + first * y_stride + (o - lo), y_stride, values + SHARE_ROWS * w->cols);
        }
    }
}
