/* view.h: a weight matrix where it lies. A view never owns memory and never moves it. */
#ifndef OSSO_BACKEND_VIEW_H
#define OSSO_BACKEND_VIEW_H

#include "quant/quant.h"

#include <stddef.h>

/* A low-rank addition to a matrix: y += scale * B (A x). a is [rank][cols], b is [rows][rank], both f32;
 * 0 < rank <= LOWRANK_MAX. */
enum { LOWRANK_MAX = 1024 };
struct lowrank {
    int rank;
    float scale;
    const float *a, *b;
};

/* Values of a matrix that lie apart from its codes, one per scale: row r's begin at data + r * stride. data NULL: none.
 */
struct side {
    enum dtype dtype; /* of one value; DT_U8: a scale byte as in MXFP4 */
    const uint8_t *data;
    int64_t stride; /* bytes */
};

/* A matrix [rows][cols] = [out][in]; y = W x. Row r starts at data + r * row_stride. Values of a row are adjacent
 * (in blocks of the format) when col_stride is 0; a transposed export has row_stride = one value and col_stride =
 * bytes from one input to the next (only one-value formats). Rows may interleave with another matrix's (gate and up).
 */
struct view {
    enum dtype dtype;
    const uint8_t *data;
    struct side side[2]; /* what dtype.def says lies apart from the codes: scales, then offsets */
    int64_t group;       /* values per scale, where dtype.def leaves it to the view; whole blocks, a power of two */
    int64_t rows, cols;
    int64_t row_stride, col_stride; /* bytes */
    const struct lowrank *lowrank;  /* NULL: none */
    const float *factor;            /* of all values: y = *factor (W x); NULL: none. No kernel sees it (ops_matmul) */
};

/* A vector of `n` values, `stride` bytes apart, of a format with one value per block. data NULL: all zeros. */
struct vec {
    enum dtype dtype;
    const uint8_t *data;
    int64_t n, stride;
};

static inline float vec_at(const struct vec *v, int64_t i)
{
    float f;
    dtype_info(v->dtype)->unpack(v->data + i * v->stride, NULL, &f);
    return f;
}

/* Exact values [first, first + count) of row o, whole blocks. */
void view_values(const struct view *v, int64_t o, int64_t first, int64_t count, float *values_out);
/* Block b of row o as int8 codes, scales and offsets (struct dtype_info, unpack_i8). */
void view_codes(const struct view *v, int64_t o, int64_t b, int8_t *codes_out, float *scales_out, float *offsets_out);
/* Rows [from, from + rows) of a matrix, and columns likewise (whole blocks, whole groups): how a shard sees its heads.
 */
struct view view_rows(struct view v, int64_t from, int64_t rows);
struct view view_cols(struct view v, int64_t from, int64_t cols);
/* Scales of a row (as many offsets, where there are any). */
int64_t view_scales(const struct view *v);
/* Bytes of all its rows, with what lies apart. */
int64_t view_bytes(const struct view *v);
/* Do a's and b's rows alternate in memory, a's first, so that both are one matrix, read in one stream? */
bool view_alternates(const struct view *a, const struct view *b);
/* That matrix: twice the rows. */
struct view view_merged(const struct view *a);

#endif
