/* gpu_experts.c: where the matrices of a layer's experts lie on the device, found once and kept there; or that the host
 * computes them. */
#include "backend/vulkan/gpu.h"

#include "base/mem.h"

#include <string.h>

static const struct view *matrix_of(const struct expert *e, enum gpu_product product, const struct vec **bias)
{
    *bias = product == GPU_OF_GATE ? &e->gate_bias : product == GPU_OF_UP ? &e->up_bias : &e->down_bias;
    return product == GPU_OF_GATE ? &e->gate : product == GPU_OF_UP ? &e->up : &e->down;
}

/* Experts of a layer that are of one shape and format: rows of one tensor, or tensors made alike. */
bool gpu_alike(const struct view *a, const struct view *b, const struct vec *u, const struct vec *v)
{
    for (int i = 0; i < 2; i++)
        if (a->side[i].stride != b->side[i].stride || a->side[i].dtype != b->side[i].dtype)
            return false;
    return a->dtype == b->dtype && a->row_stride == b->row_stride && a->col_stride == b->col_stride &&
           a->group == b->group && u->dtype == v->dtype && u->stride == v->stride;
}

static bool told(const struct gpu *g, const struct view *m, const struct vec *bias)
{
    const uint8_t *parts[] = {m->data, m->side[0].data, m->side[1].data, bias->data};
    for (int i = 0; i < 4; i++)
        if (parts[i] && !gpu_knows(g, parts[i]))
            return false;
    return true;
}

/* False: the host's. The device was not told of it, or its kernels know no adapters of experts, and no experts of
 * different formats in one layer. */
static bool fill(struct gpu *g, struct gpu_experts *all, const struct expert *e, enum gpu_product product, int i,
                 const struct gpu_piece *list)
{
    const struct vec *bias;
    const struct view *m = matrix_of(e, product, &bias);
    if (!all->matrix.data) {
        all->matrix = *m;
        all->bias = *bias;
    }
    if (m->lowrank || !gpu_alike(&all->matrix, m, &all->bias, bias) || !told(g, m, bias))
        return false;
    ((struct vk_matrix *)(void *)list->host)[i] = gpu_matrix(g, m, gpu_weight(g, bias->data));
    return true;
}

/* Room for a layer's lists. */
static bool take(struct gpu *g, uint64_t bytes, struct gpu_piece *from, struct gpu_piece *to)
{
    for (int p = 0; p < GPU_PRODUCTS; p++) {
        if (!gpu_take(g, &g->inputs, bytes, &from[p]) || !gpu_take(g, &g->lists, bytes, &to[p])) {
            gpu_no_memory(g, bytes, "the list of a layer's experts, on the device");
            return false;
        }
        memset(from[p].host, 0, bytes);
    }
    return true;
}

/* Was nothing of the layer told? Then it takes no room either. */
static bool left_out(const struct gpu *g, const struct moe *moe)
{
    struct expert e;
    if (moe->first_expert == moe->end_expert)
        return false;
    moe->source->get(moe->source, moe->layer, moe->first_expert, &e);
    return !told(g, &e.gate, &e.gate_bias);
}

/* The lists go to the device by commands of this step. False: no memory, and that is remembered. */
static bool make(struct gpu *g, const struct moe *moe, struct gpu_layer *layer)
{
    uint64_t bytes = (uint64_t)moe->routing->n_experts * sizeof(struct vk_matrix);
    struct gpu_piece from[GPU_PRODUCTS], to[GPU_PRODUCTS];
    struct expert e;
    *layer = (struct gpu_layer){
        .source = moe->source, .first = moe->first_expert, .end = moe->end_expert, .on_host = left_out(g, moe)};
    if (!layer->on_host && !take(g, bytes, from, to))
        return false;
    for (int i = moe->first_expert; i < moe->end_expert && !layer->on_host; i++) {
        moe->source->get(moe->source, moe->layer, i, &e);
        for (int p = 0; p < GPU_PRODUCTS && !layer->on_host; p++)
            layer->on_host = !fill(g, &layer->of[p], &e, (enum gpu_product)p, i, &from[p]);
    }
    for (int p = 0; p < GPU_PRODUCTS && !layer->on_host; p++) {
        vk_copy(g->vk, &to[p].block, to[p].off, &from[p].block, from[p].off, bytes);
        layer->of[p].list = to[p].address;
    }
    return true;
}

/* NULL: not found yet, or not as this op has it. */
static const struct gpu_layer *known(const struct gpu *g, const struct moe *moe)
{
    const struct gpu_layer *l = (size_t)moe->layer < g->n_layers ? &g->layers[moe->layer] : NULL;
    return l && l->source == moe->source && l->first == moe->first_expert && l->end == moe->end_expert ? l : NULL;
}

static void find(struct gpu *g, const struct moe *moe)
{
    while ((size_t)moe->layer >= g->n_layers) {
        struct gpu_layer *list = mem_room(g->layers, g->n_layers, &g->layers_cap, sizeof *list);
        if (!list) {
            gpu_no_memory(g, sizeof *list, "the lists of experts");
            return;
        }
        g->layers = list;
        list[g->n_layers++] = (struct gpu_layer){.source = NULL};
    }
    struct gpu_layer found;
    if (make(g, moe, &found))
        g->layers[moe->layer] = found;
}

const struct gpu_layer *gpu_layer(const struct hand *h, const struct moe *moe)
{
    struct gpu *g = gpu_of(h->backend);
    if (known(g, moe))
        return known(g, moe);
    member_sync(h->member); /* all have seen that it is not known */
    if (gpu_records(h))
        find(g, moe);
    member_sync(h->member);
    return known(g, moe);
}
