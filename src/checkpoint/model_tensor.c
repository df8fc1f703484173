/* model_tensor.c: the tensors of an open model by name: osso_model_tensor*. The names are those of params.def, the same
 * for every form of file. */
#include "checkpoint/model_open.h"
#include "model/params.h"

#include "base/error.h"
#include "base/sized.h"

#include <stdio.h>
#include <string.h>

/* Which tensor: the params of a model, those of every layer once for each. */
struct which {
    const struct param *param;
    int layer; /* 0 outside the layers */
};

static int params_each(const struct config *c, bool each)
{
    int n = 0;
    for (int id = 0; id < N_PARAMS; id++)
        n += params_of((enum param_id)id)->each == each && params_has(c, params_of((enum param_id)id));
    return n;
}

/* The n-th param of those in every layer, or of the others. */
static const struct param *nth(const struct config *c, bool each, int n)
{
    for (int id = 0; id < N_PARAMS; id++)
        if (params_of((enum param_id)id)->each == each && params_has(c, params_of((enum param_id)id)) && n-- == 0)
            return params_of((enum param_id)id);
    return NULL;
}

static void describe(const struct osso_model *m, struct which w, struct osso_tensor *tensor_out)
{
    const struct config *c = &m->config;
    const struct param *p = w.param;
    enum dtype dtype = params_dtype(&m->weights, p->id, w.layer);
    /* whether its scales lie beside it is no matter of the format's name */
    struct osso_tensor t = {.dtype = dtype_info(dtype == DT_MXFP4_HF ? DT_MXFP4 : dtype)->name,
                            .rows = params_rows(c, p),
                            .cols = params_row_values(c, p)};
    if (p->each)
        snprintf(t.name, sizeof t.name, "layers.%d.%s", w.layer, p->name);
    else
        snprintf(t.name, sizeof t.name, "%s", p->name);
    if (params_stacked(p))
        t.shape[t.rank++] = c->n_experts;
    if (params_is_matrix(p))
        t.shape[t.rank++] = params_size(c, p->rows);
    t.shape[t.rank++] = t.cols;
    sized_out(tensor_out, &t, sizeof t);
}

/* "embed", "layers.3.q": without a sign, a leading zero or anything behind. */
static enum osso_status find(const struct osso_model *m, const char *name, struct which *out, struct osso_error *err)
{
    int layer = 0, end = 0;
    bool each = name && sscanf(name, "layers.%9d.%n", &layer, &end) == 1 && end > 0;
    char spelt[32];
    snprintf(spelt, sizeof spelt, "layers.%d.", layer);
    for (int id = 0; name && id < N_PARAMS; id++) {
        const struct param *p = params_of((enum param_id)id);
        if (p->each == each && params_has(&m->config, p) && strcmp(p->name, name + (each ? end : 0)) == 0 &&
            (!each || (strncmp(name, spelt, (size_t)end) == 0 && layer >= 0 && layer < m->config.n_layers))) {
            *out = (struct which){p, layer};
            return OSSO_OK;
        }
    }
    return error_set(
        err, OSSO_NOTFOUND,
        "%s has no tensor named \"%.64s\"; osso_model_tensor lists them (embed, layers.0.q to layers.%d.q, ...)",
        m->path, name ? name : "", m->config.n_layers - 1);
}

enum osso_status osso_model_tensor(const struct osso_model *model, int64_t i, struct osso_tensor *tensor_out,
                                   struct osso_error *err)
{
    const struct config *c = &model->config;
    int once = params_each(c, false), each = params_each(c, true);
    enum osso_status status = sized_check(tensor_out, "osso_tensor", err);
    if (status)
        return status;
    int64_t count = once + (int64_t)each * model->config.n_layers;
    if (i < 0 || i >= count)
        return error_set(err, OSSO_NOTFOUND, "%s has %lld tensors; there is no number %lld", model->path,
                         (long long)count, (long long)i);
    struct which w = i < once ? (struct which){nth(c, false, (int)i), 0}
                              : (struct which){nth(c, true, (int)((i - once) % each)), (int)((i - once) / each)};
    describe(model, w, tensor_out);
    return OSSO_OK;
}

enum osso_status osso_model_tensor_find(const struct osso_model *model, const char *name,
                                        struct osso_tensor *tensor_out, struct osso_error *err)
{
    struct which w;
    enum osso_status status = sized_check(tensor_out, "osso_tensor", err);
    if (!status)
        status = find(model, name, &w, err);
    if (!status)
        describe(model, w, tensor_out);
    return status;
}

enum osso_status osso_model_tensor_rows(const struct osso_model *model, const char *name, int64_t first, int64_t n_rows,
                                        float *values_out, struct osso_error *err)
{
    struct which w;
    enum osso_status status = find(model, name, &w, err);
    if (status)
        return status;
    int64_t rows = params_rows(&model->config, w.param), n = params_row_values(&model->config, w.param);
    if (first < 0 || n_rows < 0 || first > rows || n_rows > rows - first)
        return error_set(err, OSSO_USAGE, "%s has %lld rows; %lld from row %lld on are not in it", name,
                         (long long)rows, (long long)n_rows, (long long)first);
    status = model_check(model, err);
    for (int64_t r = 0; r < n_rows && !status; r++)
        params_row(&model->config, &model->weights, w.param->id, w.layer, first + r, values_out + r * n);
    return status;
}
