/* factor.h: one number for all values of a matrix, in a tensor beside it, as GGUF files have for NVFP4:
 * blk.0.attn_q.scale beside blk.0.attn_q.weight; beside a stack of experts one for each, or one for all. */
#ifndef OSSO_CHECKPOINT_FACTOR_H
#define OSSO_CHECKPOINT_FACTOR_H

#include "checkpoint/names.h"

/* The tensor beside `matrix` (that of `row`), a stack of so many; NULL where there is none, or the matrix is of a type
 * that has none: then a tensor of that name is nobody's. One that cannot be is named. `where` names the file. */
enum osso_status factor_find(const struct tensors *set, const char *where, const struct names *names,
                             const struct names_row *row, const struct tensor *matrix, int64_t stack,
                             const struct tensor **factor_out, struct osso_error *err);

#endif
