/* backend.h: the tensor operations that a gpt-oss forward pass is made of, with the memory that they work in: one
 * object that backend_open makes by name (backends.def). The CPU's is in cpu/; docs/adding-a-backend.md shows another.
 *
 * Every op is called by all members of a step with the same arguments and splits its own work: large work is dealt to
 * whoever has time (base/thread.h), small work has fixed shares. Results of a fixed share may be read by the SAME
 * member's next op on the same share without a sync (add -> norm: the same rows; rope -> kv_append: the same heads or
 * rows); everything else needs be->sync between.
 *
 * Memory that ops read or write is the backend's: it comes from be->alloc (activations, K and V, workspaces), from
 * be->begin (a step's inputs) or was told to be->learn (weights). Its addresses may be a device's: model/ and engine/
 * do arithmetic on them and never look; be->host, be->put and be->copy are the ways in and out. Structs that ops take
 * (act, routing, moe, views) lie on the host, the arrays that they point to do not. Weights are named by the host's own
 * addresses, which the backend translates where it has copies.
 *
 * Sums have one order (docs/numerics.md), so the result for a row never depends on n, on the other rows or on the
 * number of members. */
#ifndef OSSO_BACKEND_H
#define OSSO_BACKEND_H

#include "backend/real.h"
#include "backend/view.h"
#include "base/thread.h"
#include "osso/status.h"

#include <stdbool.h>
#include <stddef.h>

struct backend;

enum kv_type { KV_F16, KV_BF16, KV_F32, KV_F64, KV_Q8_0 };
enum { KV_PAGE = 128, QUANT_BLOCK = 32 };
/* Layers keep their pages in two groups: full attention and sliding windows. */
enum kv_group_id { KV_FULL, KV_SLIDING, KV_GROUPS };

/* n rows of activations. f is always there. q, d, sum are the int8 form (NULL in exact mode): q[r][i] are codes with
 * value = code * d[r][i / 32], sum[r][b] the sum of a block's codes. Widths that are no multiple of 32 have no int8
 * form: such matrices are multiplied in f32. bf16: a product of these, forward and backward, rounds both its factors to
 * bf16 (backend/cpu/chain.h); only then, and never beside an int8 form. */
struct act {
    int64_t width;
    real *f;
    int8_t *q;
    float *d;
    int32_t *sum;
    bool bf16;
};

/* The same activations for products in f32, of quantized matrices too. */
static inline struct act act_f32(const struct act *a)
{
    return (struct act){.width = a->width, .f = a->f};
}

/* How K and V lie in memory: one layer's share of one page of 128 positions. The inner layout is the backend's. */
struct kv_layout {
    enum kv_type type;
    int n_kv_heads, head_dim;
};

/* Infinite: a value was too large for the type, or was infinite itself; NaN: what it was made of was wrong already. */
enum kv_fault { KV_KEY_INFINITE = 1, KV_KEY_NAN = 2, KV_VALUE_INFINITE = 4, KV_VALUE_NAN = 8 };

/* The inputs of a step: n rows of n_seqs sequences. The caller's are host memory and stay as they are until be->end;
 * be->begin makes another one of them, whose arrays ops may read. */
struct batch {
    int n, n_seqs, n_slots, head_dim;
    const int32_t *token, *pos, *seq; /* [n] */
    const uint8_t *keep; /* [n] K and V of full layers exist already: replay of sliding layers; may be NULL */
    const float *angles; /* [n][head_dim] from rope_angles */
    int n_logits;
    const int32_t *logit_rows;               /* [n_logits] rows that want logits */
    const int32_t *const *tables[KV_GROUPS]; /* [n_seqs][n_slots] page numbers, -1: none */
    const int32_t *floor;                    /* [n_seqs] positions below are gone, for sliding layers; may be NULL */
};

/* Where this step's rows live: row r belongs to sequence seq[r] at absolute position pos[r]. tables[s][p] is the number
 * of the page of positions [128 p, 128 p + 127] of sequence s in this layer's group (never -1 inside the visible
 * range); pages lie page_bytes apart from `pages` on, and the layer's part starts `layer_off` bytes into a page. */
