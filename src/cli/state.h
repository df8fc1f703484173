/* state.h: files that osso keeps for a person between two runs. */
#ifndef OSSO_CLI_STATE_H
#define OSSO_CLI_STATE_H

#include "osso/status.h"

#include <stddef.h>

/* $XDG_STATE_HOME/osso/NAME (~/.local/state without it), its folders made as private ones; NULL when there is no place
 * for it (mem_free it). */
char *state_path(const char *name);
/* Writes it whole or not at all, for the eyes of its owner only. */
enum osso_status state_write(const char *path, const void *data, size_t len, struct osso_error *err);

#endif
