/* ops_moe.c: the experts. Slots (a row and one of its experts) are gathered by expert; a lane takes its share of the
 * outputs of every expert, so that no two lanes ever add to the same value, and each weight row is read once. */
#include "backend/cpu/ops.h"

#include <string.h>

struct share {
    int64_t lo, hi;
};

/* Outputs go by blocks of 32: whoever makes a block of h also quantizes it, and delta's share is that of ops_add with
 * units of 32. */
static struct share block_share(const struct lane *lane, int64_t width)
{
    struct share s;
    lane_share(lane, (width + QUANT_BLOCK - 1) / QUANT_BLOCK, &s.lo, &s.hi);
    s.lo = s.lo * QUANT_BLOCK < width ? s.lo * QUANT_BLOCK : width;
    s.hi = s.hi * QUANT_BLOCK < width ? s.hi * QUANT_BLOCK : width;
    return s;
}

/* One expert's slots and a piece of its outputs. */
struct piece {
    const struct moe *moe;
    const int32_t *slots;
    int n;
    int64_t lo, hi;
};

static int64_t tile_outputs(int64_t values, int n)
{
    int64_t tile = values / n / QUANT_BLOCK * QUANT_BLOCK;
    return tile > QUANT_BLOCK ? tile : QUANT_BLOCK;
}

/* y[i][o - lo] = W in + bias + low-rank delta. */
static void expert_matmul(const struct kernels *k, const struct piece *p, const struct view *w, const struct vec *bias,
                          const struct act *act, int divide, real *y, real *bias_space, uint8_t *scratch)
{
    struct gather in = {act, p->slots, divide, p->n};
    int64_t width = p->hi - p->lo;
    REAL(ops_matmul)(k, w, p->lo, p->hi, &in, y, width, scratch);
    if (bias->data) {
        for (int64_t o = 0; o < width; o++)
            bias_space[o] = (real)vec_at(bias, p->lo + o);
        for (int i = 0; i < p->n; i++)
            for (int64_t o = 0; o < width; o++)
                y[i * width + o] = y[i * width + o] + bias_space[o];
    }
    REAL(ops_delta)(k, w, p->lo, p->hi, &in, y, width, scratch);
}

static void activate(const struct kernels *k, const struct moe *moe, int64_t slot, int64_t lo, int64_t hi,
                     const real *gate, const real *up)
{
    k->swiglu_f32(gate, up, hi - lo, moe->alpha, moe->limit, moe->h->f + slot * moe->intermediate + lo);
    REAL(ops_quantize_row)(k, moe->h, slot, lo, hi);
}

static void piece_in(const struct kernels *k, const struct piece *p, const struct expert *expert, real *gate, real *up,
                     real *bias_space, uint8_t *scratch)
{
    const struct moe *moe = p->moe;
    int64_t width = p->hi - p->lo;
    expert_matmul(k, p, &expert->gate, &expert->gate_bias, moe->in, moe->routing->k, gate, bias_space, scratch);
    expert_matmul(k, p, &expert->up, &expert->up_bias, moe->in, moe->routing->k, up, bias_space, scratch);
    for (int i = 0; i < p->n; i++) {
        int64_t at = p->slots[i] * moe->intermediate + p->lo;
        if (moe->gate)
            memcpy(moe->gate + at, gate + i * width, (size_t)width * sizeof *gate);
        if (moe->up)
            memcpy(moe->up + at, up + i * width, (size_t)width * sizeof *up);
        activate(k, moe, p->slots[i], p->lo, p->hi, gate + i * width, up + i * width);
    }
}

