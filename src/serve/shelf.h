/* shelf.h: bytes by name, for each owner apart, in memory and bounded: what was not looked at for longest goes first.
 * Any number of threads. */
#ifndef OSSO_SERVE_SHELF_H
#define OSSO_SERVE_SHELF_H

#include "base/buf.h"

#include <stdint.h>

struct shelf;

/* For each owner at most `count` things of `bytes` in all. NULL: no memory. */
struct shelf *shelf_create(size_t count, size_t bytes);
void shelf_free(struct shelf *shelf); /* NULL is fine */
/* Copies them; an equal name is replaced. False: no memory, or too large for an owner. */
bool shelf_put(struct shelf *shelf, uint64_t owner, const char *name, const void *bytes, size_t len);
/* Appends a copy to out. False: there is none. */
bool shelf_get(struct shelf *shelf, uint64_t owner, const char *name, struct buf *out);
bool shelf_drop(struct shelf *shelf, uint64_t owner, const char *name);

#endif
