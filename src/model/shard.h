/* shard.h: what one of several processes holds of a layer: a range of kv heads with their query heads, a range of
 * experts. */
#ifndef OSSO_MODEL_SHARD_H
#define OSSO_MODEL_SHARD_H

#include "model/weights.h"

/* kv heads [first, end) and experts [first, end). */
struct shard {
    int first_kv_head, end_kv_head;
    int first_expert, end_expert;
    /* Sums delta (count values) over all shards, in place. Called by one member while the others wait. NULL: whole. */
    void (*reduce)(void *user, real *delta, size_t count);
    void *user;
};

/* A layer's attention weights as a shard sees them. Biases and sinks that the model lacks are NULL. */
struct attention_weights {
    int n_heads, n_kv_heads;
    struct view q, k, v;                   /* [n_heads or n_kv_heads * head_dim][hidden] */
    struct view o;                         /* [hidden][n_heads * head_dim] */
    const float *q_bias, *k_bias, *v_bias; /* [rows of their matrix] */
    const float *o_bias;                   /* [hidden]; it belongs to the sum once, so only the first shard has it */
    const float *sinks;                    /* [n_heads] */
};
struct attention_weights REAL(shard_attention)(const struct shard *shard, const struct config *config,
                                               const struct layer_weights *w);

#endif
