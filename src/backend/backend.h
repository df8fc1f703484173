/* backend.h: the tensor operations that a gpt-oss forward pass is made of, as one struct that cpu and (later) cuda fill.
 *
 * Every op is called by all members of a step with the same arguments and splits its own work. An op's results may be
 * read by the SAME member's next op on the same share without a sync (linear -> rope -> kv_append: the same heads or rows);
 * everything else needs be->sync between. Memory that ops pass around is opaque
 * to the caller: model/ and engine/ never look inside, so that it may live on a device.
 *
 * Sums have one order (docs/numerics.md), so the result for a row never depends on n, on the other rows or on the
 * number of members. */
#ifndef OSSO_BACKEND_H
#define OSSO_BACKEND_H

#include "backend/real.h"
#include "backend/view.h"
#include "base/thread.h"

#include <stdbool.h>
#include <stddef.h>

struct backend;

enum kv_type { KV_F16, KV_BF16, KV_F32, KV_F64, KV_Q8_0 };
enum { KV_PAGE = 128, QUANT_BLOCK = 32 };

/* n rows of activations. f is always there. q, d, sum are the int8 form (NULL in exact mode): q[r][i] are codes with
 * value = code * d[r][i / 32], sum[r][b] the sum of a block's codes. Widths that are no multiple of 32 have no int8
 * form: such matrices are multiplied in f32. */
struct act {
    int64_t width;
    real *f;
    int8_t *q;
    float *d;
    int32_t *sum;
};

/* How K and V lie in memory: one layer's share of one page of 128 positions. The inner layout is the backend's. */
struct kv_layout {
    enum kv_type type;
    int n_kv_heads, head_dim;
};

/* Where this step's rows live: row r belongs to sequence seq[r] at absolute position pos[r]. tables[s][p] is the page
 * of positions [128 p, 128 p + 127] of sequence s in this layer's group (never NULL inside the visible range); the
 * layer's part starts `layer_off` bytes into a page. */
struct kv_rows {
    struct kv_layout layout;
    int n;
    const int32_t *pos, *seq;
    uint8_t *const *const *tables;
    size_t layer_off;
    const uint8_t *keep; /* keep[r] != 0: the page already holds this row's K and V, do not write (replay); may be NULL */
    const int32_t *floor; /* per sequence: positions below are gone and not looked at; may be NULL */
};

/* a = softmax over the visible keys and the sink; out = sum a v. Query head h reads kv head h / group. Visible to row r:
 * positions max(0, floor, pos - window + 1) .. pos (window 0: no lower bound). */
struct attend {
    struct kv_rows kv;
    int n_heads, group;
    int64_t window;
    float scale;
    const real *q;      /* [n][n_heads * head_dim], after rope */
    const float *sinks; /* [n_heads]; NULL: none, a plain softmax */
    struct act *out;    /* [n][n_heads * head_dim] */
    real *lse;          /* [n][n_heads]: log of the softmax denominator, sink included, or NULL */
    /* [n][n_heads][n_keys]: attention weights of key positions 0..n_keys-1 (zero where not visible), or NULL */
    real *pattern;
    int64_t n_keys;
    /* Room for the sums of n_page_sums pages of one kv head ([n_page_sums][group * (2 + head_dim)]), so that members can
     * share the pages of few rows; NULL: none. */
    real *page_sums;
    int64_t n_page_sums;
};

/* One expert's matrices. gate, up: [intermediate][hidden]; down: [hidden][intermediate]. */
struct expert {
    struct view gate, up, down;
    struct vec gate_bias, up_bias, down_bias;
};

/* The only way to expert weights: after routing, ask for a layer's expert by id. */
struct expert_source {
    void (*get)(const struct expert_source *source, int layer, int expert, struct expert *expert_out);
    const void *model;
};

/* Which experts each row goes to, and the same thing turned around: rows by expert. */
struct routing {
    int n, k, n_experts;
    int32_t *ids;     /* [n][k], ascending expert id within a row */
    real *weights;    /* [n][k], softmax over the chosen logits */
    int32_t *start;   /* [n_experts + 1]: expert e's slots are slots[start[e] .. start[e+1]) */
    int32_t *slots;   /* [n * k]: slot = row * k + j, ascending within an expert */
};

struct moe {
    const struct expert_source *source;
    int layer;
    int first_expert, end_expert; /* the range that this process holds; slots of others add nothing */
    int64_t hidden, intermediate;
    const struct view *after; /* the matrix that is multiplied with after the experts, as linear's */
    float alpha, limit;
    struct routing *routing;
    const struct act *in; /* [n][hidden] */
    struct act *h;        /* [n * k][intermediate]: gate * sigmoid(alpha gate) * (up + 1), clamped; slot-indexed */
    real *gate, *up;      /* [n * k][intermediate] before the clamp, kept when not NULL */
    real *out;            /* [n * k][hidden]: expert outputs before weighting, kept when not NULL */
    real *delta;          /* [n][hidden]: sum over experts in ascending id of weight * output */
};

