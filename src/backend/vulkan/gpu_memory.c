/* gpu_memory.c: what alloc hands out, and the ways in and out of it. */
#include "backend/vulkan/gpu.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/must.h"

#include <string.h>

/* ALONE: what takes more than this part of a block does not begin one, so little is lost at the end of another. */
enum { ALIGN = 128, ALONE = 32 };

static uint64_t aligned(uint64_t n)
{
    return (n + ALIGN - 1) / ALIGN * ALIGN;
}

/* ---- arenas --------------------------------------------------------------------------------------------- */

/* A block of at least so many bytes, to hand out from next. */
static bool next_block(struct gpu *g, struct gpu_arena *a, uint64_t bytes)
{
    while (a->n > 0 && a->block + 1 < a->n) { /* one that is there since an earlier step */
        a->block++;
        a->used = 0;
        if (bytes <= a->blocks[a->block].bytes)
            return true;
    }
    struct vk_block *blocks = mem_room(a->blocks, a->n, &a->cap, sizeof *blocks);
    if (!blocks)
        return false;
    a->blocks = blocks;
    if (!vk_alloc(g->vk, bytes > a->least ? bytes : a->least, a->place, &blocks[a->n]) &&
        !vk_alloc(g->vk, bytes, a->place, &blocks[a->n]))
        return false;
    a->block = a->n++;
    a->used = 0;
    return true;
}

static struct gpu_piece piece_at(const struct vk_block *b, uint64_t used)
{
    uint64_t off = aligned(b->address + used) - b->address;
    return (struct gpu_piece){
        .block = *b, .off = off, .address = b->address + off, .host = b->host ? (uint8_t *)b->host + off : NULL};
}

/* A block for one large tensor: the one that is being handed out goes on behind it, so its rest is not lost. */
static bool take_alone(struct gpu *g, struct gpu_arena *a, uint64_t room, struct gpu_piece *piece_out)
{
    struct vk_block *blocks = mem_room(a->blocks, a->n, &a->cap, sizeof *blocks), own;
    a->blocks = blocks ? blocks : a->blocks;
    if (!blocks || !vk_alloc(g->vk, room, a->place, &own))
        return false;
    blocks[a->n++] = blocks[a->block];
    blocks[a->block] = own;
    a->block = a->n - 1;
    *piece_out = piece_at(&own, 0);
    return true;
}

bool gpu_take(struct gpu *g, struct gpu_arena *a, uint64_t bytes, struct gpu_piece *piece_out)
{
    uint64_t room = aligned(bytes ? bytes : 1) + ALIGN; /* a block itself may begin anywhere */
    *piece_out = (struct gpu_piece){.off = 0};
    if (a->place == VK_LOCAL && a->n > 0 && room > a->least / ALONE && room > a->blocks[a->block].bytes - a->used)
        return take_alone(g, a, room, piece_out);
    if (a->n == 0 || room > a->blocks[a->block].bytes - a->used)
        if (!next_block(g, a, room))
            return false;
    *piece_out = piece_at(&a->blocks[a->block], a->used);
    a->used = piece_out->off + bytes;
    return true;
}

void gpu_arena_reset(struct gpu_arena *a)
{
    a->block = 0;
    a->used = 0;
}

void gpu_arena_free(struct gpu *g, struct gpu_arena *a)
{
    for (size_t i = 0; i < a->n; i++)
        vk_free(g->vk, &a->blocks[i]);
    mem_free(a->blocks);
}

uint64_t gpu_input(struct gpu *g, const void *from, size_t bytes)
{
    struct gpu_piece piece;
    if (!from)
        return 0;
    if (!gpu_take(g, &g->inputs, bytes, &piece)) {
        gpu_no_memory(g, bytes, "the inputs of a step on the device");
        return 0;
    }
    memcpy(piece.host, from, bytes);
    return piece.address;
}

/* ---- alloc and free ------------------------------------------------------------------------------------- */

void *gpu_alloc(const struct backend *backend, size_t bytes)
{
    struct gpu *g = gpu_of(backend);
    struct vk_block *blocks = mem_room(g->blocks, g->n_blocks, &g->blocks_cap, sizeof *blocks);
    if (!blocks)
        return NULL;
    g->blocks = blocks;
    if (bytes > SIZE_MAX - ALIGN || !vk_alloc(g->vk, (uint64_t)bytes + ALIGN, VK_LOCAL, &blocks[g->n_blocks]))
        return NULL;
    return gpu_pointer(aligned(blocks[g->n_blocks++].address));
}

static bool holds(const struct vk_block *b, uint64_t address)
{
    return address - b->address < b->bytes;
}

/* Which block of alloc's or of scratch holds this address, or NULL. */
static struct vk_block *block_of(struct gpu *g, const void *p)
{
    for (size_t i = 0; i < g->n_blocks; i++)
        if (holds(&g->blocks[i], gpu_address(p)))
            return &g->blocks[i];
    for (int i = 0; i < GPU_SCRATCHES; i++)
        if (holds(&g->scratch[i], gpu_address(p)))
            return &g->scratch[i];
    return NULL;
}

struct vk_use gpu_whole(struct gpu *g, uint64_t address, bool writes)
{
    const struct vk_block *b = address ? block_of(g, gpu_pointer(address)) : NULL;
    return b ? (struct vk_use){b->address, b->bytes, writes} : (struct vk_use){0};
}

static uint64_t offset_in(const struct vk_block *b, const void *p)
{
    return gpu_address(p) - b->address;
}

