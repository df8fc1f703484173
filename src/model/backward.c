/* backward.c: the mirror of forward.c: head, then per layer, the last first: experts, norm, attention, norm; embed. In
 * `d` stands the derivative of the loss by the residual stream: on entry of a layer by what the layer gave, on its exit
 * by what it was given.
 *
 * A layer reads what the forward pass kept of it. Where fewer layers were kept than there are, it is run again before
 * its turn, from x, which stays of every layer: the same bits, so the same derivatives. */
#include "model/backward.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/must.h"

#include <string.h>

static const struct kept *kept_of(const struct forward *f, int layer)
{
    return &f->acts.kept[layer % f->acts.n_kept];
}

/* Where the derivative by these parameters goes: at the same place of the other arena. */
static real *by(const struct backward *b, const void *values)
{
    return values ? b->gradients + ((const float *)values - b->values) : NULL;
}

static void sync(const struct hand *h)
{
    h->backend->sync(h);
}

/* y = W x + bias backward: dx (NULL: not wanted), then the parameters. */
static void linear_back(const struct hand *h, struct backward *b, const struct view *w, const float *bias,
                        const struct act *in, const real *dy, int n, bool add, real *dx)
{
    const struct backend_train *op = h->backend->train;
    must(!w->lowrank);
    op->linear_in(h, w, in, dy, n, add, dx);
    op->linear_weights(h, dy, in, n, w->rows, by(b, w->data), by(b, bias));
    sync(h);
}

/* d += what came through a norm. */
static void norm_back(const struct hand *h, struct backward *b, struct norm_back *norm)
{
    const struct config *c = b->forward->config;
    norm->width = c->hidden;
    norm->eps = (float)c->rms_eps;
    norm->scale = b->space.scale;
    norm->dx = b->space.d;
    norm->d_gain = by(b, norm->gain);
    h->backend->train->norm_in(h, norm);
    sync(h);
    h->backend->train->norm_gain(h, norm);
    sync(h);
}

/* ---- head ----------------------------------------------------------------------------------------------- */

static void head_back(const struct hand *h, struct backward *b, const int32_t *rows, int n)
{
    struct forward *f = b->forward;
    struct norm_back norm = {.n = n,
                             .x = f->acts.x[f->config->n_layers],
                             .rows_of = rows,
                             .gain = f->weights->final_norm,
                             .dy = b->space.d_final};
    linear_back(h, b, &f->weights->head, NULL, &f->acts.final, f->acts.logits, n, false, b->space.d_final);
    norm_back(h, b, &norm);
}

/* Logits of as many rows as there is room for, their losses and, when asked, the way back through them. */
static void head(const struct hand *h, struct backward *b, bool back)
{
    struct forward *f = b->forward;
    const int32_t *rows = f->staged.logit_rows;
    int n = f->batch.n_logits, most = f->acts.options.max_logits;
    sync(h); /* everybody has read n */
    for (int first = 0; first < n; first += most) {
        int count = n - first < most ? n - first : most;
        struct targets t = {count, b->target + first, b->weight + first, b->divisor};
        if (h->member->id == 0) {
            f->batch.n_logits = count;
            f->staged.logit_rows = rows + first;
        }
        sync(h);
        REAL(forward_head)(h, f);
        sync(h);
        h->backend->train->loss(h, &t, f->config->vocab, f->acts.logits, b->space.losses);
        sync(h);
        for (int i = 0; h->member->id == 0 && i < count; i++)
            b->loss += b->space.losses[i];
        if (back)
            head_back(h, b, rows + first, count);
    }
    if (h->member->id == 0) {
        f->batch.n_logits = n;
        f->staged.logit_rows = rows;
    }
    sync(h);
}

/* ---- a layer -------------------------------------------------------------------------------------------- */

static void router_back(const struct hand *h, struct backward *b, int layer)
{
    const struct forward *f = b->forward;
    const struct layer_weights *w = &f->weights->layers[layer];
    const struct kept *s = kept_of(f, layer);
    struct route_back route = {.logits = s->router,
                               .routing = &s->routing,
                               .d_weights = b->space.d_weights,
                               .balance = b->balance_coef / f->config->n_layers,
                               .z = b->z_coef / f->config->n_layers,
                               .d_logits = b->space.d_router};
    h->backend->train->route(h, &route);
    sync(h);
    struct act in = act_f32(&s->mlp_in);
    if (w->router.data)
        linear_back(h, b, &w->router, w->router_bias, &in, b->space.d_router, f->batch.n, true, b->space.d_in);
}

