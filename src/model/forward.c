/* forward.c: gpt-oss, once. embed; per layer: norm, attention, norm, experts; norm, logits.
 *
 * Every member (thread) of a step runs this file. An op may read what the same member's previous op wrote on the same
 * share (backend.h); `sync` stands wherever data crosses members. There is no other forward pass in osso: prefill and
 * decode, chat and scoring, float and double are all rows of a batch here. The shape of each buffer stands in
 * activations.h.
 *
 * The way of a token goes on in backend/cpu/ops_attend.c. */
#include "model/forward.h"

#include <math.h>
#include <stddef.h>

/* A point where all members meet, and where a step may end: the first member looks whether anybody wants that, the
 * others learn it from the meeting. Between two of these there is another `sync`, so nobody reads what is written. */
static bool goes_on(const struct hand *h, struct forward *f)
{
    if (h->member->id == 0 && f->interrupt && __atomic_load_n(f->interrupt, __ATOMIC_RELAXED))
        f->interrupted = true;
    h->backend->sync(h);
    return !f->interrupted;
}

static struct kept *kept_of(const struct forward *f, int layer)
{
    return &f->acts.kept[f->acts.n_kept ? layer % f->acts.n_kept : 0];
}

/* `memory` where the layer keeps it: always for a backward pass, else while a tap looks at the layer. */
static real *if_kept(const struct forward *f, enum keep what, int layer, real *memory)
{
    bool tapped = f->taps.n_looks > 0 && (f->taps.at[layer + 1].keep & what);
    return tapped || (f->acts.always & what) ? memory : NULL;
}

/* Lets the caller read and replace what an op has just made. True if that may have changed it. */
static bool tap(const struct hand *h, struct forward *f, enum osso_tap which, int layer, real *values)
{
    return taps_want(&f->taps, which, layer) && REAL(taps_show)(h, &f->taps, which, layer, values, NULL);
}

/* The same for activations that also have an int8 form, which must follow a change. */
static void tap_act(const struct hand *h, struct forward *f, enum osso_tap which, int layer, struct act *a)
{
    if (tap(h, f, which, layer, a->f))
        f->backend->quantize(h, a, REAL(taps_rows)(&f->taps, which));
}

void REAL(forward_embed)(const struct hand *h, struct forward *f)
{
    f->backend->embed(h, &f->weights->embed, f->staged.token, f->batch.n, f->acts.x[0]);
    tap(h, f, OSSO_TAP_EMBED, -1, f->acts.x[0]);
    f->backend->sync(h);
}

/* Rows that enter in the middle bring the residual stream along: rows that lie one after the other go in one piece. */
static void enter(const struct hand *h, struct forward *f)
{
    int64_t hidden = f->config->hidden;
    real *x = f->acts.x[f->first_layer];
    for (int r = 0, end; r < f->batch.n && h->member->id == 0; r = end) {
        for (end = r + 1; end < f->batch.n && f->entering[end] == f->entering[end - 1] + hidden;)
            end++;
        f->backend->put(f->backend, x + r * hidden, f->entering[r], (size_t)((end - r) * hidden) * sizeof *x);
    }
    f->backend->sync(h);
}

static void reduce(struct forward *f, size_t count)
{
    real *delta = f->backend->host(f->backend, f->acts.delta, count * sizeof *delta);
    f->shard.reduce(f->shard.user, delta, count);
    f->backend->put(f->backend, f->acts.delta, delta, count * sizeof *delta);
}

/* sum = x + delta, after delta, held as a part by each shard, has become the whole. */
static void add_delta(const struct hand *h, struct forward *f, enum osso_tap which, int layer, const real *x, real *sum)
{
    const struct backend *be = f->backend;
    int n = f->batch.n;
    int64_t hidden = f->config->hidden;
    be->sync(h);
    if (f->shard.reduce) {
        if (h->member->id == 0)
            reduce(f, (size_t)n * (size_t)hidden);
        be->sync(h);
    }
    tap(h, f, which, layer, f->acts.delta);
    be->add(h, x, f->acts.delta, hidden, n, sum); /* a norm of the same rows comes next */
}

