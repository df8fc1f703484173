/* plan.h: which tensors a model of some configuration has, without any file: names, types and shapes as the published
 * checkpoints have them, and random values of sane scale for them. For measuring (synth) and for sizes (info). */
#ifndef OSSO_CHECKPOINT_PLAN_H
#define OSSO_CHECKPOINT_PLAN_H

#include "checkpoint/names.h"

/* What the values of a row are written as. group, side: of a format whose scales lie apart. */
struct plan_choice {
    enum dtype dtype;
    int64_t group;
    enum dtype side;
};

struct plan_tensor {
    char name[NAMES_TEXT];
    enum dtype dtype;
    int rank;
    int64_t shape[TENSOR_RANK];
    uint64_t bytes;
    const char *container;       /* the file's word for its type, where that is none of dtype.def; NULL: it is */
    const struct names_row *row; /* what it is, and which part of it */
    int layer, part, expert;     /* expert: where each has a tensor of its own, else 0 */
    struct plan_choice choice;   /* of the row's values */
    int64_t columns;             /* inputs of a matrix, values of a vector */
    int64_t row_values, n_rows;  /* as it is filled: rows of so many values */
    uint32_t stream;             /* rows of equal streams hold equal values, in every form */
};

struct plan {
    struct plan_tensor *list;
    int n;
    uint64_t bytes;
};

/* In the order in which writers put them into files. */
enum osso_status plan_create(const struct config *config, const struct names *names, struct plan *plan_out,
                             struct osso_error *err);
/* Is this row written, and how? Of rows with the same members one is. */
typedef bool plan_choose(void *user, const struct names_row *row, int layer, struct plan_choice *choice_out);
/* The same with the caller's choices instead of the form's own types. */
enum osso_status plan_create_with(const struct config *config, const struct names *names, plan_choose *choose,
                                  void *user, struct plan *plan_out, struct osso_error *err);
void plan_free(struct plan *plan);
/* Its tensors as writers take them, with the plan's names (mem_free them). */
enum osso_status plan_tensors(const struct plan *plan, struct tensor **tensors_out, struct osso_error *err);
/* "20b", "120b", or the path of a config.json. */
enum osso_status plan_config(const char *preset, struct config *config_out, struct osso_error *err);

/* The random values. Equal seeds give equal bytes; rows can be made in any order, by any number of threads. */
struct plan_random;
enum osso_status plan_random_create(const struct plan *plan, uint64_t seed, struct plan_random **random_out,
                                    struct osso_error *err);
void plan_random_free(struct plan_random *random);
void plan_random_skew(struct plan_random *random, double skew); /* as osso_synth_options says */
uint64_t plan_row_bytes(const struct plan_tensor *t);
/* Rows [first, first + n) of tensor i of the plan, into `out`. */
void plan_random_rows(const struct plan_random *random, int i, int64_t first, int64_t n, uint8_t *out);

#endif