struct kv_rows {
    struct kv_layout layout;
    int n;
    const int32_t *pos, *seq;
    const int32_t *const *tables;
    uint8_t *pages;
    size_t page_bytes, layer_off;
    const uint8_t
        *keep; /* keep[r] != 0: the page already holds this row's K and V, do not write (replay); may be NULL */
    const int32_t *floor; /* per sequence: positions below are gone and not looked at; may be NULL */
};

/* What is kept of the attention of one sequence, whose rows of this step are together: of rows [first, end), none where
 * they are equal, and of the heads whose slot is not -1, n_keys values each. Host memory. */
struct attend_want {
    int first, end, n_slots;
    const int16_t *slot; /* [n_heads] */
    int64_t n_keys, at;  /* row r's begin at value at + (r - first) * n_slots * n_keys */
    bool redo;           /* attend_again: somebody may have written over them */
};

/* a = softmax over the visible keys and the sink; out = sum a v. Query head h reads kv head h / group. Visible to row
 * r: positions max(0, floor, pos - window + 1) .. pos (window 0: no lower bound). */
struct attend {
    struct kv_rows kv;
    int n_heads, group;
    int64_t window;
    float scale;
    const real *q;      /* [n][n_heads * head_dim], after rope */
    const float *sinks; /* [n_heads]; NULL: none, a plain softmax */
    struct act *out;    /* [n][n_heads * head_dim] */
    real *lse;          /* [n][n_heads]: log of the softmax denominator, sink included, or NULL */
    /* [n][n_heads][n_keys]: scores (minus infinity where not visible) and attention weights (zero there) of key
     * positions 0..n_keys-1, or NULL. wants [sequences] says of which rows and heads; NULL: of all. */
    real *scores, *pattern;
    int64_t n_keys;
    const struct attend_want *wants;
    /* Room for the sums of n_page_sums pages of one kv head ([n_page_sums][group * (2 + head_dim)]), so that members
     * can share the pages of few rows; NULL: none. */
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

/* Which experts each row goes to, and the same thing turned around: rows by expert. The counts are the host's, what is
 * in the arrays is the backend's. */
struct routing {
    int n, k, n_experts;
    int32_t *ids;   /* [n][k], ascending expert id within a row */
    real *weights;  /* [n][k], softmax over the chosen logits */
    int32_t *start; /* [n_experts + 1]: expert e's slots are slots[start[e] .. start[e+1]) */
    int32_t *slots; /* [n * k]: slot = row * k + j, ascending within an expert */
};

/* h = g sigmoid(alpha g) (u + shift) of gate and up clamped at limit: gpt-oss's with shift 1; alpha 1, an infinite
 * limit and shift 0 are a plain SiLU. */
struct swiglu {
    float alpha, limit, shift;
};

struct moe {
    const struct expert_source *source;
    int layer;
    int first_expert, end_expert; /* the range that this process holds; slots of others add nothing */
    int64_t hidden, intermediate;
    const struct view *after; /* the matrix that is multiplied with after the experts, as linear's */
    struct swiglu swiglu;
    struct routing *routing;
    const struct act *in; /* [n][hidden] */
    struct act *h;        /* [n * k][intermediate], slot-indexed */
    real *gate, *up;      /* [n * k][intermediate] before the clamp, kept when not NULL */
    real *out;            /* [n * k][hidden]: expert outputs before weighting, kept when not NULL */
    real *delta;          /* [n][hidden]: sum over experts in ascending id of weight * output */
};

/* One member's hand in a step, the first argument of every op: who computes, which thread of the team this is, and the
 * memory that it alone works in (workspace_bytes of it, 64-byte aligned; backend.sync and ops that sum nothing need
 * none). */
struct hand {
    const struct backend *backend;
    const struct member *member;
    void *workspace;
};

/* A tensor of the weights, or what a format keeps apart from its codes, in host memory that stays where it is while the
 * backend is open: `bytes` from data to the end of the last value. Row r of matrix s begins at data + s * stack_stride
 * + r * row_stride; column_stride as in struct view. Tensors may overlap (gate and up in alternating rows). */
struct backend_tensor {
    const uint8_t *data;
    uint64_t bytes;
    enum dtype dtype;
    int64_t stack, rows, columns, stack_stride, row_stride, column_stride;
};

/* The largest step that a backend will be asked for, of a model of these sizes. */
struct backend_room {
    int max_rows, top_k, n_heads, head_dim, n_experts;
    int n_layers; /* whose experts it will be told of */
    int64_t hidden, intermediate, context;
    uint64_t weights, n_tensors; /* that it will be told of: bytes, and at most so many */
};

/* A device, in words for people. */
struct backend_device {
    int number;
    const char *name, *driver;
    const char *features; /* that it need not have, and which are used */
    const char *bits;     /* whose fused multiply-add has the CPU's bits */
    uint64_t memory_bytes;
    bool on_cpu; /* a driver that computes on the CPU */
};

struct backend_train; /* backend/train_ops.h */
struct backend_meter; /* backend/device_meter.h */

struct backend {
    const char *name;                    /* "scalar", "avx2", ...: for --version and bench */
    const void *state;                   /* the backend's own */
    const struct backend_device *device; /* NULL: it computes on the host */
    bool alone; /* a step is one member's: others could take no part of its ops and would only wait */

