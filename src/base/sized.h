/* sized.h: public structs begin with `size_t size`, which the caller sets: one that was compiled with an older, shorter
 * struct gives and gets what it knows, and nothing behind that is touched. */
#ifndef OSSO_BASE_SIZED_H
#define OSSO_BASE_SIZED_H

#include "base/error.h"

#include <stddef.h>
#include <string.h>

/* USAGE when the caller has said no size: its options would be passed over and its results stay as they are, in
 * silence. NULL is fine. name: of the struct. */
static inline enum osso_status sized_check(const void *given, const char *name, struct osso_error *err)
{
    size_t size = sizeof size;
    if (given)
        memcpy(&size, given, sizeof size);
    return size >= sizeof size
               ? OSSO_OK
               : error_set(err, OSSO_USAGE, "a struct %s says no size: set it to sizeof(struct %s)", name, name);
}

/* The caller's fields over our defaults; NULL: none. */
static inline void sized_in(void *own, size_t own_size, const void *given)
{
    size_t size = 0;
    if (given)
        memcpy(&size, given, sizeof size);
    if (size)
        memcpy(own, given, size < own_size ? size : own_size);
}

/* Our fields into the caller's struct; its size becomes how much of it was written. */
static inline void sized_out(void *given, void *own, size_t own_size)
{
    size_t size;
    memcpy(&size, given, sizeof size);
    size = size < own_size ? size : own_size;
    memcpy(own, &size, sizeof size);
    memcpy(given, own, size);
}

#endif
