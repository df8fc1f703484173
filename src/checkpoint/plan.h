/* plan.h: which tensors a model of some configuration has, without any file: names, types and shapes as the published
 * checkpoints have them, and random values of sane scale for them. For measuring (synth) and for sizes (info). */
#ifndef OSSO_MODEL_PLAN_H
#define OSSO_MODEL_PLAN_H

#include "model/config.h"
#include "quant/quant.h"

enum plan_form {
    PLAN_HF,  /* MXFP4 experts as blocks and scales, BF16 rest */
    PLAN_GGUF /* MXFP4 experts, Q8_0 matrices, F32 rest */
};

enum plan_part { PLAN_WHOLE, PLAN_BLOCKS, PLAN_SCALES };

struct plan_tensor {
    char name[64];
    enum dtype dtype;
    int rank;
    int64_t shape[4];
    uint64_t bytes;
    /* What it holds: rows of row_values values around `mean`, at most `spread` away. Row r of two tensors with the same
     * stream holds the same values; `alternating`: even rows are those of `stream`, odd ones of stream + 1. */
    int64_t row_values, n_rows;
    float mean, spread;
    uint32_t stream;
    bool alternating;
    enum plan_part part;
};

struct plan {
    struct plan_tensor *list;
    int n;
    uint64_t bytes;
};

/* In the order in which writers put them into files. */
enum osso_status plan_create(const struct config *config, enum plan_form form, struct plan *plan_out, struct osso_error *err);
void plan_free(struct plan *plan);
/* "20b", "120b", or the path of a config.json. */
enum osso_status plan_config(const char *preset, struct config *config_out, struct osso_error *err);

/* The random values. Equal seeds give equal bytes; rows can be made in any order, by any number of threads. */
struct plan_random;
enum osso_status plan_random_create(const struct plan *plan, uint64_t seed, struct plan_random **random_out,
                                    struct osso_error *err);
void plan_random_free(struct plan_random *random);
uint64_t plan_row_bytes(const struct plan_tensor *t);
/* Rows [first, first + n) of tensor i of the plan, into `out`. */
void plan_random_rows(const struct plan_random *random, int i, int64_t first, int64_t n, uint8_t *out);

#endif
