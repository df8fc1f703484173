/* stage.c: what a forward pass tells its backend: the weights once, the inputs of every step. */
#include "model/forward.h"

enum osso_status REAL(forward_begin)(struct forward *f, struct osso_error *err)
{
    return f->backend->begin(f->backend, &f->batch, &f->staged, err);
}

enum osso_status REAL(forward_end)(struct forward *f, struct osso_error *err)
{
    return f->backend->end(f->backend, err);
}

enum osso_status REAL(forward_learn)(struct forward *f, struct osso_error *err)
{
    if (!f->backend->learn)
        return OSSO_OK;
    (void)err;
    return OSSO_OK;
}