static struct kv_rows layer_kv(const struct forward *f, int layer, int n_kv_heads)
{
    enum kv_group_id g = (enum kv_group_id)f->kv->layer_group[layer];
    struct kv_rows kv = {.layout = f->kv->layout,
                         .n = f->batch.n,
                         .pos = f->staged.pos,
                         .seq = f->staged.seq,
                         .tables = f->staged.tables[g],
                         .pages = f->kv->memory,
                         .page_bytes = f->kv->page_bytes,
                         .layer_off = f->kv->layer_off[layer]};
    kv.layout.n_kv_heads = n_kv_heads;
    if (g == KV_FULL)
        kv.keep = f->staged.keep;
    else
        kv.floor = f->staged.floor;
    return kv;
}

/* z = softmax(q k / sqrt(head_dim), sink) v over the keys that each row sees. */
static void attend(const struct hand *h, struct forward *f, int layer, const struct attention_weights *w,
                   const struct kv_rows *kv)
{
    const struct config *c = f->config;
    struct kept *s = kept_of(f, layer);
    struct attend a = {.kv = *kv,
                       .n_heads = w->n_heads,
                       .group = w->n_heads / w->n_kv_heads,
                       .window = c->sliding[layer] ? c->window : 0,
                       .scale = f->score_scale,
                       .q = s->q,
                       .sinks = w->sinks,
                       .out = &s->z,
                       .lse = if_kept(f, KEEP_LSE, layer, s->lse),
                       .scores = if_kept(f, KEEP_SCORES, layer, f->acts.scores),
                       .pattern = if_kept(f, KEEP_PATTERN, layer, f->acts.pattern),
                       .wants = f->taps.wants,
                       .page_sums = f->acts.page_sums,
                       .n_page_sums = f->acts.n_page_sums};
    if (a.pattern || a.scores)
        a.n_keys = REAL(taps_keys)(&f->taps);
    f->backend->attend(h, &a);
    if (tap(h, f, OSSO_TAP_ATTN_SCORES, layer, f->acts.scores))
        f->backend->attend_again(h, &a, false);
    tap(h, f, OSSO_TAP_ATTN_LSE, layer, s->lse);
    if (tap(h, f, OSSO_TAP_ATTN_PATTERN, layer, f->acts.pattern))
        f->backend->attend_again(h, &a, true);
    tap_act(h, f, OSSO_TAP_ATTN_Z, layer, &s->z);
    f->backend->sync(h);
}

static void attention(const struct hand *h, struct forward *f, int layer)
{
    struct attention_weights w = REAL(shard_attention)(&f->shard, f->config, &f->weights->layers[layer]);
    struct kv_rows kv = layer_kv(f, layer, w.n_kv_heads);
    struct kept *s = kept_of(f, layer);
    const struct backend *be = f->backend;
    int n = f->batch.n, d = f->config->head_dim;

    be->linear(h, &w.q, w.q_bias, &s->attn_in, n, &w.k, s->q, w.q.rows);
    be->linear(h, &w.k, w.k_bias, &s->attn_in, n, &w.v, s->k, w.k.rows);
    be->linear(h, &w.v, w.v_bias, &s->attn_in, n, &w.o, s->v, w.v.rows);
    be->sync(h);
    tap(h, f, OSSO_TAP_Q, layer, s->q);
    tap(h, f, OSSO_TAP_K, layer, s->k);
    tap(h, f, OSSO_TAP_V, layer, s->v);
    be->rope(h, s->q, n, w.n_heads, d, f->staged.angles);
    be->rope(h, s->k, n, w.n_kv_heads, d, f->staged.angles);
    tap(h, f, OSSO_TAP_Q_ROT, layer, s->q);
    tap(h, f, OSSO_TAP_K_ROT, layer, s->k);
    be->kv_append(h, &kv, s->k, s->v);
    be->sync(h);
    attend(h, f, layer, &w, &kv);
    be->linear(h, &w.o, w.o_bias, &s->z, n, &f->weights->layers[layer].router, f->acts.delta, w.o.rows);
    add_delta(h, f, OSSO_TAP_ATTN_OUT, layer, f->acts.x[layer], s->mid);
}

