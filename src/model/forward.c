/* forward.c: gpt-oss, once. embed; per layer: norm, attention, norm, experts; norm, logits.
 *
 * Every member (thread) of a step runs this file. An op may read what the same member's previous op wrote on the same share
 * (backend.h); `sync` stands wherever data crosses members. There is no other forward pass in osso: prefill and decode,
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
static bool tap_values(const struct hand *h, struct forward *f, enum osso_tap which, int layer, real *values,
                       int32_t *ids, int n, int64_t width)
{
    if (!tapped(f, which))
        return false;
    f->backend->sync(h);
    if (h->member->id == 0) {
        real *host = values ? f->backend->host(f->backend, values, (size_t)n * (size_t)width) : NULL;
        CALL_TAP(host);
        (void)host, (void)ids, (void)layer;
    }
    f->backend->sync(h);
    return true;
}

static void tap(const struct hand *h, struct forward *f, enum osso_tap which, int layer, real *values, int64_t width)
{
    tap_values(h, f, which, layer, values, NULL, f->batch.n, width);
}

/* The same for activations that also have an int8 form, which must follow a change. */
static void tap_act(const struct hand *h, struct forward *f, enum osso_tap which, int layer, struct act *a, int n)
{
    if (tap_values(h, f, which, layer, a->f, NULL, n, a->width))
        f->backend->quantize(h, a, n);
}

/* Rows [from, from + rows) of a matrix, and columns likewise: how a shard sees its heads. */
static struct view view_rows(struct view w, int64_t from, int64_t rows)
{
    w.data += from * w.row_stride;
    if (w.side[0].data)
        w.side[0].data += from * w.side[0].stride;
    w.rows = rows;
    return w;
}

static struct view view_cols(struct view w, int64_t from, int64_t cols)
{
    const struct dtype_info *t = dtype_info(w.dtype);
    w.data += w.col_stride ? from * w.col_stride : from / t->block * t->block_bytes;
    if (w.side[0].data)
        w.side[0].data += from / t->block;
    w.cols = cols;
    return w;
}

struct hand REAL(forward_hand)(const struct forward *f, const struct member *member)
{
    return (struct hand){f->backend, member, f->s.workspaces + (size_t)member->id * f->s.workspace_bytes};
}

void REAL(forward_embed)(const struct hand *h, struct forward *f)
{
    f->backend->embed(h, &f->weights->embed, f->batch.token, f->batch.n, f->s.x);
    tap(h, f, OSSO_TAP_EMBED, -1, f->s.x, f->config->hidden);
}

