/* experts.h: which experts a model sends its tokens to, and what it would lose without one of them. Stands beside
 * osso.h.
 *
 *   struct osso_experts_options o = {.size = sizeof o, .texts = ids, .lengths = n, .n_texts = 1, .effect = true};
 *   osso_experts(engine, &o, &result, &err);   // result.effects[0]: the one that the text misses most
 */
#ifndef OSSO_EXPERTS_H
#define OSSO_EXPERTS_H

#include "osso/engine.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What osso_experts will compute, once the texts themselves have run: with `effect` a run for each text, layer and
 * expert that some token of the text chose. */
struct osso_experts_plan {
    size_t size;
    uint64_t runs, tokens;
    double seconds; /* about, by what the texts took */
};

struct osso_experts_options {
    size_t size;
    const int32_t *const *texts; /* [n_texts] the ids of each */
    const size_t *lengths;       /* [n_texts] */
    size_t n_texts;
    const struct osso_layers *layers; /* only these; NULL: all */
    const int64_t *positions; /* [n_positions] only rows of these positions of each text count; negative: from its end;
                               * n 0: all */
    size_t n_positions;
    int n_classes;                           /* of tokens, 0: none */
    int (*class_of)(void *user, int32_t id); /* 0 .. n_classes - 1 */
    bool effect;                             /* switch experts off, one by one ... */
    const int64_t *experts;                  /* ... [n_experts] only these; n 0: all */
    size_t n_experts;
    int sessions; /* runs at a time; 0: 16. The engine has room for one more */
    /* Called once, before the runs of `effect`; like progress, which has the tokens done: a result other than 0 ends it
     * (CANCELLED). May be NULL. */
    int (*planned)(void *user, const struct osso_experts_plan *plan);
    int (*progress)(void *user, uint64_t done, uint64_t total);
    void *user;
    uint64_t max_bytes; /* LIMIT when the logits and the residual stream to keep are more; 0: 2 GB */
};

/* An expert that was switched off: where a token chose it, its weight was 0, and the others' stayed. Where some row
 * then has no finite logits, kl and most are NaN, and row is the first of these. */
struct osso_expert_effect {
    int layer, expert;
    double kl;        /* of the next token's distribution from that of the plain run, in nats: mean over all rows ... */
    double most;      /* ... the largest ... */
    size_t row;       /* ... and whose it is */
    uint64_t changed; /* rows whose likeliest token is another */
};

/* A row is a token of a text at a position that counts, text after text. Layers that were not asked for hold zeros. */
struct osso_experts_result {
    size_t size;
    int n_layers, n_experts, chosen, n_classes;
    size_t rows;
    int32_t *text, *id; /* [rows] */
    int64_t *position;  /* [rows] in its text */
    int32_t *experts;   /* [n_layers][rows][chosen] by falling weight */
    float *weights;     /* [n_layers][rows][chosen] */
    uint64_t *load;     /* [n_layers][n_experts] rows that chose it */
    double *weight;     /* [n_layers][n_experts] sum of its weights */
    uint64_t *together; /* [n_layers][n_experts][n_experts] rows that chose both; its own load in the diagonal */
    uint64_t *by_class; /* [n_layers][n_classes][n_experts] rows of a class that chose it */
    uint64_t *classes;  /* [n_classes] rows */
    struct osso_expert_effect *effects; /* [n_effects] by falling kl, NaN last; only experts that a row chose */
    size_t n_effects;
    uint64_t runs, tokens; /* that were computed for them */
    uint64_t not_finite;   /* runs of which some logits are no finite numbers */
};
/* Runs the texts. USAGE for an empty text, one beyond the context, positions, layers and experts that are not there.
 * `effect` needs an engine with logits for several rows of a step (max_logit_rows), and keeps a row of logits for
 * each row of the longest text. The caller frees the result. */
OSSO_API enum osso_status osso_experts(struct osso_engine *engine, const struct osso_experts_options *options,
                                       struct osso_experts_result *result_out, struct osso_error *err);
OSSO_API void osso_experts_free(struct osso_experts_result *result);

#ifdef __cplusplus
}
#endif
#endif
