/* far_ops.c: the ops of far.h's backend: every address in their arguments is translated, and they are handed on. */
#include "far_parts.h"

#include <stdlib.h>
#include <string.h>

static struct hand near_hand(const struct hand *h)
{
    const struct far *f = far_of(h->backend);
    return (struct hand){f->cpu, h->member, far_near(f, h->workspace)};
}

static struct act near_act(const struct far *f, const struct act *a)
{
    return (struct act){a->width,          far_near(f, a->f),   far_near(f, a->q),
                        far_near(f, a->d), far_near(f, a->sum), a->bf16};
}

/* A view, with room for the low-rank addition that it may point to. */
struct near_view {
    struct view view;
    struct lowrank lowrank;
};

static const struct view *near_view(const struct far *f, const struct view *v, struct near_view *out)
{
    if (!v)
        return NULL;
    out->view = *v;
    out->view.data = far_near(f, v->data);
    for (int i = 0; i < 2; i++)
        out->view.side[i].data = far_near(f, v->side[i].data);
    out->view.factor = far_near(f, v->factor);
    if (v->lowrank) {
        out->lowrank = *v->lowrank;
        out->lowrank.a = far_near(f, v->lowrank->a);
        out->lowrank.b = far_near(f, v->lowrank->b);
        out->view.lowrank = &out->lowrank;
    }
    return &out->view;
}

static struct kv_rows near_kv(const struct far *f, const struct kv_rows *kv)
{
    struct kv_rows near = *kv;
    int g = kv->tables == f->tables[KV_FULL] ? KV_FULL : KV_SLIDING;
    if (kv->tables != f->tables[g])
        far_die("page tables that are not this step's:", (const void *)kv->tables);
    near.pos = far_near(f, kv->pos);
    near.seq = far_near(f, kv->seq);
    near.tables = (const int32_t *const *)f->near_tables[g];
    near.pages = far_near(f, kv->pages);
    near.keep = far_near(f, kv->keep);
    near.floor = far_near(f, kv->floor);
    return near;
}

static void far_sync(const struct hand *h)
{
    struct hand near = near_hand(h);
    near.backend->sync(&near);
}

static void far_embed(const struct hand *h, const struct view *table, const int32_t *ids, int n, real *x)
{
    const struct far *f = far_of(h->backend);
    struct hand near = near_hand(h);
    struct near_view t;
    near.backend->embed(&near, near_view(f, table, &t), far_near(f, ids), n, far_near(f, x));
}

static void far_norm(const struct hand *h, const real *x, const int32_t *rows_of, const float *gain, float eps,
                     int64_t width, int n, struct act *out)
{
    const struct far *f = far_of(h->backend);
    struct hand near = near_hand(h);
    struct act o = near_act(f, out);
    near.backend->norm(&near, far_near(f, x), far_near(f, rows_of), far_near(f, gain), eps, width, n, &o);
}

static void far_quantize(const struct hand *h, struct act *a, int n)
{
    struct hand near = near_hand(h);
    struct act b = near_act(far_of(h->backend), a);
    near.backend->quantize(&near, &b, n);
}

static void far_linear(const struct hand *h, const struct view *w, const float *bias, const struct act *a, int n,
                       const struct view *after, real *y, int64_t y_stride)
{
    const struct far *f = far_of(h->backend);
    struct hand near = near_hand(h);
    struct near_view v, next;
    struct act b = near_act(f, a);
    near.backend->linear(&near, near_view(f, w, &v), far_near(f, bias), &b, n, near_view(f, after, &next),
                         far_near(f, y), y_stride);
}

static void far_rope(const struct hand *h, real *x, int n, int n_heads, int head_dim, const float *angles)
{
    const struct far *f = far_of(h->backend);
    struct hand near = near_hand(h);
    near.backend->rope(&near, far_near(f, x), n, n_heads, head_dim, far_near(f, angles));
}

static void far_kv_append(const struct hand *h, const struct kv_rows *kv, const real *k, const real *v)
{
    const struct far *f = far_of(h->backend);
    struct hand near = near_hand(h);
    struct kv_rows rows = near_kv(f, kv);
    near.backend->kv_append(&near, &rows, far_near(f, k), far_near(f, v));
}

