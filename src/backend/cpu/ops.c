/* ops.c: the ops that are not attention and not experts: embed, norm, linear, rope, add, route. */
#include "backend/cpu/ops.h"

#include "backend/cpu/pick.h"
#include "backend/cpu/row_parts.h"
#include "backend/cpu/scalar/scalar.h"
#include "backend/cpu/share.h"
#include "base/must.h"

#include <string.h>

void REAL(ops_unpack)(const struct view *w, int64_t o, int64_t n, int64_t at, int64_t count, real *out)
{
    float values[DTYPE_MAX_BLOCK];
    for (int64_t r = 0; r < n; r++, out += count) {
        view_values(w, o + r, at, count, values);
        for (int64_t i = 0; i < count; i++)
            out[i] = (real)values[i];
    }
}

void REAL(ops_embed)(const struct hand *h, const struct view *table, const int32_t *ids, int n, real *x)
{
    int64_t lo, hi;
    member_share(h->member, n, &lo, &hi);
    for (int64_t r = lo; r < hi; r++)
        for (int64_t at = 0; at < table->cols; at += DTYPE_MAX_BLOCK) {
            int64_t count = table->cols - at < DTYPE_MAX_BLOCK ? table->cols - at : DTYPE_MAX_BLOCK;
            must(ids[r] >= 0 && ids[r] < table->rows);
            REAL(ops_unpack)(table, ids[r], 1, at, count, x + r * table->cols + at);
        }
}

static bool has_i8(const struct act *a)
{
    return a->q && a->width % QUANT_BLOCK == 0;
}

void REAL(ops_quantize_row)(const struct kernels *kn, const struct act *a, int64_t row, int64_t lo, int64_t hi)
{
#ifndef OSSO_DOUBLE
    int64_t at = row * a->width + lo;
    if (has_i8(a) && hi > lo)
        kn->quantize_i8_f32(a->f + at, hi - lo, a->q + at, a->d + at / QUANT_BLOCK, a->sum + at / QUANT_BLOCK);
#else
    (void)kn, (void)a, (void)row, (void)lo, (void)hi;
#endif
}

void REAL(ops_norm)(const struct hand *h, const real *x, const int32_t *rows_of, const float *gain, float eps,
                    int64_t width, int n, struct act *out)
{
    const struct kernels *kn = kernels_of(h);
    int64_t lo, hi;
    must(out->width == width);
    member_share(h->member, n, &lo, &hi);
    for (int64_t r = lo; r < hi; r++) {
        kn->norm_f32(x + (rows_of ? rows_of[r] : r) * width, gain, eps, width, out->f + r * width);
        REAL(ops_quantize_row)(kn, out, r, 0, width);
    }
}

void REAL(ops_quantize)(const struct hand *h, struct act *a, int n)
{
    int64_t lo, hi;
    member_share(h->member, n, &lo, &hi);
    for (int64_t r = lo; r < hi; r++)
        REAL(ops_quantize_row)(kernels_of(h), a, r, 0, a->width);
}

enum { LOWRANK_ROWS = 16, LOWRANK_OUTS = 64 };

static size_t lowrank_workspace_bytes(void)
{
    return workspace_round(sizeof(real) * LOWRANK_ROWS * (LOWRANK_MAX + LOWRANK_OUTS));
}

static struct view plain_view(const float *data, int64_t rows, int64_t cols)
{
    return (struct view){
        .dtype = DT_F32, .data = (const uint8_t *)data, .rows = rows, .cols = cols, .row_stride = cols * 4};
}

/* y += scale * B (A x): both dots in the float order, then one FMA per output. Every member makes A x for itself. */
static void add_lowrank(const struct kernels *kn, const struct view *w, int64_t lo, int64_t hi, const struct gather *in,
                        real *y, int64_t y_stride, uint8_t *workspace)
{
    const struct lowrank *lr = w->lowrank;
    struct view a = plain_view(lr->a, lr->rank, w->cols), b = plain_view(lr->b, w->rows, lr->rank);
    real *t = (real *)workspace, *u = t + LOWRANK_ROWS * LOWRANK_MAX;
    void *rest = workspace + lowrank_workspace_bytes();
    for (int first = 0; first < in->n; first += LOWRANK_ROWS) {
        int n = in->n - first < LOWRANK_ROWS ? in->n - first : LOWRANK_ROWS;
        int32_t rows[LOWRANK_ROWS];
        for (int i = 0; i < n; i++)
            rows[i] = (int32_t)gather_row(in, first + i);
        struct gather x = {in->act, rows, 1, n, NULL, false};
        struct act t_act = {.width = lr->rank, .f = t};
        struct gather ax = {&t_act, NULL, 1, n, NULL, false};
        kn->linear_f32_f32(&a, 0, lr->rank, &x, t, lr->rank, rest);
        for (int64_t o = lo; o < hi; o += LOWRANK_OUTS) {
            int64_t end = hi - o < LOWRANK_OUTS ? hi : o + LOWRANK_OUTS;
            kn->linear_f32_f32(&b, o, end, &ax, u, LOWRANK_OUTS, rest);
            for (int i = 0; i < n; i++)
                kn->axpy_f32((real)lr->scale, u + i * LOWRANK_OUTS, end - o, y + (first + i) * y_stride + (o - lo));
        }
    }
}

