/* gpu_attend.c: K and V into their pages, and attention over them, as commands. */
#include "backend/vulkan/gpu.h"

#include "base/must.h"

#include <math.h>

void gpu_kv_append(const struct hand *h, const struct kv_rows *kv, const real *k, const real *v)
{
    struct gpu *g = gpu_of(h->backend);
    const struct kv_layout *layout = &kv->layout;
    struct vk_constants constants = {{(uint32_t)layout->type}};
    struct vk_kv_append push = {.k = gpu_address(k),
                                .v = gpu_address(v),
                                .pos = gpu_address(kv->pos),
                                .seq = gpu_address(kv->seq),
                                .tables = gpu_address(kv->tables),
                                .keep = gpu_address(kv->keep),
                                .pages = gpu_address(kv->pages),
                                .page_bytes = kv->page_bytes,
                                .layer_off = kv->layer_off,
                                .n_kv_heads = (uint32_t)layout->n_kv_heads,
                                .head_dim = (uint32_t)layout->head_dim};
    int64_t width = (int64_t)layout->n_kv_heads * layout->head_dim;
    must(layout->type != KV_F64);
    if (gpu_records(h))
        vk_run(g->vk, &vk_shader_kv_append, &constants, &push,
               gpu_groups(width, layout->type == KV_Q8_0 ? 64 * QUANT_BLOCK : 64), (uint32_t)kv->n, 1);
}

/* The logarithm is the host's: only taps ask for it. */
static void finish_lse(struct gpu *g, const struct attend *a, void *sums)
{
    int64_t n = (int64_t)a->kv.n * a->n_heads;
    real *pairs = gpu_host(&g->backend, sums, (size_t)(2 * n) * sizeof *pairs);
    for (int64_t i = 0; pairs && i < n; i++) /* in place: behind what is read */
        pairs[i] = pairs[2 * i] + logf(pairs[2 * i + 1]);
    if (pairs)
        gpu_put(&g->backend, a->lse, pairs, (size_t)n * sizeof *pairs);
}

void gpu_attend(const struct hand *h, const struct attend *a)
{
    struct gpu *g = gpu_of(h->backend);
    const struct kv_rows *kv = &a->kv;
    struct vk_constants constants = {{(uint32_t)kv->layout.type}};
    if (!gpu_records(h))
        return;
    if (a->scores || a->pattern || kv->layout.head_dim > VK_MAX_HEAD_DIM) {
        gpu_refuse(g, OSSO_UNSUPPORTED,
                   a->scores || a->pattern ? "%s cannot show attention's scores and weights yet: use --device cpu"
                                           : "%s cannot take heads so wide: use --device cpu",
                   g->name);
        return;
    }
    struct vk_attend push = {.q = gpu_address(a->q),
                             .out = gpu_address(a->out->f),
                             .sinks = gpu_weight(g, a->sinks),
                             .sums = a->lse ? gpu_scratch(g, GPU_SUMS, 2 * (int64_t)kv->n * a->n_heads) : 0,
                             .pos = gpu_address(kv->pos),
                             .seq = gpu_address(kv->seq),
                             .tables = gpu_address(kv->tables),
                             .floor = gpu_address(kv->floor),
                             .pages = gpu_address(kv->pages),
                             .page_bytes = kv->page_bytes,
                             .layer_off = kv->layer_off,
                             .n_heads = (uint32_t)a->n_heads,
                             .group = (uint32_t)a->group,
                             .head_dim = (uint32_t)kv->layout.head_dim,
                             .window = (uint32_t)a->window,
                             .scale = a->scale};
    vk_run(g->vk, &vk_shader_attend, &constants, &push, (uint32_t)a->n_heads, (uint32_t)kv->n, 1);
    gpu_codes(g, a->out, kv->n);
    if (a->lse && push.sums)
        finish_lse(g, a, gpu_pointer(push.sums));
}

void gpu_attend_again(const struct hand *h, const struct attend *a, bool by_weights)
{
    struct gpu *g = gpu_of(h->backend);
    (void)a, (void)by_weights; /* attend has refused what this would begin with */
    if (gpu_records(h))
        gpu_refuse(g, OSSO_UNSUPPORTED, "%s cannot change attention's scores and weights yet: use --device cpu",
                   g->name);
}
