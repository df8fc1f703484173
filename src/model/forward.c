/* forward.c: gpt-oss, once. embed; per layer: norm, attention, norm, experts; norm, logits.
 *
 * Every lane (thread) of a step runs this file. An op may read what the same lane's previous op wrote on the same share
 * (backend.h); `sync` stands wherever data crosses lanes. There is no other forward pass in osso: prefill and decode,
 * chat and scoring, float and double are all rows of a batch here.
 *
 * The way of a token goes on in backend/cpu/ops_attend.c. */
#include "model/forward.h"

#include <stddef.h>

enum { OUT_UNIT = 32 }; /* outputs per share of a matrix whose rows have no structure */

static bool tapped(const struct forward *f, enum osso_tap which)
{
#ifdef OSSO_NO_TAPS /* only for bench/taps.sh, which measures that taps nobody sets cost nothing */
    (void)f, (void)which;
    return false;
#else
    return (f->taps.set >> which) & 1;
#endif
}

#ifdef OSSO_DOUBLE
#define CALL_TAP(host) ((void)(host)) /* taps hand out floats; the double build is a yardstick without taps */
#else
#define CALL_TAP(host)                                                                                                 \
    f->taps.fn(f->taps.user, &(struct osso_tap_value){.tap = which, .layer = layer, .n_rows = n, .width = width,       \
                                                      .values = (host), .ids = ids,                                                    \
                                                      .positions = which >= OSSO_TAP_FINAL_NORM ? f->batch.logit_pos   \
                                                                                                : f->batch.pos})
#endif

/* Lets the caller read and replace n x width values. True if somebody looked (and may have changed them). */
static bool tap_values(const struct lane *lane, struct forward *f, enum osso_tap which, int layer, real *values,
                       int32_t *ids, int n, int64_t width)
{
    if (!tapped(f, which))
        return false;
    f->backend->sync(lane);
    if (lane->id == 0) {
        real *host = values ? f->backend->host(f->backend, values, (size_t)n * (size_t)width) : NULL;
        CALL_TAP(host);
        (void)host, (void)ids, (void)layer;
    }
    f->backend->sync(lane);
    return true;
}

static void tap(const struct lane *lane, struct forward *f, enum osso_tap which, int layer, real *values, int64_t width)
{
    tap_values(lane, f, which, layer, values, NULL, f->batch.n, width);
}

/* The same for activations that also have an int8 form, which must follow a change. */
static void tap_act(const struct lane *lane, struct forward *f, enum osso_tap which, int layer, struct act *a, int n)
{
    if (tap_values(lane, f, which, layer, a->f, NULL, n, a->width))
        f->backend->quantize(lane, a, n);
}

static void *workspace(const struct lane *lane, const struct forward *f)
{
    return f->s.lanes + (size_t)lane->id * f->s.lane_bytes;
}

/* Rows [from, from + rows) of a matrix, and columns likewise: how a shard sees its heads. */
static struct view view_rows(struct view w, int64_t from, int64_t rows)
{
    w.data += from * w.row_stride;
    if (w.scales)
        w.scales += from * w.scale_stride;
    w.rows = rows;
    return w;
}

static struct view view_cols(struct view w, int64_t from, int64_t cols)
{
    const struct dtype_info *t = dtype_info(w.dtype);
    w.data += w.col_stride ? from * w.col_stride : from / t->block * t->block_bytes;
    if (w.scales)
        w.scales += from / t->block;
    w.cols = cols;
    return w;
}

void REAL(forward_embed)(const struct lane *lane, struct forward *f)
{
    f->backend->embed(lane, &f->weights->embed, f->batch.token, f->batch.n, f->s.x);
    tap(lane, f, OSSO_TAP_EMBED, -1, f->s.x, f->config->hidden);
}

/* delta, held as a part by each shard, becomes the whole and joins the residual stream. */
static void add_to_residual(const struct lane *lane, struct forward *f, enum osso_tap which, int layer)
{
    const struct backend *be = f->backend;
    int n = f->batch.n;
    int64_t hidden = f->config->hidden;
    be->sync(lane);
    if (f->shard.reduce) {
        if (lane->id == 0)
            f->shard.reduce(f->shard.user, f->s.delta, (size_t)n * (size_t)hidden);
        be->sync(lane);
    }
    tap(lane, f, which, layer, f->s.delta, hidden);
    be->add(lane, f->s.x, f->s.delta, hidden, n, OUT_UNIT);
    be->sync(lane);
}

