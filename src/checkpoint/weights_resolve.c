/* weights_resolve.c: finding and checking the tensors of a model, each member of params.def by the rows of
 * names_*.def that hold it. */
#include "checkpoint/weights_resolve.h"

#include "checkpoint/astray.h"
#include "checkpoint/factor.h"
#include "checkpoint/packed.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/must.h"

#include <stdio.h>
#include <string.h>

/* After a failure `status` stays and every further call does nothing. All members are resolved twice: first to check
 * everything and to count the values of vectors that must be widened, then to fill. */
struct resolver {
    const struct tensors *set;
    const struct config *config;
    const struct names *names;
    struct osso_error *err;
    enum osso_status status;
    int layer;
    bool last;        /* the run that fills */
    float *vectors;   /* room for what is widened, in the last run */
    size_t n_vectors; /* values so far */
    const uint8_t **apart;
    size_t n_apart; /* the same of experts with tensors of their own */
};

/* Where a member is: which of the row's members it is, and which rows are its own. */
struct place {
    const struct names_row *row;
    int slot;
    int64_t first, rows, columns, all_rows;
};

static const char *resolver_file(const struct resolver *r) /* for error sentences */
{
    return r->set->n_maps > 0 ? r->set->maps[0].path : "the model in memory";
}

static struct place place_of(const struct resolver *r, enum param_id id)
{
    struct place p = {0};
    bool found = false;
    for (int i = 0; i < r->names->n_rows && !found; i++)
        for (int k = 0; k < r->names->rows[i].n_members; k++)
            if (r->names->rows[i].members[k] == id) {
                char name[NAMES_TEXT];
                p.row = &r->names->rows[i];
                p.slot = k;
                names_text(r->names, p.row, r->layer, 0, name);
                found = tensors_find(r->set, name) != NULL;
            }
    must(p.row); /* every member has a row in every table */
    p.first = names_rows_before(r->config, p.row, p.slot);
    p.rows = params_size(r->config, params_of(id)->rows);
    p.columns = names_columns(r->config, p.row);
    p.all_rows = names_rows(r->config, p.row);
    return p;
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

static bool same_shape(const struct tensor *t, int rank, const int64_t *shape, bool drops_ones)
{
    int skip = 0, skip_t = 0;
    while (drops_ones && skip < rank - 1 && shape[skip] == 1)
        skip++;
    while (drops_ones && skip_t < t->rank - 1 && t->shape[skip_t] == 1)
        skip_t++;
    return t->rank - skip_t == rank - skip &&
           memcmp(t->shape + skip_t, shape + skip, (size_t)(rank - skip) * sizeof *shape) == 0;
}

/* A part of a row with exactly the shape that the row has, or NULL and a failure. */
static const struct tensor *resolver_tensor_of(struct resolver *r, const struct names_row *row, int part, int i)
{
    char full[NAMES_TEXT], have[96], want[96];
    int64_t shape[TENSOR_RANK];
    if (r->status)
        return NULL;
    names_text_of(r->names, row, r->layer, part, i, full);
    int rank = names_shape(r->config, row, part, shape);
    const struct tensor *t = tensors_find(r->set, full);
    if (!t && r->set->n == 0) {
        r->status = error_set(r->err, OSSO_FORMAT, "%s holds no tensors at all", resolver_file(r));
        return NULL;
    }
    if (!t) {
        const char *other = astray_prefixed(r->set, full);
        const char *near = other ? NULL : astray_nearest(r->set, r->names, r->layer, i, full);
        r->status = error_set(r->err, OSSO_FORMAT, "%s: tensor %s is missing%s%.120s%s", resolver_file(r), full,
                              other  ? "; there is one with a prefix, which must be taken off: "
                              : near ? "; there is "
                                     : "",
                              other  ? other
                              : near ? near
                                     : "",
                              near ? ", which is another form than osso reads" : "");
        return NULL;
    }
    if (!same_shape(t, rank, shape, r->names->drops_ones)) {
        shape_text(have, sizeof have, t->rank, t->shape);
        shape_text(want, sizeof want, rank, shape);
        r->status = error_set(r->err, OSSO_FORMAT,
                              "%s: tensor %s has the shape %s; this model's configuration asks for %s",
                              resolver_file(r), full, have, want);
        return NULL;
    }
    r->set->list[t - r->set->list].used = true;
    return t;
}

static const struct tensor *resolver_tensor(struct resolver *r, const struct names_row *row, int part)
{
    return resolver_tensor_of(r, row, part, 0);
}

/* A tensor of this type is a matrix by itself (or, with one value per block, a vector). */
static bool whole_type(enum dtype t, bool one_value)
{
    return t < DT_U8 && !dtype_apart(dtype_info(t)) && (!one_value || dtype_info(t)->block == 1);
}

/* Refuses a tensor whose type osso does not compute with. `one_value`: only those with one value per block, as all of
 * safetensors are. */
static void resolver_check_type(struct resolver *r, const struct tensor *t, bool one_value)
{
    char names[256];
    size_t used = 0;
    one_value |= r->names->one_value;
    if (r->status || !t || whole_type(t->dtype, one_value))
        return;
    for (enum dtype d = 0; d < DT_U8 && used < sizeof names; d++)
        if (whole_type(d, one_value))
            used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", used ? ", " : "", dtype_info(d)->name);
    r->status = error_set(r->err, OSSO_UNSUPPORTED, "%s: unsupported type %s in tensor %s; supported are %s%s",
                          resolver_file(r), t->type, t->name, names,
                          one_value ? "" : "; take the model's MXFP4, Q4_0 or Q8_0 file");
}

static int64_t row_bytes(enum dtype t, int64_t columns)
{
    const struct dtype_info *info = dtype_info(t);
    return columns / info->block * info->block_bytes; /* whole blocks wherever a tensor was accepted */
}

/* Where the file holds f32 values the vector is these; else they are widened once into memory of the weights. */
static void resolver_floats(struct resolver *r, const struct vec *v, const float **out)
{
    if (v->dtype == DT_F32 && (uintptr_t)v->data % sizeof **out == 0) {
        *out = (const float *)(const void *)v->data;
        return;
    }
    if (r->last) {
        float *to = r->vectors + r->n_vectors;
        for (int64_t i = 0; i < v->n; i++)
            to[i] = vec_at(v, i);
        *out = to;
    }
    r->n_vectors += (size_t)v->n; /* checked: as many values lie in the file */
}

/* ---- matrices ------------------------------------------------------------------------------------------- */

/* What stands beside a matrix that is one tensor. */
static void own_factor(struct resolver *r, const struct place *p, const struct tensor *matrix, struct expert_matrix *m)
{
    int64_t stack = params_stacked(names_param(p->row)) ? r->config->n_experts : 1;
    const struct tensor *t;
    r->status = factor_find(r->set, resolver_file(r), r->names, p->row, matrix, stack, &t, r->err);
    if (r->status || !t)
        return;
    struct vec v = {DT_F32, t->data, (int64_t)(t->bytes / sizeof(float)), sizeof(float)};
    r->set->list[t - r->set->list].used = true;
    resolver_floats(r, &v, &m->first.factor);
    m->factor_step = v.n > 1;
}

static void whole_tensor(struct resolver *r, const struct place *p, struct expert_matrix *m)
{
    bool transposed = p->row->store == STORE_TRANSPOSED;
    const struct tensor *t = resolver_tensor(r, p->row, 0);
    resolver_check_type(r, t, transposed);
    if (r->status)
        return;
    int64_t value = row_bytes(t->dtype, 1), row = row_bytes(t->dtype, p->columns);
    m->first = (struct view){.dtype = t->dtype,
                             .data = t->data,
                             .rows = p->all_rows,
                             .cols = p->columns,
                             .row_stride = transposed ? value : row,
                             .col_stride = transposed ? p->all_rows * value : 0};
    m->stride = p->all_rows * row;
    own_factor(r, p, t, m);
}

/* Each expert's own tensor, all of one type. */
static void experts_apart(struct resolver *r, const struct place *p, struct expert_matrix *m)
{
    int n = r->config->n_experts;
    const uint8_t **at = r->last ? r->apart + r->n_apart : NULL;
    whole_tensor(r, p, m);
    for (int e = 0; e < n && !r->status; e++) {
        const struct tensor *t = resolver_tensor_of(r, p->row, 0, e);
        if (t && t->dtype != m->first.dtype)
            r->status = error_set(r->err, OSSO_UNSUPPORTED, "%s: tensor %s is %s, expert 0's is %s; all must be of one",
                                  resolver_file(r), t->name, t->type, dtype_info(m->first.dtype)->name);
        if (t && at)
            at[e] = t->data;
    }
    m->apart = at;
    r->n_apart += (size_t)n; /* checked: as many tensors are there */
}

static void blocks_and_scales(struct resolver *r, const struct place *p, struct expert_matrix *m)
{
    int64_t groups = p->columns / QUANT_BLOCK;
    if (!r->status && p->columns % QUANT_BLOCK != 0) {
        char name[NAMES_TEXT];
        names_text(r->names, p->row, r->layer, 0, name);
        r->status = error_set(r->err, OSSO_FORMAT, "%s: %s: MXFP4 needs rows of whole blocks of 32, not of %lld",
                              resolver_file(r), name, (long long)p->columns);
    }
    const struct tensor *blocks = resolver_tensor(r, p->row, 0), *scales = resolver_tensor(r, p->row, 1);
    if (!r->status && (blocks->dtype != DT_U8 || scales->dtype != DT_U8))
        r->status = error_set(r->err, OSSO_UNSUPPORTED, "%s: tensors %s and %s must be U8", resolver_file(r),
                              blocks->name, scales->name);
    if (r->status)
        return;
    m->first = (struct view){.dtype = DT_MXFP4_HF,
                             .data = blocks->data,
                             .side = {{DT_U8, scales->data, groups}},
                             .rows = p->all_rows,
                             .cols = p->columns,
                             .row_stride = row_bytes(DT_MXFP4_HF, p->columns)};
    m->stride = p->all_rows * m->first.row_stride;
    m->side_stride[0] = p->all_rows * groups;
}

static void packed_or_whole(struct resolver *r, const struct place *p, struct expert_matrix *m)
{
    struct packed packed;
    char name[NAMES_TEXT];
    names_text(r->names, p->row, r->layer, 0, name);
    if (r->status || !packed_is(tensors_find(r->set, name))) {
        whole_tensor(r, p, m);
        return;
    }
    r->status = packed_find(r->set, resolver_file(r), r->config, r->names, p->row, r->layer, &packed, r->err);
    if (!r->status)
        packed_matrix(&packed, m);
}

/* Of rows that several members share, those of this one. */
static void own_rows(const struct place *p, struct view *v)
{
    int64_t first = p->row->join == JOIN_ALTERNATING ? p->slot : p->first;
    int step = p->row->join == JOIN_ALTERNATING ? p->row->n_members : 1;
    v->data += first * v->row_stride;
    v->row_stride *= step;
    for (int i = 0; i < 2; i++) {
        if (v->side[i].data)
            v->side[i].data += first * v->side[i].stride;
        v->side[i].stride *= step;
    }
    v->rows = p->rows;
}

static void resolve_EXPERTS(struct resolver *r, enum param_id id, struct expert_matrix *out)
{
    struct place p = place_of(r, id);
    struct expert_matrix m = {0};
    if (p.row->store == STORE_BLOCKS)
        blocks_and_scales(r, &p, &m);
    else if (p.row->store == STORE_PACKED)
        packed_or_whole(r, &p, &m);
    else if (p.row->store == STORE_APART)
        experts_apart(r, &p, &m);
    else
        whole_tensor(r, &p, &m);
    if (r->status)
        return;
    own_rows(&p, &m.first);
    *out = m;
}

static void resolve_MATRIX(struct resolver *r, enum param_id id, struct view *out)
{
    struct expert_matrix one = {0};
    resolve_EXPERTS(r, id, &one);
    *out = one.first;
}

/* ---- vectors -------------------------------------------------------------------------------------------- */

/* The tensor that a vector's values are in, and where; NULL after a failure. */
static const struct tensor *values_tensor(struct resolver *r, enum param_id id, struct place *place)
{
    *place = place_of(r, id);
    const struct tensor *t = resolver_tensor(r, place->row, 0);
    resolver_check_type(r, t, true);
    return r->status ? NULL : t;
}

static void resolve_NORM(struct resolver *r, enum param_id id, const float **out)
{
    struct place p;
    const struct tensor *t = values_tensor(r, id, &p);
    if (!t)
        return;
    int64_t value = row_bytes(t->dtype, 1);
    struct vec v = {.dtype = t->dtype, .data = t->data + p.first * value, .n = p.rows, .stride = value};
    resolver_floats(r, &v, out);
}
#define resolve_BIAS resolve_NORM
#define resolve_SINKS resolve_NORM

/* Left in its own type. */
static void resolve_EXPERT_BIAS(struct resolver *r, enum param_id id, struct expert_bias *out)
{
    struct place p;
    const struct tensor *t = values_tensor(r, id, &p);
    if (!t)
        return;
    int64_t value = row_bytes(t->dtype, 1);
    bool alternating = p.row->join == JOIN_ALTERNATING;
    int64_t first = alternating ? p.slot : p.first;
    out->first = (struct vec){.dtype = t->dtype,
                              .data = t->data + first * value,
                              .n = p.rows,
                              .stride = alternating ? p.row->n_members * value : value};
    out->stride = p.all_rows * value;
}

/* ---- all of them ---------------------------------------------------------------------------------------- */

static void resolve_all(struct resolver *r, struct weights *w)
{
    r->layer = -1;
    r->n_vectors = r->n_apart = 0;
#define ONCE(member, kind, rows, columns)                                                                              \
    if (PARAM_##member != PARAM_head || !r->config->tied)                                                              \
        resolve_##kind(r, PARAM_##member, &w->member);
#include "model/params.def"
    if (r->config->tied)
        w->head = w->embed;
    for (r->layer = 0; r->layer < r->config->n_layers && !r->status; r->layer++) {
        struct layer_weights *l = &w->layers[r->layer];
#define EACH(member, kind, rows, columns)                                                                              \
    if (params_has(r->config, params_of(PARAM_##member)))                                                              \
        resolve_##kind(r, PARAM_##member, &l->member);
#include "model/params.def"
        if (!params_has(r->config, params_of(PARAM_router))) /* zeros of this shape */
            l->router = (struct view){.dtype = DT_F32, .rows = r->config->n_experts, .cols = r->config->hidden};
    }
}

static enum osso_status still_there(const void *set, struct osso_error *err)
{
    return tensors_check(set, err);
}

enum osso_status weights_resolve(const struct tensors *set, const struct config *config, const struct names *names,
                                 struct weights *weights_out, struct osso_error *err)
{
    struct resolver r = {.set = set, .config = config, .names = names, .err = err};
    r.status = weights_create(config->n_layers, weights_out, err);
    if (!r.status)
        resolve_all(&r, weights_out);
    if (!r.status && r.n_vectors > 0 && !(r.vectors = weights_out->vectors = mem_array(r.n_vectors, sizeof *r.vectors)))
        r.status = error_nomem(err, (unsigned long long)r.n_vectors * sizeof *r.vectors, "norms and biases");
    if (!r.status && r.n_apart > 0 && !(r.apart = weights_out->apart = mem_array(r.n_apart, sizeof *r.apart)))
        r.status = error_nomem(err, (unsigned long long)r.n_apart * sizeof *r.apart, "the places of experts");
    r.last = true;
    if (!r.status)
        resolve_all(&r, weights_out);
    weights_out->check = still_there;
    weights_out->owner = set;
    if (r.status)
        weights_free(weights_out);
    return r.status;
}
