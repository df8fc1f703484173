/* fake_quant.h: the experts as they will be once a model is exported as MXFP4, for a forward pass that already computes
 * with them: blocks along the inputs, by the one packing rule (quant/mxfp4.c), so an export has these very bytes.
 * Values and gradients stay f32: what the blocks round away is the derivative's business no more than a rounding of f32
 * is. */
#ifndef OSSO_TRAIN_FAKE_QUANT_H
#define OSSO_TRAIN_FAKE_QUANT_H

#include "base/thread.h"
#include "model/params.h"

struct fake_quant {
    struct weights weights; /* those of the arena, but for the experts' matrices; never moved */
    uint8_t *blocks;        /* NULL: none of it is there */
    uint64_t bytes;
    bool stale; /* the values have changed since they were packed */
};

/* UNSUPPORTED where an expert's inputs are no whole blocks. `who`: what asks for it, for that sentence. */
enum osso_status fake_quant_check(const struct config *config, const char *who, struct osso_error *err);
uint64_t fake_quant_bytes(const struct config *config);
/* own: bound on an arena (params_bind), which stays where it is. Nothing is packed yet. */
enum osso_status fake_quant_create(const struct config *config, const struct weights *own, struct fake_quant *quant_out,
                                   struct osso_error *err);
void fake_quant_free(struct fake_quant *q);
/* By all members of a team: every block from the values as they are now. */
void fake_quant_pack(const struct member *member, struct fake_quant *q, const struct config *config,
                     const struct weights *own);

#endif
