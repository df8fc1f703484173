/* ops.c: the ops that are not attention and not experts: embed, norm, linear, rope, add, route. */
#include "backend/cpu/ops.h"

#include "backend/cpu/scalar/scalar.h"

#include <string.h>

void REAL(ops_embed)(const struct kernels *k, const struct lane *lane, const struct view *table, const int32_t *ids,
                     int n, real *x)
{
    (void)k;
    const struct dtype_info *info = dtype_info(table->dtype);
    int64_t step = table->col_stride ? table->col_stride : info->block_bytes, lo, hi;
    lane_share(lane, n, &lo, &hi);
    for (int64_t r = lo; r < hi; r++) {
        const uint8_t *row = table->data + ids[r] * table->row_stride;
        const uint8_t *scales = table->scales ? table->scales + ids[r] * table->scale_stride : NULL;
        for (int64_t b = 0; b < table->cols / info->block; b++) {
            float values[QUANT_BLOCK];
            info->unpack(row + b * step, scales ? scales[b] : 0, values);
            for (int i = 0; i < info->block; i++)
                x[r * table->cols + b * info->block + i] = (real)values[i];
        }
    }
}

static bool has_i8(const struct act *a)
{
    return a->q && a->width % QUANT_BLOCK == 0;
}

void REAL(ops_quantize_row)(const struct kernels *k, const struct act *a, int64_t row, int64_t lo, int64_t hi)
{
#ifndef OSSO_DOUBLE
    int64_t at = row * a->width + lo;
    if (has_i8(a) && hi > lo)
        k->quantize_i8_f32(a->f + at, hi - lo, a->q + at, a->d + at / QUANT_BLOCK, a->sum + at / QUANT_BLOCK);
#else
    (void)k, (void)a, (void)row, (void)lo, (void)hi;
#endif
}

void REAL(ops_norm)(const struct kernels *k, const struct lane *lane, const real *x, const int32_t *rows_of,
                    const float *gain, float eps, int64_t width, int n, struct act *out)
{
    int64_t lo, hi;
    lane_share(lane, n, &lo, &hi);
    for (int64_t r = lo; r < hi; r++) {
        k->norm_f32(x + (rows_of ? rows_of[r] : r) * width, gain, eps, width, out->f + r * width);
        REAL(ops_quantize_row)(k, out, r, 0, width);
    }
}

void REAL(ops_quantize)(const struct kernels *k, const struct lane *lane, struct act *a, int n)
{
    int64_t lo, hi;
    lane_share(lane, n, &lo, &hi);
    for (int64_t r = lo; r < hi; r++)
        REAL(ops_quantize_row)(k, a, r, 0, a->width);
}

static linear_fn *pick(const struct kernels *k, const struct view *w, const struct act *a)
{
    bool i8 = has_i8(a) && dtype_info(w->dtype)->has_i8;
#define LINEAR_I8(name, dtype_)                                                                                        \
    if (i8 && w->dtype == dtype_)                                                                                      \
        return k->name;
#define LINEAR(name, dtype_)                                                                                           \
    if (!i8 && !w->col_stride && w->dtype == dtype_)                                                                   \
        return k->name;
#define LINEAR_T(name, dtype_)                                                                                         \
    if (!i8 && w->col_stride && w->dtype == dtype_)                                                                    \
        return k->name;
#define KERNEL(name, type)
#include "backend/cpu/kernels.def"
#undef KERNEL
    (void)i8;
    return NULL; /* no such format: weights_resolve lets none through */
}

enum { DELTA_ROWS = 16, DELTA_OUTS = 64 };

static size_t delta_scratch_bytes(void)
{
    return scratch_round(sizeof(real) * DELTA_ROWS * (DELTA_MAX_RANK + DELTA_OUTS));
}

static struct view plain_view(const float *data, int64_t rows, int64_t cols)
{
    return (struct view){.dtype = DT_F32, .data = (const uint8_t *)data, .rows = rows, .cols = cols, .row_stride = cols * 4};
}

