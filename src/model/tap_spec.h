/* tap_spec.h: a tap as somebody asked for it (osso_tap_options), checked and unfolded; what tap.def says of each tap.
 */
#ifndef OSSO_MODEL_TAP_SPEC_H
#define OSSO_MODEL_TAP_SPEC_H

#include "model/activations.h"
#include "osso/tap.h"

/* Columns of tap.def. */
enum tap_kind { ROWS, SLOTS, LOGITS, WANTED };
enum tap_access { READ_ONLY, WRITABLE };
struct tap_row {
    enum tap_kind kind;
    enum keep keep;
    enum tap_access access;
};
extern const struct tap_row tap_table[OSSO_TAP_COUNT];

struct tap_spec {
    const struct osso_session *session; /* whose tap it is; NULL: of all rows of a step */
    osso_tap_fn *fn;
    void *user;
    void (*hold)(void *user, int by); /* NULL: nobody counts */
    uint64_t *in;                     /* [n_layers + 1] taps wanted in layer l: in[l + 1]; of no layer: in[0] */
    uint64_t replaces;                /* taps that fn may change */
    int64_t first, end;
    int n_layers, n_heads; /* heads that are shown of attention */
    int32_t *heads;        /* [n_heads] */
    int16_t *slot;         /* [the model's heads] place of a head in `heads`, -1: none */
    struct keep_room room; /* what it needs kept */
};

/* USAGE for what the model does not have and for replacing what is read only. max_rows, context: of the steps. */
enum osso_status tap_spec_create(const struct config *config, const struct osso_tap_options *options, int max_rows,
                                 int64_t context, struct tap_spec **spec_out, struct osso_error *err);
/* For another session; NULL: no memory. */
struct tap_spec *tap_spec_copy(const struct tap_spec *spec, const struct config *config);
void tap_spec_free(struct tap_spec *spec); /* NULL is fine */
/* What two ask for, together. */
void tap_room_add(struct keep_room *room, const struct keep_room *more);
/* Does it show weights or scores of attention in any layer? */
bool tap_spec_attends(const struct tap_spec *spec);
/* May it change what it sees? */
bool tap_spec_writes(const struct tap_spec *spec);

static inline bool tap_spec_wants(const struct tap_spec *spec, enum osso_tap which, int layer)
{
    return spec->in[layer + 1] >> which & 1;
}

#endif
