/* gpu.c: opening the backend, and a step's beginning and end. */
#include "backend/vulkan/gpu.h"

#include "base/error.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

#define MIB ((uint64_t)1 << 20)

backend_open_fn vulkan_open; /* backends.def's */

/* ---- a step --------------------------------------------------------------------------------------------- */

static enum osso_status said(const struct gpu *g, struct osso_error *err)
{
    return g->status ? error_set(err, g->status, "%s", g->why.text) : OSSO_OK;
}

/* NULL where the host has none. */
static const void *stage(struct gpu *g, const void *from, size_t bytes)
{
    return from ? gpu_pointer(gpu_input(g, from, bytes)) : NULL;
}

/* Each sequence's list of pages, and the list of the addresses of these. */
static const int32_t *const *stage_tables(struct gpu *g, const struct batch *b, int group)
{
    struct gpu_piece piece;
    if (!b->tables[group] || b->n_seqs == 0)
        return NULL;
    uint64_t bytes = (uint64_t)b->n_seqs * sizeof piece.address;
    if (!gpu_take(g, &g->inputs, bytes, &piece)) {
        gpu_no_memory(g, bytes, "the lists of pages on the device");
        return NULL;
    }
    for (int s = 0; s < b->n_seqs; s++) {
        uint64_t list = gpu_input(g, b->tables[group][s], (size_t)b->n_slots * sizeof(int32_t));
        memcpy(piece.host + (size_t)s * sizeof list, &list, sizeof list);
    }
    return gpu_pointer(piece.address);
}

static enum osso_status gpu_begin(const struct backend *backend, const struct batch *from, struct batch *to,
                                  struct osso_error *err)
{
    struct gpu *g = gpu_of(backend);
    size_t n = (size_t)from->n;
    gpu_flush(g); /* what was put or copied between the steps */
    g->lent.holds_h = false;
    for (size_t i = 0; i < g->n_lost; i++)
        mem_free(g->lost_values[i]);
    g->n_lost = 0;
    gpu_arena_reset(&g->inputs);
    gpu_arena_reset(&g->outputs);
    g->batch = *to = *from;
    to->token = g->token = stage(g, from->token, n * sizeof *to->token);
    to->pos = stage(g, from->pos, n * sizeof *to->pos);
    to->seq = stage(g, from->seq, n * sizeof *to->seq);
    to->keep = stage(g, from->keep, n);
    to->angles = stage(g, from->angles, n * (size_t)from->head_dim * sizeof *to->angles);
    to->logit_rows = stage(g, from->logit_rows, (size_t)from->n_logits * sizeof *to->logit_rows);
    to->floor = stage(g, from->floor, (size_t)from->n_seqs * sizeof *to->floor);
    for (int group = 0; group < KV_GROUPS; group++)
        to->tables[group] = stage_tables(g, from, group);
    return said(g, err);
}

static enum osso_status gpu_end(const struct backend *backend, struct osso_error *err)
{
    struct gpu *g = gpu_of(backend);
    gpu_flush(g);
    return said(g, err);
}

static void gpu_sync(const struct hand *h)
{
    member_sync(h->member);
}

static void gpu_exp(const struct backend *backend, const real *x, int64_t n, real *y)
{
    const struct backend *cpu = gpu_of(backend)->cpu;
    cpu->exp(cpu, x, n, y);
}

/* ---- sizes ---------------------------------------------------------------------------------------------- */

/* Members have nothing to sum, and pages are not shared among them. */
static size_t gpu_workspace_bytes(int max_rows, int64_t hidden, int64_t intermediate, int n_heads, int head_dim)
{
    (void)max_rows, (void)hidden, (void)intermediate, (void)n_heads, (void)head_dim;
    return 64;
}

static int64_t gpu_page_sums(int64_t pages, int n_kv_heads, int n_members)
{
    (void)pages, (void)n_kv_heads, (void)n_members;
    return 0;
}

/* ---- open and close ------------------------------------------------------------------------------------- */

static void gpu_close(const struct backend *backend)
{
    struct gpu *g = gpu_of(backend);
    if (g->vk) {
        gpu_flush(g);
        gpu_lent_free(g);
        gpu_memory_free(g);
    }
    gpu_weights_free(g);
    vk_close(g->vk);
    pthread_mutex_destroy(&g->lock);
    mem_free(g);
}

static enum osso_status gpu_share(const struct backend *backend, const struct backend **backend_out,
                                  struct osso_error *err);

