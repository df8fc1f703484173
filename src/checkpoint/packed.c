/* packed.c: what lies in a matrix that MLX packed. */
#include "checkpoint/packed.h"

#include "base/error.h"

#include <string.h>

bool packed_is(const struct tensor *weight)
{
    return weight && weight->type && strcmp(weight->type, "U32") == 0;
}

/* Where we are; after a failure `status` stays. */
struct finder {
    const struct tensors *set;
    const char *where;
    struct packed *p;
    char name[NAMES_PARTS][NAMES_TEXT];
    int rank;
    int64_t shape[TENSOR_RANK]; /* of the matrix, or the stack, as plain values */
    struct osso_error *err;
    enum osso_status status;
};

static void find_part(struct finder *f, int part)
{
    const struct tensor *t = f->p->part[part] = tensors_find(f->set, f->name[part]);
    if (t)
        f->set->list[t - f->set->list].used = true;
    if (f->status)
        return;
    if (!t)
        f->status = error_set(f->err, OSSO_FORMAT, "%s: tensor %s is missing; the codes in %s need it", f->where,
                              f->name[part], f->name[0]);
    else if (t->rank != f->rank || memcmp(t->shape, f->shape, (size_t)(f->rank - 1) * sizeof *t->shape) != 0 ||
             t->shape[t->rank - 1] < 1)
        f->status = error_set(f->err, OSSO_FORMAT,
                              "%s: the shape of tensor %s is not that of the %lld rows of %lld values that this "
                              "model's configuration asks for",
                              f->where, f->name[part], (long long)f->p->rows, (long long)f->p->columns);
}

/* Codes and groups must fill the columns exactly. */
static void measure(struct finder *f)
{
    struct packed *p = f->p;
    if (f->status)
        return;
    int64_t words = p->part[0]->shape[f->rank - 1], scales = p->part[1]->shape[f->rank - 1];
    if (words > p->columns || (words * 32) % p->columns != 0 || p->columns % scales != 0) {
        f->status = error_set(f->err, OSSO_FORMAT,
                              "%s: %s has %lld words and %s %lld scales in a row, which no number of bits and no group "
                              "makes %lld values of",
                              f->where, f->name[0], (long long)words, f->name[1], (long long)scales,
                              (long long)p->columns);
        return;
    }
    p->bits = (int)(words * 32 / p->columns);
    p->group = p->columns / scales;
}

static enum dtype affine_type(int bits)
{
    switch (bits) {
    case 2: return DT_AFFINE2;
    case 3: return DT_AFFINE3;
    case 4: return DT_AFFINE4;
    case 5: return DT_AFFINE5;
    case 6: return DT_AFFINE6;
    case 8: return DT_AFFINE8;
    default: return DT_COUNT;
    }
}

/* Scales as bytes: one of the MX family. */
static void name_bytes(struct finder *f)
{
    struct packed *p = f->p;
    const char *kind = p->bits == 4 && p->group == 16   ? "nvfp4"
                       : p->bits == 8 && p->group == 32 ? "mxfp8"
                                                        : "no form of MLX's";
    p->dtype = DT_MXFP4_HF;
    if (p->bits != 4 || p->group != 32)
        f->status = error_set(f->err, OSSO_UNSUPPORTED,
                              "%s: %s is %s (%d bits, groups of %lld), which osso does not read; use the model's MXFP4 "
                              "or affine form",
                              f->where, f->name[0], kind, p->bits, (long long)p->group);
    else if (p->part[1]->type && strcmp(p->part[1]->type, "U8") != 0 && strcmp(p->part[1]->type, "F8_E8M0") != 0)
        f->status = error_set(f->err, OSSO_UNSUPPORTED, "%s: the scales %s are %s; those of mxfp4 are U8", f->where,
                              f->name[1], p->part[1]->type);
    else if (tensors_find(f->set, f->name[2]))
        f->status = error_set(f->err, OSSO_FORMAT,
                              "%s: tensor %s stands beside scales that are bytes (mxfp4), which have no offsets",
                              f->where, f->name[2]);
}

static bool is_float(const struct tensor *t)
{
    return t->dtype == DT_F32 || t->dtype == DT_F16 || t->dtype == DT_BF16;
}

static void name_floats(struct finder *f)
{
    struct packed *p = f->p;
    find_part(f, 2);
    if (f->status)
        return;
    p->dtype = affine_type(p->bits);
    if (!is_float(p->part[1]) || !is_float(p->part[2]))
        f->status = error_set(f->err, OSSO_UNSUPPORTED,
                              "%s: tensors %s and %s must be BF16, F16, F32 or, for mxfp4, U8", f->where, f->name[1],
                              f->name[2]);
    else if ((p->group != 32 && p->group != 64 && p->group != 128) || p->dtype == DT_COUNT)
        f->status = error_set(f->err, OSSO_UNSUPPORTED,
                              "%s: %s has %d bits in groups of %lld; MLX has 2, 3, 4, 5, 6 or 8 bits in groups of 32, "
                              "64 or 128",
                              f->where, f->name[0], p->bits, (long long)p->group);
    else if (p->part[2]->shape[f->rank - 1] != p->part[1]->shape[f->rank - 1])
        f->status = error_set(f->err, OSSO_FORMAT, "%s: tensors %s and %s have different shapes", f->where, f->name[1],
                              f->name[2]);
}

enum osso_status packed_find(const struct tensors *set, const char *where, const struct config *config,
                             const struct names *names, const struct names_row *row, int layer,
                             struct packed *packed_out, struct osso_error *err)
{
    struct finder f = {.set = set, .where = where, .p = packed_out, .err = err};
    *packed_out = (struct packed){.rows = names_rows(config, row), .columns = names_columns(config, row)};
    for (int part = 0; part < NAMES_PARTS; part++)
        names_text(names, row, layer, part, f.name[part]);
    f.rank = names_shape(config, row, 0, f.shape);
    find_part(&f, 0);
    find_part(&f, 1);
    measure(&f);
    if (!f.status)
        (packed_out->part[1]->dtype == DT_U8 ? name_bytes : name_floats)(&f);
    return f.status;
}

void packed_matrix(const struct packed *p, struct expert_matrix *out)
{
    const struct dtype_info *info = dtype_info(p->dtype);
    *out = (struct expert_matrix){.first = {.dtype = p->dtype,
                                            .data = p->part[0]->data,
                                            .group = info->per_scale ? 0 : p->group,
                                            .rows = p->rows,
                                            .cols = p->columns,
                                            .row_stride = p->columns / info->block * info->block_bytes}};
    out->stride = p->rows * out->first.row_stride;
    for (int i = 0; i < 2 && p->part[1 + i]; i++) {
        const struct tensor *t = p->part[1 + i];
        out->first.side[i] = (struct side){t->dtype, t->data,
                                           p->columns / p->group * dtype_info(t->dtype)->block_bytes};
        out->side_stride[i] = p->rows * out->first.side[i].stride;
    }
}
