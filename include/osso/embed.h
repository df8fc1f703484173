/* embed.h: a vector for a text: what a layer holds of it, pooled over its tokens. Stands beside osso.h.
 *
 *   struct osso_embed_options o = {.size = sizeof o, .layer = OSSO_EMBED_LAST};
 *   struct osso_embed_text t = {.ids = ids, .n = n};
 *   osso_embed(engine, &t, 1, &o, vector, &err);   // vector: [hidden] floats
 *
 * A by-product of a language model that nobody trained for it: texts about the same things have vectors that point the
 * same way, and models made for embeddings do it better (docs/embeddings.md has figures). A vector does not depend on
 * threads or on what else is embedded beside it, to the bit. */
#ifndef OSSO_EMBED_H
#define OSSO_EMBED_H

#include "osso/engine.h"

#ifdef __cplusplus
extern "C" {
#endif

enum osso_pool { OSSO_POOL_MEAN, OSSO_POOL_LAST, OSSO_POOL_MAX };
#define OSSO_EMBED_LAST (-1) /* the residual stream behind the last layer, through the final norm */

/* Tokens to run, of which [from, to) are pooled, and, where the model goes on by itself, what it writes. */
struct osso_embed_text {
    const int32_t *ids;
    size_t n;
    size_t from, to;  /* to 0: n */
    int64_t generate; /* so many tokens at most come after it, always the likeliest, and are pooled too */
};

struct osso_embed_options {
    size_t size;
    int layer; /* 0 to n_layers - 1: the residual stream leaving it; OSSO_EMBED_LAST */
    enum osso_pool pool;
    bool no_normalize; /* as it comes, not of length 1 */
    int sessions;      /* texts at a time; 0: 32. The engine has to have room for them, and does with fewer pages */
    const int32_t *stop_ids; /* [n_stop_ids] end what a text generates, and are not pooled */
    size_t n_stop_ids;
    const struct osso_layers *layers; /* not NULL: these layers in the place of `layer`, ascending */
    /* Called after each step with texts done; a result other than 0 ends it (CANCELLED). May be NULL. */
    int (*progress)(void *user, uint64_t done, uint64_t total);
    void *user;
};
/* Sets what follows from the number of texts and the longest of them: context (where it is 0), sessions. */
OSSO_API void osso_embed_engine(size_t n_texts, size_t longest, struct osso_engine_options *options);
/* vectors_out: [n_texts][hidden], with o.layers [n_texts][layers][hidden]. USAGE for a text without tokens or that does
 * not fit the context, and for a layer that the model does not have; NUMERIC when a text's vector is no number.
 * *failed_out (may be NULL): the text that it is about, n_texts when it is about none. */
OSSO_API enum osso_status osso_embed(struct osso_engine *engine, const struct osso_embed_text *texts, size_t n_texts,
                                     const struct osso_embed_options *options, float *vectors_out, size_t *failed_out,
                                     struct osso_error *err);

/* How alike two vectors are. COSINE: of their directions, -1 to 1, whatever their lengths (0 where one has none);
 * EUCLIDEAN: 1 / (1 + their distance). */
enum osso_metric { OSSO_METRIC_COSINE, OSSO_METRIC_EUCLIDEAN };
OSSO_API double osso_similarity(const float *a, const float *b, size_t n, enum osso_metric metric);

/* A safetensors file of one f32 tensor, [rows][columns], written as rows come; whole or absent. metadata: a JSON object
 * of strings, or NULL. */
struct osso_rows_file;
OSSO_API enum osso_status osso_rows_create(const char *path, const char *tensor, uint64_t rows, uint64_t columns,
                                           const char *metadata, struct osso_rows_file **file_out,
                                           struct osso_error *err);
OSSO_API enum osso_status osso_rows_add(struct osso_rows_file *file, const float *values, uint64_t rows,
                                        struct osso_error *err);
/* Gives the file its name once all rows are there; with keep false it is given up. Frees it in any case; NULL is fine.
 */
OSSO_API enum osso_status osso_rows_close(struct osso_rows_file *file, bool keep, struct osso_error *err);

#ifdef __cplusplus
}
#endif
#endif
