/* mask.h: what a mask callback answers, as bits. */
#ifndef OSSO_ENGINE_MASK_H
#define OSSO_ENGINE_MASK_H

#include "engine/chooser.h"

/* Asks. *bits_out, of which those behind the vocabulary mean nothing: the callback's own or the chooser's; NULL: all
 * ids may come. */
enum osso_status mask_ask(struct chooser *c, osso_mask_fn *fn, void *user, const struct osso_session *session,
                          const uint32_t **bits_out, struct osso_error *err);
/* The same bits (NULL: all) without n of them, in the chooser; what mask_ask gave stays. */
const uint32_t *mask_without(struct chooser *c, const uint32_t *bits, const int32_t *ids, size_t n);

#endif
