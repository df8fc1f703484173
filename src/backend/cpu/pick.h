/* pick.h: which kernel multiplies with a matrix. */
#ifndef OSSO_BACKEND_PICK_H
#define OSSO_BACKEND_PICK_H

#include "backend/cpu/kernels.h"

/* The table's kernel for this view's format, where kernels.def names one; the generic kernels serve all others, so
 * there always is one. has_i8: the activations have an int8 form, which is then used where the weights have one too. */
linear_fn *REAL(pick_linear)(const struct kernels *k, const struct view *w, bool has_i8);

#endif