void REAL(ops_experts_in)(const struct kernels *k, const struct lane *lane, void *scratch, const struct moe *moe)
{
    const struct routing *routing = moe->routing;
    int64_t values = moe_tile_values(routing->n, moe->intermediate);
    real *gate = scratch, *up = gate + values, *bias_space = up + values;
    uint8_t *rest = (uint8_t *)scratch + moe_scratch_bytes(routing->n, moe->intermediate);
    struct share share = block_share(lane, moe->intermediate);
    for (int e = moe->first_expert; e < moe->end_expert; e++) {
        struct piece p = {moe, routing->slots + routing->start[e], routing->start[e + 1] - routing->start[e], 0, 0};
        struct expert expert;
        if (p.n == 0)
            continue;
        moe->source->get(moe->source, moe->layer, e, &expert);
        int64_t tile = tile_outputs(values, p.n);
        for (p.lo = share.lo; p.lo < share.hi; p.lo = p.hi) {
            p.hi = p.lo + tile < share.hi ? p.lo + tile : share.hi;
            piece_in(k, &p, &expert, gate, up, bias_space, rest);
        }
    }
}

static bool held(const struct moe *moe, int64_t slot)
{
    int32_t e = moe->routing->ids[slot];
    return e >= moe->first_expert && e < moe->end_expert;
}

void REAL(ops_swiglu)(const struct kernels *k, const struct lane *lane, const struct moe *moe)
{
    int64_t lo, hi;
    lane_share(lane, (int64_t)moe->routing->n * moe->routing->k, &lo, &hi);
    for (int64_t slot = lo; slot < hi; slot++)
        if (held(moe, slot))
            activate(k, moe, slot, 0, moe->intermediate, moe->gate + slot * moe->intermediate,
                     moe->up + slot * moe->intermediate);
}

/* delta starts at 0 and takes the experts in ascending id, one FMA each. */
static void clear_delta(const struct moe *moe, const struct share *share)
{
    for (int64_t r = 0; r < moe->routing->n; r++)
        memset(moe->delta + r * moe->hidden + share->lo, 0, (size_t)(share->hi - share->lo) * sizeof(real));
}

static void piece_out(const struct kernels *k, const struct piece *p, const struct expert *expert, real *y,
                      real *bias_space, uint8_t *scratch)
{
    const struct moe *moe = p->moe;
    int64_t width = p->hi - p->lo;
    expert_matmul(k, p, &expert->down, &expert->down_bias, moe->h, 1, y, bias_space, scratch);
    for (int i = 0; i < p->n; i++) {
        int64_t slot = p->slots[i], row = slot / moe->routing->k;
        if (moe->out)
            memcpy(moe->out + slot * moe->hidden + p->lo, y + i * width, (size_t)width * sizeof *y);
        k->axpy_f32(moe->routing->weights[slot], y + i * width, width, moe->delta + row * moe->hidden + p->lo);
    }
}

void REAL(ops_experts_out)(const struct kernels *k, const struct lane *lane, void *scratch, const struct moe *moe)
{
    const struct routing *routing = moe->routing;
    int64_t values = moe_tile_values(routing->n, moe->hidden);
    real *y = scratch, *bias_space = y + 2 * values;
    uint8_t *rest = (uint8_t *)scratch + moe_scratch_bytes(routing->n, moe->hidden);
    struct share share = block_share(lane, moe->hidden);
    clear_delta(moe, &share);
    for (int e = moe->first_expert; e < moe->end_expert; e++) {
        struct piece p = {moe, routing->slots + routing->start[e], routing->start[e + 1] - routing->start[e], 0, 0};
        struct expert expert;
        if (p.n == 0)
            continue;
        moe->source->get(moe->source, moe->layer, e, &expert);
        int64_t tile = tile_outputs(values, p.n);
        for (p.lo = share.lo; p.lo < share.hi; p.lo = p.hi) {
            p.hi = p.lo + tile < share.hi ? p.lo + tile : share.hi;
            piece_out(k, &p, &expert, y, bias_space, rest);
        }
    }
}

void REAL(ops_combine)(const struct kernels *k, const struct lane *lane, const struct moe *moe)
{
    const struct routing *routing = moe->routing;
    struct share share = block_share(lane, moe->hidden);
    clear_delta(moe, &share);
    for (int64_t slot = 0; slot < (int64_t)routing->n * routing->k; slot++) /* ascending id within a row */
        if (held(moe, slot))
            k->axpy_f32(routing->weights[slot], moe->out + slot * moe->hidden + share.lo, share.hi - share.lo,
                        moe->delta + slot / routing->k * moe->hidden + share.lo);
}
