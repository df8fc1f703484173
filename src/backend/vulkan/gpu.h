/* gpu.h: the backend over a Vulkan device: struct backend's state, and what its files share.
 *
 * A pointer that ops are given is a device address with TAG, which no host can read or write: what forgets that memory
 * is the device's stops at once. Weights keep the host's pointers, which gpu_weights.c knows copies of. Lane 0 of a
 * step records commands; the others only meet it at syncs. */
#ifndef OSSO_BACKEND_VULKAN_GPU_H
#define OSSO_BACKEND_VULKAN_GPU_H

#include "backend/backend.h"
#include "backend/vulkan/shaders.h"
#include "backend/vulkan/vk.h"

#include <pthread.h>
#include <string.h>

/* Memory that is handed out piece by piece and taken back as a whole, in blocks of at least so many bytes. */
struct gpu_arena {
    enum vk_place place;
    uint64_t least;
    struct vk_block *blocks;
    size_t n, cap;
    size_t block; /* that is being handed out, `used` bytes of it so far */
    uint64_t used;
};

struct gpu_piece {
    struct vk_block block; /* whose */
    uint64_t off, address;
    uint8_t *host;
};

/* Host addresses [lo, hi) of weights, with room up to `room`, and where their copy lies. */
struct gpu_copy {
    uintptr_t lo, hi, room;
    struct gpu_piece piece;
};

/* Copies of weights. What several engines have in common changes no more: what one of them is told goes to a store of
 * its own. */
struct gpu_store {
    struct gpu_arena arena;
    struct gpu_copy *copies; /* sorted */
    size_t n, cap;
    pthread_mutex_t lock; /* of what follows, and of the store until it is shared */
    int users;
    bool shared; /* it was given to a second user: it stays as it is */
};

/* A weight and its copy; host NULL: none. Each has one place in the list, by its address. */
enum { GPU_FOUND = 2048 };
struct gpu_found {
    const void *host;
    uint64_t address;
};

/* One of an expert's three products. */
enum gpu_product { GPU_OF_GATE, GPU_OF_UP, GPU_OF_DOWN, GPU_PRODUCTS };

/* The matrices of one product of a layer's experts, as kernels find them by an expert's id. */
struct gpu_experts {
    struct view matrix; /* the first of them; all are alike */
    struct vec bias;
    uint64_t list; /* struct vk_matrix [experts] */
};

/* Where a layer's experts are: found when they are first multiplied, and again after learn. */
struct gpu_layer {
    const struct expert_source *source; /* NULL: not found */
    int first, end;
    bool on_host; /* the CPU's kernels compute them (gpu_lend.c); else: */
    struct gpu_experts of[GPU_PRODUCTS];
};

/* Experts that the host computes: what it reads and makes, in memory that both see, in the form of ops of the CPU. */
struct gpu_lent {
    struct vk_block block;
    struct moe moe;
    struct routing routing;
    struct act in, h;
    bool ready;      /* this op's inputs have come */
    bool holds_h;    /* h lies here and not on the device: who looks for it there has it brought first (gpu_settle) */
    struct act to_h; /* where, then */
    uint8_t *workspaces;
    size_t workspace_bytes;
    int n_workspaces;
};

/* Room for values between ops: it grows, and what it was before stays until the commands that use it are done. */
enum { GPU_GATE, GPU_UP, GPU_OUT, GPU_SUMS, GPU_PAGES, GPU_LOWRANK, GPU_SCRATCHES };

struct gpu {
    struct backend backend;
    const struct backend *cpu; /* sizes and layouts are its own, and what the host computes */
    struct vk *vk;
    char name[300];
    struct backend_device device;
    pthread_mutex_t lock;    /* of host and put, which several threads may call between steps */
    struct vk_block *blocks; /* alloc's */
    size_t n_blocks, blocks_cap;
    struct gpu_arena inputs, outputs, lists;
    struct gpu_store *told; /* copies of weights; once it is shared, what is told then is in `later` */
    struct gpu_store later;
    struct gpu_found found[GPU_FOUND]; /* where weights were found since the last learn */
    struct gpu_layer *layers;
    size_t n_layers, layers_cap;
    struct gpu_lent lent;
    struct vk_block scratch[GPU_SCRATCHES];
    struct vk_block done;     /* zeros: router's counts, of each row of few */
    struct vk_block measured; /* by gpu_meter.c; nothing until then */
    struct vk_block *old;     /* scratch that grew since the last wait */
    size_t n_old, old_cap;
    void **lost_values; /* what host() gave when the device had nothing to give */
    size_t n_lost, lost_cap;
    struct batch batch;      /* this step's, as the host has it */
    const int32_t *token;    /* the same in ops */
    enum osso_status status; /* what an op could not do, said by end */
    struct osso_error why;
};

#define GPU_TAG ((uintptr_t)1 << 55)