/* delta, held as a part by each shard, becomes the whole and joins the residual stream. */
static void add_to_residual(const struct hand *h, struct forward *f, enum osso_tap which, int layer)
{
    const struct backend *be = f->backend;
    int n = f->batch.n;
    int64_t hidden = f->config->hidden;
    be->sync(h);
    if (f->shard.reduce) {
        if (h->member->id == 0)
            f->shard.reduce(f->shard.user, f->s.delta, (size_t)n * (size_t)hidden);
        be->sync(h);
    }
    tap(h, f, which, layer, f->s.delta, hidden);
    be->add(h, f->s.x, f->s.delta, hidden, n, OUT_UNIT);
    be->sync(h);
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

static void attention(const struct hand *h, struct forward *f, int layer)
{
    const struct config *c = f->config;
    const struct layer_weights *w = &f->weights->layers[layer];
    const struct backend *be = f->backend;
    struct scratch *s = &f->s;
    int n = f->batch.n, d = c->head_dim, group = c->n_heads / c->n_kv_heads;
    int kv0 = f->shard.first_kv_head, n_kv = f->shard.end_kv_head - kv0, n_q = n_kv * group;
    int64_t q0 = (int64_t)kv0 * group * d, q_width = (int64_t)n_q * d, kv_width = (int64_t)n_kv * d;

    struct view wq = view_rows(w->q, q0, q_width), wk = view_rows(w->k, (int64_t)kv0 * d, kv_width),
                wv = view_rows(w->v, (int64_t)kv0 * d, kv_width), wo = view_cols(w->o, q0, q_width);
    be->linear(h, &wq, w->q_bias + q0, &s->a, n, d, &wk, s->q, q_width);
    be->linear(h, &wk, w->k_bias + (int64_t)kv0 * d, &s->a, n, d, &wv, s->k, kv_width);
    be->linear(h, &wv, w->v_bias + (int64_t)kv0 * d, &s->a, n, d, &wo, s->v, kv_width);
    tap(h, f, OSSO_TAP_Q, layer, s->q, q_width);
    tap(h, f, OSSO_TAP_K, layer, s->k, kv_width);
    tap(h, f, OSSO_TAP_V, layer, s->v, kv_width);
    be->rope(h, s->q, n, n_q, d, f->batch.angles);
    be->rope(h, s->k, n, n_kv, d, f->batch.angles);
    tap(h, f, OSSO_TAP_Q_ROT, layer, s->q, q_width);
    tap(h, f, OSSO_TAP_K_ROT, layer, s->k, kv_width);
    struct kv_rows kv = layer_kv(f, layer, n_kv);
    be->kv_append(h, &kv, s->k, s->v);
    be->sync(h);

    struct act z = s->z;
    z.width = q_width;
    struct attend a = {.kv = kv, .n_heads = n_q, .group = group, .window = c->sliding[layer] ? c->window : 0,
                       .scale = f->score_scale, .q = s->q, .sinks = w->sinks + kv0 * group, .out = &z, .lse = s->lse,
                       .kept = s->kept, .kept_pages = s->kept_pages};
    be->attend(h, &a);
    tap_act(h, f, OSSO_TAP_ATTN_Z, layer, &z, n);
    if (s->lse)
        tap(h, f, OSSO_TAP_ATTN_LSE, layer, s->lse, n_q);
    be->sync(h);

    /* The output bias belongs to the sum once, not once per shard. */
    be->linear(h, &wo, kv0 == 0 ? w->o_bias : NULL, &z, n, OUT_UNIT, &w->router, s->delta, c->hidden);
    add_to_residual(h, f, OSSO_TAP_ATTN_OUT, layer);
}

static void route(const struct hand *h, struct forward *f, int layer)
{
    const struct layer_weights *w = &f->weights->layers[layer];
    const struct backend *be = f->backend;
    struct routing *r = &f->s.routing;
    int n = f->batch.n;
    if (h->member->id == 0) { /* the others see it after the sync below */
        r->n = n;
        r->k = f->top_k;
        r->n_experts = f->config->n_experts;
    }
    be->linear(h, &w->router, w->router_bias, &f->s.a, n, 1, NULL, f->s.router,
               f->config->n_experts);
    tap(h, f, OSSO_TAP_ROUTER_LOGITS, layer, f->s.router, f->config->n_experts);
    be->sync(h);
    be->route(h, f->s.router, r);
    tap_values(h, f, OSSO_TAP_EXPERT_IDS, layer, NULL, r->ids, n, f->top_k);
    tap(h, f, OSSO_TAP_EXPERT_WEIGHTS, layer, r->weights, f->top_k);
}

static void experts(const struct hand *h, struct forward *f, int layer)
{
    const struct config *c = f->config;
    const struct backend *be = f->backend;
    struct scratch *s = &f->s;
    int slots = f->batch.n * f->top_k;
    struct moe moe = {.source = &f->weights->source, .layer = layer, .first_expert = f->shard.first_expert,
                      .end_expert = f->shard.end_expert, .hidden = c->hidden, .intermediate = c->intermediate,
                      .after = layer + 1 < c->n_layers ? &f->weights->layers[layer + 1].q : &f->weights->head,
                      .alpha = (float)c->swiglu_alpha, .limit = (float)c->swiglu_limit, .routing = &s->routing,
                      .in = &s->a, .h = &s->h, .gate = s->gate, .up = s->up, .out = s->out, .delta = s->delta};

    be->experts_in(h, &moe);
    if (s->gate) {
        bool seen = tap_values(h, f, OSSO_TAP_EXPERT_GATE, layer, s->gate, NULL, slots, c->intermediate);
        if (tap_values(h, f, OSSO_TAP_EXPERT_UP, layer, s->up, NULL, slots, c->intermediate) || seen)
            be->swiglu(h, &moe);
    }
    tap_act(h, f, OSSO_TAP_EXPERT_H, layer, &s->h, slots);
    be->sync(h);

    be->experts_out(h, &moe);
    if (s->out && tap_values(h, f, OSSO_TAP_EXPERT_OUT, layer, s->out, NULL, slots, c->hidden))
        be->combine(h, &moe);
    add_to_residual(h, f, OSSO_TAP_MLP_OUT, layer);
}

void REAL(forward_layer)(const struct hand *h, struct forward *f, int layer)
{
    const struct config *c = f->config;
    const struct layer_weights *w = &f->weights->layers[layer];
    const struct backend *be = f->backend;
    struct scratch *s = &f->s;
    int n = f->batch.n;

    tap(h, f, OSSO_TAP_RESID_PRE, layer, s->x, c->hidden);
    be->norm(h, s->x, NULL, w->attn_norm, (float)c->rms_eps, c->hidden, n, &s->a);
    tap_act(h, f, OSSO_TAP_ATTN_IN, layer, &s->a, n);
    be->sync(h);
    attention(h, f, layer);

    tap(h, f, OSSO_TAP_RESID_MID, layer, s->x, c->hidden);
    be->norm(h, s->x, NULL, w->mlp_norm, (float)c->rms_eps, c->hidden, n, &s->a);
    tap_act(h, f, OSSO_TAP_MLP_IN, layer, &s->a, n);
    be->sync(h);
    route(h, f, layer);
    experts(h, f, layer);
    tap(h, f, OSSO_TAP_RESID_POST, layer, s->x, c->hidden);
}

void REAL(forward_head)(const struct hand *h, struct forward *f)
{
    const struct config *c = f->config;
    struct scratch *s = &f->s;
    int n = f->batch.n_logits;
    if (n == 0)
        return;
    f->backend->norm(h, s->x, f->batch.logit_rows, f->weights->final_norm, (float)c->rms_eps, c->hidden, n, &s->a);
    tap_act(h, f, OSSO_TAP_FINAL_NORM, -1, &s->a, n);
    f->backend->sync(h);
    f->backend->linear(h, &f->weights->head, NULL, &s->a, n, OUT_UNIT, NULL, s->logits,
                       c->vocab);
    tap_values(h, f, OSSO_TAP_LOGITS, -1, s->logits, NULL, n, c->vocab);
}

void REAL(forward_step)(const struct hand *h, struct forward *f)
{
    REAL(forward_embed)(h, f);
    f->backend->sync(h);
    for (int layer = 0; layer < f->config->n_layers; layer++)
        REAL(forward_layer)(h, f, layer);
    REAL(forward_head)(h, f);
}
