/* convert.h: chapter of osso's door: a model from one form of file to another (osso_convert), and into smaller types
 * (osso_quantize). IN is whatever osso_model_open takes. OUT is whole or absent: nothing stands under its name before
 * everything is on the disk, and a failure, a cancelled run or a killed one leaves nothing there (what a killed run
 * left under temporary names goes with the next run of the same OUT). */
#ifndef OSSO_CONVERT_H
#define OSSO_CONVERT_H

#include "osso/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What becomes of one tensor of OUT. Types are spelt as in dtype.def; texts live as long as the call. */
struct osso_tensor_fate {
    size_t size;
    const char *name, *from, *to;
    int rank;
    const int64_t *shape;               /* of the tensor that holds the values or their codes */
    uint64_t bytes_before, bytes;       /* scales and offsets that lie apart included */
    bool moved;                         /* no value changes */
    bool measured;                      /* what follows was found; false in a dry run and where `moved` */
    double relative_mse, largest_error; /* sum of squared errors / sum of squares; the largest |new - old| */
    int64_t worst_row, worst_block;     /* of 32 values (rows of all experts counted): the largest squared error */
    double worst_mse;                   /* its relative mse */
};

struct osso_convert_options {
    size_t size;
    const char *to;       /* "hf", "original", "mlx" (folders) or "gguf" (a file) */
    const char *expand;   /* "bf16", "f16", "f32": types that the form does not have become this one; NULL: refused */
    uint64_t split_bytes; /* of tensors in one file; 0: GGUF is one file, folders have files of 5 GB */
    bool dry_run;         /* tell every tensor's fate, write nothing */
    bool force;           /* OUT may be there: a file is replaced, a folder if it holds nothing but a model's files */
    bool ignore_unused;   /* of IN, as osso_model_options */
    int threads;          /* 0: one for each CPU. The bytes do not depend on it */
    /* Called now and then with bytes written and in all; a non-zero result cancels. May be NULL. */
    int (*progress)(void *user, uint64_t done, uint64_t total);
    /* Called for each tensor of OUT, in the order of the file, when it has been written. May be NULL. */
    void (*tensor)(void *user, const struct osso_tensor_fate *fate);
    /* Called for what was passed over or had to be chosen. May be NULL. */
    void (*note)(void *user, const char *text);
    void *user;
    bool untie; /* a head that is the embedding is written as a tensor of its own */
};

/* Changes the form only: no value changes but where `expand` was needed. MXFP4 moves bit for bit, BF16 stays BF16,
 * vectors and the router are F32 in GGUF and come back as the model's own type where that is exact. What the form has
 * no type or no key for is refused with its name. */
OSSO_API enum osso_status osso_convert(const char *in, const char *out, const struct osso_convert_options *options,
                                       struct osso_error *err);

struct osso_quantize_options {
    size_t size;
    /* Rules, the last one that matches a matrix counts: a recipe (mxfp4: experts MXFP4, the rest kept; mxfp4-q8: the
     * rest Q8_0, in MLX's form 8 bits in groups of 64), a type for every matrix, or PATTERN=TYPE: experts, attention,
     * embeddings, head or a glob over OUT's tensor names; TYPE may be keep. Norms, router, sinks and biases are always
     * kept. None: mxfp4-q8 for GGUF, else mxfp4. */
    const char *const *types;
    int n_types;
    bool fallback;   /* a type whose blocks do not fit a width: the next larger one, with a note; else it is refused */
    bool requantize; /* MXFP4 into another type, too */
    bool search;     /* MXFP4: also try the neighbouring scales, take the smallest error */
};

/* `to` of the options may be NULL: gguf where OUT ends in .gguf, mlx where the types are MLX's, else hf. */
OSSO_API enum osso_status osso_quantize(const char *in, const char *out, const struct osso_convert_options *options,
                                        const struct osso_quantize_options *quantize, struct osso_error *err);

/* The types that osso_quantize writes, number i from 0, as they are spelt; NULL: no more. */
OSSO_API const char *osso_quantize_type(int i);

#ifdef __cplusplus
}
#endif
#endif
