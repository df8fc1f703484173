/* kernels.h: the types of the kernels in kernels.def. scalar.c and its neighbours define what each computes, to the
 * bit; every other ISA overlays some of them and must give the same bits (docs/numerics.md).
 *
 * Kernels work on one member's share. They neither allocate nor synchronise, read inputs at any alignment, and read no
 * byte outside the rows they are given. */
#ifndef OSSO_BACKEND_KERNELS_H
#define OSSO_BACKEND_KERNELS_H

#include "backend/backend.h"
#include "backend/cpu/chain.h"

/* Activation rows of a linear kernel: row i is act row rows[i] / divide (rows NULL: row i). The experts gather by slot,
 * and a slot's token is slot / experts_per_token. */
struct gather {
    const struct act *act;
    const int32_t *rows;
    int divide;
    int n;
    const uint8_t
        *next;  /* weights that this thread reads after these ones, to be fetched as these end; NULL: unknown */
    bool again; /* the same rows and format as in the last call with this workspace, which nobody touched since, and
                 * what that one had for `next` */
};

static inline int64_t gather_row(const struct gather *in, int i)
{
    return in->rows ? in->rows[i] / in->divide : i;
}

/* y[i * y_stride + (o - lo)] = sum_k w[o][k] * in[i][k] for outputs o in [lo, hi). `workspace`:
 * linear_workspace_bytes(cols). */
typedef void linear_fn(const struct view *w, int64_t lo, int64_t hi, const struct gather *in, real *y, int64_t y_stride,
                       void *workspace);

/* The int8 form of a row; width a multiple of 32. */
typedef void quantize_fn(const float *x, int64_t width, int8_t *q, float *d, int32_t *sum);
/* y = x / rms(x) * gain; y may be x. */
typedef void norm_fn(const real *x, const float *gain, float eps, int64_t width, real *y);
typedef void exp_fn(const real *x, int64_t n, real *y);
/* h = clamped gate * sigmoid(alpha * gate) * (up + shift); h may be gate or up. */
typedef void swiglu_fn(const real *gate, const real *up, int64_t n, struct swiglu s, real *h);
/* y += a * x, by FMA. */
typedef void axpy_fn(real a, const real *x, int64_t n, real *y);
/* h = x as f16, to nearest even: f16_from_f32 of each, NaN's bits, too. */
typedef void narrow_fn(const real *x, int64_t n, uint16_t *h);

/* ---- of a backward pass ---- */

/* sum a[i] * b[i], in the float order. */
typedef real dot_fn(const real *a, const real *b, int64_t n);
/* y += a * b, each value by itself, by FMA. */
typedef void fma_fn(const real *a, const real *b, int64_t n, real *y);
/* By gate and up before the clamp, from what stands in d_up: by h. */
typedef void swiglu_back_fn(const real *gate, const real *up, int64_t n, struct swiglu s, real *d_gate, real *d_up);
/* Scores of one row and head over n keys, of which it sees [lo, hi), become weights, and derivatives by weights become
 * derivatives by the product of query and key. */
struct softmax_back {
    int64_t n, lo, hi;
    float scale;
    real lse, dot;
};
typedef void softmax_back_fn(const struct softmax_back *b, real *score, real *dp);

/* One kv head's share of one page, the visible positions [lo, hi) of it (lo < hi), and the query heads that read it,
 * of one row or of several, whose first ones see less at the end and more at the beginning.
 * k is [head_dim][KV_PAGE], v is [KV_PAGE][head_dim]; what lies outside [lo, hi) may be junk. Q8_0's are int8 codes,
 * and behind them f16 scales: k's [head_dim / 32][KV_PAGE], v's [KV_PAGE][head_dim / 32] (kv_scales_off). */
struct page_slice {
    enum kv_type type;
    int head_dim, lo, hi;
    const uint8_t *k, *v;
    int group;
    const int *los, *his; /* [group]: what a head sees of [lo, hi), both ascending; NULL: all of it */
    float scale;
    const real *q;       /* [group][head_dim] */
    const uint8_t *next; /* K of the page that comes after this one, to be fetched meanwhile; NULL: nobody knows */
};