static struct kv_rows layer_kv(const struct forward *f, int layer, int n_kv)
{
    enum kv_group_id g = (enum kv_group_id)f->kv->layer_group[layer];
    struct kv_rows kv = {.layout = f->kv->layout, .n = f->batch.n, .pos = f->batch.pos, .seq = f->batch.seq,
                         .tables = f->batch.tables[g], .layer_off = f->kv->layer_off[layer]};
    kv.layout.n_kv_heads = n_kv;
    if (g == KV_FULL)
        kv.keep = f->batch.keep;
    else
        kv.floor = f->batch.floor;
    return kv;
}

static void attention(const struct lane *lane, struct forward *f, int layer)
{
    const struct config *c = f->config;
    const struct layer_weights *w = &f->weights->layers[layer];
    const struct backend *be = f->backend;
    struct scratch *s = &f->s;
    int n = f->batch.n, d = c->head_dim, group = c->n_heads / c->n_kv_heads;
    int kv0 = f->shard.first_kv_head, n_kv = f->shard.end_kv_head - kv0, n_q = n_kv * group;
    int64_t q0 = (int64_t)kv0 * group * d, q_width = (int64_t)n_q * d, kv_width = (int64_t)n_kv * d;
    void *ws = workspace(lane, f);

    struct view wq = view_rows(w->q, q0, q_width), wk = view_rows(w->k, (int64_t)kv0 * d, kv_width),
                wv = view_rows(w->v, (int64_t)kv0 * d, kv_width), wo = view_cols(w->o, q0, q_width);
    be->linear(lane, ws, &wq, w->q_bias + q0, &s->a, n, d, &wk, s->q, q_width);
    be->linear(lane, ws, &wk, w->k_bias + (int64_t)kv0 * d, &s->a, n, d, &wv, s->k, kv_width);
    be->linear(lane, ws, &wv, w->v_bias + (int64_t)kv0 * d, &s->a, n, d, &wo, s->v, kv_width);
    tap(lane, f, OSSO_TAP_Q, layer, s->q, q_width);
    tap(lane, f, OSSO_TAP_K, layer, s->k, kv_width);
    tap(lane, f, OSSO_TAP_V, layer, s->v, kv_width);
    be->rope(lane, s->q, n, n_q, d, f->batch.angles);
    be->rope(lane, s->k, n, n_kv, d, f->batch.angles);
    tap(lane, f, OSSO_TAP_Q_ROT, layer, s->q, q_width);
    tap(lane, f, OSSO_TAP_K_ROT, layer, s->k, kv_width);
    struct kv_rows kv = layer_kv(f, layer, n_kv);
    be->kv_append(lane, &kv, s->k, s->v);
    be->sync(lane);

    struct act z = s->z;
    z.width = q_width;
    struct attend a = {.kv = kv, .n_heads = n_q, .group = group, .window = c->sliding[layer] ? c->window : 0,
                       .scale = f->score_scale, .q = s->q, .sinks = w->sinks + kv0 * group, .out = &z, .lse = s->lse,
                       .kept = s->kept, .kept_pages = s->kept_pages};
    be->attend(lane, ws, &a);
    tap_act(lane, f, OSSO_TAP_ATTN_Z, layer, &z, n);
    if (s->lse)
        tap(lane, f, OSSO_TAP_ATTN_LSE, layer, s->lse, n_q);
    be->sync(lane);

    /* The output bias belongs to the sum once, not once per shard. */
    be->linear(lane, ws, &wo, kv0 == 0 ? w->o_bias : NULL, &z, n, OUT_UNIT, &w->router, s->delta, c->hidden);
    add_to_residual(lane, f, OSSO_TAP_ATTN_OUT, layer);
}

static void route(const struct lane *lane, struct forward *f, int layer)
{
    const struct layer_weights *w = &f->weights->layers[layer];
    const struct backend *be = f->backend;
    struct routing *r = &f->s.routing;
    int n = f->batch.n;
    if (lane->id == 0) { /* the others see it after the sync below */
        r->n = n;
        r->k = f->top_k;
        r->n_experts = f->config->n_experts;
    }
    be->linear(lane, workspace(lane, f), &w->router, w->router_bias, &f->s.a, n, 1, NULL, f->s.router,
               f->config->n_experts);
    tap(lane, f, OSSO_TAP_ROUTER_LOGITS, layer, f->s.router, f->config->n_experts);
    be->sync(lane);
    be->route(lane, f->s.router, r);
    tap_values(lane, f, OSSO_TAP_EXPERT_IDS, layer, NULL, r->ids, n, f->top_k);
    tap(lane, f, OSSO_TAP_EXPERT_WEIGHTS, layer, r->weights, f->top_k);
}

