/* params_values.c: the values of a model's tensors as f32, row by row, whatever their format and layout. What is done
 * depends on a tensor's kind, as in params.c. */
#include "model/params.h"

#include <math.h>
#include <string.h>

static void row_MATRIX(const struct config *c, enum param_id id, const struct view *v, int64_t row, float *out)
{
    (void)c, (void)id;
    if (v->data)
        view_values(v, row, 0, v->cols, out);
    else
        memset(out, 0, (size_t)v->cols * sizeof *out);
}

static void row_EXPERTS(const struct config *c, enum param_id id, const struct expert_matrix *m, int64_t row,
                        float *out)
{
    struct view v = weights_expert_view(m, (int)(row / m->first.rows));
    row_MATRIX(c, id, &v, row % m->first.rows, out);
}

static void row_NORM(const struct config *c, enum param_id id, const float *const *values, int64_t row, float *out)
{
    (void)row;
    float none = params_of(id)->kind == PARAM_SINKS ? -INFINITY : 0;
    for (int64_t i = 0; i < params_row_values(c, params_of(id)); i++)
        out[i] = *values ? (*values)[i] : none;
}
#define row_BIAS row_NORM
#define row_SINKS row_NORM

static void row_EXPERT_BIAS(const struct config *c, enum param_id id, const struct expert_bias *b, int64_t row,
                            float *out)
{
    struct vec v = weights_expert_vec(b, (int)row);
    for (int64_t i = 0; i < params_row_values(c, params_of(id)); i++)
        out[i] = v.data ? vec_at(&v, i) : 0;
}

void params_row(const struct config *config, const struct weights *w, enum param_id id, int layer, int64_t row,
                float *values_out)
{
#define ONCE(member, kind, rows, columns)                                                                              \
    if (id == PARAM_##member)                                                                                          \
        row_##kind(config, id, &w->member, row, values_out);
#define EACH(member, kind, rows, columns)                                                                              \
    if (id == PARAM_##member)                                                                                          \
        row_##kind(config, id, &w->layers[layer].member, row, values_out);
#include "model/params.def"
}

/* Where the values begin, and their format. */
struct place {
    const void *data;
    enum dtype dtype;
};

static struct place place_MATRIX(const struct view *v)
{
    return (struct place){v->data, v->dtype};
}

static struct place place_EXPERTS(const struct expert_matrix *m)
{
    return place_MATRIX(&m->first);
}

static struct place place_NORM(const float *const *values)
{
    return (struct place){*values, DT_F32};
}
#define place_BIAS place_NORM
#define place_SINKS place_NORM

static struct place place_EXPERT_BIAS(const struct expert_bias *b)
{
    return (struct place){b->first.data, b->first.dtype};
}

static struct place place_of(const struct weights *w, enum param_id id, int layer)
{
#define ONCE(member, kind, rows, columns)                                                                              \
    if (id == PARAM_##member)                                                                                          \
        return place_##kind(&w->member);
#define EACH(member, kind, rows, columns)                                                                              \
    if (id == PARAM_##member)                                                                                          \
        return place_##kind(&w->layers[layer].member);
#include "model/params.def"
    return (struct place){NULL, DT_F32};
}

enum dtype params_dtype(const struct weights *weights, enum param_id id, int layer)
{
    struct place place = place_of(weights, id, layer);
    return place.data ? place.dtype : DT_F32;
}

void params_fill(const struct config *config, const struct weights *from, const struct weights *bound)
{
    for (int id = 0; id < N_PARAMS; id++) {
        const struct param *p = params_of((enum param_id)id);
        int64_t rows = params_rows(config, p), n = params_row_values(config, p);
        for (int l = 0; l < (p->each ? config->n_layers : 1); l++) {
            /* on an arena the rows of a tensor lie one after the other */
            float *to = (float *)(uintptr_t)place_of(bound, p->id, l).data;
            for (int64_t r = 0; to && r < rows; r++)
                params_row(config, from, p->id, l, r, to + r * n);
        }
    }
}
