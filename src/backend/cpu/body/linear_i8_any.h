/* linear_i8_any.h: the body of linear_i8_any in linear_any__*.c. Blocks are unpacked as scalar_linear.c unpacks them,
 * once for a few activation rows; the dots are vectors, in the order of scalar.c. The file gives dot32 and dot16 of
 * weights and activations, and sum16 of activations. */
#include "backend/cpu/kernels.h"
#include "backend/cpu/tables.h"

#include <math.h>

enum { GROUP = 8 /* activation rows that share one unpacking of the weights */, HALF = QUANT_BLOCK / 2 };

struct block {
    int per_scale;
    bool offsets;
    int8_t codes[DTYPE_MAX_BLOCK];
    float scale[DTYPE_MAX_SCALES], offset[DTYPE_MAX_SCALES];
};

/* 32 values from `at` in the block on: one dot, or two of 16, one after the other. `sum` is the activations' own. */
INLINE float add_32(const struct block *w, int at, const int8_t *q, float d, int32_t sum, float p)
{
    const int8_t *codes = w->codes + at;
    int s = at / w->per_scale;
    if (w->per_scale >= QUANT_BLOCK) {
        p = fmaf((float)dot32(codes, q), d * w->scale[s], p);
        return w->offsets ? fmaf((float)sum, d * w->offset[s], p) : p;
    }
    p = fmaf((float)dot16(codes, q), d * w->scale[s], p);
    if (w->offsets)
        p = fmaf((float)sum16(q), d * w->offset[s], p);
    p = fmaf((float)dot16(codes + HALF, q + HALF), d * w->scale[s + 1], p);
    return w->offsets ? fmaf((float)sum16(q + HALF), d * w->offset[s + 1], p) : p;
}

/* One output of up to GROUP activation rows from `first` on. */
static void output_i8(const struct view *w, int64_t o, const struct gather *in, int first, int group, float *y,
                      int64_t y_stride)
{
    const struct dtype_info *info = dtype_info(w->dtype);
    struct block block = {.per_scale = info->per_scale ? info->per_scale : info->block, .offsets = info->offsets};
    int64_t n_32 = w->cols / QUANT_BLOCK, each = info->block / QUANT_BLOCK;
    float p[GROUP][4] = {{0}};
    for (int64_t b = 0; b < n_32; b++) {
        if (b % each == 0)
            view_codes(w, o, b / each, block.codes, block.scale, block.offset);
        for (int i = 0; i < group; i++) {
            int64_t r = gather_row(in, first + i);
            p[i][b % 4] = add_32(&block, (int)(b % each) * QUANT_BLOCK,
                                 in->act->q + r * in->act->width + b * QUANT_BLOCK, in->act->d[r * n_32 + b],
                                 in->act->sum[r * n_32 + b], p[i][b % 4]);
        }
    }
    for (int i = 0; i < group; i++)
        y[(first + i) * y_stride] = (p[i][0] + p[i][1]) + (p[i][2] + p[i][3]);
}

typedef void output_fn(const struct view *w, int64_t o, const struct gather *in, int first, int group, float *y,
                       int64_t y_stride);

INLINE void each_output(output_fn *output, const struct view *w, int64_t lo, int64_t hi, const struct gather *in,
                        float *y, int64_t y_stride)
{
    for (int64_t o = lo; o < hi; o++)
        for (int first = 0; first < in->n; first += GROUP)
            output(w, o, in, first, in->n - first < GROUP ? in->n - first : GROUP, y + (o - lo), y_stride);
}

void ISA(linear_i8_any)(const struct view *w, int64_t lo, int64_t hi, const struct gather *in, float *y,
                        int64_t y_stride, void *workspace)
{
    (void)workspace;
    each_output(output_i8, w, lo, hi, in, y, y_stride);
}
