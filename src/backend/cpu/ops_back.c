/* ops_back.c: the backward ops that are neither attention nor experts: loss, linear, norm, rope, embed.
 *
 * A linear layer has two products more than forward: dx = W^T dy, outputs ascending, and dW += dy^T x, rows ascending.
 * Both go by axpy_f32 along a row that lies in memory as it is, so weights may have any format. */
#include "backend/cpu/ops_back.h"

#include "backend/cpu/scalar/scalar.h"
#include "base/must.h"

#include <string.h>

enum { TOGETHER = 16 /* rows (or outputs) that use a row of the other side while it is in the cache */ };

/* ---- loss ----------------------------------------------------------------------------------------------- */

/* The softmax in place, its sum in f64; returns its logarithm. */
static double softmax(const struct kernels *kn, real *x, int64_t n)
{
    real top = x[0];
    double sum = 0;
    for (int64_t i = 1; i < n; i++)
        top = x[i] > top ? x[i] : top;
    for (int64_t i = 0; i < n; i++)
        x[i] = x[i] - top;
    kn->exp_f32(x, n, x);
    for (int64_t i = 0; i < n; i++)
        sum += (double)x[i];
    for (int64_t i = 0; i < n; i++)
        x[i] = (real)((double)x[i] / sum);
    return (double)top + log(sum);
}

static void loss_back(const struct hand *h, const struct targets *t, int64_t vocab, real *logits, double *losses)
{
    int64_t lo, hi;
    member_share(h->member, t->n, &lo, &hi);
    for (int64_t r = lo; r < hi; r++) {
        real *row = logits + r * vocab, share = (real)((double)t->weight[r] / t->divisor);
        must(t->target[r] >= 0 && t->target[r] < vocab);
        double wanted = (double)row[t->target[r]];
        losses[r] = (softmax(kernels_of(h), row, vocab) - wanted) * (double)t->weight[r];
        row[t->target[r]] = row[t->target[r]] - 1;
        for (int64_t i = 0; i < vocab; i++)
            row[i] = row[i] * share;
    }
}

/* ---- linear --------------------------------------------------------------------------------------------- */

/* Columns [at, at + count) of row o, where they lie or unpacked. */
static const real *weights_at(const struct view *w, int64_t o, int64_t at, int64_t count, real *space)
{
    float values[DTYPE_MAX_BLOCK];
#ifndef OSSO_DOUBLE
    if (w->dtype == DT_F32 && !w->col_stride)
        return (const float *)(const void *)(w->data + o * w->row_stride) + at;
#endif
    view_values(w, o, at, count, values);
    for (int64_t i = 0; i < count; i++)
        space[i] = (real)values[i];
    return space;
}

void REAL(ops_transposed)(const struct kernels *kn, const struct view *w, const real *x, const struct back_rows *rows,
                          bool add, real *y)
{
    real space[DTYPE_MAX_BLOCK];
    for (int first = 0; first < rows->n; first += TOGETHER) {
        int end = rows->n - first < TOGETHER ? rows->n : first + TOGETHER;
        for (int i = first; i < end && !add; i++)
            memset(y + back_to(rows, i) * w->cols, 0, (size_t)w->cols * sizeof *y);
        for (int64_t at = 0; at < w->cols; at += DTYPE_MAX_BLOCK) {
            int64_t count = w->cols - at < DTYPE_MAX_BLOCK ? w->cols - at : DTYPE_MAX_BLOCK;
            for (int64_t o = 0; o < w->rows; o++) {
                const real *row = weights_at(w, o, at, count, space);
                for (int i = first; i < end; i++)
                    kn->axpy_f32(x[back_from(rows, i) * w->rows + o], row, count, y + back_to(rows, i) * w->cols + at);
            }
        }
    }
}

void REAL(ops_outer)(const struct kernels *kn, const real *dy, const real *weights, int64_t outputs, int64_t lo,
                     int64_t hi, const real *x, int64_t width, const struct back_rows *rows, real *dw, real *d_bias)
{
    for (int64_t first = lo; first < hi; first += TOGETHER) {
        int64_t end = hi - first < TOGETHER ? hi : first + TOGETHER;
        for (int i = 0; i < rows->n; i++) {
            const real *row = x + back_from(rows, i) * width, *d = dy + back_to(rows, i) * outputs;
            real weight = weights ? weights[rows->from ? rows->from[i] : i] : 1;
            for (int64_t o = first; o < end; o++) {
                real a = weight * d[o];
                if (dw)
                    kn->axpy_f32(a, row, width, dw + o * width);
                if (d_bias)
                    d_bias[o] = d_bias[o] + a;
            }
        }
    }
}