    /* ---- the object: called by one thread, outside the team ---- */
    void (*close)(const struct backend *backend); /* what it allocated must be freed */
    /* Memory for ops, aligned to 128 bytes, with anything in it; NULL when there is none. Freed with the same size. On
     * the CPU it becomes resident as it is written. */
    void *(*alloc)(const struct backend *backend, size_t bytes);
    void (*free)(const struct backend *backend, void *memory, size_t bytes); /* NULL is fine */
    uint64_t (*memory)(const struct backend *backend); /* bytes that alloc could give now; UINT64_MAX: unknown */
    /* Tells of a tensor of the weights before an op is given one; telling again of the same one takes its new values.
     * NULL: the backend reads the host's memory and wants to know of none. */
    enum osso_status (*learn)(const struct backend *backend, const struct backend_tensor *tensor,
                              struct osso_error *err);
    /* A backend with memory of its own that has experts of which it is told nothing computed by the host where they
     * lie, layer by layer, to the same bits, and takes rows of a table of embeddings from there likewise. NULL in all
     * others. reserve takes, before anything is learned, what it will need beside alloc's and the weights' bytes, and
     * reserve_bytes says how much that is, with what is lost between tensors; taken: bytes of its memory that it has
     * now. */
    enum osso_status (*reserve)(const struct backend *backend, const struct backend_room *room, struct osso_error *err);
    uint64_t (*reserve_bytes)(const struct backend *backend, const struct backend_room *room);
    uint64_t (*taken)(const struct backend *backend);
    /* Another object that computes by itself, on the same device and with the copies of all that this one has been told
     * of; what either is told afterwards is its own. It may be called while another thread uses this one, and either
     * may be closed first. NULL: there is nothing to share. */
    enum osso_status (*share)(const struct backend *backend, const struct backend **backend_out,
                              struct osso_error *err);
    /* Pages whose sums attention wants room for, given the pages of one row: struct attend's n_page_sums. */
    int64_t (*page_sums)(int64_t pages, int n_kv_heads, int n_members);
    /* A step: begin gives ops its inputs; end returns when all of it is done, and is where a device can fail. After a
     * failure the backend is only good for closing. */
    enum osso_status (*begin)(const struct backend *backend, const struct batch *batch, struct batch *batch_out,
                              struct osso_error *err);
    enum osso_status (*end)(const struct backend *backend, struct osso_error *err);
    /* Bytes from one place to another (a KV page), in the order of the calls and before the ops of the next step. */
    void (*copy)(const struct backend *backend, void *to, const void *from, size_t bytes);
    /* Host memory with what lies at `values`, good until the next begin, and the way back of what the host changed or
     * made
     * (`from` may be what host gave, and may be any other host memory). Between steps, or within one while the other
     * members wait. */
    void *(*host)(const struct backend *backend, void *values, size_t bytes);
    void (*put)(const struct backend *backend, void *to, const void *from, size_t bytes);
    /* y = exp(x) of host memory, by the thread that calls; several may at once: our own exponential (docs/numerics.md).
     */
    void (*exp)(const struct backend *backend, const real *x, int64_t n, real *y);

    /* ---- sizes ---- */
    /* What each member's workspace holds for steps of up to max_rows rows, in bytes. */
    size_t (*workspace_bytes)(int max_rows, int64_t hidden, int64_t intermediate, int n_heads, int head_dim);
    /* Bytes of one layer's part of one page. */
    size_t (*kv_layer_bytes)(const struct kv_layout *layout);
    /* What of positions [0, n) of such a part is not finite, as it is stored: enum kv_fault. `part` is host memory.
     * Asked only when logits are not finite. */
    unsigned (*kv_faults)(const struct kv_layout *layout, const uint8_t *part, int n);

