/* weights_resolve.h: from the tensors of a file to the weights of a model. */
#ifndef OSSO_CHECKPOINT_WEIGHTS_RESOLVE_H
#define OSSO_CHECKPOINT_WEIGHTS_RESOLVE_H

#include "checkpoint/names.h"

/* Resolves every tensor that the config asks for, with name, dtype, shape and bounds checked; missing or wrong ones
 * are named. Matrices stay where they are, and so do vectors that the file holds as f32; the others are widened
 * once. The tensors must outlive the weights. */
enum osso_status weights_resolve(const struct tensors *set, const struct config *config, const struct names *names,
                                 struct weights *weights_out, struct osso_error *err);

#endif
