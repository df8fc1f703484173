/* observe.h: how the values of a session's tap become those of its hooks. */
#ifndef OSSO_INSPECT_OBSERVE_H
#define OSSO_INSPECT_OBSERVE_H

#include "inspect/hooks.h"

enum {
    OBSERVE_PIECE = 4 << 20, /* values that are made at a time: rows of a wide hook come in pieces */
    OBSERVE_CHOSEN = 256,    /* the most experts of a token */
    OBSERVE_O_ROWS = 64      /* rows of o_proj that are read at a time */
};

/* Counted by the sessions that look through it (osso_tap_options.hold). */
struct observer {
    struct osso_hooks *hooks;
    osso_hook_fn *fn;
    void *user;
    bool replace;
    int owners;
    float *made;                 /* values that are made for a hook, up to PIECE or a row of the widest of these */
    float *sinks;                /* [layers][heads]; NULL: no hook wants them */
    float *o_rows;               /* [O_ROWS][heads * head_dim]; NULL: no hook wants them */
    int32_t *positions, *tokens; /* [rows] of one expert */
    uint8_t *replayed;
    int32_t *slots;
};

osso_tap_fn observe_tap; /* of a struct observer */
/* Are this hook's values made, and not its tap's as they are? */
bool observe_makes(const struct osso_hooks *hooks, const struct hook *hook);

/* Rows of z: of all heads, or of those that the hooks have (`chosen`), one after the other. */
struct head_rows {
    const float *values;
    int64_t row; /* from one to the next */
    bool chosen;
};
/* Each head's result: to[r * to_row + head * hidden + i] = z[r][head] . W[i][head], for the hooks' heads. o_proj's rows
 * are read once for all n rows, some at a time into o_rows ([O_ROWS][heads * head_dim]). */
enum osso_status observe_results(const struct osso_hooks *hooks, int layer, const struct head_rows *z, int n,
                                 float *o_rows, float *to, int64_t to_row, struct osso_error *err);

#endif
