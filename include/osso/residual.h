/* residual.h: the residual stream as the sum that it is: embedding, heads, biases, experts; and how much each of these
 * terms says for one token rather than another. Stands beside osso.h.
 *
 *   struct osso_residual_options o = {.size = sizeof o};          // the last position, its two likeliest tokens
 *   osso_residual(engine, ids, n, &o, &r, &err);                  // r.terms[i].attribution: they add up to
 * r.targets[0]
 */
#ifndef OSSO_RESIDUAL_H
#define OSSO_RESIDUAL_H

#include "osso/engine.h"

#ifdef __cplusplus
extern "C" {
#endif

struct osso_residual_options {
    size_t size;
    const int64_t *positions; /* [n_positions] negative: from the end; n 0: the last alone */
    size_t n_positions;
    const int32_t *answer, *wrong; /* ids whose logits are compared; NULL: the likeliest at each position, which is not
                                    * the other one */
    uint64_t max_bytes;            /* LIMIT when the terms to keep are more; 0: 2 GB */
    /* Called now and then with the tokens that were run. Not 0: CANCELLED. May be NULL. */
    int (*progress)(void *user, uint64_t done, uint64_t total);
    void *user;
};

enum osso_term {
    OSSO_TERM_EMBED,
    OSSO_TERM_HEAD,  /* z through the head's part of o_proj */
    OSSO_TERM_BIAS,  /* of o_proj; of zeros where the model has none */
    OSSO_TERM_EXPERT /* a chosen expert's output, bias included, times its weight */
};
struct osso_residual_term {
    enum osso_term kind;
    int layer;           /* -1: the embedding */
    int index;           /* the head's or the expert's number, else -1 */
    double weight;       /* of an expert, else 1 */
    double norm, cosine; /* its length, and the angle to the stream behind the last layer */
    double
        attribution; /* what it adds to logit(answer) - logit(wrong), with the final norm's scale as it is in the run */
};
/* The stream behind a layer. */
struct osso_residual_stream {
    double norm, cosine;
    double largest, error; /* largest value, and largest difference of a value to the sum of the terms so far */
};
struct osso_residual_target {
    int64_t position;
    int32_t answer, wrong;
    double answer_logit, wrong_logit; /* of the run */
    double scale;                     /* sqrt(mean x^2 + eps) of the stream behind the last layer */
    double sum;                       /* of all attributions: the difference, but for rounding */
};
struct osso_residual_result {
    size_t size;
    struct osso_residual_target *targets; /* [n_positions] ascending */
    size_t n_positions;
    struct osso_residual_term *terms; /* [n_positions][n_terms]: the embedding; of each layer heads, bias, experts */
    size_t n_terms;
    struct osso_residual_stream *streams; /* [n_positions][n_layers] */
    int n_layers;
};
/* The caller frees the result. */
OSSO_API enum osso_status osso_residual(struct osso_engine *engine, const int32_t *ids, size_t n,
                                        const struct osso_residual_options *options,
                                        struct osso_residual_result *result_out, struct osso_error *err);
OSSO_API void osso_residual_free(struct osso_residual_result *result);

#ifdef __cplusplus
}
#endif
#endif
