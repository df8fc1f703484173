/* ops_back_moe.c: router and experts backward. A slot's output y = down h + bias went into the residual stream as
 * w y; so with G = down^T d, dw = h . G + bias . d, and dh = w G.
 *
 * The weights of an expert get its slots in ascending order, rows of activations their experts in ascending order: no
 * two members ever add to one value. */
#include "backend/cpu/ops_back.h"

#include "backend/cpu/row_parts.h"
#include "backend/cpu/scalar/scalar.h"

#include <string.h>

/* ---- router --------------------------------------------------------------------------------------------- */

/* p[e] = softmax(logits)[e] over all experts; returns log sum exp. */
static real row_softmax(const struct kernels *kn, const real *logits, int n, real *p)
{
    real top = logits[0], sum = 0;
    for (int e = 1; e < n; e++)
        top = logits[e] > top ? logits[e] : top;
    for (int e = 0; e < n; e++)
        p[e] = logits[e] - top;
    kn->exp_f32(p, n, p);
    for (int e = 0; e < n; e++)
        sum = sum + p[e];
    real lse = top + real_log(sum);
    for (int e = 0; e < n; e++)
        p[e] = logits[e] - lse;
    kn->exp_f32(p, n, p);
    return lse;
}

static double share_of_slots(const struct routing *routing, int expert)
{
    return (double)(routing->start[expert + 1] - routing->start[expert]) / ((double)routing->n * routing->k);
}

/* By one member: a few exponentials a row. */
void REAL(ops_router_losses)(const struct hand *h, const real *logits, const struct routing *routing,
                             struct router_losses *losses)
{
    int n_experts = routing->n_experts;
    double balance = 0, z = 0;
    real *p = h->workspace;
    if (h->member->id != 0)
        return;
    for (int r = 0; r < routing->n; r++) {
        real lse = row_softmax(kernels_of(h), logits + (int64_t)r * n_experts, n_experts, p);
        z += (double)lse * (double)lse;
        for (int e = 0; e < n_experts; e++)
            balance += share_of_slots(routing, e) * (double)p[e];
    }
    losses->balance += balance * n_experts / routing->n;
    losses->z += z / routing->n;
    for (int e = 0; losses->slots && e < n_experts; e++)
        losses->slots[e] += routing->start[e + 1] - routing->start[e];
}

/* By the logits of the chosen: w_j (dw_j - sum_i w_i dw_i). */
static void chosen_back(const struct route_back *b, int64_t r, real *d_logits)
{
    const struct routing *routing = b->routing;
    real mean = 0;
    for (int64_t slot = r * routing->k; slot < (r + 1) * routing->k; slot++)
        mean = real_fma(routing->weights[slot], b->d_weights[slot], mean);
    for (int64_t slot = r * routing->k; slot < (r + 1) * routing->k; slot++)
        d_logits[routing->ids[slot]] = routing->weights[slot] * (b->d_weights[slot] - mean);
}

/* By all of them: balance E p_e (f_e - sum_i f_i p_i) / n, and z 2 lse p_e / n. */
static void losses_back(const struct kernels *kn, const struct route_back *b, const real *logits, real *p,
                        real *d_logits)
{
    const struct routing *routing = b->routing;
    int n_experts = routing->n_experts;
    real lse = row_softmax(kn, logits, n_experts, p);
    double mean = 0, balance = b->balance * n_experts / routing->n, z = b->z * 2 * (double)lse / routing->n;
    for (int e = 0; e < n_experts; e++)
        mean += share_of_slots(routing, e) * (double)p[e];
    for (int e = 0; e < n_experts; e++)
        d_logits[e] = d_logits[e] + (real)((double)p[e] * (balance * (share_of_slots(routing, e) - mean) + z));
}

void REAL(ops_route_back)(const struct hand *h, const struct route_back *b)
{
    int n_experts = b->routing->n_experts;
    int64_t lo, hi;
    member_share(h->member, b->routing->n, &lo, &hi);
    for (int64_t r = lo; r < hi; r++) {
        real *d_logits = b->d_logits + r * n_experts;
        memset(d_logits, 0, (size_t)n_experts * sizeof *d_logits);
        chosen_back(b, r, d_logits);
        if (b->balance != 0 || b->z != 0)
            losses_back(kernels_of(h), b, b->logits + r * n_experts, h->workspace, d_logits);
    }
}

/* ---- experts -------------------------------------------------------------------------------------------- */

static struct expert expert_of(const struct moe *moe, int e)
{
    struct expert expert;
    moe->source->get(moe->source, moe->layer, e, &expert);
    return expert;
}

/* From G in d_up, and d of the slot's row: by its weight, then by gate and up. `bias`: of down, or NULL. */
static void slot_back(const struct kernels *kn, const struct experts_back *b, const real *bias, int64_t slot)
{
    const struct moe *moe = b->moe;
    int64_t width = moe->intermediate, at = slot * width;
    real *d_up = b->d_up + at, weight = moe->routing->weights[slot];
    b->d_weights[slot] = kn->dot_f32(moe->h->f + at, d_up, width);
    if (bias)
        b->d_weights[slot] += kn->dot_f32(bias, b->d + slot / moe->routing->k * moe->hidden, moe->hidden);
    for (int64_t i = 0; i < width; i++)
        d_up[i] = weight * d_up[i];
    kn->swiglu_back_f32(moe->gate + at, moe->up + at, width, moe->swiglu, b->d_gate + at, d_up);
}

/* What the forward pass kept of a slot lies in memory, far from that of the one before. */
static void fetch_slot(const struct experts_back *b, int64_t slot)
{
    enum { LINE = 64 / sizeof(real) };
    const struct moe *moe = b->moe;
    const int64_t at = slot * moe->intermediate;
    for (int64_t i = 0; i < moe->intermediate; i += LINE) {
        __builtin_prefetch(moe->gate + at + i);
        __builtin_prefetch(moe->up + at + i);
        __builtin_prefetch(moe->h->f + at + i);
        __builtin_prefetch(b->d_gate + at + i, 1);
    }
}

