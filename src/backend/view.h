/* view.h: a weight matrix where it lies. A view never owns memory and never moves it. */
#ifndef OSSO_BACKEND_VIEW_H
#define OSSO_BACKEND_VIEW_H

#include "quant/quant.h"

/* A low-rank addition to a matrix: y += scale * B (A x). a is [rank][cols], b is [rows][rank], both f32;
 * 0 < rank <= LOWRANK_MAX. */
enum { LOWRANK_MAX = 1024 };
struct lowrank {
    int rank;
    float scale;
    const float *a, *b;
};

/* Values of a matrix that lie apart from its codes: row r's begin at data + r * stride. data NULL: none. */
struct side {
    enum dtype dtype; /* of one value; DT_U8: a scale byte as in MXFP4 */
    const uint8_t *data;
    int64_t stride; /* bytes */
};

/* A matrix [rows][cols] = [out][in]; y = W x. Row r starts at data + r * row_stride. Values of a row are adjacent
 * (in blocks of the format) when col_stride is 0; a transposed export has row_stride = one value and col_stride =
 * bytes from one input to the next (only one-value formats). Rows may interleave with another matrix's (gate and up). */
struct view {
    enum dtype dtype;
    const uint8_t *data;
    struct side side[2];            /* what dtype.def says lies apart from the codes: scales, then offsets */
    int64_t rows, cols;
    int64_t row_stride, col_stride; /* bytes */
    const struct lowrank *lowrank;  /* NULL: none */
};

/* A vector of `n` values, `stride` bytes apart, F32, F16 or BF16. data NULL: all zeros. */
struct vec {
    enum dtype dtype;
    const uint8_t *data;
    int64_t n, stride;
};

static inline float vec_at(const struct vec *v, int64_t i)
{
    const uint8_t *p = v->data + i * v->stride;
    if (v->dtype == DT_F32) {
        union { uint32_t u; float f; } w = {(uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24};
        return w.f;
    }
    uint16_t h = (uint16_t)(p[0] | p[1] << 8);
    return v->dtype == DT_BF16 ? bf16_to_f32(h) : f16_to_f32(h);
}

#endif
