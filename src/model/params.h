/* params.h: all tensors of a model, one after the other (params.def): to tell a device or an optimizer of each, to
 * count them, and to lay them out in one arena of f32 values. */
#ifndef OSSO_MODEL_PARAMS_H
#define OSSO_MODEL_PARAMS_H

#include "model/weights.h"

enum param_kind { PARAM_MATRIX, PARAM_NORM, PARAM_BIAS, PARAM_SINKS, PARAM_EXPERTS, PARAM_EXPERT_BIAS };
enum param_size { SIZE_ONE, SIZE_HIDDEN, SIZE_Q, SIZE_KV, SIZE_HEADS, SIZE_EXPERTS, SIZE_INNER, SIZE_VOCAB };

enum param_id {
#define ONCE(member, kind, rows, columns) PARAM_##member,
#define EACH(member, kind, rows, columns) PARAM_##member,
#include "model/params.def"
    N_PARAMS
};

struct param {
    enum param_id id;
    const char *name; /* the member's */
    enum param_kind kind;
    bool each; /* one in every layer */
    enum param_size rows, columns;
};

const struct param *params_of(enum param_id id);
int64_t params_size(const struct config *config, enum param_size size);
/* Has a model of this configuration it? A plain block has no biases and no sinks, with one expert no router either. */
bool params_has(const struct config *config, const struct param *param);
/* May it be missing? */
bool params_optional(const struct param *param);
/* Is it y = W x? */
bool params_is_matrix(const struct param *param);
/* Is there one per expert? */
bool params_stacked(const struct param *param);
/* Values of one such tensor: all experts' together; 0: the model has none. */
int64_t params_values(const struct config *config, const struct param *param);
/* The same as a table: rows, all experts' one after the other (a vector is one row), and the values of each. */
int64_t params_rows(const struct config *config, const struct param *param);
int64_t params_row_values(const struct config *config, const struct param *param);

/* Values in all, and those that one token uses (unembedding counted, embedding table not). */
uint64_t params_total(const struct config *config);
uint64_t params_active(const struct config *config);

/* ---- the walk ------------------------------------------------------------------------------------------- */

enum param_part { PART_VALUES, PART_SIDE_0, PART_SIDE_1, PART_LOWRANK_A, PART_LOWRANK_B };

/* A piece of host memory with (a part of) a tensor in it. Value or block [s][r][c] stands at data + s * stack_stride +
 * r * row_stride + c * column_stride. Pieces may overlap: alternating rows of gate and up do. */
struct param_piece {
    const struct param *param;
    int layer; /* -1: outside the layers */
    enum param_part part;
    enum dtype dtype; /* of PART_SIDE_*: that of one value; DT_U8: a scale byte */
    const uint8_t *data;
    uint64_t bytes;                   /* from data to the end of the last value */
    int64_t stack, rows, columns;     /* stack: experts, else 1; a vector is one row */
    int64_t stack_stride, row_stride; /* bytes */
    int64_t column_stride;            /* bytes between two values of a row; 0: adjacent, in blocks of the dtype */
    int64_t row_bytes;                /* of adjacent values; 0 with a column_stride */
    int expert;                       /* whose, where the piece is one expert's, else 0 */
};

typedef enum osso_status param_piece_fn(void *user, const struct param_piece *piece, struct osso_error *err);

/* Hands over every piece of every tensor that is there (tied: the head is not told of a second time); ends with the
 * first failure, which it returns. */
enum osso_status weights_each(const struct weights *weights, const struct config *config, param_piece_fn *fn,
                              void *user, struct osso_error *err);

/* Is it a piece that no backend is told of (weights.host_layers, host_embed)? */
bool weights_stay(const struct weights *weights, const struct param_piece *piece);

/* Bytes of host memory that these pieces lie in, each counted once: of each layer's experts, of the table of embeddings
 * where it is no head too, and of all the rest. */
struct weights_sizes {
    uint64_t rest, embed, experts[MAX_LAYERS], n_pieces;
};
enum osso_status weights_sizes(const struct weights *weights, const struct config *config,
                               struct weights_sizes *sizes_out, struct osso_error *err);

/* ---- an arena ------------------------------------------------------------------------------------------- */

/* Values of f32 that an arena for all tensors has: each begins on 64 bytes of it, gaps stay unused. */
int64_t params_count(const struct config *config);
/* Weights whose tensors lie in an arena (aligned to 64 bytes, owned by the caller): rows of outputs, adjacent, gate
 * and up apart, experts one after the other. Equal configurations give equal offsets, so that values, gradients and
 * moments are arenas beside each other. weights_free takes the table back. */
enum osso_status params_bind(const struct config *config, float *arena, struct weights *weights_out,
                             struct osso_error *err);
/* One of these rows as f32, from weights in any format; layer: of what is in every layer. A missing bias or
 * router is 0, a missing sink minus infinity, which is the same. */
void params_row(const struct config *config, const struct weights *weights, enum param_id id, int layer, int64_t row,
                float *values_out);
/* The format that its values have in memory. */
enum dtype params_dtype(const struct weights *weights, enum param_id id, int layer);
/* Writes the values of a model in any format to weights that are bound on an arena. */
void params_fill(const struct config *config, const struct weights *from, const struct weights *bound);

#endif
