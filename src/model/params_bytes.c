/* params_bytes.c: the host memory that a model's tensors lie in, for whoever must have as much elsewhere. */
#include "model/params.h"

#include "base/error.h"
#include "base/mem.h"

#include <stdlib.h>

struct range {
    const uint8_t *lo, *hi;
};

struct ranges {
    struct range *list;
    size_t n, cap;
};

static enum osso_status note(void *user, const struct param_piece *piece, struct osso_error *err)
{
    struct ranges *r = user;
    struct range *list = mem_room(r->list, r->n, &r->cap, sizeof *list);
    if (!list)
        return error_nomem(err, sizeof *list, "the list of a model's tensors");
    r->list = list;
    list[r->n++] = (struct range){piece->data, piece->data + piece->bytes};
    return OSSO_OK;
}

static int by_place(const void *a, const void *b)
{
    const struct range *x = a, *y = b;
    return (x->lo > y->lo) - (x->lo < y->lo);
}

enum osso_status weights_bytes(const struct weights *weights, const struct config *config, uint64_t *bytes_out,
                               struct osso_error *err)
{
    struct ranges r = {0};
    const uint8_t *end = NULL;
    *bytes_out = 0;
    enum osso_status status = weights_each(weights, config, note, &r, err);
    if (!status && r.n > 0)
        qsort(r.list, r.n, sizeof *r.list, by_place);
    for (size_t i = 0; i < r.n && !status; i++) {
        const uint8_t *lo = end && r.list[i].lo < end ? end : r.list[i].lo;
        if (r.list[i].hi > lo) {
            *bytes_out += (uint64_t)(r.list[i].hi - lo);
            end = r.list[i].hi;
        }
    }
    mem_free(r.list);
    return status;
}
