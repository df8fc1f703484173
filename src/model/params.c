/* params.c: walking over all tensors of a model, and laying them out on an arena. What is done with a tensor
 * depends on its kind: each of the lists below is params.def, expanded to one call of a function named after the
 * kind. */
#include "model/params.h"

#include <string.h>

enum { SIDES = 2, ARENA_ALIGN = 16 /* values */ };

const struct param *params_of(enum param_id id)
{
    static const struct param params[] = {
#define PARAM(member, kind, each, rows, columns)                                                                       \
    {PARAM_##member, #member, PARAM_##kind, each, SIZE_##rows, SIZE_##columns},
#define ONCE(member, kind, rows, columns) PARAM(member, kind, false, rows, columns)
#define EACH(member, kind, rows, columns) PARAM(member, kind, true, rows, columns)
#include "model/params.def"
#undef PARAM
    };
    return &params[id];
}

bool params_has(const struct config *c, const struct param *param)
{
    bool router = param->id == PARAM_router && c->n_experts == 1;
    return !c->plain || !(params_optional(param) || router);
}

bool params_optional(const struct param *param)
{
    return param->kind == PARAM_BIAS || param->kind == PARAM_SINKS || param->kind == PARAM_EXPERT_BIAS;
}

int64_t params_size(const struct config *c, enum param_size size)
{
    switch (size) {
    case SIZE_ONE: return 1;
    case SIZE_HIDDEN: return c->hidden;
    case SIZE_Q: return (int64_t)c->n_heads * c->head_dim;
    case SIZE_KV: return (int64_t)c->n_kv_heads * c->head_dim;
    case SIZE_HEADS: return c->n_heads;
    case SIZE_EXPERTS: return c->n_experts;
    case SIZE_INNER: return c->intermediate;
    case SIZE_VOCAB: return c->vocab;
    }
    return 0;
}

bool params_is_matrix(const struct param *param)
{
    return param->kind == PARAM_MATRIX || param->kind == PARAM_EXPERTS;
}

bool params_stacked(const struct param *param)
{
    return param->kind == PARAM_EXPERTS || param->kind == PARAM_EXPERT_BIAS;
}

int64_t params_rows(const struct config *c, const struct param *param)
{
    return (params_stacked(param) ? c->n_experts : 1) * (params_is_matrix(param) ? params_size(c, param->rows) : 1);
}

int64_t params_row_values(const struct config *c, const struct param *param)
{
    return params_size(c, params_is_matrix(param) ? param->columns : param->rows);
}

/* Of one tensor with `experts` of its experts. */
static int64_t values_of(const struct config *c, const struct param *param, int64_t experts)
{
    int64_t one = params_has(c, param) ? params_size(c, param->rows) * params_size(c, param->columns) : 0;
    return (params_stacked(param) ? experts : 1) * one;
}

int64_t params_values(const struct config *c, const struct param *param)
{
    return values_of(c, param, c->n_experts);
}

/* Of all tensors, with `experts` of the experts of each layer. */
static uint64_t count(const struct config *c, int64_t experts)
{
    uint64_t sum = 0;
    for (int id = 0; id < N_PARAMS; id++) {
        const struct param *p = params_of((enum param_id)id);
        if (id != PARAM_head || !c->tied)
            sum += (uint64_t)(values_of(c, p, experts) * (p->each ? c->n_layers : 1)); /* bounded by config_check */
    }
    return sum;
}

uint64_t params_total(const struct config *c)
{
    return count(c, c->n_experts);
}

uint64_t params_active(const struct config *c)
{
    return count(c, c->experts_per_token) - (c->tied ? 0 : (uint64_t)params_values(c, params_of(PARAM_embed)));
}

/* ---- the walk ------------------------------------------------------------------------------------------- */

struct walk {
    const struct config *config;
    int layer;
    param_piece_fn *fn;
    void *user;
    struct osso_error *err;
    enum osso_status status; /* after a failure nothing is called any more */
};

static int64_t value_bytes(enum dtype t)
{
    return t == DT_U8 ? 1 : dtype_info(t)->block_bytes;
}

static void tell(struct walk *walk, enum param_id id, struct param_piece *p)
{
    if (walk->status || !p->data)
        return;
    p->param = params_of(id);
    p->layer = walk->layer;
    int64_t row = p->column_stride ? (p->columns - 1) * p->column_stride + value_bytes(p->dtype) : p->row_bytes;
    p->bytes = (uint64_t)((p->stack - 1) * p->stack_stride + (p->rows - 1) * p->row_stride + row);
    walk->status = walk->fn(walk->user, p, walk->err);
}

static void tell_floats(struct walk *walk, enum param_id id, const float *data, int64_t rows, int64_t columns,
                        enum param_part part, int expert)
{
    tell(walk, id,
         &(struct param_piece){.part = part,
                               .dtype = DT_F32,
                               .data = (const uint8_t *)data,
                               .stack = 1,
                               .rows = rows,
                               .columns = columns,
                               .row_stride = columns * 4,
                               .row_bytes = columns * 4,
                               .expert = expert});
}

/* A matrix, or a stack of them: values, what lies apart from them, and low-rank additions. */
static void tell_view(struct walk *walk, enum param_id id, const struct view *v, int64_t stack, int64_t stride,
                      const int64_t *side_stride, int expert)
{
    const struct dtype_info *t = dtype_info(v->dtype);
    int64_t blocks = v->cols / t->block;
    tell(walk, id,
         &(struct param_piece){.part = PART_VALUES,
                               .dtype = v->dtype,
                               .data = v->data,
                               .stack = stack,
                               .rows = v->rows,
                               .columns = v->cols,
                               .stack_stride = stride,
                               .row_stride = v->row_stride,
                               .column_stride = v->col_stride,
                               .row_bytes = v->col_stride ? 0 : blocks * t->block_bytes,
                               .expert = expert});
    for (int i = 0; i < SIDES; i++)
        tell(walk, id,
             &(struct param_piece){.part = PART_SIDE_0 + (enum param_part)i,
                                   .dtype = v->side[i].dtype,
                                   .data = v->side[i].data,
                                   .stack = stack,
                                   .rows = v->rows,
                                   .columns = view_scales(v),
                                   .stack_stride = side_stride[i],
                                   .row_stride = v->side[i].stride,
                                   .row_bytes = view_scales(v) * value_bytes(v->side[i].dtype)});
    for (int e = 0; v->lowrank && e < stack; e++) {
        tell_floats(walk, id, v->lowrank[e].a, v->lowrank[e].rank, v->cols, PART_LOWRANK_A, e);
        tell_floats(walk, id, v->lowrank[e].b, v->rows, v->lowrank[e].rank, PART_LOWRANK_B, e);
    }
}

static void each_MATRIX(struct walk *walk, enum param_id id, const struct view *v)
{
    tell_view(walk, id, v, 1, 0, (const int64_t[SIDES]){0}, 0);
}

static void each_EXPERTS(struct walk *walk, enum param_id id, const struct expert_matrix *m)
{
    if (!m->apart)
        tell_view(walk, id, &m->first, walk->config->n_experts, m->stride, m->side_stride, 0);
    for (int e = 0; m->apart && e < walk->config->n_experts; e++) {
        struct view v = weights_expert_view(m, e);
        tell_view(walk, id, &v, 1, 0, m->side_stride, e);
    }
}

static void each_NORM(struct walk *walk, enum param_id id, const float *const *values)
{
    tell_floats(walk, id, *values, 1, params_size(walk->config, params_of(id)->rows), PART_VALUES, 0);
}
#define each_BIAS each_NORM
#define each_SINKS each_NORM

static void each_EXPERT_BIAS(struct walk *walk, enum param_id id, const struct expert_bias *b)
{
    const struct vec *v = &b->first;
    int64_t value = value_bytes(v->dtype);
    bool apart = v->stride != value;
    tell(walk, id,
         &(struct param_piece){.part = PART_VALUES,
                               .dtype = v->dtype,
                               .data = v->data,
                               .stack = walk->config->n_experts,
                               .rows = 1,
                               .columns = v->n,
                               .stack_stride = b->stride,
                               .row_stride = b->stride,
                               .column_stride = apart ? v->stride : 0,
                               .row_bytes = apart ? 0 : v->n * value});
}

enum osso_status weights_each(const struct weights *w, const struct config *config, param_piece_fn *fn, void *user,
                              struct osso_error *err)
{
    struct walk walk = {.config = config, .layer = -1, .fn = fn, .user = user, .err = err};
#define ONCE(member, kind, rows, columns)                                                                              \
    if (PARAM_##member != PARAM_head || !config->tied)                                                                 \
        each_##kind(&walk, PARAM_##member, &w->member);
#include "model/params.def"
    for (walk.layer = 0; walk.layer < config->n_layers; walk.layer++) {
        const struct layer_weights *l = &w->layers[walk.layer];
#define EACH(member, kind, rows, columns) each_##kind(&walk, PARAM_##member, &l->member);
#include "model/params.def"
    }
    return walk.status;
}

/* ---- an arena ------------------------------------------------------------------------------------------- */

/* Hands out the values of one tensor after the other. base NULL: only counts. */
struct arena {
    const struct config *config;
    float *base;
    int64_t used;
};

static float *take(struct arena *a, enum param_id id)
{
    int64_t values = params_values(a->config, params_of(id));
    float *at = a->base && values ? a->base + a->used : NULL;
    a->used += (values + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    return at;
}

static void bind_MATRIX(struct arena *a, enum param_id id, struct view *v)
{
    const struct param *p = params_of(id);
    int64_t rows = params_size(a->config, p->rows), columns = params_size(a->config, p->columns);
    *v = (struct view){.dtype = DT_F32,
                       .data = (const uint8_t *)take(a, id),
                       .rows = rows,
                       .cols = columns,
                       .row_stride = columns * 4};
}

static void bind_EXPERTS(struct arena *a, enum param_id id, struct expert_matrix *m)
{
    *m = (struct expert_matrix){0};
    bind_MATRIX(a, id, &m->first);
    m->stride = m->first.rows * m->first.row_stride;
}

static void bind_NORM(struct arena *a, enum param_id id, const float **values)
{
    *values = take(a, id);
}
#define bind_BIAS bind_NORM
#define bind_SINKS bind_NORM

static void bind_EXPERT_BIAS(struct arena *a, enum param_id id, struct expert_bias *b)
{
    int64_t n = params_size(a->config, params_of(id)->rows);
    *b = (struct expert_bias){{.dtype = DT_F32, .data = (const uint8_t *)take(a, id), .n = n, .stride = 4}, n * 4};
}

static void bind_once(struct arena *a, struct weights *w)
{
#define ONCE(member, kind, rows, columns)                                                                              \
    if (PARAM_##member != PARAM_head || !a->config->tied)                                                              \
        bind_##kind(a, PARAM_##member, &w->member);
#include "model/params.def"
    if (a->config->tied)
        w->head = w->embed;
}

static void bind_layer(struct arena *a, struct layer_weights *l)
{
#define EACH(member, kind, rows, columns) bind_##kind(a, PARAM_##member, &l->member);
#include "model/params.def"
}

int64_t params_count(const struct config *config)
{
    struct arena a = {.config = config};
    struct weights w;
    struct layer_weights l;
    bind_once(&a, &w);
    int64_t once = a.used;
    bind_layer(&a, &l);
    return once + (a.used - once) * config->n_layers; /* config_check bounds every size */
}

enum osso_status params_bind(const struct config *config, float *arena, struct weights *w, struct osso_error *err)
{
    struct arena a = {.config = config, .base = arena};
    enum osso_status status = weights_create(config->n_layers, w, err);
    if (status)
        return status;
    bind_once(&a, w);
    for (int l = 0; l < config->n_layers; l++)
        bind_layer(&a, &w->layers[l]);
    return OSSO_OK;
}
