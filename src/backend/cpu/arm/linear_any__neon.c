/* linear_any__neon.c: linear_i8_any and linear_f32_any: every format that has no kernel of its own here. Blocks are
 * unpacked as scalar_linear.c unpacks them, once for a few activation rows; the dots are vectors, in the order of
 * scalar.c. */
#include "backend/cpu/arm/codes_arm.h"
#include "backend/cpu/arm/vec__neon.h"

#include "backend/cpu/kernels.h"
#include "backend/cpu/tables.h"

enum { GROUP = 8 /* activation rows that share one unpacking of the weights */, HALF = QUANT_BLOCK / 2 };

struct block {
    int n_run, per_scale; /* values that one dot takes: 32 or 16 */
    bool offsets;
    int8_t codes[DTYPE_MAX_BLOCK];
    float scale[DTYPE_MAX_SCALES], offset[DTYPE_MAX_SCALES];
};

/* Two products fit 16 bits: activations are within +-127, so 2 * 127 * 128 at most. */
INLINE int32_t dot16(int8x16_t w, int8x16_t a)
{
    return vaddlvq_s16(vmlal_high_s8(vmull_s8(vget_low_s8(w), vget_low_s8(a)), w, a));
}

/* 32 values from `at` in the block on: one dot, or two of 16, one after the other. `sum` is the activations' own. */
INLINE float add_32(const struct block *w, int at, const int8_t *q, float d, int32_t sum, float p)
{
    const struct codes a = load_codes(q), c = load_codes(w->codes + at);
    int32_t first = dot16(c.lo, a.lo), last = dot16(c.hi, a.hi);
    int s = at / w->per_scale;
    if (w->n_run == QUANT_BLOCK) {
        p = fmaf((float)(first + last), d * w->scale[s], p);
        return w->offsets ? fmaf((float)sum, d * w->offset[s], p) : p;
    }
    p = fmaf((float)first, d * w->scale[s], p);
    if (w->offsets)
        p = fmaf((float)vaddlvq_s8(a.lo), d * w->offset[s], p);
    p = fmaf((float)last, d * w->scale[s + 1], p);
    return w->offsets ? fmaf((float)vaddlvq_s8(a.hi), d * w->offset[s + 1], p) : p;
}

/* One output of up to GROUP activation rows from `first` on. */
static void output_i8(const struct view *w, int64_t o, const struct gather *in, int first, int group, float *y,
                      int64_t y_stride)
{
    const struct dtype_info *info = dtype_info(w->dtype);
    struct block block = {.per_scale = info->per_scale ? info->per_scale : info->block, .offsets = info->offsets};
    int64_t n_32 = w->cols / QUANT_BLOCK, each = info->block / QUANT_BLOCK;
    float p[GROUP][4] = {{0}};
    block.n_run = block.per_scale < QUANT_BLOCK ? HALF : QUANT_BLOCK;
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

/* The same by exact values, for row-major and transposed views. */
static void output_f32(const struct view *w, int64_t o, const struct gather *in, int first, int group, float *y,
                       int64_t y_stride)
{
    enum { PIECE = DTYPE_MAX_BLOCK /* whole blocks of every format, whole turns of the lanes */ };
    vec16 lanes[GROUP];
    for (int i = 0; i < group; i++)
        lanes[i] = zero16();
    for (int64_t k = 0; k < w->cols; k += PIECE) {
        float values[PIECE];
        int count = w->cols - k < PIECE ? (int)(w->cols - k) : PIECE;
        view_values(w, o, k, count, values);
        for (int i = 0; i < group; i++) {
            const float *x = in->act->f + gather_row(in, first + i) * in->act->width + k;
            int j = 0;
            for (; j + 16 <= count; j += 16)
                lanes[i] = fma16(load16(values + j, 16), load16(x + j, 16), lanes[i]);
            if (j < count) /* the lanes beyond keep what they have: even adding 0 would turn -0 into 0 */
                lanes[i] = fma16_in(lanes16(0, count - j), load16(values + j, count - j), load16(x + j, count - j),
                                    lanes[i]);
        }
    }
    for (int i = 0; i < group; i++)
        y[(first + i) * y_stride] = tree_sum(lanes[i]);
}

typedef void output_fn(const struct view *w, int64_t o, const struct gather *in, int first, int group, float *y,
                       int64_t y_stride);

static void each_output(output_fn *output, const struct view *w, int64_t lo, int64_t hi, const struct gather *in,
                        float *y, int64_t y_stride)
{
    for (int64_t o = lo; o < hi; o++)
        for (int first = 0; first < in->n; first += GROUP)
            output(w, o, in, first, in->n - first < GROUP ? in->n - first : GROUP, y + (o - lo), y_stride);
}

void linear_i8_any__neon(const struct view *w, int64_t lo, int64_t hi, const struct gather *in, float *y,
                         int64_t y_stride, void *workspace)
{
    (void)workspace;
    each_output(output_i8, w, lo, hi, in, y, y_stride);
}

void linear_f32_any__neon(const struct view *w, int64_t lo, int64_t hi, const struct gather *in, float *y,
                          int64_t y_stride, void *workspace)
{
    (void)workspace;
    each_output(output_f32, w, lo, hi, in, y, y_stride);
}
