/* gpu_room.c: what the backend needs of the device's memory beside what it is asked for, taken before a step needs it:
 * so a model that has been loaded is not the one that fails in the middle of a long text. */
#include "backend/vulkan/gpu.h"

#include "base/error.h"

#define KIB ((uint64_t)1 << 10)
enum { GAP = 256 /* lost at most before and behind a piece of memory */ };

/* Small tensors share blocks of this size, of which the last one stays partly empty. */
static uint64_t block_bytes(const struct backend_room *room)
{
    uint64_t part = room->weights / 256;
    return part < 64 * KIB ? 64 * KIB : part < 16 * KIB * KIB ? part : 16 * KIB * KIB;
}

/* What a model's ops keep between commands; what adapters and taps keep is found when they are there. */
static int64_t values_of(const struct backend_room *room, int which)
{
    int64_t slots = room->n_layers ? (int64_t)room->max_rows * room->top_k : 0;
    switch (which) {
    case GPU_GATE:
    case GPU_UP: return slots * room->intermediate;
    case GPU_OUT: return slots * room->hidden;
    case GPU_PAGES: return gpu_page_values(room);
    default: return 0;
    }
}

static uint64_t list_bytes(const struct backend_room *room)
{
    return (uint64_t)room->n_layers * GPU_PRODUCTS * ((uint64_t)room->n_experts * sizeof(struct vk_matrix) + GAP);
}

uint64_t gpu_reserve_bytes(const struct backend *backend, const struct backend_room *room)
{
    (void)backend;
    uint64_t blocks = room->weights ? 2 * block_bytes(room) : 0; /* none of those that another one has */
    uint64_t bytes = list_bytes(room) + blocks + GAP * room->n_tensors;
    for (int i = 0; i < GPU_SCRATCHES; i++)
        bytes += (uint64_t)values_of(room, i) * sizeof(real);
    return bytes;
}

enum osso_status gpu_reserve(const struct backend *backend, const struct backend_room *room, struct osso_error *err)
{
    struct gpu *g = gpu_of(backend);
    struct gpu_piece ignored;
    bool there = true;
    gpu_weights_least(g, block_bytes(room));
    g->lists.least = list_bytes(room);
    for (int i = 0; i < GPU_SCRATCHES && there; i++)
        there = values_of(room, i) == 0 || gpu_scratch(g, i, values_of(room, i));
    if (there && g->lists.least)
        there = gpu_take(g, &g->lists, 1, &ignored);
    gpu_arena_reset(&g->lists);
    return there ? OSSO_OK : error_nomem(err, gpu_reserve_bytes(backend, room), "scratch on the device");
}

uint64_t gpu_taken(const struct backend *backend)
{
    return vk_taken(gpu_of(backend)->vk);
}
