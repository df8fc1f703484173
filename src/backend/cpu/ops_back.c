/* ops_back.c: the backward ops that are neither attention nor experts: loss, linear, norm, rope, embed.
 *
 * A linear layer has two products more than forward: dx = W^T dy, outputs ascending, and dW += dy^T x, rows ascending:
 * chains (chain.h). Weights may have any format. */
#include "backend/cpu/ops_back.h"

#include "backend/cpu/row_parts.h"
#include "backend/cpu/scalar/scalar.h"
#include "base/must.h"

#include <string.h>

/* ---- loss ----------------------------------------------------------------------------------------------- */

enum { LOSS_ROWS = 4 /* whose sums, each a chain, go on side by side */ };

/* `count` rows (a constant): exp(x - max) in place, and its sum in f64 and the logarithm of sum exp(x). */
static inline __attribute__((always_inline)) void exponentials(const struct kernels *kn, int count, int64_t n, real *x,
                                                               double *sum, double *log_sum)
{
    real top[LOSS_ROWS];
    for (int k = 0; k < count; k++) {
        top[k] = x[k * n];
        sum[k] = 0;
    }
    for (int64_t i = 1; i < n; i++)
        for (int k = 0; k < count; k++)
            top[k] = x[k * n + i] > top[k] ? x[k * n + i] : top[k];
    for (int k = 0; k < count; k++) {
        for (int64_t i = 0; i < n; i++)
            x[k * n + i] = x[k * n + i] - top[k];
        kn->exp_f32(x + k * n, n, x + k * n);
    }
    for (int64_t i = 0; i < n; i++)
        for (int k = 0; k < count; k++)
            sum[k] += (double)x[k * n + i];
    for (int k = 0; k < count; k++)
        log_sum[k] = (double)top[k] + log(sum[k]);
}

/* From row r on. */
static inline __attribute__((always_inline)) void loss_rows(const struct hand *h, const struct targets *t, int64_t r,
                                                            int count, int64_t vocab, real *logits, double *losses)
{
    double wanted[LOSS_ROWS], sum[LOSS_ROWS], log_sum[LOSS_ROWS];
    for (int k = 0; k < count; k++) {
        must(t->target[r + k] >= 0 && t->target[r + k] < vocab);
        wanted[k] = (double)logits[(r + k) * vocab + t->target[r + k]];
    }
    exponentials(kernels_of(h), count, vocab, logits + r * vocab, sum, log_sum);
    for (int k = 0; k < count; k++) {
        real *row = logits + (r + k) * vocab, share = (real)((double)t->weight[r + k] / t->divisor);
        real p = (real)((double)row[t->target[r + k]] / sum[k]);
        for (int64_t i = 0; i < vocab; i++)
            row[i] = (real)((double)row[i] / sum[k]) * share;
        row[t->target[r + k]] = (p - 1) * share;
        losses[r + k] = (log_sum[k] - wanted[k]) * (double)t->weight[r + k];
    }
}

static void loss_back(const struct hand *h, const struct targets *t, int64_t vocab, real *logits, double *losses)
{
    int64_t r, hi;
    member_share(h->member, t->n, &r, &hi);
    for (; r + LOSS_ROWS <= hi; r += LOSS_ROWS)
        loss_rows(h, t, r, LOSS_ROWS, vocab, logits, losses);
    for (; r < hi; r++)
        loss_rows(h, t, r, 1, vocab, logits, losses);
}

/* ---- linear --------------------------------------------------------------------------------------------- */

enum { TOGETHER = 64 /* rows of weights that are unpacked at a time */ };
_Static_assert(TOGETHER % CHAIN_BLOCK == 0, "sums are cut between blocks");

static void unpacked_transposed(const struct kernels *kn, const struct transposed *t, void *workspace)
{
    real space[TOGETHER * DTYPE_MAX_BLOCK];
    const struct view *w = t->w;
    for (int64_t o = 0; o < w->rows; o += TOGETHER)
        for (int64_t at = 0; at < w->cols; at += DTYPE_MAX_BLOCK) {
            int64_t n = w->rows - o < TOGETHER ? w->rows - o : TOGETHER;
            int64_t count = w->cols - at < DTYPE_MAX_BLOCK ? w->cols - at : DTYPE_MAX_BLOCK;
            REAL(ops_unpack)(w, o, n, at, count, space);
            struct chain c = {.n_rows = t->n,
                              .n_cols = count,
                              .n_sums = n,
                              .a = t->x + o,
                              .a_rows = t->x_rows,
                              .b = space,
                              .b_rows = {.stride = count},
                              .y = t->y + at,
                              .y_rows = t->y_rows,
                              .fresh = t->fresh && !t->bf16 && o == 0};
            REAL(ops_chain)(kn, t->bf16)(&c, workspace);
        }
}

void REAL(ops_transposed)(const struct kernels *kn, const struct transposed *t, void *workspace)
{
    for (int64_t i = 0; t->fresh && t->bf16 && i < t->n; i++)
        memset(t->y + chain_row(&t->y_rows, i), 0, (size_t)t->w->cols * sizeof *t->y);
#ifndef OSSO_DOUBLE
    const struct view *w = t->w;
    if (w->dtype == DT_F32 && !w->col_stride) {
        struct chain c = {.n_rows = t->n,
                          .n_cols = w->cols,
                          .n_sums = w->rows,
                          .a = t->x,
                          .a_rows = t->x_rows,
                          .b = (const float *)(const void *)w->data,
                          .b_rows = {.stride = w->row_stride / (int64_t)sizeof(float)},
                          .y = t->y,
                          .y_rows = t->y_rows,
                          .fresh = t->fresh && !t->bf16};
        ops_chain(kn, t->bf16)(&c, workspace);
        return;
    }
#endif
    unpacked_transposed(kn, t, workspace);
}