/* y += scale * B (A x): both dots in the float order, then one FMA per output. Every lane makes A x for itself. */
static void add_delta(const struct kernels *k, const struct view *w, int64_t lo, int64_t hi, const struct gather *in,
                      real *y, int64_t y_stride, uint8_t *scratch)
{
    const struct delta *delta = w->delta;
    struct view a = plain_view(delta->a, delta->rank, w->cols), b = plain_view(delta->b, w->rows, delta->rank);
    real *t = (real *)scratch, *u = t + DELTA_ROWS * DELTA_MAX_RANK;
    void *rest = scratch + delta_scratch_bytes();
    for (int first = 0; first < in->n; first += DELTA_ROWS) {
        int n = in->n - first < DELTA_ROWS ? in->n - first : DELTA_ROWS;
        int32_t rows[DELTA_ROWS];
        for (int i = 0; i < n; i++)
            rows[i] = (int32_t)gather_row(in, first + i);
        struct gather x = {in->act, rows, 1, n, NULL, false};
        struct act t_act = {.width = delta->rank, .f = t};
        struct gather ax = {&t_act, NULL, 1, n, NULL, false};
        k->linear_f32_f32(&a, 0, delta->rank, &x, t, delta->rank, rest);
        for (int64_t o = lo; o < hi; o += DELTA_OUTS) {
            int64_t end = hi - o < DELTA_OUTS ? hi : o + DELTA_OUTS;
            k->linear_f32_f32(&b, o, end, &ax, u, DELTA_OUTS, rest);
            for (int i = 0; i < n; i++)
                k->axpy_f32((real)delta->scale, u + i * DELTA_OUTS, end - o, y + (first + i) * y_stride + (o - lo));
        }
    }
}

void REAL(ops_matmul)(const struct kernels *k, const struct view *w, int64_t lo, int64_t hi, const struct gather *in,
                      real *y, int64_t y_stride, uint8_t *scratch)
{
    linear_fn *fn = pick(k, w, in->act);
    if (fn && hi > lo && in->n > 0)
        fn(w, lo, hi, in, y, y_stride, scratch);
}

/* Bias comes before the low-rank delta. */
void REAL(ops_delta)(const struct kernels *k, const struct view *w, int64_t lo, int64_t hi, const struct gather *in,
                     real *y, int64_t y_stride, uint8_t *scratch)
{
    if (w->delta && hi > lo && in->n > 0)
        add_delta(k, w, lo, hi, in, y, y_stride, scratch);
}

static void unit_share(const struct lane *lane, int64_t width, int64_t unit, int64_t *lo, int64_t *hi)
{
    lane_share(lane, (width + unit - 1) / unit, lo, hi);
    *lo = *lo * unit < width ? *lo * unit : width;
    *hi = *hi * unit < width ? *hi * unit : width;
}

void REAL(ops_linear)(const struct kernels *k, const struct lane *lane, void *scratch, const struct view *w,
                      const float *bias, const struct act *a, int n, int64_t unit, const struct view *after, real *y,
                      int64_t y_stride)
{
    struct gather in = {a, NULL, 1, n, ops_share_data(lane, after), false};
    int64_t lo, hi;
    unit_share(lane, w->rows, unit, &lo, &hi);
    REAL(ops_matmul)(k, w, lo, hi, &in, y + lo, y_stride, scratch);
    if (bias)
        for (int r = 0; r < n; r++)
            for (int64_t o = lo; o < hi; o++)
                y[r * y_stride + o] = y[r * y_stride + o] + (real)bias[o];
    REAL(ops_delta)(k, w, lo, hi, &in, y + lo, y_stride, scratch);
}

void REAL(ops_rope)(const struct kernels *k, const struct lane *lane, real *x, int n, int n_heads, int head_dim,
                    const float *angles)
{
    (void)k;
    int64_t lo, hi;
    int half = head_dim / 2;
    lane_share(lane, n_heads, &lo, &hi);
    for (int r = 0; r < n; r++) {
        const float *c = angles + (int64_t)r * head_dim, *s = c + half;
        for (int64_t h = lo; h < hi; h++) {
            real *a = x + ((int64_t)r * n_heads + h) * head_dim, *b = a + half;
            for (int i = 0; i < half; i++) {
                real ai = a[i], bi = b[i];
                a[i] = ai * (real)c[i] - bi * (real)s[i];
                b[i] = bi * (real)c[i] + ai * (real)s[i];
            }
        }
    }
}