static struct attend near_attend(const struct far *f, const struct attend *a, struct act *out)
{
    struct attend b = *a;
    *out = near_act(f, a->out);
    b.kv = near_kv(f, &a->kv);
    b.q = far_near(f, a->q);
    b.sinks = far_near(f, a->sinks);
    b.out = out;
    b.lse = far_near(f, a->lse);
    b.scores = far_near(f, a->scores);
    b.pattern = far_near(f, a->pattern);
    b.page_sums = far_near(f, a->page_sums);
    return b;
}

static void far_attend(const struct hand *h, const struct attend *a)
{
    struct hand near = near_hand(h);
    struct act out;
    struct attend b = near_attend(far_of(h->backend), a, &out);
    near.backend->attend(&near, &b);
}

static void far_attend_again(const struct hand *h, const struct attend *a, bool by_weights)
{
    struct hand near = near_hand(h);
    struct act out;
    struct attend b = near_attend(far_of(h->backend), a, &out);
    near.backend->attend_again(&near, &b, by_weights);
}

static void far_add(const struct hand *h, const real *x, const real *delta, int64_t width, int n, real *sum)
{
    const struct far *f = far_of(h->backend);
    struct hand near = near_hand(h);
    near.backend->add(&near, far_near(f, x), far_near(f, delta), width, n, far_near(f, sum));
}

static struct routing near_routing(const struct far *f, const struct routing *r)
{
    return (struct routing){r->n,
                            r->k,
                            r->n_experts,
                            far_near(f, r->ids),
                            far_near(f, r->weights),
                            far_near(f, r->start),
                            far_near(f, r->slots)};
}

static void far_route(const struct hand *h, const real *logits, struct routing *routing)
{
    const struct far *f = far_of(h->backend);
    struct hand near = near_hand(h);
    struct routing r = near_routing(f, routing);
    near.backend->route(&near, far_near(f, logits), &r);
}

/* The experts' views, translated as they are asked for. */
struct near_source {
    struct expert_source source; /* its model is this struct */
    const struct expert_source *of;
    const struct far *far;
    struct near_view gate, up, down;
};

static void get_near(const struct expert_source *source, int layer, int expert, struct expert *out)
{
    struct near_source *s = (struct near_source *)(uintptr_t)source->model;
    s->of->get(s->of, layer, expert, out);
    out->gate = *near_view(s->far, &out->gate, &s->gate);
    out->up = *near_view(s->far, &out->up, &s->up);
    out->down = *near_view(s->far, &out->down, &s->down);
    out->gate_bias.data = far_near(s->far, out->gate_bias.data);
    out->up_bias.data = far_near(s->far, out->up_bias.data);
    out->down_bias.data = far_near(s->far, out->down_bias.data);
}

typedef void moe_fn(const struct hand *h, const struct moe *moe);

static void near_moe(const struct hand *h, const struct moe *moe, moe_fn *fn)
{
    const struct far *f = far_of(h->backend);
    struct hand near = near_hand(h);
    struct near_source source = {.of = moe->source, .far = f};
    struct near_view after;
    struct routing routing = near_routing(f, moe->routing);
    struct act in = near_act(f, moe->in), half = near_act(f, moe->h);
    struct moe m = *moe;
    source.source = (struct expert_source){get_near, &source};
    m.source = &source.source;
    m.after = near_view(f, moe->after, &after);
    m.routing = &routing;
    m.in = &in;
    m.h = &half;
    m.gate = far_near(f, moe->gate);
    m.up = far_near(f, moe->up);
    m.out = far_near(f, moe->out);
    m.delta = far_near(f, moe->delta);
    fn(&near, &m);
}

#define MOE_OP(op)                                                                                                     \
    static void far_##op(const struct hand *h, const struct moe *moe)                                                  \
    {                                                                                                                  \
        near_moe(h, moe, far_of(h->backend)->cpu->op);                                                                 \
    }
MOE_OP(experts_in)
MOE_OP(swiglu)
MOE_OP(experts_out)
MOE_OP(combine)
#undef MOE_OP

void far_add_ops(struct backend *backend)
{
#define OWN(member) backend->member = far_##member;
    /* clang-format off */
    OWN(sync) OWN(embed) OWN(norm) OWN(quantize) OWN(linear) OWN(rope) OWN(kv_append) OWN(attend) OWN(attend_again)
    OWN(add) OWN(route) OWN(experts_in) OWN(swiglu) OWN(experts_out) OWN(combine)
#undef OWN
    /* clang-format on */
}
