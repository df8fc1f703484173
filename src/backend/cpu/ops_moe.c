/* ops_moe.c: the experts. Slots (a row and one of its experts) are gathered by expert, and each weight row is read
 * once. What is added up over experts is dealt by outputs, so that no two members ever add to the same value.
 *
 * The way of a token goes on in backend/cpu/scalar/scalar.c. */
#include "backend/cpu/ops.h"

#include "backend/cpu/row_parts.h"

#include <string.h>

/* Outputs [lo, hi). They go by blocks of 32: whoever makes a block of h also quantizes it. */
struct share {
    int64_t lo, hi;
};

static int64_t count_blocks(int64_t width)
{
    return (width + QUANT_BLOCK - 1) / QUANT_BLOCK;
}

static struct share blocks_share(int64_t lo, int64_t hi, int64_t width)
{
    return (struct share){lo * QUANT_BLOCK, hi * QUANT_BLOCK < width ? hi * QUANT_BLOCK : width};
}

/* One expert's slots and a piece of its outputs. */
struct piece {
    const struct moe *moe;
    const int32_t *slots;
    int n;
    int64_t lo, hi;
    const uint8_t *next; /* the weights that this member reads after the piece */
    bool again;          /* of the rows of the last piece, whose `next` this is */
};

static int64_t tile_outputs(int64_t values, int n)
{
    int64_t tile = values / n / QUANT_BLOCK * QUANT_BLOCK;
    return tile > QUANT_BLOCK ? tile : QUANT_BLOCK;
}

/* The vector widened, so that the loops over it are plain: one loop per type, since this is 1 % of a token otherwise.
 */
static void widen(const struct vec *v, int64_t lo, int64_t hi, real *values_out)
{
    const uint8_t *p = v->data + lo * v->stride;
    if (v->dtype == DT_F32)
        for (int64_t o = lo; o < hi; o++, p += v->stride) {
            float f;
            memcpy(&f, p, sizeof f);
            values_out[o - lo] = (real)f;
        }
    else if (v->dtype == DT_BF16)
        for (int64_t o = lo; o < hi; o++, p += v->stride)
            values_out[o - lo] = (real)bf16_to_f32((uint16_t)(p[0] | p[1] << 8));
    else
        for (int64_t o = lo; o < hi; o++)
            values_out[o - lo] = (real)vec_at(v, o);
}

/* Where a member works on a piece: values for gate and up of n slots (or down), then three vectors of the width. */
struct piece_space {
    int64_t values;
    real *gate, *up, *bias, *one_gate, *one_up;
    uint8_t *rest;
};

static struct piece_space piece_space(void *workspace, int n, int64_t width)
{
    struct piece_space s;
    s.values = moe_tile_values(n, width);
    s.gate = workspace;
    s.up = s.gate + s.values;
    s.bias = s.up + s.values;
    s.one_gate = s.bias + width;
    s.one_up = s.one_gate + width;
    s.rest = (uint8_t *)workspace + moe_workspace_bytes(n, width);
    return s;
}

/* A plain addition: the product with 1 is exact. */
static void add_bias(const struct kernels *kn, const real *bias, int64_t n, real *y)
{
    if (bias)
        kn->axpy_f32(1, bias, n, y);
}

/* y[i][o - lo] = W in + bias + the low-rank addition. Where there is none the bias is left to whoever takes a row next,
 * while it is in a cache: it is returned, at `space`; else NULL. */
static const real *expert_matmul(const struct kernels *kn, const struct piece *p, const struct view *w,
                                 const struct vec *bias, const struct gather *in, void *rest, real *space, real *y)
{
    int64_t width = p->hi - p->lo;
    REAL(ops_matmul)(kn, w, p->lo, p->hi, in, y, width, rest);
    if (bias->data)
        widen(bias, p->lo, p->hi, space);
    if (!w->lowrank)
        return bias->data ? space : NULL;
    for (int i = 0; i < p->n; i++)
        add_bias(kn, bias->data ? space : NULL, width, y + i * width);
    REAL(ops_lowrank)(kn, w, p->lo, p->hi, in, y, width, rest);
    return NULL;
}

static void activate(const struct kernels *kn, const struct moe *moe, int64_t slot, int64_t lo, int64_t hi,
                     const real *gate, const real *up)
{
    kn->swiglu_f32(gate, up, hi - lo, moe->swiglu, moe->h->f + slot * moe->intermediate + lo);
    REAL(ops_quantize_row)(kn, moe->h, slot, lo, hi);
}

