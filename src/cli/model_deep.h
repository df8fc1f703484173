/* model_deep.h: a look at every value of a model. */
#ifndef OSSO_CLI_MODEL_DEEP_H
#define OSSO_CLI_MODEL_DEEP_H

#include "osso/model.h"

#include <stdint.h>

struct deep_tensor {
    char name[64];
    uint64_t nan, infinite, large; /* large: beyond 65504, which only a scale out of range makes */
};
/* Those tensors in which something is wrong, into *list_out (mem_free it). All threads. CANCELLED after Ctrl-C. */
enum osso_status model_deep(const struct osso_model *model, struct deep_tensor **list_out, int *n_out,
                            struct osso_error *err);

#endif