/* What a page says about each query head: m = max score, l = sum of exp(score - m), acc = sum of exp(score - m) * v. */
struct page_sums {
    real *m, *l; /* [group] */
    real *acc;   /* [group][head_dim] */
    real *score; /* [group][KV_PAGE]: the scores on return, only what a head sees of them */
    real *p;     /* [group][KV_PAGE]: workspace */
};
typedef void attend_page_fn(const struct page_slice *page, const struct page_sums *sums);
/* Takes a page's m, l and acc of one head into the running *big_m, *big_l and big_acc. */
typedef void attend_merge_fn(real m, real l, const real *acc, int head_dim, real *big_m, real *big_l, real *big_acc);

struct kernels {
#define KERNEL(name, type) type *name;
#include "backend/cpu/kernels.def"
#undef KERNEL
};

/* name__scalar for each that is not for one format; tables.h declares what the ISAs overlay. */
#define LINEAR(name, dtype)
#define LINEAR_T(name, dtype)
#define LINEAR_I8(name, dtype)
#define KERNEL(name, type) type REAL(name##__scalar);
#include "backend/cpu/kernels.def"
#undef KERNEL

/* The table behind backend_cpu(isa), for tests and the bench; NULL if unknown or unavailable. */
const struct kernels *REAL(kernels_cpu)(const char *isa);

enum {
    LINEAR_TILE = 32 /* weight rows that are unpacked together */,
    LINEAR_ACTS = 192 /* activation rows at a time */,
    LINEAR_TILE_BYTES = 48 /* what 32 inputs of a weight row take there, with scales and offsets, */,
    LINEAR_ACT_BYTES = 72 /* and of an activation row */,
    LINEAR_KEPT = 1024 * 256 /* f32 values of activation rows that are packed together, */,
    LINEAR_KEPT_LEAST = 96 /* but at least and at most so many rows */,
    LINEAR_KEPT_MOST = 768
};
/* Rows that `values` are, within these bounds. */
static inline int64_t linear_kept_rows(int64_t values, int64_t cols)
{
    int64_t rows = values / (cols > 0 ? cols : 1);
    return rows < LINEAR_KEPT_LEAST ? LINEAR_KEPT_LEAST : rows > LINEAR_KEPT_MOST ? LINEAR_KEPT_MOST : rows;
}
/* So many rows, whole tiles of them, and the gaps between lanes (body/many.h). Of fewer cols it may be a little more,
 * since rows are whole: never by as much as the rest of the workspace is then less. */
static inline size_t linear_kept_bytes(int64_t cols)
{
    enum { TILE = 12, GAPS = 64 };
    size_t whole = (size_t)(cols + 15) / 16 * 16, rows = (size_t)linear_kept_rows(LINEAR_KEPT, cols);
    return (rows + TILE) * (whole + whole / 4 + GAPS) * sizeof(float);
}
/* Workspace of a linear kernel for matrices of up to `cols` inputs. */
static inline size_t linear_workspace_bytes(int64_t cols)
{
    size_t blocks = (size_t)(cols + 127) / 128 * 4; /* whole groups of four */
    return linear_kept_bytes(cols) + LINEAR_TILE * blocks * LINEAR_TILE_BYTES +
           LINEAR_ACTS * (blocks * LINEAR_ACT_BYTES + 2 * LINEAR_TILE * sizeof(float)) + 256;
}

/* How K and V of a kv head lie in its layer's part of a page: kv_half_bytes of K, then as much of V. */
static inline size_t kv_half_bytes(enum kv_type type, int head_dim)
{
    size_t values = (size_t)KV_PAGE * (size_t)head_dim;
    switch (type) {
    case KV_Q8_0: return values + values / QUANT_BLOCK * 2;
    case KV_F64: return values * 8;
    case KV_F32: return values * 4;
    default: return values * 2;
    }
}

static inline size_t kv_head_bytes(const struct kv_layout *layout)
{
    return 2 * kv_half_bytes(layout->type, layout->head_dim);
}

/* The f16 scales of Q8_0 begin so many bytes behind the K or V that they belong to. */
static inline size_t kv_scales_off(int head_dim)
{
    return (size_t)KV_PAGE * (size_t)head_dim;
}

#endif