static inline struct gpu *gpu_of(const struct backend *backend)
{
    return (struct gpu *)(uintptr_t)backend->state;
}

static inline void *gpu_pointer(uint64_t address)
{
    return (void *)((uintptr_t)address | GPU_TAG);
}

/* Of memory of the device; 0: NULL. */
static inline uint64_t gpu_address(const void *p)
{
    return (uintptr_t)p & ~GPU_TAG;
}

static inline uint32_t gpu_groups(int64_t n, int64_t each)
{
    return (uint32_t)((n + each - 1) / each);
}

/* So many f32 or int32 values that a command reads, or writes (or both). */
static inline struct vk_use gpu_reads(uint64_t at, int64_t values)
{
    return (struct vk_use){at, 4 * (uint64_t)values, false};
}
static inline struct vk_use gpu_writes(uint64_t at, int64_t values)
{
    return (struct vk_use){at, 4 * (uint64_t)values, true};
}
/* linear_i8_tiles in the form for this device, the outputs of a group of it, and its constants. */
#define GPU_TILES(g) (vk_facts((g)->vk)->tile.f16 ? &vk_shader_linear_i8_tiles_f16 : &vk_shader_linear_i8_tiles)
static inline int64_t gpu_tile_outputs(const struct gpu *g)
{
    return vk_facts(g->vk)->tile.f16 ? VK_TILE_F16 : VK_TILE;
}
static inline struct vk_constants gpu_tiled(const struct gpu *g, struct vk_constants constants)
{
    const struct vk_tile *t = &vk_facts(g->vk)->tile;
    const uint32_t of_device[] = {t->m, t->n, t->k, t->each};
    memcpy(constants.value + 3, of_device, sizeof of_device);
    return constants;
}

/* A kernel in the form for this device. */
#define GPU_DOTS(g, name) (vk_facts((g)->vk)->dot4 ? &vk_shader_##name##_dot4 : &vk_shader_##name)

/* What the command just recorded shares with others; inputs and weights are left out (vk_uses). */
#define GPU_USES(g, ...)                                                                                               \
    vk_uses((g)->vk, (const struct vk_use[]){__VA_ARGS__},                                                             \
            (int)(sizeof((const struct vk_use[]){__VA_ARGS__}) / sizeof(struct vk_use)))

/* Who records: the others do nothing in an op. */
static inline bool gpu_records(const struct hand *h)
{
    return h->member->id == 0;
}

/* gpu_state.c */
/* What an op cannot do: remembered for end; the first one counts. */
void gpu_refuse(struct gpu *g, enum osso_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));
void gpu_no_memory(struct gpu *g, uint64_t bytes, const char *what);
/* Runs what was recorded. */
bool gpu_flush(struct gpu *g);
/* The address of `values` floats; 0: no memory. */
uint64_t gpu_scratch(struct gpu *g, int which, int64_t values);
void gpu_forget_old(struct gpu *g);

/* gpu_memory.c */
void *gpu_alloc(const struct backend *backend, size_t bytes);
void gpu_free(const struct backend *backend, void *memory, size_t bytes);
uint64_t gpu_memory(const struct backend *backend);
void gpu_copy_bytes(const struct backend *backend, void *to, const void *from, size_t bytes);
void *gpu_host(const struct backend *backend, void *values, size_t bytes);
void gpu_put(const struct backend *backend, void *to, const void *from, size_t bytes);
/* Values of the device to or from memory that the host sees, by a command. */
void gpu_carry(struct gpu *g, void *values, const struct vk_block *seen, const void *at, size_t bytes, bool up);
/* Both forms of activations to or from struct gpu_lent's memory. */
void gpu_carry_act(struct gpu *g, const struct act *there, const struct act *here, int64_t rows, bool up);
/* What is held of a layer's experts goes to the device, where somebody may look for it. */
void gpu_settle(struct gpu *g);
/* False: there is no such memory. */
bool gpu_take(struct gpu *g, struct gpu_arena *arena, uint64_t bytes, struct gpu_piece *piece_out);
void gpu_arena_reset(struct gpu_arena *arena);
/* Bytes of host memory where the device reads them in this step; 0 where from is NULL or there is no memory. */
uint64_t gpu_input(struct gpu *g, const void *from, size_t bytes);
/* All of the memory that holds this address and that ops may write to. */
struct vk_use gpu_whole(struct gpu *g, uint64_t address, bool writes);
void gpu_memory_free(struct gpu *g);

/* gpu_memory.c, of one that nobody takes from any more. */
void gpu_arena_free(struct gpu *g, struct gpu_arena *arena);

/* gpu_weights.c */
/* A store with one user, or one user more of what is there. NULL: no memory. */
struct gpu_store *gpu_store_create(void);
struct gpu_store *gpu_store_share(struct gpu_store *store);
/* Of all that g has; what others still use stays. */
void gpu_weights_free(struct gpu *g);
/* Blocks of at least so many bytes for what g is told. */
void gpu_weights_least(struct gpu *g, uint64_t bytes);
enum osso_status gpu_learn(const struct backend *backend, const struct backend_tensor *tensor, struct osso_error *err);
/* Of a weight, by the host's address; 0: NULL. */
uint64_t gpu_weight(struct gpu *g, const void *host);