/* The kernel multiplies with what the blocks hold; the matrix's own factor comes after its sums. */
static void matmul_times_factor(const struct kernels *kn, const struct view *w, int64_t lo, int64_t hi,
                                const struct gather *in, real *y, int64_t y_stride, uint8_t *workspace)
{
    struct view plain = *w;
    plain.factor = NULL;
    REAL(ops_matmul)(kn, &plain, lo, hi, in, y, y_stride, workspace);
    for (int i = 0; i < in->n; i++)
        for (int64_t o = 0; o < hi - lo; o++)
            y[i * y_stride + o] = y[i * y_stride + o] * (real)*w->factor;
}

void REAL(ops_matmul)(const struct kernels *kn, const struct view *w, int64_t lo, int64_t hi, const struct gather *in,
                      real *y, int64_t y_stride, uint8_t *workspace)
{
    if (w->factor)
        matmul_times_factor(kn, w, lo, hi, in, y, y_stride, workspace);
    else if (in->act->bf16)
        REAL(ops_matmul_bf16)(kn, w, lo, hi, in, y, y_stride, workspace);
    else if (hi > lo && in->n > 0)
        REAL(pick_linear)(kn, w, has_i8(in->act))(w, lo, hi, in, y, y_stride, workspace);
}

/* The bias has been added before. */
void REAL(ops_lowrank)(const struct kernels *kn, const struct view *w, int64_t lo, int64_t hi, const struct gather *in,
                       real *y, int64_t y_stride, uint8_t *workspace)
{
    if (w->lowrank && hi > lo && in->n > 0)
        add_lowrank(kn, w, lo, hi, in, y, y_stride, workspace);
}

/* Rows from `row` on. */
static struct act act_rows(const struct act *a, int64_t row)
{
    struct act rows = *a;
    rows.f += row * a->width;
    if (has_i8(a)) {
        rows.q += row * a->width;
        rows.d += row * a->width / QUANT_BLOCK;
        rows.sum += row * a->width / QUANT_BLOCK;
    }
    return rows;
}

/* Outputs [lo, hi) of rows [row, end_row), and what is read then. */
struct linear_part {
    int64_t row, end_row, lo, hi;
    const uint8_t *next;
    bool again; /* the rows of the last part, whose `next` this is */
};

/* A plain addition: the product with 1 is exact. */
static void add_bias(const struct kernels *kn, const float *bias, int64_t n, real *y)
{
#ifndef OSSO_DOUBLE
    kn->axpy_f32(1, bias, n, y);
#else
    (void)kn;
    for (int64_t o = 0; o < n; o++)
        y[o] = y[o] + (real)bias[o];
#endif
}

static void linear_part(const struct hand *h, const struct view *w, const float *bias, const struct act *a,
                        const struct linear_part *s, real *y, int64_t y_stride)
{
    const struct kernels *kn = kernels_of(h);
    struct act rows = act_rows(a, s->row);
    struct gather in = {&rows, NULL, 1, (int)(s->end_row - s->row), s->next, s->again && !w->lowrank};
    y += s->row * y_stride;
    if (w->data)
        REAL(ops_matmul)(kn, w, s->lo, s->hi, &in, y + s->lo, y_stride, h->workspace);
    else
        for (int r = 0; r < in.n; r++)
            memset(y + r * y_stride + s->lo, 0, (size_t)(s->hi - s->lo) * sizeof *y);
    for (int r = 0; bias && r < in.n; r++)
        add_bias(kn, bias + s->lo, s->hi - s->lo, y + r * y_stride + s->lo);
    REAL(ops_lowrank)(kn, w, s->lo, s->hi, &in, y + s->lo, y_stride, h->workspace);
}

/* Rows of activations that go together: of int8 those that a kernel packs at once, so that it finds them packed when
 * more outputs of them come; of f32 as many as are still in a cache when their bias comes. */
static int64_t rows_together(const struct act *a, int n, int64_t cols)
{
    enum { EVEN = 180, UNIT = 20 }; /* groups of 4 and of 5 are whole */
    if (!a->q)
        return rows_kept(n, cols);
    return n <= LINEAR_ACTS ? n : even_part(n, EVEN, UNIT);
}

