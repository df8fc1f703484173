/* gpu_experts.c: where the matrices of a layer's experts lie on the device, found once and kept there. */
#include "backend/vulkan/gpu.h"

#include "base/mem.h"

#include <string.h>

static const struct view *matrix_of(const struct expert *e, enum gpu_product product, const struct vec **bias)
{
    *bias = product == GPU_OF_GATE ? &e->gate_bias : product == GPU_OF_UP ? &e->up_bias : &e->down_bias;
    return product == GPU_OF_GATE ? &e->gate : product == GPU_OF_UP ? &e->up : &e->down;
}

/* All experts of a layer must be of one shape and format: they are rows of one tensor, or tensors made alike. */
bool gpu_alike(const struct view *a, const struct view *b, const struct vec *u, const struct vec *v)
{
    for (int i = 0; i < 2; i++)
        if (a->side[i].stride != b->side[i].stride || a->side[i].dtype != b->side[i].dtype)
            return false;
    return a->dtype == b->dtype && a->row_stride == b->row_stride && a->col_stride == b->col_stride &&
           a->group == b->group && u->dtype == v->dtype && u->stride == v->stride;
}

/* False: one of them cannot be run. */
static bool fill(struct gpu *g, const struct moe *moe, enum gpu_product product, struct gpu_experts *experts,
                 struct vk_matrix *list)
{
    for (int i = moe->first_expert; i < moe->end_expert; i++) {
        struct expert e;
        const struct vec *bias;
        moe->source->get(moe->source, moe->layer, i, &e);
        const struct view *m = matrix_of(&e, product, &bias);
        if (i == moe->first_expert) {
            experts->matrix = *m;
            experts->bias = *bias;
        }
        if (m->lowrank || !gpu_alike(&experts->matrix, m, &experts->bias, bias)) {
            gpu_refuse(g, OSSO_UNSUPPORTED, "%s cannot run experts %s yet: use --device cpu", g->name,
                       m->lowrank ? "with an adapter" : "of different formats");
            return false;
        }
        list[i] = gpu_matrix(g, m, gpu_weight(g, bias->data));
    }
    return true;
}

/* The list goes to the device by a command of this step. */
static bool make(struct gpu *g, const struct moe *moe, enum gpu_product product, struct gpu_experts *experts)
{
    uint64_t bytes = (uint64_t)moe->routing->n_experts * sizeof(struct vk_matrix);
    struct gpu_piece from, to;
    *experts = (struct gpu_experts){.first = moe->first_expert, .end = moe->end_expert};
    if (!gpu_take(g, &g->inputs, bytes, &from) || !gpu_take(g, &g->lists, bytes, &to)) {
        gpu_no_memory(g, bytes, "the list of a layer's experts, on the device");
        return false;
    }
    memset(from.host, 0, bytes);
    if (!fill(g, moe, product, experts, (struct vk_matrix *)(void *)from.host))
        return false;
    vk_copy(g->vk, &to.block, to.off, &from.block, from.off, bytes);
    experts->list = to.address;
    experts->source = moe->source;
    return true;
}

const struct gpu_experts *gpu_experts(struct gpu *g, const struct moe *moe, enum gpu_product product)
{
    size_t at = (size_t)moe->layer * GPU_PRODUCTS + (size_t)product;
    while (at >= g->n_experts) {
        struct gpu_experts *list = mem_room(g->experts, g->n_experts, &g->experts_cap, sizeof *list);
        if (!list) {
            gpu_no_memory(g, sizeof *list, "the lists of experts");
            return NULL;
        }
        g->experts = list;
        list[g->n_experts++] = (struct gpu_experts){.source = NULL};
    }
    struct gpu_experts *e = &g->experts[at];
    bool there = e->source == moe->source && e->first == moe->first_expert && e->end == moe->end_expert;
    return there || make(g, moe, product, e) ? e : NULL;
}