void REAL(ops_add)(const struct kernels *k, const struct lane *lane, real *x, const real *delta, int64_t width, int n,
                   int64_t unit)
{
    (void)k;
    int64_t lo, hi;
    unit_share(lane, width, unit, &lo, &hi);
    for (int r = 0; r < n; r++)
        for (int64_t o = lo; o < hi; o++)
            x[r * width + o] = x[r * width + o] + delta[r * width + o];
}

/* k times the largest logit that is left; on a tie the lowest id; NaN counts as below everything. Sorted by id. */
static void top_k(const real *logits, int n_experts, int n_picks, int32_t *ids)
{
    for (int c = 0; c < n_picks; c++) {
        int best = -1;
        for (int e = 0; e < n_experts; e++) {
            bool taken = false;
            for (int i = 0; i < c; i++)
                taken = taken || ids[i] == e;
            if (!taken && (best < 0 || logits[e] > logits[best] ||
                           (logits[best] != logits[best] && logits[e] == logits[e])))
                best = e;
        }
        int at = c;
        for (; at > 0 && ids[at - 1] > best; at--)
            ids[at] = ids[at - 1];
        ids[at] = best;
    }
}

/* exp(logit - largest) summed in ascending id, then divided. */
static void softmax_picked(const real *logits, const int32_t *ids, int n_picks, real *weights)
{
    real top = logits[ids[0]], sum = 0;
    for (int j = 1; j < n_picks; j++)
        top = logits[ids[j]] > top ? logits[ids[j]] : top;
    for (int j = 0; j < n_picks; j++) {
        weights[j] = REAL(real_exp)(logits[ids[j]] - top);
        sum = sum + weights[j];
    }
    for (int j = 0; j < n_picks; j++)
        weights[j] = weights[j] / sum;
}

static void lists_by_expert(struct routing *routing)
{
    int n_slots = routing->n * routing->k, n_experts = routing->n_experts;
    int32_t *start = routing->start;
    memset(start, 0, (size_t)(n_experts + 1) * sizeof *start);
    for (int s = 0; s < n_slots; s++)
        start[routing->ids[s] + 1]++;
    for (int e = 0; e < n_experts; e++)
        start[e + 1] += start[e];
    for (int s = 0; s < n_slots; s++)
        routing->slots[start[routing->ids[s]]++] = s;
    for (int e = n_experts; e > 0; e--) /* every start moved on to its end, which is the next one's start */
        start[e] = start[e - 1];
    start[0] = 0;
}

void REAL(ops_route)(const struct kernels *k, const struct lane *lane, const real *logits, struct routing *routing)
{
    (void)k;
    int64_t lo, hi;
    int picks = routing->k;
    lane_share(lane, routing->n, &lo, &hi);
    for (int64_t r = lo; r < hi; r++) {
        const real *row = logits + r * routing->n_experts;
        top_k(row, routing->n_experts, picks, routing->ids + r * picks);
        softmax_picked(row, routing->ids + r * picks, picks, routing->weights + r * picks);
    }
    if (routing->n > 1)
        lane_sync(lane);
    if (lane->id == (routing->n > 1 ? 0 : lane->n - 1)) /* one row is the last lane's share */
        lists_by_expert(routing);
    lane_sync(lane);
}

size_t REAL(ops_lane_bytes)(int max_rows, int64_t hidden, int64_t intermediate, int n_heads, int head_dim)
{
    int64_t attn = (int64_t)n_heads * head_dim, cols = hidden > intermediate ? hidden : intermediate;
    size_t moe = moe_scratch_bytes(max_rows, cols), attend = attend_scratch_bytes(n_heads, head_dim);
    size_t linear = linear_scratch_bytes(attn > cols ? attn : cols), rank = linear_scratch_bytes(DELTA_MAX_RANK);
    return (moe > attend ? moe : attend) + delta_scratch_bytes() + (linear > rank ? linear : rank) + 64;
}
