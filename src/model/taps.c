/* taps.c: tap.def expanded, and the one place where somebody looks at activations. */
#include "model/taps.h"

#include "model/activations.h"

#include <string.h>

_Static_assert(OSSO_TAP_COUNT <= 64, "a tap is a bit of a uint64_t");
_Static_assert((int)MAX_LAYERS <= (int)OSSO_TAP_LAYERS, "a layer is a bit of struct osso_layers");

enum kind { ROWS, SLOTS, LOGITS, WANTED };
enum access { READ_ONLY, WRITABLE };

static const struct {
    enum kind kind;
    enum keep keep;
    enum access access;
} table[] = {
#define TAP(name, text, width, rows, keep, access, what) {rows, KEEP_##keep, access},
#include "osso/tap.def"
#undef TAP
};

static int64_t width_of(const struct taps *t, enum osso_tap which)
{
    const struct tap_dims *d = &t->dims;
    int64_t hidden = d->hidden, heads = d->heads, kv_heads = d->kv_heads, head_dim = d->head_dim, experts = d->experts;
    int64_t experts_per_token = d->experts_per_token, intermediate = d->intermediate, vocab = d->vocab;
    int64_t keys = table[which].keep == KEEP_PATTERN ? REAL(taps_keys)(t) : 0;
    switch (which) {
#define TAP(name, text, width, rows, keep, access, what)                                                               \
    case OSSO_TAP_##name:                                                                                              \
        return width;
#include "osso/tap.def"
#undef TAP
    default: return 0;
    }
}

unsigned REAL(taps_keep)(uint64_t set)
{
    unsigned keep = KEEP_NOTHING;
    for (int i = 0; i < OSSO_TAP_COUNT; i++)
        if (set >> i & 1)
            keep |= table[i].keep;
    return keep;
}

bool REAL(taps_write)(uint64_t set)
{
    for (int i = 0; i < OSSO_TAP_COUNT; i++)
        if ((set >> i & 1) && table[i].access == WRITABLE)
            return true;
    return false;
}

bool REAL(taps_wanted)(uint64_t set)
{
    for (int i = 0; i < OSSO_TAP_COUNT; i++)
        if ((set >> i & 1) && table[i].kind == WANTED)
            return true;
    return false;
}

static bool by_logits(enum osso_tap which)
{
    return table[which].kind == LOGITS || table[which].kind == WANTED;
}

static int slots_of(const struct taps *t, enum osso_tap which)
{
    return table[which].kind == SLOTS ? (int)t->dims.experts_per_token : 1;
}

int REAL(taps_rows)(const struct taps *t, enum osso_tap which)
{
    return table[which].kind == LOGITS ? t->rows.n_logits : t->rows.n * slots_of(t, which);
}

int64_t REAL(taps_keys)(const struct taps *t)
{
    int64_t keys = 0;
    for (int r = 0; r < t->rows.n; r++)
        keys = t->rows.pos[r] >= keys ? (int64_t)t->rows.pos[r] + 1 : keys;
    return keys;
}

#ifdef OSSO_DOUBLE /* taps hand out floats; the double build is a yardstick without taps */
static void call(const struct hand *h, struct taps *t, enum osso_tap which, int layer, real *values, int32_t *ids)
{
    (void)h, (void)t, (void)which, (void)layer, (void)values, (void)ids, (void)width_of, (void)by_logits;
}
#else
/* The rows that want logits side by side (`there`), or back where they belong. */
static void move_wanted(const struct taps *t, int64_t width, real *values, bool there)
{
    for (int i = 0; i < t->rows.n_logits; i++) {
        real *row = values + t->rows.logit_rows[i] * width, *beside = t->wanted + i * width;
        memcpy(there ? beside : row, there ? row : beside, (size_t)width * sizeof *row);
    }
}

static void call(const struct hand *h, struct taps *t, enum osso_tap which, int layer, real *values, int32_t *ids)
{
    const struct backend *be = h->backend;
    bool wanted = table[which].kind == WANTED;
    struct osso_tap_value v = {.size = sizeof v,
                               .tap = which,
                               .layer = layer,
                               .slots = slots_of(t, which),
                               .width = width_of(t, which),
                               .n_rows = REAL(taps_rows)(t, which),
                               .positions = by_logits(which) ? t->rows.logit_pos : t->rows.pos,
                               .users = by_logits(which) ? t->rows.logit_users : t->rows.users};
    void *there = values ? (void *)values : ids;
    size_t bytes = (size_t)v.n_rows * (size_t)v.width * (values ? sizeof *values : sizeof *ids);
    void *host = be->host(be, there, bytes);
    v.values = values ? host : NULL;
    v.ids = ids ? host : NULL;
    if (wanted) {
        move_wanted(t, v.width, host, true);
        v.values = t->wanted;
        v.n_rows = t->rows.n_logits;
    }
    if (v.n_rows == 0)
        return;
    int end = t->fn(t->user, &v);
    if (wanted)
        move_wanted(t, v.width, host, false);
    if (table[which].access == WRITABLE)
        be->put(be, there, host, bytes);
    if (end) {
        t->ended = end;
        t->ended_by = which;
        t->ended_in = layer;
    }
}
#endif

bool REAL(taps_show)(const struct hand *h, struct taps *t, enum osso_tap which, int layer, real *values, int32_t *ids)
{
    h->backend->sync(h);
    if (h->member->id == 0)
        call(h, t, which, layer, values, ids);
    h->backend->sync(h);
    return table[which].access == WRITABLE;
}