/* As many slots of an expert as are still in a cache when G is there. */
static void slots_back(const struct hand *h, const struct experts_back *b, const struct expert *expert,
                       const real *bias, const int32_t *slots, int64_t n)
{
    const struct moe *moe = b->moe;
    REAL(ops_transposed)
    (kernels_of(h),
     &(struct transposed){.w = &expert->down,
                          .bf16 = moe->h->bf16,
                          .fresh = true,
                          .n = n,
                          .x = b->d,
                          .y = b->d_up,
                          .x_rows = {moe->hidden, slots, moe->routing->k},
                          .y_rows = {moe->intermediate, slots, 1}},
     h->workspace);
    for (int64_t i = 0; i < n; i++) {
        if (i + 1 < n)
            fetch_slot(b, slots[i + 1]);
        slot_back(kernels_of(h), b, bias, slots[i]);
    }
}

void REAL(ops_experts_back)(const struct hand *h, const struct experts_back *b)
{
    const struct moe *moe = b->moe;
    const struct routing *routing = moe->routing;
    real *bias = (real *)(void *)((uint8_t *)h->workspace + CHAIN_BYTES);
    for (int e = 0; e < routing->n_experts; e++) {
        struct expert expert = expert_of(moe, e);
        int64_t lo, hi;
        member_share(h->member, routing->start[e + 1] - routing->start[e], &lo, &hi);
        for (int64_t i = 0; expert.down_bias.data && i < moe->hidden; i++)
            bias[i] = (real)vec_at(&expert.down_bias, i);
        for (int64_t together = rows_kept(hi - lo, moe->intermediate), end; lo < hi; lo = end) {
            end = hi - lo < together ? hi : lo + together;
            slots_back(h, b, &expert, expert.down_bias.data ? bias : NULL, routing->slots + routing->start[e] + lo,
                       end - lo);
        }
    }
}

/* d_in of these slots' rows += W^T d. */
static void slots_in(const struct hand *h, const struct moe *moe, const struct view *w, const real *d,
                     const int32_t *slots, int64_t n, real *d_in)
{
    struct transposed t = {.w = w,
                           .bf16 = moe->in->bf16,
                           .n = n,
                           .x = d,
                           .y = d_in,
                           .x_rows = {moe->intermediate, slots, 1},
                           .y_rows = {moe->hidden, slots, moe->routing->k}};
    REAL(ops_transposed)(kernels_of(h), &t, h->workspace);
}

/* A member has rows [lo, hi): of an expert's slots, which ascend, those are neighbours. */
void REAL(ops_experts_in_back)(const struct hand *h, const struct experts_back *b)
{
    const struct routing *routing = b->moe->routing;
    int64_t lo, hi, hidden = b->moe->hidden;
    member_share(h->member, routing->n, &lo, &hi);
    memset(b->d_in + lo * hidden, 0, (size_t)((hi - lo) * hidden) * sizeof *b->d_in);
    for (int e = 0; e < routing->n_experts; e++) {
        struct expert expert = expert_of(b->moe, e);
        int32_t from = routing->start[e], end;
        while (from < routing->start[e + 1] && routing->slots[from] < lo * routing->k)
            from++;
        for (end = from; end < routing->start[e + 1] && routing->slots[end] < hi * routing->k;)
            end++;
        slots_in(h, b->moe, &expert.gate, b->d_gate, routing->slots + from, end - from, b->d_in);
        slots_in(h, b->moe, &expert.up, b->d_up, routing->slots + from, end - from, b->d_in);
    }
}

static real *expert_part(real *all, int expert, int64_t values)
{
    return all ? all + expert * values : NULL;
}

void REAL(ops_experts_weights)(const struct hand *h, const struct experts_back *b)
{
    const struct kernels *kn = kernels_of(h);
    const struct moe *moe = b->moe;
    const struct routing *routing = moe->routing;
    int64_t inner = moe->intermediate, hidden = moe->hidden, lo, hi, first, end;
    member_share(h->member, inner, &lo, &hi);
    member_share(h->member, hidden, &first, &end);
    for (int e = 0; e < routing->n_experts; e++) {
        const int32_t *slots = routing->slots + routing->start[e];
        struct chain in = {.n_cols = hidden,
                           .n_sums = routing->start[e + 1] - routing->start[e],
                           .a_rows = {inner, slots, 1},
                           .b = moe->in->f,
                           .b_rows = {hidden, slots, routing->k},
                           .y_rows = {.stride = hidden}};
        struct chain out = {.n_cols = inner,
                            .n_sums = in.n_sums,
                            .a = b->d,
                            .a_rows = {hidden, slots, routing->k},
                            .weights = routing->weights,
                            .b = moe->h->f,
                            .b_rows = {inner, slots, 1},
                            .y = expert_part(b->down, e, hidden * inner),
                            .y_rows = {.stride = inner}};
        in.a = b->d_gate, in.y = expert_part(b->gate, e, inner * hidden);
        REAL(ops_outer)(kn, moe->in->bf16, &in, lo, hi, expert_part(b->gate_bias, e, inner), h->workspace);
        in.a = b->d_up, in.y = expert_part(b->up, e, inner * hidden);
        REAL(ops_outer)(kn, moe->in->bf16, &in, lo, hi, expert_part(b->up_bias, e, inner), h->workspace);
        REAL(ops_outer)(kn, moe->h->bf16, &out, first, end, expert_part(b->down_bias, e, hidden), h->workspace);
    }
}
