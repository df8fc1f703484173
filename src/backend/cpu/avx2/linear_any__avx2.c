/* linear_any__avx2.c: y = W x of int8 activations for formats that have no kernel of their own. Blocks are unpacked as
 * scalar_linear.c unpacks them, once for a few activation rows; the dots are vectors, in the order of scalar.c. */
#include "backend/cpu/avx2/avx2.h"
#include "backend/cpu/tables.h"
#include "backend/cpu/scalar/scalar.h"

enum { GROUP = 8 /* activation rows that share one unpacking of the weights */, HALF = QUANT_BLOCK / 2 };

/* A block's codes as int16, and its scales. */
struct block {
    int n_run, per_scale; /* values that one dot takes: 32 or 16 */
    bool offsets;
    int16_t codes[DTYPE_MAX_BLOCK];
    float scale[DTYPE_MAX_SCALES], offset[DTYPE_MAX_SCALES];
};

INLINE __m256i load_i8(const int8_t *p)
{
    return _mm256_cvtepi8_epi16(_mm_loadu_si128((const void *)p));
}

static void open_block(const struct view *w, int64_t o, int64_t b, struct block *out)
{
    int8_t codes[DTYPE_MAX_BLOCK];
    int n = dtype_info(w->dtype)->block;
    view_codes(w, o, b, codes, out->scale, out->offset);
    for (int k = 0; k < n; k += HALF)
        _mm256_storeu_si256((void *)(out->codes + k), load_i8(codes + k));
}

INLINE int32_t lanes_of(__m256i v)
{
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1)));
}

/* 32 values from `at` in the block on: one dot, or two of 16, one after the other. `sum` is the activations' own. */
INLINE float add_32(const struct block *w, int at, const int8_t *q, float d, int32_t sum, float p)
{
    const __m256i one = _mm256_set1_epi16(1);
    __m256i qa = load_i8(q), qb = load_i8(q + HALF);
    __m256i a = _mm256_madd_epi16(_mm256_loadu_si256((const void *)(w->codes + at)), qa);
    __m256i b = _mm256_madd_epi16(_mm256_loadu_si256((const void *)(w->codes + at + HALF)), qb);
    int s = at / w->per_scale;
    if (w->n_run == QUANT_BLOCK) {
        p = fmaf((float)lanes_of(_mm256_add_epi32(a, b)), d * w->scale[s], p);
        return w->offsets ? fmaf((float)sum, d * w->offset[s], p) : p;
    }
    p = fmaf((float)lanes_of(a), d * w->scale[s], p);
    if (w->offsets)
        p = fmaf((float)lanes_of(_mm256_madd_epi16(qa, one)), d * w->offset[s], p);
    p = fmaf((float)lanes_of(b), d * w->scale[s + 1], p);
    return w->offsets ? fmaf((float)lanes_of(_mm256_madd_epi16(qb, one)), d * w->offset[s + 1], p) : p;
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
            open_block(w, o, b / each, &block);
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

void linear_i8_any__avx2(const struct view *w, int64_t lo, int64_t hi, const struct gather *in, float *y,
                         int64_t y_stride, void *workspace)
{
    (void)workspace;
    for (int64_t o = lo; o < hi; o++)
        for (int first = 0; first < in->n; first += GROUP)
            output_i8(w, o, in, first, in->n - first < GROUP ? in->n - first : GROUP, y + (o - lo), y_stride);
}
