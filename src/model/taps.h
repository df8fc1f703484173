/* taps.h: where a forward pass shows its values. Everything about a tap comes from its line in osso/tap.def. */
#ifndef OSSO_MODEL_TAPS_H
#define OSSO_MODEL_TAPS_H

#include "model/tap_spec.h"

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
    const int32_t *token, *logit_token;      /* [n], [n_logits] */
    const uint8_t *keep, *logit_keep;        /* [n], [n_logits]: rows that are replayed */
};

/* Who looks at which rows of this step. */
struct tap_look {
    const struct tap_spec *spec;
    int first, end;               /* rows */
    int first_logits, end_logits; /* rows that want logits */
    int seq;                      /* the rows' sequence, -1: all of the step's */
};

struct taps {
    struct tap_dims dims;
    struct tap_rows rows; /* of this step, as what follows is */
    const struct tap_look *looks;
    int n_looks;
    struct tap_layer {
        uint64_t set;          /* somebody looks at these taps ... */
        unsigned keep;         /* ... which need that kept, of enum keep */
    } at[MAX_LAYERS + 1];      /* in layer l: at[l + 1] */
    struct attend_want *wants; /* [sequences] what is kept of attention; NULL: of all rows and heads */
    real *wanted;              /* [n_logits][hidden], where a tap of kind WANTED is set */
    struct routing *routing;   /* of the layer in work */
    int ended;                 /* what fn returned to end this step; 0: it goes on */
    enum osso_tap ended_by;
    int ended_in; /* the layer */
};

/* Does anybody look at this tap here? All that a tap costs which nobody set. OSSO_NO_TAPS: never (bench/taps.sh, which
 * compares with a pass that has none). */
static inline bool taps_want(const struct taps *t, enum osso_tap which, int layer)
{
#ifdef OSSO_NO_TAPS
    return false;
#endif
    return t->n_looks > 0 && (t->at[layer + 1].set >> which & 1) && !t->ended;
}

/* Who looks in the next steps, until somebody else does; n 0: nobody. wants: [sequences] as osso_step has filled it. */
void REAL(taps_set)(struct taps *t, const struct tap_look *looks, int n, struct attend_want *wants, int n_layers);
/* Rows of the step that a tap of this kind of rows has in memory. */
int REAL(taps_rows)(const struct taps *t, enum osso_tap which);
/* Largest position of the step + 1. */
int64_t REAL(taps_keys)(const struct taps *t);

/* Shows a value to whoever set the tap: `values`, or `ids`, has taps_rows rows of the tap's width. All members call it,
 * and meet before and after. True if the value may have changed. */
bool REAL(taps_show)(const struct hand *h, struct taps *t, enum osso_tap which, int layer, real *values, int32_t *ids);

#endif
