/* activations.h: the memory that a forward pass computes in. What a layer makes of its input lies in a struct kept: an
 * inference has one, which every layer writes over; for a backward pass there is one per layer, and ops write straight
 * into it. Shapes: rows of the step, slots = rows * experts_per_token. */
#ifndef OSSO_MODEL_ACTIVATIONS_H
#define OSSO_MODEL_ACTIVATIONS_H

#include "backend/backend.h"
#include "model/config.h"

struct activation_options {
    bool exact; /* no int8 form */
    bool bf16;  /* products round their factors: struct act; with `exact` alone */
    int top_k;  /* experts per token */
    int max_rows, max_logits, n_members;
    /* Layers whose activations stay after a forward pass, for a backward one: layer l has kept[l % n_kept], and x stays
     * of every layer. 0: none comes; one set for all layers, in which x and mid are one buffer, and attn_in and mlp_in.
     */
    int n_kept;
};

/* What a layer keeps for its backward pass, or for a tap, beside what it needs anyway. */
enum keep {
    KEEP_NOTHING,
    KEEP_LSE = 1,
    KEEP_GATE_UP = 2,
    KEEP_OUT = 4,
    KEEP_PATTERN = 8,
    KEEP_SCORES = 16,
    KEEP_BACKWARD = KEEP_LSE | KEEP_GATE_UP
};

/* One layer's activations, in the order in which they are made. */
struct kept {
    struct act attn_in;     /* [rows][hidden]: x normalized, input of q, k and v */
    real *q;                /* [rows][heads * head_dim]: with bias, rotated */
    real *k, *v;            /* [rows][kv_heads * head_dim]: with bias, k rotated; they also lie in the pages */
    struct act z;           /* [rows][heads * head_dim]: weighted sum of values */
    real *lse;              /* [rows][heads]: log-sum-exp of scores and sink; KEEP_LSE */
    real *mid;              /* [rows][hidden]: residual stream between attention and experts */
    struct act mlp_in;      /* [rows][hidden]: mid normalized, input of router and experts */
    real *router;           /* [rows][experts]: logits with bias */
    struct routing routing; /* ids, weights, slots: [slots]; start: [experts + 1] */
    real *gate, *up;        /* [slots][intermediate]: with bias, before the clamp; KEEP_GATE_UP */
    struct act h;           /* [slots][intermediate]: clamped SwiGLU, input of down */
};

struct activations {
    real **x;          /* [layers + 1]: [rows][hidden], the residual stream entering each layer and leaving the last */
    struct kept *kept; /* [max(1, n_kept)] */
    int n_kept;        /* as asked for */
    unsigned always;   /* of enum keep: what every layer keeps, taps or not */
    real *delta;       /* [rows][hidden]: what attention, then the experts add to the residual stream */
    struct act final;  /* [logit rows][hidden]: input of the head */
    real *logits;      /* [logit rows][vocab] */
    real *page_sums;   /* attention's sums by page: struct attend */
    int64_t n_page_sums;
    /* Only while a tap asks for them. */
    real *out;           /* [slots][hidden]: expert outputs before weighting; KEEP_OUT */
    real *pattern;       /* [rows][heads][keys of the step]: attention weights; KEEP_PATTERN. Or as wants says */
    real *scores;        /* the same of scores; KEEP_SCORES */
    real *wanted;        /* [logit rows][hidden], the host's: where rows of x that want logits are put side by side */
    uint8_t *workspaces; /* [members][workspace_bytes] */
    size_t workspace_bytes, bytes;
    void *memory, *tapped;
    size_t tapped_bytes;
    const struct backend *backend; /* whose memory it is */
    struct activation_options options;
};

enum osso_status REAL(activations_create)(const struct config *config, const struct backend *backend,
                                          const struct activation_options *options, struct activations *a_out,
                                          struct osso_error *err);
void REAL(activations_free)(struct activations *a);
/* Bytes that activations_create takes. */
uint64_t REAL(activations_bytes)(const struct config *config, const struct backend *backend,
                                 const struct activation_options *options);
/* What taps ask to be kept: of enum keep, so many values of attention's for each of PATTERN and SCORES (struct
 * attend_want has one place for both); and `wanted`. */
struct keep_room {
    unsigned keep;
    bool wanted;
    size_t attention;
};
/* Memory for that; what was there for earlier taps goes, unless this fails. */
enum osso_status REAL(activations_keep)(struct activations *a, const struct config *config,
                                        const struct keep_room *room, struct osso_error *err);
/* Bytes that it takes. */
uint64_t REAL(activations_keep_bytes)(const struct activations *a, const struct config *config,
                                      const struct keep_room *room);

#endif
