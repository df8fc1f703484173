/* scalar_linear.c: y = W x, the definition. Integer dots take the int8 form of both sides; float dots the exact values
 * of the weights. The order of the sums is in scalar.c's head. */
#include "backend/cpu/kernels.h"
#include "backend/cpu/scalar/scalar.h"

#ifndef OSSO_DOUBLE
static void linear_i8(const struct view *w, int64_t lo, int64_t hi, const struct gather *in, float *y, int64_t y_stride)
{
    const struct dtype_info *info = dtype_info(w->dtype);
    const struct act *act = in->act;
    int64_t n_blocks = w->cols / QUANT_BLOCK;
    for (int64_t o = lo; o < hi; o++) {
        const uint8_t *row = w->data + o * w->row_stride, *scales = w->side[0].data ? w->side[0].data + o * w->side[0].stride : NULL;
        for (int i = 0; i < in->n; i++) {
            int64_t r = gather_row(in, i);
            const int8_t *q = act->q + r * act->width;
            const float *d = act->d + r * n_blocks;
            float p[4] = {0};
            for (int64_t b = 0; b < n_blocks; b++) {
                int8_t codes[QUANT_BLOCK];
                float scale;
                int32_t sum = 0;
                info->unpack_i8(row + b * info->block_bytes, scales ? scales[b] : 0, codes, &scale);
                for (int k = 0; k < QUANT_BLOCK; k++)
                    sum += codes[k] * q[b * QUANT_BLOCK + k];
                p[b % 4] = fmaf((float)sum, d[b] * scale, p[b % 4]);
            }
            y[i * y_stride + (o - lo)] = (p[0] + p[1]) + (p[2] + p[3]);
        }
    }
}
#define LINEAR_I8(name, dtype)                                                                                         \
    void name##__scalar(const struct view *w, int64_t lo, int64_t hi, const struct gather *in, float *y,               \
                        int64_t y_stride, void *scratch)                                                               \
    {                                                                                                                  \
        (void)scratch;                                                                                                 \
        linear_i8(w, lo, hi, in, y, y_stride);                                                                         \
    }
#endif

enum { PIECE = 128 /* values unpacked at a time: whole blocks of every format, whole turns of the lanes */ };

/* Exact values [k, k + count) of a row. */
static void row_values(const struct view *w, int64_t o, int64_t k, int count, float *values_out)
{
    const struct dtype_info *info = dtype_info(w->dtype);
    const uint8_t *row = w->data + o * w->row_stride;
    if (info->block > 1) {
        for (int64_t b = k / info->block; b < (k + count) / info->block; b++, values_out += info->block)
            info->unpack(row + b * info->block_bytes, w->side[0].data ? w->side[0].data[o * w->side[0].stride + b] : 0, values_out);
        return;
    }
    int64_t step = w->col_stride ? w->col_stride : info->block_bytes;
    for (int j = 0; j < count; j++)
        info->unpack(row + (k + j) * step, 0, &values_out[j]);
}

/* The same order for row-major and transposed views, so the same bits. */
static void linear_exact(const struct view *w, int64_t lo, int64_t hi, const struct gather *in, real *y,
                         int64_t y_stride)
{
    for (int64_t o = lo; o < hi; o++) {
        enum { GROUP = 8 }; /* activation rows that share one unpacking of the weights */
        for (int first = 0; first < in->n; first += GROUP) {
            int group = in->n - first < GROUP ? in->n - first : GROUP;
            real lanes[GROUP][LANES] = {{0}};
            for (int64_t k = 0; k < w->cols; k += PIECE) {
                float values[PIECE];
                int count = w->cols - k < PIECE ? (int)(w->cols - k) : PIECE;
                row_values(w, o, k, count, values);
                for (int i = 0; i < group; i++) {
                    const real *x = in->act->f + gather_row(in, first + i) * in->act->width + k;
                    for (int j = 0; j < count; j++)
                        lanes[i][j % LANES] = real_fma((real)values[j], x[j], lanes[i][j % LANES]);
                }
            }
            for (int i = 0; i < group; i++)
                y[(first + i) * y_stride + (o - lo)] = lanes_sum(lanes[i]);
        }
    }
}

#define LINEAR(name, dtype)                                                                                            \
    void REAL(name##__scalar)(const struct view *w, int64_t lo, int64_t hi, const struct gather *in, real *y,          \
                              int64_t y_stride, void *scratch)                                                         \
    {                                                                                                                  \
        (void)scratch;                                                                                                 \
        linear_exact(w, lo, hi, in, y, y_stride);                                                                      \
    }
#define LINEAR_T(name, dtype) LINEAR(name, dtype)
#define KERNEL(name, type)
#include "backend/cpu/kernels.def"
