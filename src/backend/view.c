/* view.c: the values behind a view, for whatever has no faster way to them: embeddings, the generic kernels, tests. */
#include "backend/view.h"

/* A row's scales (and offsets) before block b. */
static int64_t scales_before(const struct view *v, int64_t b)
{
    const struct dtype_info *info = dtype_info(v->dtype);
    return info->per_scale ? b * dtype_scales(info) : b * info->block / v->group;
}

static int64_t side_bytes(const struct side *side, int64_t n)
{
    return n * dtype_info(side->dtype)->block_bytes;
}

/* Where the values of block b of row o lie that lie apart from it. */
static struct sides block_sides(const struct view *v, int64_t o, int64_t b)
{
    struct sides sides = {{NULL, NULL}, {DT_U8, DT_U8}};
    for (int i = 0; i < 2; i++) {
        if (!v->side[i].data)
            continue;
        sides.dtype[i] = v->side[i].dtype;
        sides.data[i] = v->side[i].data + o * v->side[i].stride + side_bytes(&v->side[i], scales_before(v, b));
    }
    return sides;
}

void view_values(const struct view *v, int64_t o, int64_t first, int64_t count, float *values_out)
{
    const struct dtype_info *info = dtype_info(v->dtype);
    int64_t step = v->col_stride ? v->col_stride : info->block_bytes;
    const uint8_t *row = v->data + o * v->row_stride;
    struct sides sides = {{NULL, NULL}, {DT_U8, DT_U8}};
    for (int64_t b = first / info->block; b < (first + count) / info->block; b++, values_out += info->block) {
        if (dtype_apart(info))
            sides = block_sides(v, o, b);
        info->unpack(row + b * step, &sides, values_out);
        for (int i = 0; v->factor && i < info->block; i++)
            values_out[i] *= *v->factor;
    }
}

void view_codes(const struct view *v, int64_t o, int64_t b, int8_t *codes_out, float *scales_out, float *offsets_out)
{
    const struct dtype_info *info = dtype_info(v->dtype);
    struct sides sides = {{NULL, NULL}, {DT_U8, DT_U8}};
    if (dtype_apart(info))
        sides = block_sides(v, o, b);
    info->unpack_i8(v->data + o * v->row_stride + b * info->block_bytes, &sides, codes_out, scales_out, offsets_out);
}

struct view view_rows(struct view v, int64_t from, int64_t rows)
{
    v.data += from * v.row_stride;
    for (int i = 0; i < 2; i++)
        if (v.side[i].data)
            v.side[i].data += from * v.side[i].stride;
    v.rows = rows;
    return v;
}

struct view view_cols(struct view v, int64_t from, int64_t cols)
{
    const struct dtype_info *info = dtype_info(v.dtype);
    v.data += v.col_stride ? from * v.col_stride : from / info->block * info->block_bytes;
    for (int i = 0; i < 2; i++)
        if (v.side[i].data)
            v.side[i].data += side_bytes(&v.side[i], scales_before(&v, from / info->block));
    v.cols = cols;
    return v;
}

int64_t view_scales(const struct view *v)
{
    return scales_before(v, v->cols / dtype_info(v->dtype)->block);
}

int64_t view_bytes(const struct view *v)
{
    const struct dtype_info *info = dtype_info(v->dtype);
    int64_t blocks = v->cols / info->block, bytes = blocks * info->block_bytes;
    for (int i = 0; i < 2; i++)
        if (v->side[i].data)
            bytes += side_bytes(&v->side[i], scales_before(v, blocks));
    return v->rows * bytes;
}

bool view_alternates(const struct view *a, const struct view *b)
{
    const struct dtype_info *info = dtype_info(a->dtype);
    int64_t row_bytes = a->cols / info->block * info->block_bytes;
    if (a->lowrank || b->lowrank || a->factor || b->factor || a->col_stride || a->dtype != b->dtype ||
        a->group != b->group || b->data != a->data + row_bytes || a->row_stride != 2 * row_bytes ||
        b->row_stride != a->row_stride)
        return false;
    for (int i = 0; i < 2; i++)
        if (a->side[i].data && (b->side[i].data != a->side[i].data + a->side[i].stride / 2 ||
                                b->side[i].stride != a->side[i].stride || b->side[i].dtype != a->side[i].dtype))
            return false;
    return true;
}

struct view view_merged(const struct view *a)
{
    struct view both = *a;
    both.rows *= 2;
    both.row_stride /= 2;
    for (int i = 0; i < 2; i++)
        both.side[i].stride /= 2;
    return both;
}
