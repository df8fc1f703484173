/* taps.h: where a forward pass shows its values. Everything about a tap comes from its line in osso/tap.def. */
#ifndef OSSO_MODEL_TAPS_H
#define OSSO_MODEL_TAPS_H

#include "backend/backend.h"
#include "osso/tap.h"

/* What the widths of tap.def are made of. */
struct tap_dims {
    int64_t hidden, heads, kv_heads, head_dim, experts, experts_per_token, intermediate, vocab;
};

/* The rows of a step as taps show them; host memory. users: a pointer of the caller's for each row. */
struct tap_rows {
    int n, n_logits;
    const int32_t *pos, *logit_pos;          /* [n], [n_logits] */
    const int32_t *logit_rows;               /* [n_logits] */
    void *const *users, *const *logit_users; /* [n], [n_logits] */
};

struct taps {
    uint64_t set;              /* fn is called for taps whose bit is set ... */
    struct osso_layers layers; /* ... in these layers */
    unsigned keep;             /* of enum keep: what they need kept there */
    osso_tap_fn *fn;
    void *user;
    struct tap_dims dims;
    real *wanted;         /* [n_logits][hidden], where a tap of kind WANTED is set */
    struct tap_rows rows; /* of this step */
    int ended;            /* what fn returned to end this step; 0: it goes on */
    enum osso_tap ended_by;
    int ended_in; /* the layer */
};

static inline bool taps_in_layer(const struct taps *t, int layer)
{
    return layer < 0 || (t->layers.bits[layer / 64] >> layer % 64 & 1);
}

/* Does anybody look at this tap here? All that a tap costs which nobody set. */
static inline bool taps_want(const struct taps *t, enum osso_tap which, int layer)
{
    return (t->set >> which & 1) && !t->ended && taps_in_layer(t, layer);
}

/* Of enum keep: what these taps need kept. */
unsigned REAL(taps_keep)(uint64_t set);
/* May any of them replace what it sees? */
bool REAL(taps_write)(uint64_t set);
/* Is one of them of kind WANTED? */
bool REAL(taps_wanted)(uint64_t set);
/* Rows of the step that a tap of this kind of rows has in memory. */
int REAL(taps_rows)(const struct taps *t, enum osso_tap which);
/* Largest position of the step + 1. */
int64_t REAL(taps_keys)(const struct taps *t);

/* Shows a value to whoever set the tap: `values`, or `ids`, has taps_rows rows of the tap's width. All members call it,
 * and meet before and after. True if the value may have changed. */
bool REAL(taps_show)(const struct hand *h, struct taps *t, enum osso_tap which, int layer, real *values, int32_t *ids);

#endif