static const struct backend functions = {.alone = true,
                                         .close = gpu_close,
                                         .alloc = gpu_alloc,
                                         .free = gpu_free,
                                         .memory = gpu_memory,
                                         .learn = gpu_learn,
                                         .reserve = gpu_reserve,
                                         .reserve_bytes = gpu_reserve_bytes,
                                         .taken = gpu_taken,
                                         .share = gpu_share,
                                         .page_sums = gpu_page_sums,
                                         .begin = gpu_begin,
                                         .end = gpu_end,
                                         .copy = gpu_copy_bytes,
                                         .host = gpu_host,
                                         .put = gpu_put,
                                         .exp = gpu_exp,
                                         .workspace_bytes = gpu_workspace_bytes,
                                         .sync = gpu_sync,
                                         .embed = gpu_embed,
                                         .norm = gpu_norm,
                                         .quantize = gpu_quantize,
                                         .linear = gpu_linear,
                                         .rope = gpu_rope,
                                         .kv_append = gpu_kv_append,
                                         .attend = gpu_attend,
                                         .attend_again = gpu_attend_again,
                                         .add = gpu_add,
                                         .route = gpu_route,
                                         .experts_in = gpu_experts_in,
                                         .swiglu = gpu_swiglu,
                                         .experts_out = gpu_experts_out,
                                         .combine = gpu_combine,
                                         .meter = &gpu_meter};

static enum osso_status zero_counts(struct gpu *g, struct osso_error *err)
{
    uint64_t bytes = GPU_MANY_ROWS * sizeof(uint32_t);
    struct gpu_piece zeros;
    if (!gpu_take(g, &g->inputs, bytes, &zeros) || !vk_alloc(g->vk, bytes, VK_LOCAL, &g->done))
        return error_nomem(err, bytes, "counts on the device");
    memset(zeros.host, 0, bytes);
    vk_copy(g->vk, &g->done, 0, &zeros.block, zeros.off, bytes);
    return vk_wait(g->vk, err);
}

static void describe(struct gpu *g)
{
    const struct vk_facts *f = vk_facts(g->vk);
    snprintf(g->name, sizeof g->name, "vulkan: %s", f->name);
    g->device = (struct backend_device){.number = f->number,
                                        .name = f->name,
                                        .driver = f->driver,
                                        .features = f->features,
                                        .bits = f->soft_fma ? "equal (fma made in f64)" : "equal (fma of its own)",
                                        .memory_bytes = f->memory,
                                        .on_cpu = f->cpu};
    g->backend.name = g->name;
    g->backend.device = &g->device;
}

/* All but the device. NULL: no memory. */
static struct gpu *create(struct gpu_store *told)
{
    struct gpu *g = mem_alloc(sizeof *g);
    if (!g)
        return NULL;
    g->cpu = backend_cpu(NULL);
    g->backend = functions;
    g->backend.state = g;
    g->backend.kv_layer_bytes = g->cpu->kv_layer_bytes; /* pages have the CPU's layout */
    g->backend.kv_faults = g->cpu->kv_faults;
    g->inputs = (struct gpu_arena){.place = VK_INPUT, .least = MIB};
    g->outputs = (struct gpu_arena){.place = VK_OUTPUT, .least = MIB};
    g->lists = (struct gpu_arena){.place = VK_LOCAL, .least = MIB / 4};
    g->later.arena.place = VK_LOCAL;
    pthread_mutex_init(&g->lock, NULL);
    g->told = told ? gpu_store_share(told) : gpu_store_create();
    if (g->told) {
        gpu_weights_least(g, 64 * MIB);
        return g;
    }
    gpu_close(&g->backend);
    return NULL;
}

/* A backend once its device is there and right, or nothing. */
static enum osso_status ready(struct gpu *g, enum osso_status status, const struct backend **backend_out,
                              struct osso_error *err)
{
    if (!status)
        status = zero_counts(g, err);
    if (status) {
        gpu_close(&g->backend);
        return status;
    }
    describe(g);
    *backend_out = &g->backend;
    return OSSO_OK;
}

enum osso_status vulkan_open(const char *variant, const struct backend **backend_out, struct osso_error *err)
{
    struct gpu *g = create(NULL);
    *backend_out = NULL;
    if (!g)
        return error_nomem(err, sizeof *g, "a backend");
    enum osso_status status = vk_open(variant, &g->vk, err);
    if (!status)
        status = gpu_probe(g, err);
    return ready(g, status, backend_out, err);
}

static enum osso_status gpu_share(const struct backend *backend, const struct backend **backend_out,
                                  struct osso_error *err)
{
    const struct gpu *first = gpu_of(backend);
    struct gpu *g = create(first->told);
    *backend_out = NULL;
    if (!g)
        return error_nomem(err, sizeof *g, "a backend");
    return ready(g, vk_share(first->vk, &g->vk, err), backend_out, err);
}
