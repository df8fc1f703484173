/* lens.h: what a run would say if it ended earlier: rows of the residual stream, or of what one component adds to it,
 * through the final norm and the unembedding, beside what the run says in the end. Stands beside osso.h.
 *
 *   struct osso_lens_options o = {.size = sizeof o};              // the stream behind every layer, at every position
 *   osso_lens(engine, ids, n, &o, &lens, &err);                   // lens.records[i].rank, .kl; lens.top
 */
#ifndef OSSO_LENS_H
#define OSSO_LENS_H

#include "osso/engine.h"

#ifdef __cplusplus
extern "C" {
#endif

struct osso_lens_options {
    size_t size;
    const char *component;            /* "resid_post" (NULL), "resid_pre", "resid_mid"; "attn_out", "mlp_out"; "head":
                                       * each head's result, without bias; "expert": each chosen expert's weighted output */
    const struct osso_layers *layers; /* only these; NULL: all */
    const int32_t *heads;             /* [n_heads] only these, ascending; n 0: all */
    int n_heads;
    const int64_t *positions; /* [n_positions] only these; negative: from the end; n 0: all */
    size_t n_positions;
    int n_top;          /* likeliest tokens of each row; 0: 5 */
    uint64_t max_bytes; /* LIMIT when the rows to keep are more; 0: 2 GB */
    /* Called now and then with what is done: tokens run and rows seen through. Not 0: CANCELLED. May be NULL. */
    int (*progress)(void *user, uint64_t done, uint64_t total);
    void *user;
};

/* What the run says in the end at a position: its likeliest token. */
struct osso_lens_answer {
    int64_t position;
    int32_t id;
    double probability;
};
/* A row through the lens. */
struct osso_lens_record {
    int layer, head, expert; /* -1: the component has none */
    size_t answer;           /* which of answers: the position */
    double probability;      /* of the final answer */
    int64_t rank;            /* of the final answer: 1 is the likeliest */
    double kl;               /* sum p log(p / q) in nats, p the final distribution, q this row's */
    double norm;             /* length of the row itself */
};
struct osso_lens_token {
    int32_t id;
    float probability;
};
struct osso_lens_result {
    size_t size;
    struct osso_lens_answer *answers; /* [n_positions] ascending */
    size_t n_positions;
    struct osso_lens_record *records; /* [n] by position, layer, head; experts by falling weight */
    size_t n;
    struct osso_lens_token *top; /* [n][n_top] of each record, the likeliest first */
    int n_top;
};
/* The caller frees the result. */
OSSO_API enum osso_status osso_lens(struct osso_engine *engine, const int32_t *ids, size_t n,
                                    const struct osso_lens_options *options, struct osso_lens_result *result_out,
                                    struct osso_error *err);
OSSO_API void osso_lens_free(struct osso_lens_result *result);

#ifdef __cplusplus
}
#endif
#endif
