/* ops.h: the ops of struct backend over any table of kernels. cpu.c binds one table per ISA; here members and rows are
 * split, and nothing is summed: every sum happens in a kernel or in the order written at the op. */
#ifndef OSSO_BACKEND_OPS_H
#define OSSO_BACKEND_OPS_H

#include "backend/cpu/kernels.h"

/* OP(name, parameters, arguments): the struct's members after the table of kernels, and how to pass them on. */
#define OPS(OP)                                                                                                        \
    OP(embed, (const struct member *member, const struct view *table, const int32_t *ids, int n, real *x),                 \
       (member, table, ids, n, x))                                                                                       \
    OP(norm, (const struct member *member, const real *x, const int32_t *rows_of, const float *gain, float eps,            \
              int64_t width, int n, struct act *out),                                                                  \
       (member, x, rows_of, gain, eps, width, n, out))                                                                   \
    OP(quantize, (const struct member *member, struct act *a, int n), (member, a, n))                                        \
    OP(linear, (const struct member *member, void *scratch, const struct view *w, const float *bias, const struct act *a,  \
                int n, int64_t unit, const struct view *after, real *y, int64_t y_stride),                             \
       (member, scratch, w, bias, a, n, unit, after, y, y_stride))                                                              \
    OP(rope, (const struct member *member, real *x, int n, int n_heads, int head_dim, const float *angles),                \
       (member, x, n, n_heads, head_dim, angles))                                                                        \
    OP(kv_append, (const struct member *member, const struct kv_rows *kv, const real *keys, const real *values),           \
       (member, kv, keys, values))                                                                                       \
    OP(attend, (const struct member *member, void *scratch, const struct attend *a), (member, scratch, a))                   \
    OP(add, (const struct member *member, real *x, const real *delta, int64_t width, int n, int64_t unit),                 \
       (member, x, delta, width, n, unit))                                                                               \
    OP(route, (const struct member *member, const real *logits, struct routing *routing), (member, logits, routing))         \
    OP(experts_in, (const struct member *member, void *scratch, const struct moe *moe), (member, scratch, moe))              \
    OP(swiglu, (const struct member *member, const struct moe *moe), (member, moe))                                          \
    OP(experts_out, (const struct member *member, void *scratch, const struct moe *moe), (member, scratch, moe))             \
    OP(combine, (const struct member *member, const struct moe *moe), (member, moe))

#define OPS_STRIP(...) __VA_ARGS__
#define OP(name, parameters, arguments) void REAL(ops_##name)(const struct kernels *k, OPS_STRIP parameters);
OPS(OP)
#undef OP

/* Shared by ops.c and ops_moe.c: outputs [lo, hi) of y = W in, nothing added; y begins at output lo. */
void REAL(ops_matmul)(const struct kernels *k, const struct view *w, int64_t lo, int64_t hi, const struct gather *in,
                      real *y, int64_t y_stride, uint8_t *scratch);
/* Adds the view's low-rank delta to the same outputs; after the bias. */
void REAL(ops_lowrank)(const struct kernels *k, const struct view *w, int64_t lo, int64_t hi, const struct gather *in,
                     real *y, int64_t y_stride, uint8_t *scratch);
/* The int8 form of columns [lo, hi) of one row, both multiples of 32; nothing when there is none. */
void REAL(ops_quantize_row)(const struct kernels *k, const struct act *a, int64_t row, int64_t lo, int64_t hi);

/* K of a kv head in the page (counted from the sequence's beginning) that row r sees; V lies behind it. */
static inline uint8_t *ops_kv_head(const struct kv_rows *kv, int64_t r, int64_t page, int64_t kv_head)
{
    return kv->tables[kv->seq[r]][page] + kv->layer_off + (size_t)kv_head * kv_head_bytes(&kv->layout);
}

/* Where this member begins to read a matrix, when outputs are shared evenly; NULL for NULL. */
static inline const uint8_t *ops_share_data(const struct member *member, const struct view *w)
{
    return w ? w->data + w->rows * member->id / member->n * w->row_stride : NULL;
}

size_t REAL(ops_workspace_bytes)(int max_rows, int64_t hidden, int64_t intermediate, int n_heads, int head_dim);

/* A member's scratch: the op's own part first (its size grows with n alone), then ops_matmul's. */
static inline size_t scratch_round(size_t bytes)
{
    return (bytes + 63) & ~(size_t)63;
}
/* Room for a tile of gate and one of up (or one of down); small steps do an expert in one piece. */
static inline int64_t moe_tile_values(int n, int64_t width)
{
    int64_t whole = (width + QUANT_BLOCK - 1) / QUANT_BLOCK * QUANT_BLOCK;
    return whole > (int64_t)n * 128 ? whole : (int64_t)n * 128;
}
static inline size_t moe_scratch_bytes(int n, int64_t width)
{
    return scratch_round((size_t)(2 * moe_tile_values(n, width) + 3 * width) * sizeof(real));
}
/* Rows of one sequence whose attention goes page by page together, so that a page is in the cache for all of them. */
enum { ATTEND_ROWS = 8 };
/* A running or a page's sums of one kv head's `group` query heads: m, l and acc. */
static inline size_t attend_sums_values(int group, int head_dim)
{
    return (size_t)group * (size_t)(2 + head_dim);
}
static inline size_t attend_scratch_bytes(int group, int head_dim)
{
    size_t values = (ATTEND_ROWS + 1) * attend_sums_values(group, head_dim) + (size_t)group * 2 * KV_PAGE;
    return scratch_round(values * sizeof(real));
}

#endif
