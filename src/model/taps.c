/* taps.c: the one place where somebody looks at activations. */
#include "model/taps.h"

#include <string.h>

static bool of_attention(enum osso_tap which)
{
    return tap_table[which].keep == KEEP_PATTERN || tap_table[which].keep == KEEP_SCORES;
}

/* shown_heads, keys: of what is shown of attention. */
static int64_t width_of(const struct taps *t, enum osso_tap which, int64_t shown_heads, int64_t keys)
{
    const struct tap_dims *d = &t->dims;
    int64_t hidden = d->hidden, heads = d->heads, kv_heads = d->kv_heads, head_dim = d->head_dim, experts = d->experts;
    int64_t experts_per_token = d->experts_per_token, intermediate = d->intermediate, vocab = d->vocab;
    switch (which) {
#define TAP(name, text, width, rows, keep, access, what)                                                               \
    case OSSO_TAP_##name:                                                                                              \
        return width;
#include "osso/tap.def"
#undef TAP
    default: return 0;
    }
}

static bool by_logits(enum osso_tap which)
{
    return tap_table[which].kind == LOGITS || tap_table[which].kind == WANTED;
}

static int slots_of(const struct taps *t, enum osso_tap which)
{
    return tap_table[which].kind == SLOTS ? (int)t->dims.experts_per_token : 1;
}

int REAL(taps_rows)(const struct taps *t, enum osso_tap which)
{
    return tap_table[which].kind == LOGITS ? t->rows.n_logits : t->rows.n * slots_of(t, which);
}

int64_t REAL(taps_keys)(const struct taps *t)
{
    int64_t keys = 0;
    for (int r = 0; r < t->rows.n; r++)
        keys = t->rows.pos[r] >= keys ? (int64_t)t->rows.pos[r] + 1 : keys;
    return keys;
}

static unsigned keep_of(uint64_t set)
{
    unsigned keep = KEEP_NOTHING;
    for (int i = 0; i < OSSO_TAP_COUNT; i++)
        if (set >> i & 1)
            keep |= tap_table[i].keep;
    return keep;
}

void REAL(taps_set)(struct taps *t, const struct tap_look *looks, int n, struct attend_want *wants, int n_layers)
{
    t->looks = looks;
    t->n_looks = n;
    t->wants = wants;
    for (int l = 0; l <= n_layers && n > 0; l++) {
        uint64_t set = 0;
        for (int i = 0; i < n; i++)
            set |= looks[i].spec->in[l];
        if (set != t->at[l].set)
            t->at[l].keep = keep_of(set);
        t->at[l].set = set;
    }
}

/* Does a look replace what it sees there? */
static bool replaces(const struct tap_look *look, enum osso_tap which, int layer)
{
    return tap_spec_wants(look->spec, which, layer) && (look->spec->replaces >> which & 1);
}

#ifdef OSSO_DOUBLE /* taps hand out floats; the double build is a yardstick without taps */
static void show(const struct hand *h, struct taps *t, enum osso_tap which, int layer, real *values, int32_t *ids)
{
    (void)h, (void)t, (void)which, (void)layer, (void)values, (void)ids, (void)width_of, (void)by_logits;
    (void)of_attention;
}
#else
/* What one look sees of a value: `count` values or ids from `off` on. */
struct part {
    struct osso_tap_value v;
    size_t off, count;
};

static struct part part_of(const struct taps *t, const struct tap_look *look, enum osso_tap which, int layer)
{
    const struct tap_spec *s = look->spec;
    const struct tap_rows *rows = &t->rows;
    const struct attend_want *want = t->wants && look->seq >= 0 ? &t->wants[look->seq] : NULL;
    bool logits = by_logits(which), attention = of_attention(which);
    int first = logits ? look->first_logits : look->first, end = logits ? look->end_logits : look->end;
    int slots = slots_of(t, which);
    int64_t keys = !attention ? 0 : want ? want->n_keys : REAL(taps_keys)(t);
    struct part p = {.v = {.size = sizeof p.v,
                           .tap = which,
                           .layer = layer,
                           .slots = slots,
                           .width = width_of(t, which, s->n_heads, keys),
                           .n_rows = (end - first) * slots,
                           .positions = (logits ? rows->logit_pos : rows->pos) + first,
                           .session = s->session,
                           .heads = attention ? s->heads : NULL,
                           .n_heads = attention ? s->n_heads : 0,
                           .n_keys = keys}};
    if (rows->users) {
        p.v.users = (logits ? rows->logit_users : rows->users) + first;
        p.v.tokens = (logits ? rows->logit_token : rows->token) + first;
        p.v.replayed = (logits ? rows->logit_keep : rows->keep) + first;
    }
    p.off = attention && want ? (size_t)want->at : (size_t)(first * slots) * (size_t)p.v.width;
    p.count = (size_t)p.v.n_rows * (size_t)p.v.width;
    return p;
}

