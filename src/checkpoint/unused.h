/* unused.h: the tensors of a file that no member of the model was read from. */
#ifndef OSSO_CHECKPOINT_UNUSED_H
#define OSSO_CHECKPOINT_UNUSED_H

#include "base/notes.h"
#include "format/tensors.h"
#include "model/config.h"

/* After weights_resolve. What would change the model's numbers is refused, by name and by what it looks like; what
 * would not is noted. ignore: all of it is only noted. */
enum osso_status unused_check(const struct tensors *set, const struct config *config, bool ignore, struct notes *notes,
                              struct osso_error *err);

#endif