static void linear_in(const struct hand *h, const struct view *w, const real *dy, int n, bool add, real *dx)
{
    int64_t lo, hi;
    member_share(h->member, n, &lo, &hi);
    struct back_rows rows = {.n = (int)(hi - lo)};
    REAL(ops_transposed)(kernels_of(h), w, dy + lo * w->rows, &rows, add, dx + lo * w->cols);
}

static void linear_weights(const struct hand *h, const real *dy, const struct act *in, int n, int64_t outputs,
                           real *d_weights, real *d_bias)
{
    struct back_rows rows = {.n = n};
    int64_t lo, hi;
    member_share(h->member, outputs, &lo, &hi);
    REAL(ops_outer)(kernels_of(h), dy, NULL, outputs, lo, hi, in->f, in->width, &rows, d_weights, d_bias);
}

/* ---- norm, rope, embed ---------------------------------------------------------------------------------- */

/* With xhat = x / rms(x): dx = (gain dy - xhat mean(gain dy xhat)) / rms(x). */
static void norm_in(const struct hand *h, const struct norm_back *b)
{
    int64_t lo, hi;
    member_share(h->member, b->n, &lo, &hi);
    for (int64_t r = lo; r < hi; r++) {
        int64_t at = (b->rows_of ? b->rows_of[r] : r) * b->width;
        const real *x = b->x + at, *dy = b->dy + r * b->width;
        real lanes[LANES] = {0}, *dx = b->dx + at;
        real scale = 1 / real_sqrt(lanes_dot(x, x, b->width) / (real)b->width + (real)b->eps);
        for (int64_t i = 0; i < b->width; i++)
            lanes[i % LANES] = real_fma((real)b->gain[i] * dy[i], x[i] * scale, lanes[i % LANES]);
        real mean = lanes_sum(lanes) / (real)b->width;
        for (int64_t i = 0; i < b->width; i++)
            dx[i] = dx[i] + scale * ((real)b->gain[i] * dy[i] - (x[i] * scale) * mean);
        b->scale[r] = scale;
    }
}

static void norm_gain(const struct hand *h, const struct norm_back *b)
{
    int64_t lo, hi;
    member_share(h->member, b->width, &lo, &hi);
    for (int64_t r = 0; r < b->n; r++) {
        const real *x = b->x + (b->rows_of ? b->rows_of[r] : r) * b->width, *dy = b->dy + r * b->width;
        for (int64_t i = lo; i < hi; i++)
            b->d_gain[i] = real_fma(dy[i], x[i] * b->scale[r], b->d_gain[i]);
    }
}

static void rope_back(const struct hand *h, real *x, int n, int n_heads, int head_dim, const float *angles)
{
    int half = head_dim / 2;
    int64_t lo, hi;
    member_share(h->member, n, &lo, &hi);
    for (int64_t r = lo; r < hi; r++) {
        const float *c = angles + r * head_dim, *s = c + half;
        for (int head = 0; head < n_heads; head++) {
            real *a = x + (r * n_heads + head) * head_dim, *b = a + half;
            for (int i = 0; i < half; i++) {
                real ai = a[i], bi = b[i];
                a[i] = ai * (real)c[i] + bi * (real)s[i];
                b[i] = bi * (real)c[i] - ai * (real)s[i];
            }
        }
    }
}

/* A member has its columns of every row: a token that comes twice is added to by one member. */
static void embed_back(const struct hand *h, const int32_t *ids, int n, int64_t hidden, const real *d, real *d_table)
{
    int64_t lo, hi;
    member_share(h->member, hidden, &lo, &hi);
    for (int64_t r = 0; r < n; r++)
        for (int64_t i = lo; i < hi; i++)
            d_table[ids[r] * hidden + i] = d_table[ids[r] * hidden + i] + d[r * hidden + i];
}

const struct backend_train REAL(ops_train) = {
    .loss = loss_back,
    .linear_in = linear_in,
    .linear_weights = linear_weights,
    .norm_in = norm_in,
    .norm_gain = norm_gain,
    .rope = rope_back,
    .attend = REAL(ops_attend_back),
    .sinks = REAL(ops_sinks_back),
    .router_losses = REAL(ops_router_losses),
    .route = REAL(ops_route_back),
    .experts = REAL(ops_experts_back),
    .experts_in = REAL(ops_experts_in_back),
    .experts_weights = REAL(ops_experts_weights),
    .embed = embed_back,
};
