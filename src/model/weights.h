/* weights.h: the logical tensor table. Names, splits, interleavings and transpositions of the file formats end here:
 * the forward pass sees views and never knows which file they came from. */
#ifndef OSSO_MODEL_WEIGHTS_H
#define OSSO_MODEL_WEIGHTS_H

#include "backend/backend.h"
#include "model/config.h"

/* The matrices of a layer's experts: expert 0's, and the bytes from one expert to the next. */
struct expert_matrix {
    struct view first; /* first.lowrank: one struct lowrank per expert, or NULL */
    int64_t stride, side_stride[2];
    int factor_step; /* from an expert's first.factor to the next one's: 1, or 0 where all have one */
    /* Where each expert's values are, in files that have a tensor for each of them; NULL: `stride` says it. */
    const uint8_t *const *apart;
};

struct expert_bias {
    struct vec first; /* data NULL: none */
    int64_t stride;
};

/* What a kind of params.def is in memory. Nothing here owns the values: they lie in a mapped file, in `vectors`
 * below or in a trainer's arena, and whoever owns them may change them between two steps. */
typedef struct view weights_MATRIX;
typedef const float *weights_NORM, *weights_BIAS, *weights_SINKS; /* NULL: none (never a norm) */
typedef struct expert_matrix weights_EXPERTS;                     /* reached only through weights_expert */
typedef struct expert_bias weights_EXPERT_BIAS;

struct layer_weights {
#define EACH(member, kind, rows, columns) weights_##kind member;
#include "model/params.def"
};

struct weights {
#define ONCE(member, kind, rows, columns) weights_##kind member;
#include "model/params.def"
    struct layer_weights *layers;
    float *vectors;              /* values of vectors that no file holds as f32; NULL: none */
    const uint8_t **apart;       /* the tables of experts that lie apart; NULL: none */
    struct expert_source source; /* source.model is this struct: it is never moved */
    /* Can all that the views show still be read? Their file may have become shorter. NULL: it can. */
    enum osso_status (*check)(const void *owner, struct osso_error *err);
    const void *owner;
    /* What stays where it is, so that no backend is told of it: the experts of so many first layers, and the table of
     * embeddings, of which a step reads some rows (never where the head is the same table). */
    int host_layers;
    bool host_embed;
    bool told; /* the backend has copies already: it shares them with another one */
};

/* A table of n_layers layers, all empty, and the source. */
enum osso_status weights_create(int n_layers, struct weights *weights_out, struct osso_error *err);
/* The same weights in a table of one's own, whose views may get low-rank additions (view.lowrank) without a change
 * to what others see. The values stay shared: `shared` must outlive it. */
enum osso_status weights_share(const struct weights *shared, int n_layers, struct weights *weights_out,
                               struct osso_error *err);
void weights_free(struct weights *weights);

/* The activation that a configuration asks for, as ops take it. */
static inline struct swiglu weights_swiglu(const struct config *c)
{
    return (struct swiglu){(float)c->swiglu_alpha, (float)c->swiglu_limit, (float)c->swiglu_shift};
}

/* One expert's part of a stack. */
struct view weights_expert_view(const struct expert_matrix *all, int expert);
struct vec weights_expert_vec(const struct expert_bias *all, int expert);
/* Expert `expert` of a layer, as views of its matrices and biases. */
void weights_expert(const struct expert_source *source, int layer, int expert, struct expert *out);

#endif
