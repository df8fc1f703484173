/* blank.h: weights that were never written. */
#ifndef OSSO_CHECKPOINT_BLANK_H
#define OSSO_CHECKPOINT_BLANK_H

#include "base/notes.h"
#include "model/config.h"
#include "model/weights.h"

/* Notes norms that are all zeros, which no training leaves: some programs make room for a whole file and fill it then,
 * and what a broken download lacks reads as zeros. `where` names the model. */
void blank_check(const struct weights *weights, const struct config *config, const char *where, struct notes *notes);

#endif
