/* weights_resolve.c: finding and checking the tensors of a model. */
#include "checkpoint/weights_resolve.h"

#include "base/error.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

const char *resolver_file(const struct resolver *r)
{
    return r->set->n_maps > 0 ? r->set->maps[0].path : "the model in memory";
}

bool resolver_has(const struct resolver *r, const char *name)
{
    char full[128];
    snprintf(full, sizeof full, "%s%s", r->prefix, name);
    return tensors_find(r->set, full) != NULL;
}

/* "[32, 5760, 90, 16]". */
static void shape_text(char *text, size_t size, int rank, const int64_t *shape)
{
    size_t used = (size_t)snprintf(text, size, "[");
    for (int i = 0; i < rank && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%lld", i ? ", " : "", (long long)shape[i]);
    if (used < size)
        snprintf(text + used, size - used, "]");
}

/* GGUF writers drop dimensions of 1 in front: a stack of one expert may come as a matrix. */
static bool same_shape(const struct tensor *t, int rank, const int64_t *shape, bool gguf)
{
    int skip = 0, skip_t = 0;
    while (gguf && skip < rank - 1 && shape[skip] == 1)
        skip++;
    while (gguf && skip_t < t->rank - 1 && t->shape[skip_t] == 1)
        skip_t++;
    return t->rank - skip_t == rank - skip &&
           memcmp(t->shape + skip_t, shape + skip, (size_t)(rank - skip) * sizeof *shape) == 0;
}

const struct tensor *resolver_tensor(struct resolver *r, const char *name, int rank, const int64_t *shape)
{
    char full[128], have[96], want[96];
    if (r->status)
        return NULL;
    snprintf(full, sizeof full, "%s%s", r->prefix, name);
    const struct tensor *t = tensors_find(r->set, full);
    if (!t) {
        r->status = error_set(r->err, OSSO_FORMAT, "%s: tensor %s is missing", resolver_file(r), full);
        return NULL;
    }
    if (!same_shape(t, rank, shape, r->gguf)) {
        shape_text(have, sizeof have, t->rank, t->shape);
        shape_text(want, sizeof want, rank, shape);
        r->status = error_set(r->err, OSSO_FORMAT, "%s: tensor %s has the shape %s; this model's configuration asks for %s",
                              resolver_file(r), full, have, want);
        return NULL;
    }
    return t;
}

void resolver_check_type(struct resolver *r, const struct tensor *t, bool one_value)
{
    if (r->status || !t)
        return;
    if (t->dtype == DT_F32 || t->dtype == DT_F16 || t->dtype == DT_BF16)
        return;
    if (!one_value && (t->dtype == DT_Q8_0 || t->dtype == DT_MXFP4))
        return;
    r->status = error_set(r->err, OSSO_UNSUPPORTED,
                          "%s: unsupported type %s in tensor %s; supported are F32, F16, BF16%s",
                          resolver_file(r), t->type, t->name, one_value ? "" : ", Q8_0, MXFP4");
}

void resolver_vector(struct resolver *r, const char *name, int64_t n, const float **out)
{
    const struct tensor *t = resolver_tensor(r, name, 1, &n);
    resolver_check_type(r, t, true);
    if (r->status)
        return;
    if (t->dtype == DT_F32 && (uintptr_t)t->data % sizeof **out == 0) {
        *out = (const float *)(const void *)t->data;
        return;
    }
    if (r->last) {
        struct vec v = {.dtype = t->dtype, .data = t->data, .n = n, .stride = resolver_row_bytes(t->dtype, 1)};
        float *to = r->vectors + r->n_vectors;
        for (int64_t i = 0; i < n; i++)
            to[i] = vec_at(&v, i);
        *out = to;
    }
    r->n_vectors += (size_t)n; /* checked: as many values lie in the file */
}

int64_t resolver_row_bytes(enum dtype t, int64_t cols)
{
    const struct dtype_info *info = dtype_info(t);
    return cols / info->block * info->block_bytes; /* cols is a multiple of the block wherever a tensor was accepted */
}

void resolver_rows(const struct tensor *t, int64_t first, int64_t rows, int64_t cols, struct view *out)
{
    int64_t stride = resolver_row_bytes(t->dtype, cols);
    *out = (struct view){.dtype = t->dtype, .data = t->data + first * stride, .rows = rows, .cols = cols,
                         .row_stride = stride};
}

void resolver_matrix(struct resolver *r, const char *name, int64_t rows, int64_t cols, struct view *out)
{
    const struct tensor *t = resolver_tensor(r, name, 2, (int64_t[]){rows, cols});
    resolver_check_type(r, t, false);
    if (!r->status)
        resolver_rows(t, 0, rows, cols, out);
}

void resolver_expert_bias(struct resolver *r, const char *name, int64_t n, struct expert_bias *out)
{
    const struct tensor *t = resolver_tensor(r, name, 2, (int64_t[]){r->config->n_experts, n});
    resolver_check_type(r, t, true);
    if (r->status)
        return;
    int64_t value = resolver_row_bytes(t->dtype, 1);
    *out = (struct expert_bias){{.dtype = t->dtype, .data = t->data, .n = n, .stride = value}, n * value};
}

enum osso_status weights_resolve(const struct tensors *set, const struct config *config, bool gguf_names,
                                 struct weights *weights_out, struct osso_error *err)
{
    struct resolver r = {.set = set, .config = config, .gguf = gguf_names, .err = err};
    r.status = weights_create(config->n_layers, weights_out, err);
    for (int run = 0; run < 2 && !r.status; run++) {
        r.last = run == 1;
        if (r.last && r.n_vectors > 0 && !(r.vectors = weights_out->vectors = mem_array(r.n_vectors, sizeof *r.vectors))) {
            r.status = error_nomem(err, (unsigned long long)r.n_vectors * sizeof *r.vectors, "norms and biases");
            break;
        }
        r.n_vectors = 0;
        r.prefix[0] = 0;
        (gguf_names ? weights_gguf : weights_hf)(&r, weights_out);
    }
    if (r.status)
        weights_free(weights_out);
    return r.status;
}