/* Outputs that are dealt together: a tile; of few rows less where a small matrix (the router) has few tiles. */
static int64_t outputs_together(const struct member *member, int n, int64_t outputs)
{
    enum { FEW = 16, LEAST = 4 };
    return n > FEW || outputs >= (int64_t)LINEAR_TILE * LEAST * member->n ? LINEAR_TILE : LEAST;
}

/* Dealt: rows that go together outside, outputs inside. */
void REAL(ops_linear)(const struct hand *h, const struct view *w, const float *bias, const struct act *a, int n,
                      const struct view *after, real *y, int64_t y_stride)
{
    enum { FEW = 16, TILES = 2 /* of many rows, that a member takes at least: it packs these rows for them */ };
    int64_t rows = rows_together(a, n, w->cols), unit = outputs_together(h->member, n, w->rows);
    int64_t n_units = (w->rows + unit - 1) / unit, count = rows > 0 ? (n + rows - 1) / rows * n_units : 0;
    struct deal deal = member_deal(h->member);
    must(a->width == w->cols && y_stride >= w->rows);
    for (struct stint run; member_take(h->member, &deal, count, n > FEW ? TILES : 1, &run);)
        for (int64_t i = run.lo, end; i < run.hi; i = end) {
            struct linear_part part = {.row = i / n_units * rows, .lo = i % n_units * unit};
            end = run.hi - i < n_units - i % n_units ? run.hi : i + n_units - i % n_units;
            part.end_row = n - part.row < rows ? n : part.row + rows;
            part.hi = part.lo + (end - i) * unit < w->rows ? part.lo + (end - i) * unit : w->rows;
            part.again = i == run.lo && run.follows && part.lo > 0;
            if (end < run.hi || run.goes_on)
                part.next = w->data ? w->data + end % n_units * unit * w->row_stride : NULL;
            else
                part.next = ops_share_data(h->member, after);
            linear_part(h, w, bias, a, &part, y, y_stride);
        }
}

void REAL(ops_rope)(const struct hand *h, real *x, int n, int n_heads, int head_dim, const float *angles)
{
    struct work_share share = share_of(h->member, n, (int64_t)n_heads * head_dim, head_dim);
    int half = head_dim / 2;
    for (int64_t r = share.row; r < share.end_row; r++) {
        const float *c = angles + r * head_dim, *s = c + half;
        for (int64_t at = share.lo; at < share.hi; at += head_dim) {
            real *a = x + r * n_heads * head_dim + at, *b = a + half;
            for (int i = 0; i < half; i++) {
                real ai = a[i], bi = b[i];
                a[i] = ai * (real)c[i] - bi * (real)s[i];
                b[i] = bi * (real)c[i] + ai * (real)s[i];
            }
        }
    }
}

void REAL(ops_add)(const struct hand *h, const real *x, const real *delta, int64_t width, int n, real *sum)
{
    int64_t lo, hi;
    member_share(h->member, n, &lo, &hi);
    for (int64_t i = lo * width; i < hi * width; i++)
        sum[i] = x[i] + delta[i];
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
            if (!taken &&
                (best < 0 || logits[e] > logits[best] || (logits[best] != logits[best] && logits[e] == logits[e])))
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

void REAL(ops_route)(const struct hand *h, const real *logits, struct routing *routing)
{
    const struct member *member = h->member;
    int64_t lo, hi;
    int picks = routing->k;
    member_share(member, routing->n, &lo, &hi);
    for (int64_t r = lo; r < hi; r++) {
        const real *row = logits + r * routing->n_experts;
        top_k(row, routing->n_experts, picks, routing->ids + r * picks);
        softmax_picked(row, routing->ids + r * picks, picks, routing->weights + r * picks);
    }
    if (routing->n > 1)
        member_sync(member);
    if (member->id == (routing->n > 1 ? 0 : member->n - 1)) /* one row is the last member's share */
        lists_by_expert(routing);
    member_sync(member);
}

size_t REAL(ops_workspace_bytes)(int max_rows, int64_t hidden, int64_t intermediate, int n_heads, int head_dim)
{
    int64_t attn = (int64_t)n_heads * head_dim, cols = hidden > intermediate ? hidden : intermediate;
    size_t moe = moe_workspace_bytes(max_rows, cols), attend = attend_workspace_bytes(n_heads, head_dim);
    size_t linear = linear_workspace_bytes(attn > cols ? attn : cols), rank = linear_workspace_bytes(LOWRANK_MAX);
    linear = linear > rank ? linear : rank;
    linear = linear > CHAIN_BYTES ? linear : CHAIN_BYTES; /* ops_matmul_bf16 */
    size_t forward = (moe > attend ? moe : attend) + lowrank_workspace_bytes() + linear + 64;
    size_t back = REAL(ops_back_workspace_bytes)(n_heads, head_dim, hidden);
    return forward > back ? forward : back;
}
