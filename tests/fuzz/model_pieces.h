/* model_pieces.h: what a model is computed from lies in the tensors of its files. */
#ifndef OSSO_FUZZ_MODEL_PIECES_H
#define OSSO_FUZZ_MODEL_PIECES_H

#include "base/must.h"
#include "checkpoint/model_open.h"
#include "model/params.h"

/* `user`: the tensors that were found. Vectors may be copies as F32, which the sanitizer watches. */
static inline enum osso_status piece_inside(void *user, const struct param_piece *piece, struct osso_error *err)
{
    const struct tensors *set = user;
    bool inside = !params_is_matrix(piece->param);
    volatile uint8_t sum = 0;
    (void)err;
    for (int64_t i = 0; i < set->n && !inside; i++) {
        const struct tensor *t = &set->list[i];
        inside = piece->data >= t->data && piece->bytes <= t->bytes &&
                 piece->data - t->data <= (ptrdiff_t)(t->bytes - piece->bytes);
    }
    must(inside && piece->bytes > 0);
    sum = (uint8_t)(sum + piece->data[0] + piece->data[piece->bytes - 1]);
    return OSSO_OK;
}

static inline void model_pieces_check(struct osso_model *m)
{
    struct osso_error err = {""};
    must(weights_each(&m->weights, &m->config, piece_inside, &m->tensors, &err) == OSSO_OK);
}

#endif
