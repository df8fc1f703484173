/* tap.h: looking into a forward pass, and changing it. A chapter of engine.h. */
#ifndef OSSO_TAP_H
#define OSSO_TAP_H

#include "osso/status.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Names and shapes: tap.def. */
enum osso_tap {
#define TAP(name, text, width, what) OSSO_TAP_##name,
#include "osso/tap.def"
#undef TAP
    OSSO_TAP_COUNT
};
OSSO_API const char *osso_tap_name(enum osso_tap tap);
/* One value in the middle of a step, n_rows x width, to read or to replace. Called by one thread, all others wait. */
struct osso_tap_value {
    enum osso_tap tap;
    int layer;              /* -1 for embed, final_norm, logits */
    int n_rows;
    int64_t width;
    float *values;          /* [n_rows][width]; NULL for ids */
    int32_t *ids;           /* [n_rows][width] for expert_ids (read only), else NULL */
    const int32_t *positions; /* of each row; for per-slot values of row r / experts_per_token */
};
typedef void osso_tap_fn(void *user, const struct osso_tap_value *value);

#ifdef __cplusplus
}
#endif
#endif