static void experts_back(const struct hand *h, struct backward *b, int layer)
{
    const struct forward *f = b->forward;
    const struct config *c = f->config;
    const struct layer_weights *w = &f->weights->layers[layer];
    const struct layer_weights *own = &b->own->layers[layer];
    struct kept *s = &f->acts.kept[layer % f->acts.n_kept];
    struct moe moe = {.source = &f->weights->source,
                      .layer = layer,
                      .hidden = c->hidden,
                      .intermediate = c->intermediate,
                      .swiglu = weights_swiglu(c),
                      .routing = &s->routing,
                      .in = &s->mlp_in,
                      .h = &s->h,
                      .gate = s->gate,
                      .up = s->up};
    struct experts_back back = {.moe = &moe,
                                .d = b->space.d,
                                .d_weights = b->space.d_weights,
                                .d_gate = b->space.d_gate,
                                .d_up = b->space.d_up,
                                .d_in = b->space.d_in,
                                .gate = by(b, own->gate.first.data),
                                .gate_bias = by(b, w->gate_bias.first.data),
                                .up = by(b, own->up.first.data),
                                .up_bias = by(b, w->up_bias.first.data),
                                .down = by(b, own->down.first.data),
                                .down_bias = by(b, w->down_bias.first.data)};
    h->backend->train->experts(h, &back);
    sync(h);
    h->backend->train->experts_in(h, &back);
    h->backend->train->experts_weights(h, &back);
    sync(h);
}

static void attend_back(const struct hand *h, struct backward *b, int layer)
{
    const struct forward *f = b->forward;
    const struct config *c = f->config;
    const struct kept *s = kept_of(f, layer);
    const float *sinks = f->weights->layers[layer].sinks;
    struct attend_back attend = {.n = f->batch.n,
                                 .pos = f->staged.pos,
                                 .n_heads = c->n_heads,
                                 .group = c->n_heads / c->n_kv_heads,
                                 .head_dim = c->head_dim,
                                 .window = c->sliding[layer] ? c->window : 0,
                                 .scale = f->score_scale,
                                 .q = s->q,
                                 .k = s->k,
                                 .v = s->v,
                                 .z = s->z.f,
                                 .lse = s->lse,
                                 .dz = b->space.dz,
                                 .sinks = sinks,
                                 .dot = b->space.dot,
                                 .dq = b->space.dq,
                                 .dk = b->space.dk,
                                 .dv = b->space.dv,
                                 .d_sinks = by(b, sinks)};
    h->backend->train->attend(h, &attend);
    sync(h);
    if (sinks)
        h->backend->train->sinks(h, &attend);
    h->backend->train->rope(h, b->space.dq, f->batch.n, c->n_heads, c->head_dim, f->staged.angles);
    h->backend->train->rope(h, b->space.dk, f->batch.n, c->n_kv_heads, c->head_dim, f->staged.angles);
    sync(h);
}

static void attention_back(const struct hand *h, struct backward *b, int layer)
{
    const struct forward *f = b->forward;
    const struct layer_weights *w = &f->weights->layers[layer];
    const struct kept *s = kept_of(f, layer);
    struct backward_space *d = &b->space;
    int n = f->batch.n;
    linear_back(h, b, &w->o, w->o_bias, &s->z, d->d, n, false, d->dz);
    attend_back(h, b, layer);
    linear_back(h, b, &w->q, w->q_bias, &s->attn_in, d->dq, n, false, d->d_in);
    linear_back(h, b, &w->k, w->k_bias, &s->attn_in, d->dk, n, true, d->d_in);
    linear_back(h, b, &w->v, w->v_bias, &s->attn_in, d->dv, n, true, d->d_in);
}

static void layer_back(const struct hand *h, struct backward *b, int layer)
{
    const struct forward *f = b->forward;
    const struct layer_weights *w = &f->weights->layers[layer];
    struct norm_back mlp = {.n = f->batch.n, .x = kept_of(f, layer)->mid, .gain = w->mlp_norm, .dy = b->space.d_in};
    struct norm_back attn = {.n = f->batch.n, .x = f->acts.x[layer], .gain = w->attn_norm, .dy = b->space.d_in};
    experts_back(h, b, layer);
    router_back(h, b, layer);
    norm_back(h, b, &mlp);
    attention_back(h, b, layer);
    norm_back(h, b, &attn);
}

/* ---- the pass ------------------------------------------------------------------------------------------- */

