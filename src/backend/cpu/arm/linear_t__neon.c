/* linear_t__neon.c: f32 activations times transposed views, where neighbouring outputs of one input lie together: one
 * value apart, or two when gate and up interleave.
 *
 * A vector is 4 neighbouring outputs. Scalar's 16 lanes of 16 outputs do not fit in registers, so the lanes are made one
 * after another: lane i takes inputs i, i + 16, ... of 16 outputs by up to 4 activation rows; then the tree adds lanes. */
#include "backend/cpu/arm/neon.h"

#include "backend/cpu/kernels.h"
#include "backend/cpu/tables.h"

#include <math.h>

enum { OUTS = 16, ACTS = 4, N_LANES = 16 };

/* How the values lie: their size, their format, and how far apart. */
struct kind {
    int bytes;
    bool bf16, paired;
};

/* 4 values, every second one from `at` on, as two loads that end with the last of them. */
INLINE float32x4_t even_f32(const uint8_t *at)
{
    float32x4_t a = load_f32x4(at), b = load_f32x4(at + 12);
    return vcombine_f32(vget_low_f32(vuzp1q_f32(a, a)), vget_low_f32(vuzp2q_f32(b, b)));
}

INLINE uint8x8_t even_u16(const uint8_t *at)
{
    uint16x4_t a = vreinterpret_u16_u8(vld1_u8(at)), b = vreinterpret_u16_u8(vld1_u8(at + 6));
    uint32x2_t front = vreinterpret_u32_u16(vuzp1_u16(a, a)), back = vreinterpret_u32_u16(vuzp2_u16(b, b));
    return vreinterpret_u8_u32(vzip1_u32(front, back));
}

/* 4 outputs; no byte after the last of them is touched. */
INLINE float32x4_t column4(struct kind kind, const uint8_t *at)
{
    if (kind.bytes == 4)
        return kind.paired ? even_f32(at) : load_f32x4(at);
    uint8x8_t h = kind.paired ? even_u16(at) : vld1_u8(at);
    return kind.bf16 ? bf16_to_f32x4(h) : f16_to_f32x4(h);
}

/* The first `count` (1..3) of 4 outputs. */
INLINE float32x4_t column_rest(struct kind kind, const uint8_t *at, int count)
{
    uint8_t space[16] = {0};
    for (int i = 0; i < count; i++)
        memcpy(space + i * kind.bytes, at + (kind.paired ? 2 : 1) * i * kind.bytes, (size_t)kind.bytes);
    kind.paired = false;
    return column4(kind, space);
}

/* One lane of `wide` vectors of outputs (rest == 0) or of the first `rest` outputs of one, by n activation rows;
 * wide and n are constants. lanes: [n][OUTS]. */
INLINE void lane_dot(struct kind kind, const struct view *w, int64_t o, int lane, int wide, int rest,
                     const float *const *x, int n, float *lanes)
{
    const int step = kind.bytes * (kind.paired ? 2 : 1);
    float32x4_t l[ACTS][4];
    UNROLL
    for (int i = 0; i < n; i++)
        UNROLL
        for (int c = 0; c < wide; c++)
            l[i][c] = vdupq_n_f32(0);
    for (int64_t k = lane; k < w->cols; k += N_LANES) {
        const uint8_t *at = w->data + o * w->row_stride + k * w->col_stride;
        float32x4_t values[4];
        UNROLL
        for (int c = 0; c < wide; c++)
            values[c] = rest ? column_rest(kind, at, rest) : column4(kind, at + 4 * c * step);
        UNROLL
        for (int i = 0; i < n; i++)
            UNROLL
            for (int c = 0; c < wide; c++)
                l[i][c] = vfmaq_n_f32(l[i][c], values[c], x[i][k]);
    }
    UNROLL
    for (int i = 0; i < n; i++)
        UNROLL
        for (int c = 0; c < wide; c++)
            vst1q_f32(lanes + i * OUTS + 4 * c, l[i][c]);
}

INLINE void columns_dot(struct kind kind, const struct view *w, int64_t o, int wide, int rest, const float *const *x, int n,
                        float *y, int64_t y_stride)
{
    float lanes[N_LANES][ACTS * OUTS];
    for (int i = 0; i < N_LANES; i++)
        lane_dot(kind, w, o, i, wide, rest, x, n, lanes[i]);
    for (int i = 0; i < n; i++)
        for (int c = 0; c < wide; c++) {
            float32x4_t l[N_LANES];
            UNROLL
            for (int j = 0; j < N_LANES; j++)
                l[j] = vld1q_f32(&lanes[j][i * OUTS + 4 * c]);
            UNROLL
            for (int half = N_LANES / 2; half > 0; half /= 2)
                UNROLL
                for (int j = 0; j < half; j++)
                    l[j] = vaddq_f32(l[j], l[j + half]);
            float out[4];
            vst1q_f32(out, l[0]);
            memcpy(y + i * y_stride + 4 * c, out, (size_t)(rest ? rest : 4) * 4);
        }
}

/* n activation rows (a constant), all outputs. */
INLINE void acts_dot(struct kind kind, const struct view *w, int64_t lo, int64_t hi, const float *const *x, int n, float *y,
                     int64_t y_stride)
{
    int64_t o = lo;
    for (; o + OUTS <= hi; o += OUTS)
        columns_dot(kind, w, o, 4, 0, x, n, y + (o - lo), y_stride);
    for (; o + 4 <= hi; o += 4)
        columns_dot(kind, w, o, 1, 0, x, n, y + (o - lo), y_stride);
    if (o < hi)
        columns_dot(kind, w, o, 1, (int)(hi - o), x, n, y + (o - lo), y_stride);
}

INLINE void kind_dot(struct kind kind, const struct view *w, int64_t lo, int64_t hi, const struct gather *in, float *y,
                     int64_t y_stride)
{
    for (int first = 0; first < in->n;) {
        const float *x[ACTS];
        int n = in->n - first >= ACTS ? ACTS : 1;
        for (int i = 0; i < n; i++)
            x[i] = in->act->f + gather_row(in, first + i) * in->act->width;
        if (n == ACTS)
            acts_dot(kind, w, lo, hi, x, ACTS, y + first * y_stride, y_stride);
        else
            acts_dot(kind, w, lo, hi, x, 1, y + first * y_stride, y_stride);
        first += n;
    }
}

#define LINEAR_T(name, bytes, bf16)                                                                                    \
    void name##__neon(const struct view *w, int64_t lo, int64_t hi, const struct gather *in, float *y,                 \
                      int64_t y_stride, void *scratch)                                                                 \
    {                                                                                                                  \
        if (w->row_stride == bytes)                                                                                    \
            kind_dot((struct kind){bytes, bf16, false}, w, lo, hi, in, y, y_stride);                                   \
        else if (w->row_stride == 2 * bytes)                                                                           \
            kind_dot((struct kind){bytes, bf16, true}, w, lo, hi, in, y, y_stride);                                    \
        else                                                                                                           \
            linear_f32_any__scalar(w, lo, hi, in, y, y_stride, scratch);                                                       \
    }
LINEAR_T(linear_t_f32_f32, 4, false)
LINEAR_T(linear_t_f32_f16, 2, false)
LINEAR_T(linear_t_f32_bf16, 2, true)
