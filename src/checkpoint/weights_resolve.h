/* weights_resolve.h: from the tensors of a file to the weights of a model: the call for everybody, and those that the
 * contracts of weights_hf.c and weights_gguf.c are written in. */
#ifndef OSSO_CHECKPOINT_WEIGHTS_RESOLVE_H
#define OSSO_CHECKPOINT_WEIGHTS_RESOLVE_H

#include "format/tensors.h"
#include "model/weights.h"

/* Resolves every tensor that the config asks for, with name, dtype, shape and bounds checked; missing or wrong ones
 * are named. HF (blocks/scales or transposed dense experts) and GGUF names. The tensors must outlive the weights. */
enum osso_status weights_resolve(const struct tensors *set, const struct config *config, bool gguf_names,
                                 struct weights *weights_out, struct osso_error *err);

/* After a failure `status` stays and every further call does nothing, so that a contract is a plain list of calls.
 * A contract is run twice: first to check everything and to count the values of small vectors, then to fill. */
struct resolver {
    const struct tensors *set;
    const struct config *config;
    bool gguf;
    struct osso_error *err;
    enum osso_status status;
    char prefix[48];  /* of the current layer's names: "model.layers.3." */
    bool last;        /* the run that fills */
    float *vectors;   /* room for what is widened, in the last run */
    size_t n_vectors; /* values so far */
};

const char *resolver_file(const struct resolver *r); /* for error sentences */
bool resolver_has(const struct resolver *r, const char *name);
/* The tensor prefix + name with exactly this shape (rank of them), or NULL and a failure. */
const struct tensor *resolver_tensor(struct resolver *r, const char *name, int rank, const int64_t *shape);
/* Refuses a tensor whose type osso does not compute with. `one_value`: only F32, F16, BF16. */
void resolver_check_type(struct resolver *r, const struct tensor *t, bool one_value);

/* [n] as f32: in place where the file holds it so, else widened once into memory of the weights. */
void resolver_vector(struct resolver *r, const char *name, int64_t n, const float **out);
/* [rows][cols] of any format with rows of whole blocks. */
void resolver_matrix(struct resolver *r, const char *name, int64_t rows, int64_t cols, struct view *out);
/* [E][n], left in its own type. */
void resolver_expert_bias(struct resolver *r, const char *name, int64_t n, struct expert_bias *out);
/* Rows first .. first + rows of t seen as rows of `cols` values. */
void resolver_rows(const struct tensor *t, int64_t first, int64_t rows, int64_t cols, struct view *out);
/* Bytes of one row of `cols` values. */
int64_t resolver_row_bytes(enum dtype t, int64_t cols);

/* Both fill everything but w->vectors and w->source. */
void weights_hf(struct resolver *r, struct weights *w);
void weights_gguf(struct resolver *r, struct weights *w);

#endif
