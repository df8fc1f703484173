/* sized.h: public structs begin with `size_t size`, which the caller sets: one that was compiled with an older, shorter
 * struct gives and gets what it knows, and nothing behind that is touched. */
#ifndef OSSO_BASE_SIZED_H
#define OSSO_BASE_SIZED_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Has the caller said its size at all? */
static inline bool sized_said(const void *given)
{
    size_t size;
    memcpy(&size, given, sizeof size);
    return size >= sizeof size;
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