/* One slot's gate and up, before the clamp: kept where somebody asked, then made into h. */
static void finish_slot(const struct kernels *kn, const struct piece *p, int64_t slot, const real *gate, const real *up)
{
    const struct moe *moe = p->moe;
    int64_t at = slot * moe->intermediate + p->lo;
    size_t bytes = (size_t)(p->hi - p->lo) * sizeof *gate;
    if (moe->gate)
        memcpy(moe->gate + at, gate, bytes);
    if (moe->up)
        memcpy(moe->up + at, up, bytes);
    activate(kn, moe, slot, p->lo, p->hi, gate, up);
}

/* What is kept of a slot lies far from that of the one before. */
static void fetch_slot(const struct piece *p, int64_t slot)
{
    enum { LINE = 64 / sizeof(real) };
    const struct moe *moe = p->moe;
    const int64_t at = slot * moe->intermediate;
    for (int64_t i = at + p->lo; moe->gate && moe->up && i < at + p->hi; i += LINE) {
        __builtin_prefetch(moe->gate + i, 1);
        __builtin_prefetch(moe->up + i, 1);
        __builtin_prefetch(moe->h->f + i, 1);
    }
}

static void piece_in(const struct kernels *kn, const struct piece *p, const struct expert *expert,
                     const struct piece_space *s)
{
    bool alike = expert->gate.dtype == expert->up.dtype && !expert->gate.lowrank;
    int64_t width = p->hi - p->lo;
    struct gather in = {p->moe->in,
                        p->slots,
                        p->moe->routing->k,
                        p->n,
                        expert->up.data + p->lo * expert->up.row_stride,
                        p->again && alike && !expert->up.lowrank};
    const real *gate_bias = expert_matmul(kn, p, &expert->gate, &expert->gate_bias, &in, s->rest, s->bias, s->gate);
    in.next = p->next;
    in.again = alike;
    const real *up_bias = expert_matmul(kn, p, &expert->up, &expert->up_bias, &in, s->rest, s->one_up, s->up);
    for (int i = 0; i < p->n; i++) {
        if (i + 1 < p->n)
            fetch_slot(p, p->slots[i + 1]);
        add_bias(kn, gate_bias, width, s->gate + i * width);
        add_bias(kn, up_bias, width, s->up + i * width);
        finish_slot(kn, p, p->slots[i], s->gate + i * width, s->up + i * width);
    }
}

static void piece_in_interleaved(const struct kernels *kn, const struct piece *p, const struct expert *expert,
                                 const struct piece_space *s)
{
    struct gather in = {p->moe->in, p->slots, p->moe->routing->k, p->n, p->next, p->again};
    struct view both = view_merged(&expert->gate);
    int64_t width = p->hi - p->lo;
    REAL(ops_matmul)(kn, &both, 2 * p->lo, 2 * p->hi, &in, s->gate, 2 * width, s->rest);
    for (int i = 0; i < p->n; i++) {
        const real *y = s->gate + 2 * i * width;
        for (int64_t o = 0; o < width; o++) {
            s->one_gate[o] = y[2 * o];
            s->one_up[o] = y[2 * o + 1];
        }
        if (expert->gate_bias.data) {
            widen(&expert->gate_bias, p->lo, p->hi, s->bias);
            for (int64_t o = 0; o < width; o++)
                s->one_gate[o] = s->one_gate[o] + s->bias[o];
        }
        if (expert->up_bias.data) {
            widen(&expert->up_bias, p->lo, p->hi, s->bias);
            for (int64_t o = 0; o < width; o++)
                s->one_up[o] = s->one_up[o] + s->bias[o];
        }
        finish_slot(kn, p, p->slots[i], s->one_gate, s->one_up);
    }
}

/* The halves of the layer: gate and up into h, then h through down. */
enum half { HALF_IN, HALF_OUT };

static int next_expert(const struct moe *moe, int e)
{
    while (e < moe->end_expert && moe->routing->start[e] == moe->routing->start[e + 1])
        e++;
    return e;
}

static const struct view *first_matrix(const struct expert *expert, enum half half)
{
    return half == HALF_IN ? &expert->gate : &expert->down;
}

/* Output `row` of the first expert from e on that has slots; NULL: there is none. */
static const uint8_t *expert_row(const struct moe *moe, int e, enum half half, int64_t row)
{
    struct expert expert;
    e = next_expert(moe, e);
    if (e >= moe->end_expert)
        return NULL;
    moe->source->get(moe->source, moe->layer, e, &expert);
    return first_matrix(&expert, half)->data + row * first_matrix(&expert, half)->row_stride;
}

