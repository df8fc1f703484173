/* params_bytes.c: the host memory that a model's tensors lie in, for whoever must have as much elsewhere. */
#include "model/params.h"

#include "base/error.h"
#include "base/mem.h"

#include <stdlib.h>

struct range {
    const uint8_t *lo, *hi;
    uint64_t *sum; /* what it is counted for */
};

struct ranges {
    struct range *list;
    size_t n, cap;
    struct weights_sizes *sizes;
    bool tied;
};

static uint64_t *sum_of(const struct ranges *r, const struct param_piece *piece)
{
    if (params_stacked(piece->param))
        return &r->sizes->experts[piece->layer];
    return piece->param->id == PARAM_embed && !r->tied ? &r->sizes->embed : &r->sizes->rest;
}

static enum osso_status note(void *user, const struct param_piece *piece, struct osso_error *err)
{
    struct ranges *r = user;
    struct range *list = mem_room(r->list, r->n, &r->cap, sizeof *list);
    if (!list)
        return error_nomem(err, sizeof *list, "the list of a model's tensors");
    r->list = list;
    list[r->n++] = (struct range){piece->data, piece->data + piece->bytes, sum_of(r, piece)};
    return OSSO_OK;
}

static int by_place(const void *a, const void *b)
{
    const struct range *x = a, *y = b;
    return (x->lo > y->lo) - (x->lo < y->lo);
}

bool weights_stay(const struct weights *weights, const struct param_piece *piece)
{
    return (params_stacked(piece->param) && piece->layer < weights->host_layers) ||
           (piece->param->id == PARAM_embed && weights->host_embed);
}

enum osso_status weights_sizes(const struct weights *weights, const struct config *config, struct weights_sizes *sizes,
                               struct osso_error *err)
{
    struct ranges r = {.sizes = sizes, .tied = weights->head.data == weights->embed.data};
    const uint8_t *end = NULL;
    *sizes = (struct weights_sizes){0};
    enum osso_status status = weights_each(weights, config, note, &r, err);
    sizes->n_pieces = r.n;
    if (!status && r.n > 0)
        qsort(r.list, r.n, sizeof *r.list, by_place);
    for (size_t i = 0; i < r.n && !status; i++) {
        const struct range *at = &r.list[i];
        const uint8_t *lo = end && at->lo < end ? end : at->lo;
        if (at->hi > lo) {
            *at->sum += (uint64_t)(at->hi - lo);
            end = at->hi;
        }
    }
    mem_free(r.list);
    return status;
}