static void route(const struct hand *h, struct forward *f, int layer)
{
    const struct layer_weights *w = &f->weights->layers[layer];
    struct kept *s = kept_of(f, layer);
    const struct backend *be = f->backend;
    if (h->member->id == 0) { /* the others see it after the sync below */
        s->routing.n = f->batch.n;
        s->routing.k = f->top_k;
        s->routing.n_experts = f->config->n_experts;
        f->taps.routing = &s->routing;
    }
    struct act in = act_f32(&s->mlp_in); /* a choice hangs on these sums: they are f32 in every mode */
    be->linear(h, &w->router, w->router_bias, &in, f->batch.n, NULL, s->router, w->router.rows);
    tap(h, f, OSSO_TAP_ROUTER_LOGITS, layer, s->router);
    be->sync(h);
    be->route(h, s->router, &s->routing);
    if (taps_want(&f->taps, OSSO_TAP_EXPERT_IDS, layer))
        REAL(taps_show)(h, &f->taps, OSSO_TAP_EXPERT_IDS, layer, NULL, s->routing.ids);
    tap(h, f, OSSO_TAP_EXPERT_WEIGHTS, layer, s->routing.weights);
}

/* False: the step ends here. */
static bool experts(const struct hand *h, struct forward *f, int layer)
{
    const struct config *c = f->config;
    const struct backend *be = f->backend;
    struct kept *s = kept_of(f, layer);
    struct moe moe = {.source = &f->weights->source,
                      .layer = layer,
                      .first_expert = f->shard.first_expert,
                      .end_expert = f->shard.end_expert,
                      .hidden = c->hidden,
                      .intermediate = c->intermediate,
                      .after = layer + 1 < c->n_layers ? &f->weights->layers[layer + 1].q : &f->weights->head,
                      .swiglu = weights_swiglu(c),
                      .routing = &s->routing,
                      .in = &s->mlp_in,
                      .h = &s->h,
                      .gate = if_kept(f, KEEP_GATE_UP, layer, s->gate),
                      .up = if_kept(f, KEEP_GATE_UP, layer, s->up),
                      .out = if_kept(f, KEEP_OUT, layer, f->acts.out),
                      .delta = f->acts.delta};

    be->experts_in(h, &moe);
    bool changed = tap(h, f, OSSO_TAP_EXPERT_GATE, layer, s->gate);
    if (tap(h, f, OSSO_TAP_EXPERT_UP, layer, s->up) || changed)
        be->swiglu(h, &moe);
    tap_act(h, f, OSSO_TAP_EXPERT_H, layer, &s->h);
    if (!goes_on(h, f))
        return false;

    be->experts_out(h, &moe);
    if (tap(h, f, OSSO_TAP_EXPERT_OUT, layer, f->acts.out))
        be->combine(h, &moe);
    add_delta(h, f, OSSO_TAP_MLP_OUT, layer, s->mid, f->acts.x[layer + 1]);
    return true;
}

