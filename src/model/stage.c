/* stage.c: what a forward pass tells its backend: the weights once, the inputs of every step. */
#include "model/forward.h"
#include "model/params.h"

enum osso_status REAL(forward_begin)(struct forward *f, struct osso_error *err)
{
    return f->backend->begin(f->backend, &f->batch, &f->staged, err);
}

enum osso_status REAL(forward_end)(struct forward *f, struct osso_error *err)
{
    return f->backend->end(f->backend, err);
}

/* Reading a tensor of a file may take long: it is looked at before each. */
static enum osso_status learn(void *user, const struct param_piece *piece, struct osso_error *err)
{
    const struct forward *f = user;
    const struct weights *w = f->weights;
    if (weights_stay(w, piece))
        return OSSO_OK;
    enum osso_status status = w->check ? w->check(w->owner, err) : OSSO_OK;
    struct backend_tensor tensor = {.data = piece->data,
                                    .bytes = piece->bytes,
                                    .dtype = piece->dtype,
                                    .stack = piece->stack,
                                    .rows = piece->rows,
                                    .columns = piece->columns,
                                    .stack_stride = piece->stack_stride,
                                    .row_stride = piece->row_stride,
                                    .column_stride = piece->column_stride};
    return status ? status : f->backend->learn(f->backend, &tensor, err);
}

enum osso_status REAL(forward_learn)(struct forward *f, struct osso_error *err)
{
    if (!f->backend->learn)
        return OSSO_OK;
    return weights_each(f->weights, f->config, learn, f, err);
}
