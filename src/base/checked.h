/* checked.h: arithmetic on sizes that come from outside. Each returns false, and leaves *out alone,
 * when the true result does not fit. No size from a file meets a raw + or * anywhere in osso. */
#ifndef OSSO_BASE_CHECKED_H
#define OSSO_BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool ck_add(uint64_t a, uint64_t b, uint64_t *out)
{
    uint64_t r;
    if (__builtin_add_overflow(a, b, &r))
        return false;
    *out = r;
    return true;
}

static inline bool ck_mul(uint64_t a, uint64_t b, uint64_t *out)
{
    uint64_t r;
    if (__builtin_mul_overflow(a, b, &r))
        return false;
    *out = r;
    return true;
}

/* a rounded up to a multiple of `to` (to > 0). */
static inline bool ck_round_up(uint64_t a, uint64_t to, uint64_t *out)
{
    uint64_t r;
    if (!ck_add(a, to - 1, &r))
        return false;
    *out = r - r % to;
    return true;
}

/* Is [off, off + len) inside [0, size)? */
static inline bool ck_inside(uint64_t off, uint64_t len, uint64_t size)
{
    return off <= size && len <= size - off;
}

#endif