bool REAL(forward_layer)(const struct hand *h, struct forward *f, int layer)
{
    const struct config *c = f->config;
    const struct layer_weights *w = &f->weights->layers[layer];
    const struct backend *be = f->backend;
    struct kept *s = kept_of(f, layer);
    int n = f->batch.n;

    tap(h, f, OSSO_TAP_RESID_PRE, layer, f->acts.x[layer]);
    be->norm(h, f->acts.x[layer], NULL, w->attn_norm, (float)c->rms_eps, c->hidden, n, &s->attn_in);
    tap_act(h, f, OSSO_TAP_ATTN_IN, layer, &s->attn_in);
    if (!goes_on(h, f))
        return false;
    attention(h, f, layer);

    tap(h, f, OSSO_TAP_RESID_MID, layer, s->mid);
    be->norm(h, s->mid, NULL, w->mlp_norm, (float)c->rms_eps, c->hidden, n, &s->mlp_in);
    tap_act(h, f, OSSO_TAP_MLP_IN, layer, &s->mlp_in);
    if (!goes_on(h, f))
        return false;
    route(h, f, layer);
    if (!experts(h, f, layer))
        return false;
    tap(h, f, OSSO_TAP_RESID_POST, layer, f->acts.x[layer + 1]);
    return !f->taps.ended;
}

void REAL(forward_head)(const struct hand *h, struct forward *f)
{
    const struct config *c = f->config;
    const struct backend *be = f->backend;
    struct activations *a = &f->acts;
    int n = f->batch.n_logits;
    if (n == 0)
        return;
    be->sync(h); /* rows are shared anew */
    be->norm(h, a->x[c->n_layers], f->staged.logit_rows, f->weights->final_norm, (float)c->rms_eps, c->hidden, n,
             &a->final);
    tap_act(h, f, OSSO_TAP_FINAL_NORM, -1, &a->final);
    be->sync(h);
    be->linear(h, &f->weights->head, NULL, &a->final, n, NULL, a->logits, c->vocab);
    tap(h, f, OSSO_TAP_LOGITS, -1, a->logits);
}

void REAL(forward_step)(const struct hand *h, struct forward *f)
{
    if (f->first_layer > 0)
        enter(h, f);
    else
        REAL(forward_embed)(h, f);
    bool on = !f->taps.ended;
    for (int layer = f->first_layer; layer < f->config->n_layers && on; layer++)
        on = REAL(forward_layer)(h, f, layer);
    if (on)
        REAL(forward_head)(h, f);
}

/* ---- making one ----------------------------------------------------------------------------------------- */

struct hand REAL(forward_hand)(const struct forward *f, const struct member *member)
{
    return (struct hand){f->backend, member, f->acts.workspaces + (size_t)member->id * f->acts.workspace_bytes};
}

enum osso_status REAL(forward_create)(const struct config *config, const struct weights *weights,
                                      const struct backend *backend, const struct kv_pool *kv,
                                      const struct activation_options *options, struct forward *f,
                                      struct osso_error *err)
{
    *f = (struct forward){.config = config, .weights = weights, .backend = backend, .kv = kv, .top_k = options->top_k};
    f->score_scale = (float)(1 / sqrt(config->head_dim));
    enum osso_status status = REAL(activations_create)(config, backend, options, &f->acts, err);
    struct shard whole = {.end_kv_head = config->n_kv_heads, .end_expert = config->n_experts};
    if (!status)
        REAL(forward_set_shard)(f, &whole);
    return status || !weights || weights->told ? status : REAL(forward_learn)(f, err);
}

void REAL(forward_free)(struct forward *f)
{
    REAL(activations_free)(&f->acts);
}

void REAL(forward_set_shard)(struct forward *f, const struct shard *shard)
{
    const struct config *c = f->config;
    int n_kv_heads = shard->end_kv_head - shard->first_kv_head, n_heads = n_kv_heads * (c->n_heads / c->n_kv_heads);
    f->shard = *shard;
    f->taps.dims = (struct tap_dims){.hidden = c->hidden,
                                     .heads = n_heads,
                                     .kv_heads = n_kv_heads,
                                     .head_dim = c->head_dim,
                                     .experts = c->n_experts,
                                     .experts_per_token = f->top_k,
                                     .intermediate = c->intermediate,
                                     .vocab = c->vocab};
    for (int i = 0; i < (f->acts.n_kept ? f->acts.n_kept : 1); i++)
        f->acts.kept[i].z.width = (int64_t)n_heads * c->head_dim;
}
