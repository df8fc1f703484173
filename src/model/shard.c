/* shard.c: the slices of a layer's matrices that a shard computes with: rows and columns of what lies in the file. */
#include "model/shard.h"

static const float *from_or_null(const float *vector, int64_t from)
{
    return vector ? vector + from : NULL;
}

struct attention_weights REAL(shard_attention)(const struct shard *shard, const struct config *c,
                                               const struct layer_weights *w)
{
    int group = c->n_heads / c->n_kv_heads;
    struct attention_weights held = {.n_kv_heads = shard->end_kv_head - shard->first_kv_head};
    held.n_heads = held.n_kv_heads * group;
    int64_t kv0 = (int64_t)shard->first_kv_head * c->head_dim, q0 = kv0 * group;
    int64_t kv_width = (int64_t)held.n_kv_heads * c->head_dim, q_width = kv_width * group;
    held.q = view_rows(w->q, q0, q_width);
    held.k = view_rows(w->k, kv0, kv_width);
    held.v = view_rows(w->v, kv0, kv_width);
    held.o = view_cols(w->o, q0, q_width);
    held.q_bias = from_or_null(w->q_bias, q0);
    held.k_bias = from_or_null(w->k_bias, kv0);
    held.v_bias = from_or_null(w->v_bias, kv0);
    held.o_bias = shard->first_kv_head == 0 ? w->o_bias : NULL;
    held.sinks = from_or_null(w->sinks, (int64_t)shard->first_kv_head * group);
    return held;
}
