/* attention.h: what each head looks at, in numbers: the weight it gives to the token before, the first, itself, earlier
 * copies of its token, and what followed these. Stands beside osso.h.
 *
 *   struct osso_attention_options o = {.size = sizeof o};
 *   osso_attention(engine, ids, n, &o, &a, &err);                 // a.heads[i].induction, .kind
 */
#ifndef OSSO_ATTENTION_H
#define OSSO_ATTENTION_H

#include "osso/engine.h"

#ifdef __cplusplus
extern "C" {
#endif

struct osso_attention_options {
    size_t size;
    const struct osso_layers *layers; /* only these; NULL: all */
    const int32_t *heads;             /* [n_heads] only these of each, ascending; n 0: all */
    int n_heads;
    bool patterns;      /* give the weights themselves, too */
    uint64_t max_bytes; /* LIMIT when they take more; 0: 2 GB */
    /* Called now and then with the tokens that were run. Not 0: CANCELLED. May be NULL. */
    int (*progress)(void *user, uint64_t done, uint64_t total);
    void *user;
};

/* Means over the queries from position 1 on: the first can only look at itself. What is missing to 1 is the sink's. */
struct osso_head_attention {
    int layer, head;
    bool sliding;                 /* the layer sees a window of keys alone */
    double previous, first, same; /* weight on the token before, on position 0, on itself */
    /* Weight on all earlier copies of the query's token, over the queries that see one; on all tokens that followed one
     * (before the query itself), over the queries that see such. NaN: there are none. */
    double duplicate, induction;
    size_t duplicates, inductions; /* how many queries these are */
    double sink;
    double entropy;   /* in nats, the sink being one thing that can be looked at */
    double span;      /* tokens back, by weight */
    const char *kind; /* "previous", "first", "same", "duplicate", "induction", "sink": the largest of these when it is
                       * at least one half, of duplicate and induction only over at least 8 queries; NULL: none */
};
struct osso_attention_result {
    size_t size;
    struct osso_head_attention *heads; /* [n] by layer, head */
    size_t n;
    float *patterns; /* [n][n_tokens][n_tokens] query, key; NULL: not asked for */
    size_t n_tokens;
};
/* USAGE for a text of fewer than two tokens. The caller frees the result. */
OSSO_API enum osso_status osso_attention(struct osso_engine *engine, const int32_t *ids, size_t n,
                                         const struct osso_attention_options *options,
                                         struct osso_attention_result *result_out, struct osso_error *err);
OSSO_API void osso_attention_free(struct osso_attention_result *result);

#ifdef __cplusplus
}
#endif
#endif
