/* place.h: where OUT is built: never where IN is, and under a temporary name until it is whole. */
#ifndef OSSO_CONVERT_PLACE_H
#define OSSO_CONVERT_PLACE_H

#include "osso/status.h"

#include <stdbool.h>

/* May OUT be written? Not if it is IN, lies in it or holds it, nor if something stands there (`force`: a file, or a
 * folder that holds nothing but a model's files, may be replaced). Parts of a split file are asked for one by one. */
enum osso_status place_check(const char *in, const char *out, bool folder, bool force, struct osso_error *err);

/* A folder under construction. */
struct place {
    const char *out;
    char *temp; /* locked by its own descriptor, so that another run knows that this one lives */
    int fd;
};
enum osso_status place_take(const char *out, struct place *place_out, struct osso_error *err);
/* done: it gets its name, and what stood there goes; else it goes itself. */
enum osso_status place_leave(struct place *place, bool done, struct osso_error *err);

#endif
