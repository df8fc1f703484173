/* ops_back_moe.c: router and experts backward. A slot's output y = down h + bias went into the residual stream as
 * w y; so with G = down^T d, dw = h . G + bias . d, and dh = w G.
 *
 * The weights of an expert get its slots in ascending order, rows of activations their experts in ascending order: no
 * two members ever add to one value. */
#include "backend/cpu/ops_back.h"

#include "backend/cpu/scalar/scalar.h"

#include <string.h>

/* ---- router --------------------------------------------------------------------------------------------- */

/* log sum exp over all experts. */
static real row_lse(const real *logits, int n)
{
    real top = logits[0], sum = 0;
    for (int e = 1; e < n; e++)
        top = logits[e] > top ? logits[e] : top;
    for (int e = 0; e < n; e++)
        sum = sum + REAL(real_exp)(logits[e] - top);
    return top + real_log(sum);
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
    if (h->member->id != 0)
        return;
    for (int r = 0; r < routing->n; r++) {
        const real *row = logits + (int64_t)r * n_experts;
        real lse = row_lse(row, n_experts);
        z += (double)lse * (double)lse;
        for (int e = 0; e < n_experts; e++)
            balance += share_of_slots(routing, e) * (double)REAL(real_exp)(row[e] - lse);
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
static void losses_back(const struct route_back *b, const real *logits, real *d_logits)
{
    const struct routing *routing = b->routing;
    int n_experts = routing->n_experts;
    real lse = row_lse(logits, n_experts);
    double mean = 0, balance = b->balance * n_experts / routing->n, z = b->z * 2 * (double)lse / routing->n;
    for (int e = 0; e < n_experts; e++)
        mean += share_of_slots(routing, e) * (double)REAL(real_exp)(logits[e] - lse);
    for (int e = 0; e < n_experts; e++) {
        double p = (double)REAL(real_exp)(logits[e] - lse);
        d_logits[e] = d_logits[e] + (real)(p * (balance * (share_of_slots(routing, e) - mean) + z));
    }
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
            losses_back(b, b->logits + r * n_experts, d_logits);
    }
}

/* ---- experts -------------------------------------------------------------------------------------------- */

static struct expert expert_of(const struct moe *moe, int e)
{
    struct expert expert;
    moe->source->get(moe->source, moe->layer, e, &expert);
    return expert;
}

/* h = g s (u + 1), s = sigmoid(alpha g), of the clamped g and u; 0 at a clamp and beyond. dh in d_up. */
static void swiglu_back(const struct moe *moe, int64_t slot, real *d_gate, real *d_up)
{
    const real *gate = moe->gate + slot * moe->intermediate, *up = moe->up + slot * moe->intermediate;
    real top = (real)moe->limit, alpha = (real)moe->alpha;
    for (int64_t i = 0; i < moe->intermediate; i++) {
        real g = top < gate[i] ? top : gate[i], u = -top > up[i] ? -top : up[i], dh = d_up[i];
        u = top < u ? top : u;
        real s = 1 / (1 + REAL(real_exp)(-(alpha * g)));
        real slope = s * (1 + alpha * g * (1 - s));
        d_gate[i] = gate[i] >= top ? 0 : dh * (u + 1) * slope;
        d_up[i] = up[i] >= top || up[i] <= -top ? 0 : dh * (g * s);
    }
}

/* From G in d_up, and d of the slot's row: by its weight, then by gate and up. */
static void slot_back(const struct experts_back *b, const struct vec *bias, int64_t slot)
{
    const struct moe *moe = b->moe;
    int64_t width = moe->intermediate;
    const real *d = b->d + slot / moe->routing->k * moe->hidden;
    real *d_up = b->d_up + slot * width, weight = moe->routing->weights[slot];
    real by_weight = lanes_dot(moe->h->f + slot * width, d_up, width);
    for (int64_t i = 0; bias->data && i < moe->hidden; i++)
        by_weight = real_fma((real)vec_at(bias, i), d[i], by_weight);
    b->d_weights[slot] = by_weight;
    for (int64_t i = 0; i < width; i++)
        d_up[i] = weight * d_up[i];
    swiglu_back(moe, slot, b->d_gate + slot * width, d_up);
}

void REAL(ops_experts_back)(const struct hand *h, const struct experts_back *b)
{
    const struct routing *routing = b->moe->routing;
    for (int e = 0; e < routing->n_experts; e++) {
        struct expert expert = expert_of(b->moe, e);
        int64_t lo, hi;
        member_share(h->member, routing->start[e + 1] - routing->start[e], &lo, &hi);
        const int32_t *slots = routing->slots + routing->start[e];
        struct back_rows rows = {(int)(hi - lo), slots + lo, routing->k, slots + lo, 1};
        REAL(ops_transposed)(kernels_of(h), &expert.down, b->d, &rows, false, b->d_up);
        for (int64_t i = lo; i < hi; i++)
            slot_back(b, &expert.down_bias, slots[i]);
    }
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
        struct back_rows rows = {end - from, routing->slots + from, 1, routing->slots + from, routing->k};
        REAL(ops_transposed)(kernels_of(h), &expert.gate, b->d_gate, &rows, true, b->d_in);
        REAL(ops_transposed)(kernels_of(h), &expert.up, b->d_up, &rows, true, b->d_in);
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
        int n = routing->start[e + 1] - routing->start[e];
        struct back_rows in = {n, slots, routing->k, slots, 1}, out = {n, slots, 1, slots, routing->k};
        REAL(ops_outer)
        (kn, b->d_gate, NULL, inner, lo, hi, moe->in->f, hidden, &in, expert_part(b->gate, e, inner * hidden),
         expert_part(b->gate_bias, e, inner));
        REAL(ops_outer)
        (kn, b->d_up, NULL, inner, lo, hi, moe->in->f, hidden, &in, expert_part(b->up, e, inner * hidden),
         expert_part(b->up_bias, e, inner));
        REAL(ops_outer)
        (kn, b->d, routing->weights, hidden, first, end, moe->h->f, inner, &out,
         expert_part(b->down, e, hidden * inner), expert_part(b->down_bias, e, hidden));
    }
}