/* False: interrupted. */
static bool forth(const struct hand *h, struct backward *b)
{
    struct forward *f = b->forward;
    int n_layers = f->config->n_layers;
    if (h->member->id == 0) {
        b->loss = 0;
        b->router = (struct router_losses){0};
        memset(b->space.d, 0, (size_t)(f->batch.n * f->config->hidden) * sizeof *b->space.d);
    }
    REAL(forward_embed)(h, f);
    for (int layer = 0; layer < n_layers; layer++) {
        if (!REAL(forward_layer)(h, f, layer))
            return false;
        const struct kept *s = kept_of(f, layer);
        if (h->member->id == 0 && b->slots)
            b->router.slots = b->slots + (int64_t)layer * f->config->n_experts;
        h->backend->train->router_losses(h, s->router, &s->routing, &b->router);
    }
    if (h->member->id == 0) {
        b->router.balance /= n_layers;
        b->router.z /= n_layers;
    }
    return true;
}

void REAL(backward_loss)(const struct hand *h, struct backward *b)
{
    if (forth(h, b))
        head(h, b, false);
}

void REAL(backward_step)(const struct hand *h, struct backward *b)
{
    struct forward *f = b->forward;
    int n_layers = f->config->n_layers;
    if (!forth(h, b))
        return;
    head(h, b, true);
    for (int layer = n_layers - 1; layer >= 0; layer--) {
        if (layer < n_layers - f->acts.n_kept && !REAL(forward_layer)(h, f, layer))
            return;
        layer_back(h, b, layer);
    }
    h->backend->train->embed(h, f->staged.token, f->batch.n, f->config->hidden, b->space.d,
                             by(b, f->weights->embed.data));
    sync(h);
}

/* ---- making one ----------------------------------------------------------------------------------------- */

/* Hands out memory from `base` on; NULL: only counts. */
struct layout {
    uint8_t *base;
    size_t off;
};

static void *place(struct layout *l, size_t count, size_t size)
{
    void *at = l->base ? l->base + l->off : NULL;
    l->off += (count * size + 127) / 128 * 128;
    return at;
}

static struct backward_space lay_out(const struct config *c, const struct activation_options *o, uint8_t *base)
{
    struct layout l = {base, 0};
    struct backward_space s = {.memory = base};
    size_t rows = (size_t)o->max_rows, slots = rows * (size_t)o->top_k, hidden = (size_t)c->hidden;
    size_t q = (size_t)(c->n_heads * c->head_dim), kv = (size_t)(c->n_kv_heads * c->head_dim);
    s.d = place(&l, rows * hidden, sizeof *s.d);
    s.d_in = place(&l, rows * hidden, sizeof *s.d_in);
    s.dz = place(&l, rows * q, sizeof *s.dz);
    s.dq = place(&l, rows * q, sizeof *s.dq);
    s.dk = place(&l, rows * kv, sizeof *s.dk);
    s.dv = place(&l, rows * kv, sizeof *s.dv);
    s.dot = place(&l, rows * (size_t)c->n_heads, sizeof *s.dot);
    s.d_router = place(&l, rows * (size_t)c->n_experts, sizeof *s.d_router);
    s.d_weights = place(&l, slots, sizeof *s.d_weights);
    s.d_gate = place(&l, slots * (size_t)c->intermediate, sizeof *s.d_gate);
    s.d_up = place(&l, slots * (size_t)c->intermediate, sizeof *s.d_up);
    s.d_final = place(&l, (size_t)o->max_logits * hidden, sizeof *s.d_final);
    s.scale = place(&l, rows, sizeof *s.scale);
    s.losses = place(&l, (size_t)o->max_logits, sizeof *s.losses);
    s.bytes = l.off;
    return s;
}

uint64_t REAL(backward_bytes)(const struct config *config, const struct activation_options *options)
{
    return lay_out(config, options, NULL).bytes;
}

enum osso_status REAL(backward_create)(struct forward *f, const float *values, real *gradients, struct backward *b,
                                       struct osso_error *err)
{
    *b = (struct backward){.forward = f, .values = values, .own = f->weights, .gradients = gradients, .divisor = 1};
    must(f->acts.n_kept > 0 && !f->shard.reduce);
    if (!f->backend->train)
        return error_set(err, OSSO_UNSUPPORTED, "the backend %s cannot train; take cpu", f->backend->name);
    size_t bytes = lay_out(f->config, &f->acts.options, NULL).bytes;
    uint8_t *memory = f->backend->alloc(f->backend, bytes);
    if (!memory)
        return error_nomem(err, bytes, "the derivatives of a step; ask for fewer rows per step");
    b->space = lay_out(f->config, &f->acts.options, memory);
    return OSSO_OK;
}

void REAL(backward_free)(struct backward *b)
{
    if (b->space.memory)
        b->forward->backend->free(b->forward->backend, b->space.memory, b->space.bytes);
    *b = (struct backward){0};
}