static void experts(const struct lane *lane, struct forward *f, int layer)
{
    const struct config *c = f->config;
    const struct backend *be = f->backend;
    struct scratch *s = &f->s;
    int slots = f->batch.n * f->top_k;
    void *ws = workspace(lane, f);
    struct moe moe = {.source = &f->weights->source, .layer = layer, .first_expert = f->shard.first_expert,
                      .end_expert = f->shard.end_expert, .hidden = c->hidden, .intermediate = c->intermediate,
                      .after = layer + 1 < c->n_layers ? &f->weights->layers[layer + 1].q : &f->weights->head,
                      .alpha = (float)c->swiglu_alpha, .limit = (float)c->swiglu_limit, .routing = &s->routing,
                      .in = &s->a, .h = &s->h, .gate = s->gate, .up = s->up, .out = s->out, .delta = s->delta};

    be->experts_in(lane, ws, &moe);
    if (s->gate) {
        bool seen = tap_values(lane, f, OSSO_TAP_EXPERT_GATE, layer, s->gate, NULL, slots, c->intermediate);
        if (tap_values(lane, f, OSSO_TAP_EXPERT_UP, layer, s->up, NULL, slots, c->intermediate) || seen)
            be->swiglu(lane, &moe);
    }
    tap_act(lane, f, OSSO_TAP_EXPERT_H, layer, &s->h, slots);
    be->sync(lane);

    be->experts_out(lane, ws, &moe);
    if (s->out && tap_values(lane, f, OSSO_TAP_EXPERT_OUT, layer, s->out, NULL, slots, c->hidden))
        be->combine(lane, &moe);
    add_to_residual(lane, f, OSSO_TAP_MLP_OUT, layer);
}

void REAL(forward_layer)(const struct lane *lane, struct forward *f, int layer)
{
    const struct config *c = f->config;
    const struct layer_weights *w = &f->weights->layers[layer];
    const struct backend *be = f->backend;
    struct scratch *s = &f->s;
    int n = f->batch.n;

    tap(lane, f, OSSO_TAP_RESID_PRE, layer, s->x, c->hidden);
    be->norm(lane, s->x, NULL, w->attn_norm, (float)c->rms_eps, c->hidden, n, &s->a);
    tap_act(lane, f, OSSO_TAP_ATTN_IN, layer, &s->a, n);
    be->sync(lane);
    attention(lane, f, layer);

    tap(lane, f, OSSO_TAP_RESID_MID, layer, s->x, c->hidden);
    be->norm(lane, s->x, NULL, w->mlp_norm, (float)c->rms_eps, c->hidden, n, &s->a);
    tap_act(lane, f, OSSO_TAP_MLP_IN, layer, &s->a, n);
    be->sync(lane);
    route(lane, f, layer);
    experts(lane, f, layer);
    tap(lane, f, OSSO_TAP_RESID_POST, layer, s->x, c->hidden);
}

void REAL(forward_head)(const struct lane *lane, struct forward *f)
{
    const struct config *c = f->config;
    struct scratch *s = &f->s;
    int n = f->batch.n_logits;
    if (n == 0)
        return;
    f->backend->norm(lane, s->x, f->batch.logit_rows, f->weights->final_norm, (float)c->rms_eps, c->hidden, n, &s->a);
    tap_act(lane, f, OSSO_TAP_FINAL_NORM, -1, &s->a, n);
    f->backend->sync(lane);
    f->backend->linear(lane, workspace(lane, f), &f->weights->head, NULL, &s->a, n, OUT_UNIT, NULL, s->logits,
                       c->vocab);
    tap_values(lane, f, OSSO_TAP_LOGITS, -1, s->logits, NULL, n, c->vocab);
}

void REAL(forward_step)(const struct lane *lane, struct forward *f)
{
    REAL(forward_embed)(lane, f);
    f->backend->sync(lane);
    for (int layer = 0; layer < f->config->n_layers; layer++)
        REAL(forward_layer)(lane, f, layer);
    REAL(forward_head)(lane, f);
}