/* The rows that want logits side by side (`there`), or back where they belong. */
static void move_wanted(const struct taps *t, const struct part *p, const struct tap_look *look, real *values,
                        bool there)
{
    for (int i = 0; i < p->v.n_rows; i++) {
        real *row = values + t->rows.logit_rows[look->first_logits + i] * p->v.width;
        real *beside = t->wanted + i * p->v.width;
        memcpy(there ? beside : row, there ? row : beside, (size_t)p->v.width * sizeof *row);
    }
}

/* Whose rows those of chosen experts are. */
static void tell_experts(const struct backend *be, const struct taps *t, const struct tap_look *look, struct part *p)
{
    bool by_slot = tap_table[p->v.tap].kind == SLOTS;
    if (!by_slot && p->v.tap != OSSO_TAP_EXPERT_WEIGHTS)
        return;
    int64_t k = t->dims.experts_per_token, first = look->first * k;
    size_t n = (size_t)p->v.n_rows * (size_t)(by_slot ? 1 : k);
    p->v.experts = be->host(be, t->routing->ids + first, n * sizeof *p->v.experts);
    p->v.weights = be->host(be, t->routing->weights + first, n * sizeof *p->v.weights);
}

static void call(const struct backend *be, struct taps *t, const struct tap_look *look, struct part *p, real *values,
                 int32_t *ids)
{
    bool wanted = tap_table[p->v.tap].kind == WANTED;
    if (wanted) { /* they are spread over the step */
        p->off = 0;
        p->count = (size_t)t->rows.n * (size_t)p->v.width;
    }
    void *there = values ? (void *)(values + p->off) : (void *)(ids + p->off);
    size_t bytes = p->count * (values ? sizeof *values : sizeof *ids);
    void *host = be->host(be, there, bytes);
    p->v.values = values ? host : NULL;
    p->v.ids = ids ? host : NULL;
    if (t->routing)
        tell_experts(be, t, look, p);
    if (wanted) {
        move_wanted(t, p, look, host, true);
        p->v.values = t->wanted;
    }
    int end = look->spec->fn(look->spec->user, &p->v);
    if (wanted)
        move_wanted(t, p, look, host, false);
    if (replaces(look, p->v.tap, p->v.layer))
        be->put(be, there, host, bytes);
    if (end) {
        t->ended = end;
        t->ended_by = p->v.tap;
        t->ended_in = p->v.layer;
    }
}

static void show(const struct hand *h, struct taps *t, enum osso_tap which, int layer, real *values, int32_t *ids)
{
    for (int i = 0; i < t->n_looks && !t->ended; i++) {
        const struct tap_look *look = &t->looks[i];
        if (t->wants && look->seq >= 0)
            t->wants[look->seq].redo = replaces(look, which, layer);
        if (!tap_spec_wants(look->spec, which, layer))
            continue;
        struct part p = part_of(t, look, which, layer);
        if (p.v.n_rows > 0)
            call(h->backend, t, look, &p, values, ids);
    }
}
#endif

bool REAL(taps_show)(const struct hand *h, struct taps *t, enum osso_tap which, int layer, real *values, int32_t *ids)
{
    bool changed = false;
    for (int i = 0; i < t->n_looks; i++)
        changed = changed || replaces(&t->looks[i], which, layer);
    h->backend->sync(h);
    if (h->member->id == 0)
        show(h, t, which, layer, values, ids);
    h->backend->sync(h);
    return changed;
}