/* One member's hand in a step, the first argument of every op: who computes, which thread of the team this is, and the
 * memory that it alone works in (workspace_bytes of it, 64-byte aligned; backend.sync and ops that sum nothing need none). */
struct hand {
    const struct backend *backend;
    const struct member *member;
    void *workspace;
};

struct backend {
    const char *name;  /* "scalar", "avx2", ...: for --version and bench */
    const void *state; /* the backend's own */
    /* What each member's workspace holds for steps of up to max_rows rows, in bytes. */
    size_t (*workspace_bytes)(int max_rows, int64_t hidden, int64_t intermediate, int n_heads, int head_dim);
    /* Bytes of one layer's part of one page. */
    size_t (*kv_layer_bytes)(const struct kv_layout *layout);

    void (*sync)(const struct hand *h);
    /* x[r] = table[ids[r]]; share: rows. */
    void (*embed)(const struct hand *h, const struct view *table, const int32_t *ids, int n, real *x);
    /* out[r] = x[r] / rms(x[r]) * gain, in both forms; share: rows. rows_of NULL: row r is x's row r, else rows_of[r]. */
    void (*norm)(const struct hand *h, const real *x, const int32_t *rows_of, const float *gain, float eps,
                 int64_t width, int n, struct act *out);
    /* The int8 form from f again (after somebody changed f); nothing in exact mode; share: rows. */
    void (*quantize)(const struct hand *h, struct act *a, int n);
    /* y[r][o] = sum_i W[o][i] a[r][i] + bias[o], y rows y_stride apart; share: outputs in groups of `unit`, or rows (the
     * backend has one rule for n, groups and members).
     * bias NULL: none. after: the matrix that the caller multiplies with next, so that its first weights are on their
     * way when these end; NULL: unknown. */
    void (*linear)(const struct hand *h, const struct view *w, const float *bias, const struct act *a,
                   int n, int64_t unit, const struct view *after, real *y, int64_t y_stride);
    /* Half-split rotation in place; angles[r] = head_dim/2 cosines then head_dim/2 sines; share: as linear's
     * with head_dim outputs in a group. */
    void (*rope)(const struct hand *h, real *x, int n, int n_heads, int head_dim, const float *angles);
    /* Stores k and v ([n][n_kv_heads * head_dim]) of rows whose keep flag is 0; share: as linear's with
     * head_dim outputs in a group. */
    void (*kv_append)(const struct hand *h, const struct kv_rows *kv, const real *k, const real *v);
    void (*attend)(const struct hand *h, const struct attend *a); /* share: its own */
    /* sum[r][o] = x[r][o] + delta[r][o]; share: as linear's. sum may be x. */
    void (*add)(const struct hand *h, const real *x, const real *delta, int64_t width, int n, int64_t unit, real *sum);
    /* Top-k of logits [n][n_experts] (ties to the lowest id), softmax over them, and the lists by expert. The
     * logits must be synced before; syncs itself after. */
    void (*route)(const struct hand *h, const real *logits, struct routing *routing);
    /* h from in; share: its own. */
    void (*experts_in)(const struct hand *h, const struct moe *moe);
    /* h from gate and up again (after somebody changed them); share: slots. */
    void (*swiglu)(const struct hand *h, const struct moe *moe);
    /* delta (and out, when kept) from h; share: its own. */
    void (*experts_out)(const struct hand *h, const struct moe *moe);
    /* delta from out again (after somebody changed it); share: as experts_out's. */
    void (*combine)(const struct hand *h, const struct moe *moe);
    /* y = exp(x) on the host, in one thread: our own exponential (docs/numerics.md). Called outside the team. */
    void (*exp)(const struct backend *backend, const real *x, int64_t n, real *y);
    /* A KV page's bytes from one page to another. Called outside the team. */
    void (*copy)(void *to, const void *from, size_t bytes);
    /* Device memory to the host and back; the identity on the CPU. Called by one member. */
    real *(*host)(const struct backend *backend, real *values, size_t count);
};

/* The CPU's own: `isa` NULL picks the best one that this CPU and OS allow; a name that is unknown or unavailable gives
 * NULL. The names, weak to strong, are backend_cpu_isa(0), (1), ... until NULL. In the double build only "scalar" is. */
const struct backend *REAL(backend_cpu)(const char *isa);
const char *backend_cpu_isa(int i);
bool backend_cpu_available(const char *isa);

#endif
