/* linear_f32__avx512vnni.c: f32 activations times the exact values of any format. A vector is scalar's 16 lanes: lane i
 * takes elements i, i + 16, ...; several rows at a time keep enough FMAs under way. */
#include "backend/cpu/avx512/vec__avx512vnni.h"

#include "backend/cpu/fetch.h"
#include "backend/cpu/tables.h"

/* The 16 values from element k (a multiple of 16) of a row; only the first `mask` of them exist. */
typedef __m512 values16_fn(const uint8_t *row, const uint8_t *scales, int64_t k, __mmask16 mask);

INLINE __m512 values16_f32(const uint8_t *row, const uint8_t *scales, int64_t k, __mmask16 mask)
{
    (void)scales;
    return _mm512_maskz_loadu_ps(mask, row + 4 * k);
}

INLINE __m512 values16_f16(const uint8_t *row, const uint8_t *scales, int64_t k, __mmask16 mask)
{
    (void)scales;
    return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask, row + 2 * k));
}

INLINE __m512 values16_bf16(const uint8_t *row, const uint8_t *scales, int64_t k, __mmask16 mask)
{
    (void)scales;
    __m512i wide = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, row + 2 * k));
    return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}

INLINE __m512 values16_q8_0(const uint8_t *row, const uint8_t *scales, int64_t k, __mmask16 mask)
{
    (void)scales, (void)mask;
    const uint8_t *block = row + k / 32 * 34;
    __m512i codes = _mm512_cvtepi8_epi32(_mm_loadu_si128((const void *)(block + 2 + k % 32)));
    uint16_t d;
    __builtin_memcpy(&d, block, 2);
    return _mm512_mul_ps(_mm512_cvtepi32_ps(codes), _mm512_set1_ps(_cvtsh_ss(d)));
}

/* Doubled codes as floats; VPERMPS looks at 4 bits of an index. */
INLINE __m512 codes_to_values(__m512i codes, uint8_t s)
{
    const __m512 doubled = _mm512_setr_ps(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12);
    uint32_t bits = s >= 2 ? (uint32_t)(s - 1) << 23 : 0x00200000u << s; /* 2^(s-128) */
    bits = s == 255 ? 0x7fc00000u : bits;
    return _mm512_mul_ps(_mm512_permutexvar_ps(codes, doubled), _mm512_castsi512_ps(_mm512_set1_epi32((int)bits)));
}

INLINE __m512 values16_mxfp4(const uint8_t *row, const uint8_t *scales, int64_t k, __mmask16 mask)
{
    (void)scales, (void)mask;
    const uint8_t *block = row + k / 32 * 17;
    __m512i codes = _mm512_cvtepu8_epi32(_mm_loadu_si128((const void *)(block + 1)));
    if (k % 32)
        codes = _mm512_srli_epi32(codes, 4);
    return codes_to_values(codes, block[0]);
}

INLINE __m512 values16_mxfp4_hf(const uint8_t *row, const uint8_t *scales, int64_t k, __mmask16 mask)
{
    (void)mask;
    /* 8 bytes to 8 pairs of codes: the second of a pair is 4 bits up in the byte, 32 up in the vector. */
    __m512i bytes = _mm512_cvtepu8_epi64(_mm_loadl_epi64((const void *)(row + k / 2)));
    return codes_to_values(_mm512_or_si512(bytes, _mm512_slli_epi64(bytes, 28)), scales[k / 32]);
}

/* Rows o, o + 1, ... of a matrix. */
struct rows {
    const uint8_t *data, *scales;
    int64_t stride, scale_stride;
};

/* The first activation rows wait for memory: neighbouring weight rows are fetched as one linear stream, FETCH_AHEAD bytes
 * ahead. */
enum { WEIGHT_ROWS = 4 };

/* Elements k .. k + 15 of n_rows weight rows times n_acts activation rows, both constants. */
INLINE void tile_step(values16_fn *load, const struct rows *w, int64_t k, __mmask16 mask, const float *const *x, int n_rows,
                      int n_acts, __m512 *l)
{
    __m512 values[8];
    UNROLL
    for (int r = 0; r < n_rows; r++)
        values[r] = load(w->data + r * w->stride, w->scales + r * w->scale_stride, k, mask);
    UNROLL
    for (int i = 0; i < n_acts; i++) {
        __m512 xi = _mm512_maskz_loadu_ps(mask, x[i] + k);
        UNROLL
        for (int r = 0; r < n_rows; r++)
            l[i * n_rows + r] = _mm512_mask3_fmadd_ps(values[r], xi, l[i * n_rows + r], mask);
    }
}