/* The matrix goes on with its row n. */
static void chain_skip(const real **values, struct chain_rows *rows, int64_t n)
{
    if (rows->rows)
        rows->rows += n;
    else
        *values += n * rows->stride;
}

/* d_bias[lo .. hi) += the sum of rows [first, end) of dy. */
static void sum_rows(const struct kernels *kn, const struct chain *c, int64_t first, int64_t end, int64_t lo,
                     int64_t hi, real *d_bias)
{
    for (int64_t r = first; r < end; r++) {
        const real *dy = c->a + chain_row(&c->a_rows, r);
        if (!c->weights) {
            kn->axpy_f32(1, dy + lo, hi - lo, d_bias + lo); /* a plain addition: the product is exact */
            continue;
        }
        real weight = c->weights[c->a_rows.rows[r]];
        for (int64_t o = lo; o < hi; o++)
            d_bias[o] = d_bias[o] + weight * dy[o];
    }
}

/* As many rows at a time as a product packs, so that dy is in a cache for one of the two sums. */
void REAL(ops_outer)(const struct kernels *kn, bool bf16, const struct chain *all, int64_t lo, int64_t hi, real *d_bias,
                     void *workspace)
{
    struct chain c = *all;
    c.n_rows = hi - lo;
    c.a += lo;
    c.down = true;
    if (c.y)
        c.y += lo * c.y_rows.stride;
    for (int64_t first = 0, end; first < all->n_sums; first = end) {
        end = all->n_sums - first < CHAIN_SUMS ? all->n_sums : first + CHAIN_SUMS;
        c.n_sums = end - first;
        if (d_bias)
            sum_rows(kn, all, first, end, lo, hi, d_bias);
        if (c.y && c.n_rows > 0)
            REAL(ops_chain)(kn, bf16)(&c, workspace);
        chain_skip(&c.a, &c.a_rows, c.n_sums);
        chain_skip(&c.b, &c.b_rows, c.n_sums);
    }
}

static void linear_in(const struct hand *h, const struct view *w, const struct act *in, const real *dy, int n, bool add,
                      real *dx)
{
    int64_t lo, hi;
    member_share(h->member, n, &lo, &hi);
    for (int64_t together = rows_kept(hi - lo, w->cols), end; lo < hi; lo = end) {
        end = hi - lo < together ? hi : lo + together;
        REAL(ops_transposed)
        (kernels_of(h),
         &(struct transposed){.w = w,
                              .bf16 = in->bf16,
                              .fresh = !add,
                              .n = end - lo,
                              .x = dy + lo * w->rows,
                              .y = dx + lo * w->cols,
                              .x_rows = {w->rows, NULL, 1},
                              .y_rows = {w->cols, NULL, 1}},
         h->workspace);
    }
}

static void linear_weights(const struct hand *h, const real *dy, const struct act *in, int n, int64_t outputs,
                           real *d_weights, real *d_bias)
{
    struct chain c = {.n_cols = in->width,
                      .n_sums = n,
                      .a = dy,
                      .a_rows = {.stride = outputs},
                      .b = in->f,
                      .b_rows = {.stride = in->width},
                      .y = d_weights,
                      .y_rows = {.stride = in->width}};
    int64_t lo, hi;
    member_share(h->member, outputs, &lo, &hi);
    REAL(ops_outer)(kernels_of(h), in->bf16, &c, lo, hi, d_bias, h->workspace);
}

/* ---- norm, rope, embed ---------------------------------------------------------------------------------- */

/* With xhat = x / rms(x): dx = (gain dy - xhat mean(gain dy xhat)) / rms(x). */
static void norm_in(const struct hand *h, const struct norm_back *b)
{
    const struct kernels *kn = kernels_of(h);
    real *by = h->workspace, *xhat = by + b->width;
    int64_t lo, hi;
    member_share(h->member, b->n, &lo, &hi);
    for (int64_t r = lo; r < hi; r++) {
        int64_t at = (b->rows_of ? b->rows_of[r] : r) * b->width;
        const real *x = b->x + at, *dy = b->dy + r * b->width;
        real *dx = b->dx + at;
        real scale = 1 / real_sqrt(kn->dot_f32(x, x, b->width) / (real)b->width + (real)b->eps);
        for (int64_t i = 0; i < b->width; i++)
            by[i] = (real)b->gain[i] * dy[i];
        for (int64_t i = 0; i < b->width; i++)
            xhat[i] = x[i] * scale;
        real mean = kn->dot_f32(by, xhat, b->width) / (real)b->width;
        for (int64_t i = 0; i < b->width; i++)
            dx[i] = dx[i] + scale * (by[i] - xhat[i] * mean);
        b->scale[r] = scale;
    }
}

static void norm_gain(const struct hand *h, const struct norm_back *b)
{
    real *xhat = h->workspace;
    int64_t lo, hi;
    member_share(h->member, b->width, &lo, &hi);
    for (int64_t r = 0; r < b->n; r++) {
        const real *x = b->x + (b->rows_of ? b->rows_of[r] : r) * b->width + lo;
        real scale = b->scale[r];
        for (int64_t i = 0; i < hi - lo; i++)
            xhat[i] = x[i] * scale;
        kernels_of(h)->fma_f32(b->dy + r * b->width + lo, xhat, hi - lo, b->d_gain + lo);
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
    .orthogonal = REAL(ops_orthogonal),
    .embed = embed_back,
};