    /* ---- ops: called by all members of the team ---- */
    void (*sync)(const struct hand *h);
    /* x[r] = table[ids[r]]; share: rows. */
    void (*embed)(const struct hand *h, const struct view *table, const int32_t *ids, int n, real *x);
    /* out[r] = x[r] / rms(x[r]) * gain, in both forms; share: rows. rows_of NULL: row r is x's row r, else rows_of[r].
     */
    void (*norm)(const struct hand *h, const real *x, const int32_t *rows_of, const float *gain, float eps,
                 int64_t width, int n, struct act *out);
    /* The int8 form from f again (after somebody changed f); nothing in exact mode; share: rows. */
    void (*quantize)(const struct hand *h, struct act *a, int n);
    /* y[r][o] = sum_i W[o][i] a[r][i] + bias[o], W all zeros where w->data is NULL, y rows y_stride apart; dealt.
     * bias NULL: none. after: the matrix that the caller multiplies with next, so that its first weights are on their
     * way when these end; NULL: unknown. */
    void (*linear)(const struct hand *h, const struct view *w, const float *bias, const struct act *a, int n,
                   const struct view *after, real *y, int64_t y_stride);
    /* Half-split rotation in place; angles[r] = head_dim/2 cosines then head_dim/2 sines; share: heads, or rows (the
     * backend has one rule for n, heads and members). */
    void (*rope)(const struct hand *h, real *x, int n, int n_heads, int head_dim, const float *angles);
    /* Stores k and v ([n][n_kv_heads * head_dim]) of rows whose keep flag is 0; share: as rope's of k. */
    void (*kv_append)(const struct hand *h, const struct kv_rows *kv, const real *k, const real *v);
    void (*attend)(const struct hand *h, const struct attend *a); /* dealt; may sync */
    /* out again, where somebody may have written over a->scores (lse and a->pattern too, as attend makes them), or over
     * a->pattern (by_weights: out is their sum of v). What is written for keys that a row does not see counts for
     * nothing. share: its own. */
    void (*attend_again)(const struct hand *h, const struct attend *a, bool by_weights);
    /* sum[r][o] = x[r][o] + delta[r][o]; share: rows. sum may be x. */
    void (*add)(const struct hand *h, const real *x, const real *delta, int64_t width, int n, real *sum);
    /* Top-k of logits [n][n_experts] (ties to the lowest id), softmax over them, and the lists by expert. The
     * logits must be synced before; syncs itself after. */
    void (*route)(const struct hand *h, const real *logits, struct routing *routing);
    /* h from in; dealt. */
    void (*experts_in)(const struct hand *h, const struct moe *moe);
    /* h from gate and up again (after somebody changed them); share: slots. */
    void (*swiglu)(const struct hand *h, const struct moe *moe);
    /* delta (and out, when kept) from h; dealt. */
    void (*experts_out)(const struct hand *h, const struct moe *moe);
    /* delta from out again (after somebody changed it); share: outputs. */
    void (*combine)(const struct hand *h, const struct moe *moe);

    const struct backend_train *train; /* the ops of a backward pass; NULL: it cannot train */
    const struct backend_meter *meter; /* NULL: it computes on the host */
};

/* A kind of backend: one line of backends.def. `variant`, which of its kind (an instruction set of the CPU, a number of
 * a device), may be NULL: the best there is. */
typedef enum osso_status backend_open_fn(const char *variant, const struct backend **backend_out,
                                         struct osso_error *err);
/* The kind that `name` (NULL or "": "cpu") says. */
enum osso_status backend_open(const char *name, const char *variant, const struct backend **backend_out,
                              struct osso_error *err);
/* The names of all kinds: 0, 1, ... until NULL. */
const char *backend_name(int i);

/* The CPU's own, which are never closed: `isa` NULL picks the best one that this CPU and OS allow; a name that is
 * unknown or unavailable gives NULL. The names, weak to strong, are backend_cpu_isa(0), (1), ... until NULL. In the
 * double build only "scalar" is. */
const struct backend *REAL(backend_cpu)(const char *isa);
const char *backend_cpu_isa(int i);
bool backend_cpu_available(const char *isa);

#endif