INLINE void tile_dot(values16_fn *load, int bytes16, const struct view *v, int64_t o, const float *const *x, int n_rows,
                     int n_acts, bool fetch, float *y, int64_t y_stride)
{
    struct rows w = {v->data + o * v->row_stride, v->side[0].data ? v->side[0].data + o * v->side[0].stride : v->data, v->row_stride,
                     v->side[0].stride};
    __m512 l[16];
    UNROLL
    for (int i = 0; i < n_rows * n_acts; i++)
        l[i] = _mm512_setzero_ps();
    int64_t k = 0;
    for (; k + 16 <= v->cols; k += 16) {
        if (fetch)
            fetch_ahead(&(struct ahead){.far = w.data + FETCH_AHEAD}, k / 16 * bytes16 * n_rows, bytes16 * n_rows, false);
        tile_step(load, &w, k, 0xffff, x, n_rows, n_acts, l);
    }
    if (k < v->cols)
        tile_step(load, &w, k, first_lanes(v->cols - k), x, n_rows, n_acts, l);
    UNROLL
    for (int i = 0; i < n_acts; i++) {
        UNROLL
        for (int r = 0; r < n_rows; r++)
            y[i * y_stride + r] = tree_sum(l[i * n_rows + r]);
    }
}

/* n_rows weight rows (a constant) times all activation rows, up to 4 at a time: the weights stay in the first-level cache. */
INLINE void rows_dots(values16_fn *load, int bytes16, const struct view *w, int64_t o, const float *const *x, int n_rows,
                      int n, float *y, int64_t y_stride)
{
    int i = 0;
    for (; i + 4 <= n; i += 4)
        tile_dot(load, bytes16, w, o, x + i, n_rows, 4, i == 0, y + i * y_stride, y_stride);
    for (; i + 2 <= n; i += 2)
        tile_dot(load, bytes16, w, o, x + i, n_rows, 2, i == 0, y + i * y_stride, y_stride);
    if (i < n)
        tile_dot(load, bytes16, w, o, x + i, n_rows, 1, i == 0, y + i * y_stride, y_stride);
}

INLINE void linear_f32(values16_fn *load, int bytes16, const struct view *w, int64_t lo, int64_t hi, const struct gather *in,
                       float *y, int64_t y_stride)
{
    for (int first = 0; first < in->n; first += LINEAR_ACTS) {
        const float *x[LINEAR_ACTS];
        float *out = y + first * y_stride;
        int n = in->n - first < LINEAR_ACTS ? in->n - first : LINEAR_ACTS;
        int64_t o = lo;
        for (int i = 0; i < n; i++)
            x[i] = in->act->f + gather_row(in, first + i) * in->act->width;
        for (; o + WEIGHT_ROWS <= hi; o += WEIGHT_ROWS)
            rows_dots(load, bytes16, w, o, x, WEIGHT_ROWS, n, out + (o - lo), y_stride);
        for (; o < hi; o++)
            rows_dots(load, bytes16, w, o, x, 1, n, out + (o - lo), y_stride);
    }
}

/* bytes16: what 16 values take (rounded up). */
#define LINEAR(name, load, bytes16)                                                                                    \
    void name##__avx512vnni(const struct view *w, int64_t lo, int64_t hi, const struct gather *in, float *y,           \
                            int64_t y_stride, void *scratch)                                                           \
    {                                                                                                                  \
        (void)scratch;                                                                                                 \
        linear_f32(load, bytes16, w, lo, hi, in, y, y_stride);                                                         \
    }
LINEAR(linear_f32_f32, values16_f32, 64)
LINEAR(linear_f32_f16, values16_f16, 32)
LINEAR(linear_f32_bf16, values16_bf16, 32)
LINEAR(linear_f32_q8_0, values16_q8_0, 17)
LINEAR(linear_f32_mxfp4, values16_mxfp4, 9)
LINEAR(linear_f32_mxfp4_hf, values16_mxfp4_hf, 8)
