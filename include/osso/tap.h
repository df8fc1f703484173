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

struct osso_session;

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
    const struct osso_session *session; /* whose all rows are; NULL: an engine's tap, of all sessions of the step */
    const int32_t *tokens;              /* [n_rows / slots] */
    /* [n_rows / slots] 1: the row was computed before, and only its sliding K and V are made again. What is replaced
     * must be replaced again; who collects has had it. */
    const uint8_t *replayed;
    /* [n_rows] row r is of expert experts[r], whose output counts weights[r], where tap.def says SLOTS; of
     * expert_weights [n_rows][width]; else NULL */
    const int32_t *experts;
    const float *weights;
    const int32_t *heads; /* [n_heads] of attn_scores and attn_pattern, whose rows are [n_heads][n_keys] */
    int n_heads;          /* 0: another tap */
    int64_t n_keys;       /* positions 0..n_keys-1 */
};
/* Not 0: the step ends here, and osso_step returns CANCELLED. */
typedef int osso_tap_fn(void *user, const struct osso_tap_value *value);

/* What a session's tap looks at. {0} plus size, taps and fn: these taps in all layers, rows and heads, to read. */
struct osso_tap_options {
    size_t size;
    uint64_t taps;                    /* bit 1 << tap: fn is called for it ... */
    uint64_t replaces;                /* ... and may change it */
    const struct osso_layers *layers; /* only in these; NULL: in all. What belongs to no layer is always shown */
    const struct osso_layers *by_tap; /* [n_by_tap] the layers of tap 0, 1, ... each its own; NULL: `layers` */
    int n_by_tap;
    const int32_t *heads; /* [n_heads] attn_scores and attn_pattern only of these, ascending; NULL: of all */
    int n_heads;
    int64_t first, end; /* only rows of positions [first, end); end 0: of all from first on */
    osso_tap_fn *fn;
    void *user;
    /* Called with 1 when a session gets this tap, a fork too, and with -1 when one loses it: user's owners are counted
     * so. May be NULL. */
    void (*hold)(void *user, int by);
};

#ifdef __cplusplus
}
#endif
#endif