/* Where this member will probably go on reading after its share of this half: in the other one, or after the layer. */
static const uint8_t *after_half(const struct moe *moe, const struct member *member, enum half half)
{
    struct expert expert;
    int e = next_expert(moe, moe->first_expert);
    if (half == HALF_OUT)
        return ops_share_data(member, moe->after);
    if (e >= moe->end_expert)
        return NULL;
    moe->source->get(moe->source, moe->layer, e, &expert);
    return ops_share_data(member, &expert.down);
}

typedef void piece_fn(const struct kernels *kn, const struct piece *p, const struct expert *expert,
                      const struct piece_space *s);

/* What a member works on: one half, and where. */
struct half_work {
    const struct hand *h;
    const struct moe *moe;
    enum half half;
    int64_t width;
    piece_fn *fn;
    struct piece_space space;
    bool again; /* piece.again of the next piece */
};

/* Calls fn for this expert's slots, tile by tile over a share of the outputs. `next`: what is read then. */
static void one_expert(struct half_work *w, int e, struct share share, const uint8_t *next)
{
    const struct moe *moe = w->moe;
    const struct routing *routing = moe->routing;
    struct piece p = {moe, routing->slots + routing->start[e], 0, 0, 0, NULL, false};
    struct expert expert;
    moe->source->get(moe->source, moe->layer, e, &expert);
    const struct view *first = first_matrix(&expert, w->half);
    int n = routing->start[e + 1] - routing->start[e], together = moe->in->q ? n : (int)rows_kept(n, first->cols);
    const bool one_part = n <= together;
    for (int part = 0; n > 0; n -= p.n, p.slots += p.n, part++) { /* of f32 as many as a cache keeps to the end */
        p.n = n < together ? n : together;
        w->again = w->again && part == 0;
        int64_t tile = tile_outputs(w->space.values, p.n);
        for (p.lo = share.lo; p.lo < share.hi; p.lo = p.hi) {
            p.hi = p.lo + tile < share.hi ? p.lo + tile : share.hi;
            p.next = p.hi < share.hi ? first->data + p.hi * first->row_stride : next;
            p.again = w->again;
            w->fn(kernels_of(w->h), &p, &expert, &w->space);
            w->again = true;
        }
    }
    w->again = w->again && one_part; /* the next call with this expert begins with its first part again */
}

/* delta starts at 0 and takes the experts in ascending id, one FMA each. */
static void clear_delta(const struct moe *moe, const struct share *share)
{
    for (int64_t r = 0; r < moe->routing->n; r++)
        memset(moe->delta + r * moe->hidden + share->lo, 0, (size_t)(share->hi - share->lo) * sizeof(real));
}

/* A share of the outputs of every expert that has slots, experts ascending: all parts of an output are one member's.
 * Of one row all experts have the same input. */
static void by_outputs(struct half_work *w, int64_t least)
{
    const struct moe *moe = w->moe;
    bool same = w->half == HALF_IN && moe->routing->n == 1;
    struct deal deal = member_deal(w->h->member);
    for (struct stint run; member_take(w->h->member, &deal, count_blocks(w->width), least, &run);) {
        struct share share = blocks_share(run.lo, run.hi, w->width);
        const uint8_t *after = run.goes_on ? expert_row(moe, moe->first_expert, w->half, share.hi)
                                           : after_half(moe, w->h->member, w->half);
        if (w->half == HALF_OUT)
            clear_delta(moe, &share);
        bool again = same && run.follows;
        for (int e = next_expert(moe, moe->first_expert), then; e < moe->end_expert; e = then) {
            then = next_expert(moe, e + 1);
            w->again = again;
            one_expert(w, e, share, then < moe->end_expert ? expert_row(moe, then, w->half, share.lo) : after);
            again = same;
        }
    }
}

