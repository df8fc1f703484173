/* forward.h: the one forward pass of gpt-oss, over a batch of rows. Compiled for float and for double (real.h). */
#ifndef OSSO_MODEL_FORWARD_H
#define OSSO_MODEL_FORWARD_H

#include "backend/backend.h"
#include "model/kv.h"
#include "model/weights.h"
#include "osso/tap.h"

/* What this process holds of each layer: kv heads [first, end) with their query heads, and experts [first, end). */
struct shard {
    int first_kv_head, end_kv_head;
    int first_expert, end_expert;
    /* Sums delta (count values) over all shards, in place. Called by one member while the others wait. NULL: whole. */
    void (*reduce)(void *user, real *delta, size_t count);
    void *user;
};

/* One token of a step. */
struct batch {
    int n;
    const int32_t *token, *pos, *seq;
    const uint8_t *keep;        /* K and V of full layers exist already: replay of sliding layers */
    const float *angles;        /* [n][head_dim] from rope_angles */
    int n_logits;
    const int32_t *logit_rows;  /* rows that want logits */
    const int32_t *logit_pos;   /* their positions, for taps; may be NULL */
    uint8_t *const *const *tables[KV_GROUPS]; /* [sequence][slot] */
    const int32_t *floor;       /* per sequence, for sliding layers */
};

/* Taps: fn is called for those whose bit is set. The values it sees are host memory. */
struct taps {
    uint64_t set;
    osso_tap_fn *fn;
    void *user;
};

/* Activation memory for steps of up to max_rows rows, of which max_logits want logits: one table in scratch.c. */
struct scratch {
    real *x, *delta, *q, *k, *v, *router, *logits;
    struct act a, z, h;
    struct routing routing;
    real *kept; /* attention's sums by page: struct attend */
    int64_t kept_pages;
    real *lse, *gate, *up, *out; /* only while a tap asks for them */
    uint8_t *workspaces; /* [members][workspace_bytes] */
    size_t workspace_bytes, bytes;
    void *memory;
    int max_rows, max_logits;
};

struct forward {
    const struct config *config;
    const struct weights *weights;
    const struct backend *backend;
    const struct kv_pool *kv;
    int top_k;         /* experts per token */
    float score_scale; /* 1 / sqrt(head_dim) */
    struct shard shard;
    struct taps taps;
    struct scratch s;
    struct batch batch;
};

/* Whole model, no taps. exact: no int8 form. Allocates the scratch. */
enum osso_status REAL(forward_create)(const struct config *config, const struct weights *weights,
                                      const struct backend *backend, const struct kv_pool *kv, bool exact, int top_k,
                                      int max_rows, int max_logits, int n_members, struct forward *forward_out,
                                      struct osso_error *err);
void REAL(forward_free)(struct forward *forward);
/* Bytes that forward_create takes. */
uint64_t REAL(forward_bytes)(const struct config *config, const struct backend *backend, bool exact, int top_k,
                             int max_rows, int max_logits, int n_members);
/* Sets the taps; allocates what they need kept. Not during a step. */
enum osso_status REAL(forward_set_taps)(struct forward *forward, const struct taps *taps, struct osso_error *err);

/* What a member of the team takes to the calls below. */
struct hand REAL(forward_hand)(const struct forward *f, const struct member *member);
/* All members of a team call these together. x is the residual stream in forward->s. */
void REAL(forward_embed)(const struct hand *h, struct forward *f);
void REAL(forward_layer)(const struct hand *h, struct forward *f, int layer);
void REAL(forward_head)(const struct hand *h, struct forward *f);
/* embed, every layer, head. */
void REAL(forward_step)(const struct hand *h, struct forward *f);

#endif