void gpu_free(const struct backend *backend, void *memory, size_t bytes)
{
    struct gpu *g = gpu_of(backend);
    struct vk_block *b = memory ? block_of(g, memory) : NULL;
    (void)bytes;
    must(!memory || b);
    if (!b)
        return;
    gpu_flush(g);
    vk_free(g->vk, b);
    *b = g->blocks[--g->n_blocks];
}

uint64_t gpu_memory(const struct backend *backend)
{
    return vk_memory(gpu_of(backend)->vk);
}

void gpu_memory_free(struct gpu *g)
{
    vk_free(g->vk, &g->measured);
    vk_free(g->vk, &g->done);
    gpu_forget_old(g);
    for (int i = 0; i < GPU_SCRATCHES; i++)
        vk_free(g->vk, &g->scratch[i]);
    while (g->n_blocks > 0) /* none: who allocated has freed */
        vk_free(g->vk, &g->blocks[--g->n_blocks]);
    gpu_arena_free(g, &g->inputs);
    gpu_arena_free(g, &g->outputs);
    gpu_arena_free(g, &g->lists);
    for (size_t i = 0; i < g->n_lost; i++)
        mem_free(g->lost_values[i]);
    mem_free(g->lost_values);
    mem_free(g->blocks);
    mem_free(g->layers);
    mem_free(g->old);
}

/* ---- in and out ----------------------------------------------------------------------------------------- */

void gpu_copy_bytes(const struct backend *backend, void *to, const void *from, size_t bytes)
{
    struct gpu *g = gpu_of(backend);
    const struct vk_block *t = block_of(g, to), *f = block_of(g, from);
    must(t && f);
    if (to != from)
        vk_copy(g->vk, t, offset_in(t, to), f, offset_in(f, from), bytes);
}

void gpu_carry(struct gpu *g, void *values, const struct vk_block *seen, const void *at, size_t bytes, bool up)
{
    const struct vk_block *b = block_of(g, values);
    uint64_t off = (uint64_t)((const uint8_t *)at - (const uint8_t *)seen->host);
    must(b && seen->host);
    if (up)
        vk_copy(g->vk, b, offset_in(b, values), seen, off, bytes);
    else
        vk_copy(g->vk, seen, off, b, offset_in(b, values), bytes);
}

void gpu_carry_act(struct gpu *g, const struct act *there, const struct act *here, int64_t rows, bool up)
{
    size_t values = (size_t)(rows * here->width), blocks = values / QUANT_BLOCK;
    gpu_carry(g, there->f, &g->lent.block, here->f, values * sizeof *here->f, up);
    if (!here->q)
        return;
    gpu_carry(g, there->q, &g->lent.block, here->q, values, up);
    gpu_carry(g, there->d, &g->lent.block, here->d, blocks * sizeof *here->d, up);
    gpu_carry(g, there->sum, &g->lent.block, here->sum, blocks * sizeof *here->sum, up);
}

void gpu_settle(struct gpu *g)
{
    struct gpu_lent *l = &g->lent;
    if (!l->holds_h)
        return;
    l->holds_h = false;
    gpu_carry_act(g, &l->to_h, &l->h, (int64_t)l->routing.n * l->routing.k, true);
}

/* Values that were not to be had: NaN, so that whoever chooses by them notices before end has said why. */
static void *lost(struct gpu *g, size_t bytes)
{
    void **list = mem_room(g->lost_values, g->n_lost, &g->lost_cap, sizeof *list);
    void *values = list ? mem_alloc(bytes ? bytes : 1) : NULL;
    g->lost_values = list ? list : g->lost_values;
    if (!values)
        return NULL;
    list[g->n_lost++] = values;
    return memset(values, 0xff, bytes);
}

static void *fetch(struct gpu *g, const struct vk_block *b, uint64_t off, size_t bytes)
{
    struct gpu_piece out;
    if (!gpu_take(g, &g->outputs, bytes, &out)) {
        gpu_no_memory(g, bytes, "values of a step that the host reads");
        return lost(g, bytes);
    }
    if (!b->host)
        vk_copy(g->vk, &out.block, out.off, b, off, bytes);
    if (!gpu_flush(g))
        return lost(g, bytes);
    if (b->host)
        memcpy(out.host, (const uint8_t *)b->host + off, bytes);
    return out.host;
}

void *gpu_host(const struct backend *backend, void *values, size_t bytes)
{
    struct gpu *g = gpu_of(backend);
    const struct vk_block *b = block_of(g, values);
    must(b);
    pthread_mutex_lock(&g->lock);
    gpu_settle(g);
    void *host = fetch(g, b, offset_in(b, values), bytes);
    pthread_mutex_unlock(&g->lock);
    return host;
}

void gpu_put(const struct backend *backend, void *to, const void *from, size_t bytes)
{
    struct gpu *g = gpu_of(backend);
    const struct vk_block *b = block_of(g, to);
    struct gpu_piece in;
    must(b);
    pthread_mutex_lock(&g->lock);
    gpu_settle(g);
    if (b->host && !vk_pending(g->vk)) {
        memcpy((uint8_t *)b->host + offset_in(b, to), from, bytes);
    } else if (gpu_take(g, &g->inputs, bytes, &in)) {
        memcpy(in.host, from, bytes);
        vk_copy(g->vk, b, offset_in(b, to), &in.block, in.off, bytes);
    } else {
        gpu_no_memory(g, bytes, "values that the host gives to a step");
    }
    pthread_mutex_unlock(&g->lock);
}