/* Expert by expert, each as a whole where nobody takes the rest of it: its rows are packed once. */
static void by_experts(struct half_work *w, int64_t least)
{
    const struct moe *moe = w->moe;
    int64_t n_blocks = count_blocks(w->width), n_experts = 0;
    for (int e = next_expert(moe, moe->first_expert); e < moe->end_expert; e = next_expert(moe, e + 1))
        n_experts++;
    struct deal deal = member_deal(w->h->member);
    for (struct stint run; member_take(w->h->member, &deal, n_experts * n_blocks, least, &run);) {
        int e = next_expert(moe, moe->first_expert);
        for (int64_t i = run.lo / n_blocks; i > 0; i--)
            e = next_expert(moe, e + 1);
        w->again = w->again && run.follows && run.lo % n_blocks > 0;
        for (int64_t i = run.lo, end; i < run.hi; i = end, e = next_expert(moe, e + 1)) {
            int64_t lo = i % n_blocks;
            w->again = w->again && i == run.lo;
            end = run.hi - i < n_blocks - lo ? run.hi : i + n_blocks - lo;
            struct share share = blocks_share(lo, lo + end - i, w->width);
            const uint8_t *next = share.hi < w->width ? expert_row(moe, e, w->half, share.hi)
                                                      : expert_row(moe, e + 1, w->half, 0);
            one_expert(w, e, share, end < run.hi || run.goes_on ? next : after_half(moe, w->h->member, w->half));
        }
    }
}

/* Few rows wait for memory: a stream from expert to expert. Many rows compute: they are packed, as seldom as can be. */
static void each_piece(const struct hand *h, const struct moe *moe, int64_t width, enum half half, piece_fn *fn)
{
    enum { MANY = 16, TILES_IN = 2, TILES_OUT = 6 /* all rows are packed for them */ };
    struct half_work w = {h, moe, half, width, fn, piece_space(h->workspace, moe->routing->n, width), false};
    bool many = moe->routing->n >= MANY;
    if (many && half == HALF_IN)
        by_experts(&w, TILES_IN);
    else
        by_outputs(&w, many ? TILES_OUT : 1);
}

static void piece_in_any(const struct kernels *kn, const struct piece *p, const struct expert *expert,
                         const struct piece_space *s)
{
    (view_alternates(&expert->gate, &expert->up) ? piece_in_interleaved : piece_in)(kn, p, expert, s);
}

void REAL(ops_experts_in)(const struct hand *h, const struct moe *moe)
{
    each_piece(h, moe, moe->intermediate, HALF_IN, piece_in_any);
}

static bool held(const struct moe *moe, int64_t slot)
{
    int32_t e = moe->routing->ids[slot];
    return e >= moe->first_expert && e < moe->end_expert;
}

void REAL(ops_swiglu)(const struct hand *h, const struct moe *moe)
{
    int64_t lo, hi;
    member_share(h->member, (int64_t)moe->routing->n * moe->routing->k, &lo, &hi);
    for (int64_t slot = lo; slot < hi; slot++)
        if (held(moe, slot))
            activate(kernels_of(h), moe, slot, 0, moe->intermediate, moe->gate + slot * moe->intermediate,
                     moe->up + slot * moe->intermediate);
}

static void piece_out(const struct kernels *kn, const struct piece *p, const struct expert *expert,
                      const struct piece_space *s)
{
    const struct moe *moe = p->moe;
    int64_t width = p->hi - p->lo;
    struct gather in = {moe->h, p->slots, 1, p->n, p->next, p->again && !expert->down.lowrank};
    const real *bias = expert_matmul(kn, p, &expert->down, &expert->down_bias, &in, s->rest, s->bias, s->gate);
    real *y = s->gate;
    for (int i = 0; i < p->n; i++, y += width) {
        int64_t slot = p->slots[i], row = slot / moe->routing->k;
        add_bias(kn, bias, width, y);
        if (moe->out)
            memcpy(moe->out + slot * moe->hidden + p->lo, y, (size_t)width * sizeof *y);
        kn->axpy_f32(moe->routing->weights[slot], y, width, moe->delta + row * moe->hidden + p->lo);
    }
}

void REAL(ops_experts_out)(const struct hand *h, const struct moe *moe)
{
    each_piece(h, moe, moe->hidden, HALF_OUT, piece_out);
}

void REAL(ops_combine)(const struct hand *h, const struct moe *moe)
{
    const struct routing *routing = moe->routing;
    int64_t lo, hi;
    member_share(h->member, count_blocks(moe->hidden), &lo, &hi);
    struct share share = blocks_share(lo, hi, moe->hidden);
    clear_delta(moe, &share);
    for (int64_t slot = 0; slot < (int64_t)routing->n * routing->k; slot++) /* ascending id within a row */
        if (held(moe, slot))
            kernels_of(h)->axpy_f32(routing->weights[slot], moe->out + slot * moe->hidden + share.lo,
                                    share.hi - share.lo, moe->delta + slot / routing->k * moe->hidden + share.lo);
}
