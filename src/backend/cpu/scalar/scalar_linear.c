/* scalar_linear.c: y = W x, the definition, for every format there is: integer dots take the int8 form of both sides,
 * float dots the exact values of the weights. The order of the sums is in scalar.c's head.
 *
 * Both unpack a block once for a few activation rows: they are also what runs, on every ISA, where kernels.def names no
 * kernel for a format. */
#include "backend/cpu/kernels.h"
#include "backend/cpu/scalar/scalar.h"

enum { GROUP = 8 /* activation rows that share one unpacking of the weights */ };

#ifndef OSSO_DOUBLE
/* One block's codes, and one row's int8 form beside them. */
struct block {
    const struct dtype_info *info;
    int8_t codes[DTYPE_MAX_BLOCK];
    float scales[DTYPE_MAX_SCALES], offsets[DTYPE_MAX_SCALES];
};

static int32_t dot_i8(const int8_t *a, const int8_t *b, int n)
{
    int32_t sum = 0;
    for (int k = 0; k < n; k++)
        sum += a[k] * b[k];
    return sum;
}

static int32_t sum_i8(const int8_t *a, int n)
{
    int32_t sum = 0;
    for (int k = 0; k < n; k++)
        sum += a[k];
    return sum;
}

/* 32 values from `at` in the block on. A scale serves all of them, or 16: then they are two dots, one after the other.
 */
static float add_32(const struct block *w, int at, const int8_t *q, float d, float p)
{
    int per_scale = w->info->per_scale ? w->info->per_scale : w->info->block,
        run = per_scale < QUANT_BLOCK ? per_scale : QUANT_BLOCK;
    for (int k = 0; k < QUANT_BLOCK; k += run) {
        int s = (at + k) / per_scale;
        p = fmaf((float)dot_i8(w->codes + at + k, q + k, run), d * w->scales[s], p);
        if (w->info->offsets)
            p = fmaf((float)sum_i8(q + k, run), d * w->offsets[s], p);
    }
    return p;
}

/* One output of up to GROUP activation rows from `first` on. */
static void output_i8(const struct view *w, int64_t o, const struct gather *in, int first, int group, float *y,
                      int64_t y_stride)
{
    struct block block = {.info = dtype_info(w->dtype)};
    int64_t n_32 = w->cols / QUANT_BLOCK, each = block.info->block / QUANT_BLOCK;
    float p[GROUP][4] = {{0}};
    for (int64_t b = 0; b < n_32; b++) {
        if (b % each == 0)
            view_codes(w, o, b / each, block.codes, block.scales, block.offsets);
        for (int i = 0; i < group; i++) {
            int64_t r = gather_row(in, first + i);
            p[i][b % 4] = add_32(&block, (int)(b % each) * QUANT_BLOCK,
                                 in->act->q + r * in->act->width + b * QUANT_BLOCK, in->act->d[r * n_32 + b],
                                 p[i][b % 4]);
        }
    }
    for (int i = 0; i < group; i++)
        y[(first + i) * y_stride] = (p[i][0] + p[i][1]) + (p[i][2] + p[i][3]);
}

void linear_i8_any__scalar(const struct view *w, int64_t lo, int64_t hi, const struct gather *in, float *y,
                           int64_t y_stride, void *workspace)
{
    (void)workspace;
    for (int64_t o = lo; o < hi; o++)
        for (int first = 0; first < in->n; first += GROUP)
            output_i8(w, o, in, first, in->n - first < GROUP ? in->n - first : GROUP, y + (o - lo), y_stride);
}
#endif

/* The same order for row-major and transposed views, so the same bits. */
static void output_f32(const struct view *w, int64_t o, const struct gather *in, int first, int group, real *y,
                       int64_t y_stride)
{
    enum {
        PIECE = DTYPE_MAX_BLOCK /* values unpacked at a time: whole blocks of every format, whole turns of the lanes */
    };
    real lanes[GROUP][LANES] = {{0}};
    for (int64_t k = 0; k < w->cols; k += PIECE) {
        float values[PIECE];
        int count = w->cols - k < PIECE ? (int)(w->cols - k) : PIECE;
        view_values(w, o, k, count, values);
        for (int i = 0; i < group; i++) {
            const real *x = in->act->f + gather_row(in, first + i) * in->act->width + k;
            for (int j = 0; j < count; j++)
                lanes[i][j % LANES] = real_fma((real)values[j], x[j], lanes[i][j % LANES]);
        }
    }
    for (int i = 0; i < group; i++)
        y[(first + i) * y_stride] = lanes_sum(lanes[i]);
}

void REAL(linear_f32_any__scalar)(const struct view *w, int64_t lo, int64_t hi, const struct gather *in, real *y,
                                  int64_t y_stride, void *workspace)
{
    (void)workspace;
    for (int64_t o = lo; o < hi; o++)
        for (int first = 0; first < in->n; first += GROUP)
            output_f32(w, o, in, first, in->n - first < GROUP ? in->n - first : GROUP, y + (o - lo), y_stride);
}
