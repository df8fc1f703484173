/* astray.h: a tensor that a model must have is not there; what may stand in its place? For the sentence that says so.
 */
#ifndef OSSO_CHECKPOINT_ASTRAY_H
#define OSSO_CHECKPOINT_ASTRAY_H

#include "checkpoint/names.h"

/* One behind a prefix ("base_model.model."), as wrappers save them; NULL: none. */
const char *astray_prefixed(const struct tensors *set, const char *name);
/* One whose name no row of the form has, and that agrees with it longest; NULL: none. */
const char *astray_nearest(const struct tensors *set, const struct names *names, int layer, int expert,
                           const char *name);

#endif
