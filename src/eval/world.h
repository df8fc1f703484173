/* world.h: the families of a task with goals, beside these. */
#ifndef OSSO_EVAL_WORLD_H
#define OSSO_EVAL_WORLD_H

#include "eval/eval_parts.h"

/* Appends the members "world": a list of rows, and "world_without": rows of world_goals.def for which there are no
 * lines. */
enum osso_status world_write(const struct run *run, struct buf *out, struct osso_error *err);

#endif
