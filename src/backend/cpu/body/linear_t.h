/* linear_t.h: the body of linear_t__*.c: f32 activations times transposed views, where neighbouring outputs of one
 * input lie together: one value apart, or two when gate and up interleave. A vector is 16 neighbouring outputs, so
 * scalar's 16 lanes of each are 16 vectors, and the tree adds vectors. An ISA says what its registers hold: T_LANES of
 * the lanes go through all inputs together, by up to T_ACTS activation rows. */
#include "backend/cpu/kernels.h"
#include "backend/cpu/tables.h"

enum { N_LANES = 16 };

/* What a view's 16 outputs look like in memory. */
struct column {
    int bytes; /* of a value */
    bool bf16, paired;
};

/* 16 outputs, or the first n of them if not `whole`. */
INLINE vec16 load_column(struct column c, const uint8_t *at, bool whole, int64_t n)
{
    uint8_t space[16 * 4] = {0};
    n = whole ? 16 : n;
    if (c.paired && !whole) {
        for (int i = 0; i < n; i++)
            memcpy(space + i * c.bytes, at + 2 * i * c.bytes, (size_t)c.bytes);
        c.paired = false, at = space, n = 16;
    }
    if (c.bytes == 4)
        return c.paired ? even16_f32(at) : load16(at, n);
    if (c.bf16)
        return c.paired ? even16_bf16(at) : load16_bf16(at, n);
    return c.paired ? even16_f16(at) : load16_f16(at, n);
}

/* Lanes [first, first + T_LANES) of 16 outputs by `acts` activation rows, a constant. */
INLINE void some_lanes(struct column c, const struct view *w, const uint8_t *at, bool whole, int64_t n,
                       const float *const *x, int acts, int first, vec16 (*lanes)[T_ACTS])
{
    vec16 l[T_LANES][T_ACTS];
    int64_t k = first;
    UNROLL
    for (int i = 0; i < T_LANES; i++) {
        UNROLL
        for (int a = 0; a < acts; a++)
            l[i][a] = zero16();
    }
    at += first * w->col_stride;
    for (; k + T_LANES <= w->cols; k += N_LANES, at += (N_LANES - T_LANES) * w->col_stride) {
        UNROLL
        for (int i = 0; i < T_LANES; i++, at += w->col_stride) {
            vec16 v = load_column(c, at, whole, n);
            UNROLL
            for (int a = 0; a < acts; a++)
                l[i][a] = fma16_by(v, x[a][k + i], l[i][a]);
        }
    }
    UNROLL
    for (int i = 0; i < T_LANES - 1; i++, at += w->col_stride)
        if (k + i < w->cols) {
            vec16 v = load_column(c, at, whole, n);
            UNROLL
            for (int a = 0; a < acts; a++)
                l[i][a] = fma16_by(v, x[a][k + i], l[i][a]);
        }
    UNROLL
    for (int i = 0; i < T_LANES; i++) {
        UNROLL
        for (int a = 0; a < acts; a++)
            lanes[first + i][a] = l[i][a];
    }
}

/* n outputs from o on; if `whole`, 16 can be read. `whole` and `acts` are constants. */
INLINE void columns_dot(struct column c, const struct view *w, int64_t o, bool whole, int64_t n, const float *const *x,
                        int acts, float *y, int64_t y_stride)
{
    vec16 l[N_LANES][T_ACTS];
    for (int first = 0; first < N_LANES; first += T_LANES)
        some_lanes(c, w, w->data + o * w->row_stride, whole, n, x, acts, first, l);
    for (int a = 0; a < acts; a++) {
        UNROLL
        for (int half = N_LANES / 2; half > 0; half /= 2) {
            UNROLL
            for (int i = 0; i < half; i++)
                l[i][a] = add16(l[i][a], l[i + half][a]);
        }
        store16(y + a * y_stride, n, l[0][a]);
    }
}

/* Outputs from o on, at most 16, for all activation rows; `whole` is a constant. */
INLINE void column_dots(struct column c, const struct view *w, int64_t o, bool whole, int64_t n,
                        const struct gather *in, float *y, int64_t y_stride)
{
    for (int first = 0, acts; first < in->n; first += acts, y += acts * y_stride) {
        const float *x[T_ACTS];
        acts = in->n - first >= T_ACTS ? T_ACTS : 1;
        for (int a = 0; a < acts; a++)
            x[a] = in->act->f + gather_row(in, first + a) * in->act->width;
        if (acts == T_ACTS)
            columns_dot(c, w, o, whole, n, x, T_ACTS, y, y_stride);
        else
            columns_dot(c, w, o, whole, n, x, 1, y, y_stride);
    }
}

INLINE void linear_columns(struct column c, const struct view *w, int64_t lo, int64_t hi, const struct gather *in,
                           float *y, int64_t y_stride)
{
    const int behind = c.paired ? EVEN_BEHIND : 0;
    for (int64_t o = lo; o < hi; o += 16, y += 16) {
        int64_t n = hi - o < 16 ? hi - o : 16;
        if (o + 16 + behind <= w->rows)
            column_dots(c, w, o, true, n, in, y, y_stride);
        else
            column_dots(c, w, o, false, n, in, y, y_stride);
    }
}

INLINE void linear_t(int bytes, bool bf16, const struct view *w, int64_t lo, int64_t hi, const struct gather *in,
                     float *y, int64_t y_stride, void *workspace)
{
    if (w->row_stride == bytes)
        linear_columns((struct column){bytes, bf16, false}, w, lo, hi, in, y, y_stride);
    else if (w->row_stride == 2 * bytes)
        linear_columns((struct column){bytes, bf16, true}, w, lo, hi, in, y, y_stride);
    else
        linear_f32_any__scalar(w, lo, hi, in, y, y_stride, workspace);
}

#define LINEAR_T(name, bytes, bf16)                                                                                    \
    void ISA(name)(const struct view *w, int64_t lo, int64_t hi, const struct gather *in, float *y, int64_t y_stride,  \
                   void *workspace)                                                                                    \
    {                                                                                                                  \
        linear_t(bytes, bf16, w, lo, hi, in, y, y_stride, workspace);                                                  \
    }
LINEAR_T(linear_t_f32_f32, 4, false)
LINEAR_T(linear_t_f32_f16, 2, false)
LINEAR_T(linear_t_f32_bf16, 2, true)
