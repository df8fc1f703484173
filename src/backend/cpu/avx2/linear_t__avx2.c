/* linear_t__avx2.c: f32 activations times transposed views. 16 neighbouring outputs of one input are two vectors, so
 * scalar's 16 lanes of each output are 32 vectors: too many for the registers. Four lanes at a time go through all inputs,
 * then the tree adds whole vectors. Rows lie one value apart, or two when gate and up interleave. */
#include "backend/cpu/avx2/avx2.h"

#include "backend/cpu/tables.h"
#include "backend/cpu/scalar/scalar.h"

enum { LANES_AT_ONCE = 4 };

/* What a view's 16 outputs look like in memory. */
struct column {
    int bytes; /* of a value */
    bool bf16, paired;
};

/* 8 neighbours, `bytes` apart. */
INLINE __m256 plain8(struct column c, const uint8_t *at, int64_t n)
{
    if (c.bytes == 4)
        return load8(at, n);
    __m128i half = load8_u16(at, n);
    return c.bf16 ? widen_bf16(half) : _mm256_cvtph_ps(half);
}

/* Every second one of 16; all 16 may be read. */
INLINE __m256 paired8(struct column c, const uint8_t *at)
{
    __m256i a = _mm256_loadu_si256((const void *)at), b;
    if (c.bytes == 4) {
        b = _mm256_loadu_si256((const void *)(at + 32));
        __m256 even = _mm256_shuffle_ps(_mm256_castsi256_ps(a), _mm256_castsi256_ps(b), 0x88);
        return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(even), 0xd8));
    }
    if (c.bf16)
        return _mm256_castsi256_ps(_mm256_slli_epi32(a, 16));
    b = _mm256_packus_epi32(_mm256_and_si256(a, _mm256_set1_epi32(0xffff)), _mm256_setzero_si256());
    return _mm256_cvtph_ps(_mm256_castsi256_si128(_mm256_permute4x64_epi64(b, 0xd8)));
}

/* The first n of 16 outputs; `whole`: there are more of them behind. */
INLINE struct f32x16 load_column(struct column c, const uint8_t *at, bool whole, int64_t n)
{
    if (c.paired && !whole) { /* the last odd neighbour may lie beyond the matrix */
        uint8_t space[16 * 4] = {0};
        for (int i = 0; i < n; i++)
            memcpy(space + i * c.bytes, at + 2 * i * c.bytes, (size_t)c.bytes);
        return (struct f32x16){plain8(c, space, 8), plain8(c, space + 8 * c.bytes, 8)};
    }
    if (c.paired)
        return (struct f32x16){paired8(c, at), paired8(c, at + 16 * c.bytes)};
    return (struct f32x16){plain8(c, at, n), plain8(c, at + 8 * c.bytes, n - 8)};
}

/* Lanes [first, first + LANES_AT_ONCE) of 16 outputs: inputs first, first + 1, ..., first + 16, ... */
INLINE void some_lanes(struct column c, const struct view *w, const uint8_t *at, bool whole, int64_t n, const float *x,
                       int first, struct f32x16 *lanes_out)
{
    struct f32x16 l[LANES_AT_ONCE];
    UNROLL
    for (int i = 0; i < LANES_AT_ONCE; i++)
        l[i] = zero16();
    for (int64_t k = first; k < w->cols; k += LANES)
        UNROLL
        for (int i = 0; i < LANES_AT_ONCE; i++)
            if (k + i < w->cols) {
                __m256 xi = _mm256_broadcast_ss(x + k + i);
                l[i] = fma16(load_column(c, at + (k + i) * w->col_stride, whole, n), (struct f32x16){xi, xi}, l[i]);
            }
    UNROLL
    for (int i = 0; i < LANES_AT_ONCE; i++)
        lanes_out[first + i] = l[i];
}

/* The first n of 16 outputs from o on; `whole` is a constant. */
INLINE void columns_dot(struct column c, const struct view *w, int64_t o, bool whole, int64_t n, const float *x,
                        float *y)
{
    struct f32x16 l[LANES];
    for (int first = 0; first < LANES; first += LANES_AT_ONCE)
        some_lanes(c, w, w->data + o * w->row_stride, whole, whole ? 16 : n, x, first, l);
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            l[i] = add16(l[i], l[i + half]);
    store8(y, n, l[0].lo);
    store8(y + 8, n - 8, l[0].hi);
}

INLINE void linear_columns(struct column c, const struct view *w, int64_t lo, int64_t hi, const struct gather *in,
                           float *y, int64_t y_stride)
{
    for (int64_t o = lo; o < hi; o += 16)
        for (int i = 0; i < in->n; i++) {
            const float *x = in->act->f + gather_row(in, i) * in->act->width;
            float *out = y + i * y_stride + (o - lo);
            if (o + 16 < w->rows)
                columns_dot(c, w, o, true, hi - o, x, out);
            else
                columns_dot(c, w, o, false, hi - o, x, out);
        }
}

INLINE void linear_t(int bytes, bool bf16, linear_fn *fallback, const struct view *w, int64_t lo, int64_t hi,
                     const struct gather *in, float *y, int64_t y_stride, void *scratch)
{
    if (w->row_stride == bytes)
        linear_columns((struct column){bytes, bf16, false}, w, lo, hi, in, y, y_stride);
    else if (w->row_stride == 2 * bytes)
        linear_columns((struct column){bytes, bf16, true}, w, lo, hi, in, y, y_stride);
    else
        fallback(w, lo, hi, in, y, y_stride, scratch);
}

#define LINEAR_T(name, bytes, bf16)                                                                                    \
    void name##__avx2(const struct view *w, int64_t lo, int64_t hi, const struct gather *in, float *y,                 \
                      int64_t y_stride, void *scratch)                                                                 \
    {                                                                                                                  \
        linear_t(bytes, bf16, linear_f32_any__scalar, w, lo, hi, in, y, y_stride, scratch);                                    \
    }
LINEAR_T(linear_t_f32_f32, 4, false)
LINEAR_T(linear_t_f32_f16, 2, false)
LINEAR_T(linear_t_f32_bf16, 2, true)
