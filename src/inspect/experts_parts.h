/* experts_parts.h: what the files of osso_experts share. */
#ifndef OSSO_INSPECT_EXPERTS_PARTS_H
#define OSSO_INSPECT_EXPERTS_PARTS_H

#include "engine/engine_parts.h"
#include "osso/experts.h"

struct experts {
    struct osso_engine *engine;
    struct osso_experts_options o;
    struct osso_experts_result r;
    struct osso_layers layers; /* those that are wanted */
    int32_t *first;            /* [texts][layers][experts] the first position of the text that chose it, -1: none */
    int64_t *row_of;           /* [the longest text] of the text in work: its positions' rows, -1: they do not count */
    size_t text, base;         /* which it is; rows of the texts before */
    double seconds;            /* that the texts took */
    uint64_t text_tokens;
};

static inline size_t expert_place(const struct experts *x, int layer, int expert)
{
    return (size_t)layer * (size_t)x->r.n_experts + (size_t)expert;
}

/* ---- experts_count.c ---- */

/* Number i of the wanted positions in a text, from its beginning; -1: it has none there. */
int64_t experts_position(const struct experts *x, size_t text, size_t i);
/* The rows of a text, into x->row_of; *last_out: the last position that counts. Returns how many. */
size_t experts_rows(struct experts *x, size_t text, size_t *last_out);

/* Runs the texts; the tables of r, and x->first. */
enum osso_status experts_count(struct experts *x, struct osso_error *err);

/* ---- experts_effect.c ---- */

/* The texts have run: x->first says who chose whom. Fills r.effects. */
enum osso_status experts_effects(struct experts *x, struct osso_error *err);

#endif