/* Has learn been told of what lies there? */
bool gpu_knows(const struct gpu *g, const void *host);

/* gpu_room.c: struct backend's. */
enum osso_status gpu_reserve(const struct backend *backend, const struct backend_room *room, struct osso_error *err);
uint64_t gpu_reserve_bytes(const struct backend *backend, const struct backend_room *room);
uint64_t gpu_taken(const struct backend *backend);

/* gpu_lend.c: ops of experts that the host computes, by all members; and rows of a table that is the host's. */
void gpu_lent_embed(struct gpu *g, const struct view *table, const int32_t *ids, int n, real *x);
void gpu_lent_in(const struct hand *h, const struct moe *moe);
void gpu_lent_out(const struct hand *h, const struct moe *moe);
void gpu_lent_free(struct gpu *g);

/* gpu_experts.c */
/* Can one kernel multiply with both, by the strides and formats of one of them? */
bool gpu_alike(const struct view *a, const struct view *b, const struct vec *u, const struct vec *v);
/* Called by all members. NULL: no memory, and that is remembered. */
const struct gpu_layer *gpu_layer(const struct hand *h, const struct moe *moe);

/* gpu_meter.c */
extern const struct backend_meter gpu_meter;

/* gpu_probe.c: does the device compute as the CPU does, with its own fma or with the shaders'? */
enum osso_status gpu_probe(struct gpu *g, struct osso_error *err);

/* gpu_ops.c, gpu_attend.c, gpu_moe.c: struct backend's. */
void gpu_embed(const struct hand *h, const struct view *table, const int32_t *ids, int n, real *x);
void gpu_norm(const struct hand *h, const real *x, const int32_t *rows_of, const float *gain, float eps, int64_t width,
              int n, struct act *out);
void gpu_quantize(const struct hand *h, struct act *a, int n);
void gpu_linear(const struct hand *h, const struct view *w, const float *bias, const struct act *a, int n,
                const struct view *after, real *y, int64_t y_stride);
void gpu_rope(const struct hand *h, real *x, int n, int n_heads, int head_dim, const float *angles);
void gpu_add(const struct hand *h, const real *x, const real *delta, int64_t width, int n, real *sum);
void gpu_kv_append(const struct hand *h, const struct kv_rows *kv, const real *k, const real *v);
void gpu_attend(const struct hand *h, const struct attend *a);
/* The most that attention keeps by pages. */
int64_t gpu_page_values(const struct backend_room *room);
void gpu_attend_again(const struct hand *h, const struct attend *a, bool by_weights);
void gpu_route(const struct hand *h, const real *logits, struct routing *routing);
void gpu_experts_in(const struct hand *h, const struct moe *moe);
void gpu_swiglu(const struct hand *h, const struct moe *moe);
void gpu_experts_out(const struct hand *h, const struct moe *moe);
void gpu_combine(const struct hand *h, const struct moe *moe);

/* The int8 form of n rows, where there is one. */
void gpu_codes(struct gpu *g, const struct act *a, int64_t n);
/* Where it is made with the values: addresses, all 0 where there is none. */
struct gpu_form {
    uint64_t q, d, sum;
};
static inline struct gpu_form gpu_form(const struct act *a)
{
    bool there = a->q && a->width % QUANT_BLOCK == 0;
    return there ? (struct gpu_form){gpu_address(a->q), gpu_address(a->d), gpu_address(a->sum)} : (struct gpu_form){0};
}
/* The uses of a command that makes the int8 form of so many values. */
#define GPU_WRITES_FORM(q, d, sum, values)                                                                             \
    gpu_writes(q, (values) / 4), gpu_writes(d, (values) / QUANT_BLOCK), gpu_writes(sum, (values) / QUANT_BLOCK)
/* Where a matrix lies, with a bias (0: none). */
struct vk_matrix gpu_matrix(struct gpu *g, const struct view *w, uint64_t bias);
/* The format of what lies apart, where the view says it. */
uint32_t gpu_side_type(const struct view *w);
/* From so many rows on kernels share what they read of the weights. */
enum { GPU_MANY_ROWS = 4 };
/* From so many rows of a matrix on, by the device's matrices where it has any. */
enum { GPU_TILED_ROWS = 32 };
/* y = W x of n rows: `push` has the matrix (or a list of such), ids, bias_stride and divide; the rest is filled in.
 * bias_type: the format of the biases. */
void gpu_multiply(struct gpu *g, const struct view *w, enum dtype bias_type, const struct act *a, int64_t n, uint64_t y,
                  int64_t y_stride, struct vk_linear push);

#endif
