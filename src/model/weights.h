/* weights.h: the logical tensor table. Names, splits, interleavings and transpositions of the file formats end here:
 * the forward pass sees views and never knows which file they came from. */
#ifndef OSSO_MODEL_WEIGHTS_H
#define OSSO_MODEL_WEIGHTS_H

#include "backend/backend.h"
#include "model/config.h"

struct layer_weights {
    const float *attn_norm, *mlp_norm;         /* [hidden]; small vectors are widened to f32 once, at open */
    struct view q, k, v, o;
    const float *q_bias, *k_bias, *v_bias, *o_bias, *sinks;
    struct view router;
    const float *router_bias;
    /* Experts as base and strides; reached only through weights_expert. */
    struct view gate, up, down;                /* expert 0's */
    int64_t gate_expert_bytes, gate_expert_scale_bytes; /* from one expert to the next (up has the same) */
    int64_t down_expert_bytes, down_expert_scale_bytes;
    struct vec gate_bias, up_bias, down_bias;  /* expert 0's; data NULL: none */
    int64_t gate_bias_bytes, down_bias_bytes;
};

struct weights {
    struct view embed, head; /* [vocab][hidden] */
    const float *final_norm;
    struct layer_weights *layers;
    float *vectors;          /* owns every const float * above */
    struct expert_source source; /* source.model is this struct */
};

/* Expert `expert` of a layer, as views of its matrices and biases. */
void weights_expert(const struct expert_source *source, int layer, int expert, struct expert *out);
void weights_free(struct weights *weights);

#endif
