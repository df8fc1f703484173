/* ops.h: the ops of struct backend over any table of kernels. cpu.c makes a backend of each; here members and rows are
 * split, and nothing is summed: every sum happens in a kernel or in the order written at the op. */
#ifndef OSSO_BACKEND_OPS_H
#define OSSO_BACKEND_OPS_H

#include "backend/cpu/kernels.h"

/* The ops of struct backend; what each does stands there. */
void REAL(ops_embed)(const struct hand *h, const struct view *table, const int32_t *ids, int n, real *x);
void REAL(ops_norm)(const struct hand *h, const real *x, const int32_t *rows_of, const float *gain, float eps,
                    int64_t width, int n, struct act *out);
void REAL(ops_quantize)(const struct hand *h, struct act *a, int n);
void REAL(ops_linear)(const struct hand *h, const struct view *w, const float *bias, const struct act *a, int n,
                      const struct view *after, real *y, int64_t y_stride);
void REAL(ops_rope)(const struct hand *h, real *x, int n, int n_heads, int head_dim, const float *angles);
unsigned REAL(ops_kv_faults)(const struct kv_layout *layout, const uint8_t *part, int n);
void REAL(ops_kv_append)(const struct hand *h, const struct kv_rows *kv, const real *keys, const real *values);
void REAL(ops_attend)(const struct hand *h, const struct attend *a);
void REAL(ops_attend_again)(const struct hand *h, const struct attend *a, bool by_weights);
void REAL(ops_add)(const struct hand *h, const real *x, const real *delta, int64_t width, int n, real *sum);
void REAL(ops_route)(const struct hand *h, const real *logits, struct routing *routing);
void REAL(ops_experts_in)(const struct hand *h, const struct moe *moe);
void REAL(ops_swiglu)(const struct hand *h, const struct moe *moe);
void REAL(ops_experts_out)(const struct hand *h, const struct moe *moe);
void REAL(ops_combine)(const struct hand *h, const struct moe *moe);

/* A backend of the CPU has its table of kernels for a state. */
static inline const struct kernels *kernels_of(const struct hand *h)
{
    return h->backend->state;
}

/* Shared by ops.c and ops_moe.c: outputs [lo, hi) of y = W in, nothing added; y begins at output lo. */
void REAL(ops_matmul)(const struct kernels *kn, const struct view *w, int64_t lo, int64_t hi, const struct gather *in,
                      real *y, int64_t y_stride, uint8_t *workspace);
/* The same of rounded factors, in chain_bf16's order; `workspace`: CHAIN_BYTES. */
void REAL(ops_matmul_bf16)(const struct kernels *kn, const struct view *w, int64_t lo, int64_t hi,
                           const struct gather *in, real *y, int64_t y_stride, void *workspace);
/* Rows [o, o + n) of a matrix in any format, columns [at, at + count), as `real`; count: up to DTYPE_MAX_BLOCK. */
void REAL(ops_unpack)(const struct view *w, int64_t o, int64_t n, int64_t at, int64_t count, real *out);
/* Adds the view's low-rank product to the same outputs; after the bias. */
void REAL(ops_lowrank)(const struct kernels *kn, const struct view *w, int64_t lo, int64_t hi, const struct gather *in,
                       real *y, int64_t y_stride, uint8_t *workspace);
/* The int8 form of columns [lo, hi) of one row, both multiples of 32; nothing when there is none. */
void REAL(ops_quantize_row)(const struct kernels *kn, const struct act *a, int64_t row, int64_t lo, int64_t hi);

/* K of a kv head in the page (counted from the sequence's beginning) that row r sees; V lies behind it. */
static inline uint8_t *ops_kv_head(const struct kv_rows *kv, int64_t r, int64_t page, int64_t kv_head)
{
    size_t number = (size_t)kv->tables[kv->seq[r]][page];
    return kv->pages + number * kv->page_bytes + kv->layer_off + (size_t)kv_head * kv_head_bytes(&kv->layout);
}

/* Where this member begins to read a matrix, when outputs are shared evenly; NULL for NULL. */
static inline const uint8_t *ops_share_data(const struct member *member, const struct view *w)
{
    return w && w->data ? w->data + w->rows * member->id / member->n * w->row_stride : NULL;
}

/* What multiplies in f32, or rounds its factors. */
static inline chain_fn *REAL(ops_chain)(const struct kernels *kn, bool bf16)
{
#ifndef OSSO_DOUBLE
    if (bf16)
        return kn->chain_bf16;
#endif
    (void)bf16; /* float alone */
    return kn->chain;
}

/* What the ops of ops_back.h need: CHAIN_BYTES for products, and behind them what attention, norms and experts use. */
size_t REAL(ops_back_workspace_bytes)(int group, int head_dim, int64_t hidden);
size_t REAL(ops_workspace_bytes)(int max_rows, int64_t hidden, int64_t intermediate, int n_heads, int head_dim);

/* A member's workspace: the op's own part first (its size grows with n alone), then ops_matmul's. */
static inline size_t workspace_round(size_t bytes)
{
    return (bytes + 63) & ~(size_t)63;
}
/* Room for a tile of gate and one of up (or one of down); small steps do an expert in one piece. */
static inline int64_t moe_tile_values(int n, int64_t width)
{
    int64_t whole = (width + QUANT_BLOCK - 1) / QUANT_BLOCK * QUANT_BLOCK;
    return whole > (int64_t)n * 128 ? whole : (int64_t)n * 128;
}
static inline size_t moe_workspace_bytes(int n, int64_t width)
{
    return workspace_round((size_t)(2 * moe_tile_values(n, width) + 3 * width) * sizeof(real));
}
/* Rows of one sequence whose attention goes page by page together, so that a page is in the cache for all of them. */
enum {
    ATTEND_ROWS = 8,
    ATTEND_HEADS = 16 /* query heads of theirs that a kernel takes at once; one row's are always taken together */
};
static inline int attend_heads(int group)
{
    return group > ATTEND_HEADS ? group : ATTEND_HEADS;
}
/* A running or a page's sums of one kv head's `group` query heads: m, l and acc. */
static inline size_t attend_sums_values(int group, int head_dim)
{
    return (size_t)group * (size_t)(2 + head_dim);
}
static inline size_t attend_workspace_bytes(int group, int head_dim)
{
    size_t heads = (size_t)attend_heads(group), pages = heads * 2 * KV_PAGE, q = ATTEND_HEADS * (size_t)head_dim;
    size_t values = ATTEND_ROWS * attend_sums_values(group, head_dim) + attend_sums_values((int)heads, head_dim);
    values += pages + q;
    return workspace_round(values * sizeof(real));
}

#endif
