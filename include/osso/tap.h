/* tap.h: looking into a forward pass, and changing it. A chapter of engine.h. */
#ifndef OSSO_TAP_H
#define OSSO_TAP_H

#include "osso/status.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Names and shapes: tap.def. */
enum osso_tap {
#define TAP(name, text, width, rows, keep, access, what) OSSO_TAP_##name,
#include "osso/tap.def"
#undef TAP
    OSSO_TAP_COUNT
};
/* Every tap's bit. */
#define OSSO_TAPS_ALL (UINT64_MAX >> (64 - OSSO_TAP_COUNT))
OSSO_API const char *osso_tap_name(enum osso_tap tap);
OSSO_API const char *osso_tap_text(enum osso_tap tap); /* what it is, in half a sentence */

/* A set of layers: bit l % 64 of bits[l / 64] is layer l. */
enum { OSSO_TAP_LAYERS = 512 };
struct osso_layers {
    uint64_t bits[OSSO_TAP_LAYERS / 64];
};

/* One value in the middle of a step, n_rows x width, to read or to replace. Called by one thread, all others wait. */
struct osso_tap_value {
    size_t size;
    enum osso_tap tap;
    int layer; /* -1 for what belongs to none: embed, final_norm, logits */
    int n_rows;
    int slots; /* rows of one token: experts_per_token where tap.def says SLOTS, else 1 */
    int64_t width;
    float *values;            /* [n_rows][width]; NULL for ids */
    int32_t *ids;             /* [n_rows][width] for expert_ids, else NULL */
    const int32_t *positions; /* [n_rows / slots]: row r is of position positions[r / slots] ... */
    void *const *users;       /* [n_rows / slots]: ... of the session whose user pointer is users[r / slots] */
};
/* Not 0: the step ends here, and osso_step returns CANCELLED. */
typedef int osso_tap_fn(void *user, const struct osso_tap_value *value);

#ifdef __cplusplus
}
#endif
#endif
