/* gpu_ops.c: the ops that are not attention and not experts, as commands. */
#include "backend/vulkan/gpu.h"

#include "base/must.h"

#include <string.h>

void gpu_codes(struct gpu *g, const struct act *a, int64_t n)
{
    struct vk_quantize push = {gpu_address(a->f), gpu_address(a->q), gpu_address(a->d), gpu_address(a->sum),
                               (uint32_t)(n * a->width / QUANT_BLOCK)};
    if (a->q && a->width % QUANT_BLOCK == 0)
        vk_run(g->vk, &vk_shader_quantize, NULL, &push, gpu_groups(push.n, 64), 1, 1);
}

bool gpu_in_integers(const struct view *w, const struct act *a)
{
    return a->q && a->width % QUANT_BLOCK == 0 && dtype_has_i8(dtype_info(w->dtype));
}

bool gpu_can_multiply(struct gpu *g, const struct view *w, const struct act *a)
{
    if (a->bf16)
        gpu_refuse(g, OSSO_UNSUPPORTED, "%s does not train", g->name);
    else if (w->factor || !vk_has_format(w->dtype))
        gpu_refuse(g, OSSO_UNSUPPORTED, "%s has no kernels for weights in %s", g->name, dtype_info(w->dtype)->name);
    else
        return true;
    return false;
}

void gpu_embed(const struct hand *h, const struct view *table, const int32_t *ids, int n, real *x)
{
    struct gpu *g = gpu_of(h->backend);
    struct act none = {.width = table->cols};
    struct vk_constants constants = {{(uint32_t)table->dtype}};
    if (!gpu_records(h) || !gpu_can_multiply(g, table, &none))
        return;
    struct vk_embed push = {.data = gpu_weight(g, table->data),
                            .side = gpu_weight(g, table->side[0].data),
                            .ids = gpu_address(ids),
                            .x = gpu_address(x),
                            .row_stride = (uint32_t)table->row_stride,
                            .side_stride = (uint32_t)table->side[0].stride,
                            .col_stride = (uint32_t)table->col_stride,
                            .cols = (uint32_t)table->cols};
    if (!push.col_stride)
        push.col_stride = (uint32_t)dtype_info(table->dtype)->block_bytes;
    vk_run(g->vk, &vk_shader_embed, &constants, &push, gpu_groups(table->cols, 64), (uint32_t)n, 1);
}

void gpu_norm(const struct hand *h, const real *x, const int32_t *rows_of, const float *gain, float eps, int64_t width,
              int n, struct act *out)
{
    struct gpu *g = gpu_of(h->backend);
    if (!gpu_records(h))
        return;
    struct vk_norm push = {gpu_address(x),      gpu_address(rows_of), gpu_weight(g, gain),
                           gpu_address(out->f), (uint32_t)width,      eps};
    vk_run(g->vk, &vk_shader_norm, NULL, &push, (uint32_t)n, 1, 1);
    gpu_codes(g, out, n);
}

void gpu_quantize(const struct hand *h, struct act *a, int n)
{
    if (gpu_records(h))
        gpu_codes(gpu_of(h->backend), a, n);
}

/* y += scale * B (A x): what an adapter adds, both products in f32. */
static void add_lowrank(struct gpu *g, const struct view *w, const struct act *a, int64_t n, uint64_t y,
                        int64_t y_stride)
{
    const struct lowrank *lr = w->lowrank;
    struct vk_constants constants = {{DT_F32, DT_F32}};
    uint64_t t = gpu_scratch(g, GPU_LOWRANK, n * (lr->rank + w->rows)), u = t + (uint64_t)(n * lr->rank) * sizeof(real);
    if (!t)
        return;
    struct vk_linear down = {.data = gpu_weight(g, lr->a),
                             .x = gpu_address(a->f),
                             .y = t,
                             .row_stride = (uint32_t)(w->cols * 4),
                             .col_stride = 4,
                             .cols = (uint32_t)w->cols,
                             .rows = (uint32_t)lr->rank,
                             .y_stride = (uint32_t)lr->rank,
                             .divide = 1};
    struct vk_linear up = {.data = gpu_weight(g, lr->b),
                           .x = t,
                           .y = u,
                           .row_stride = (uint32_t)(lr->rank * 4),
                           .col_stride = 4,
                           .cols = (uint32_t)lr->rank,
                           .rows = (uint32_t)w->rows,
                           .y_stride = (uint32_t)w->rows,
                           .divide = 1};
    struct vk_axpy push = {u, y, (uint32_t)w->rows, (uint32_t)w->rows, (uint32_t)y_stride, lr->scale};
    vk_run(g->vk, &vk_shader_linear_f32, &constants, &down, gpu_groups(lr->rank, 4), (uint32_t)n, 1);
    vk_run(g->vk, &vk_shader_linear_f32, &constants, &up, gpu_groups(w->rows, 4), (uint32_t)n, 1);
    vk_run(g->vk, &vk_shader_axpy, NULL, &push, gpu_groups(w->rows, 64), (uint32_t)n, 1);
}

void gpu_linear(const struct hand *h, const struct view *w, const float *bias, const struct act *a, int n, int64_t unit,
                const struct view *after, real *y, int64_t y_stride)
{
    struct gpu *g = gpu_of(h->backend);
    struct vk_constants constants = {{(uint32_t)w->dtype, DT_F32}};
    bool integers = gpu_in_integers(w, a);
    (void)unit, (void)after;
    if (!gpu_records(h) || !gpu_can_multiply(g, w, a))
        return;
    must(a->width == w->cols && y_stride >= w->rows);
    struct vk_linear push = {
        .data = gpu_weight(g, w->data),
        .side = gpu_weight(g, w->side[0].data),
        .bias = gpu_weight(g, bias),
        .x = integers ? gpu_address(a->q) : gpu_address(a->f),
        .d = integers ? gpu_address(a->d) : 0,
        .y = gpu_address(y),
        .row_stride = (uint32_t)w->row_stride,
        .side_stride = (uint32_t)w->side[0].stride,
        .col_stride = (uint32_t)(w->col_stride ? w->col_stride : dtype_info(w->dtype)->block_bytes),
        .bias_stride = 4,
        .cols = (uint32_t)w->cols,
        .rows = (uint32_t)w->rows,
        .y_stride = (uint32_t)y_stride,
        .divide = 1};
    vk_run(g->vk, integers ? &vk_shader_linear_i8 : &vk_shader_linear_f32, &constants, &push,
           gpu_groups(w->rows, integers ? 16 : 4), (uint32_t)n, 1);
    if (w->lowrank)
        add_lowrank(g, w, a, n, push.y, y_stride);
}

void gpu_rope(const struct hand *h, real *x, int n, int n_heads, int head_dim, const float *angles)
{
    struct vk_rope push = {gpu_address(x), gpu_address(angles), (uint32_t)n_heads, (uint32_t)head_dim};
    if (gpu_records(h))
        vk_run(gpu_of(h->backend)->vk, &vk_shader_rope, NULL, &push, gpu_groups((int64_t)n_heads * head_dim / 2, 64),
               (uint32_t)n, 1);
}

void gpu_add(const struct hand *h, const real *x, const real *delta, int64_t width, int n, int64_t unit, real *sum)
{
    struct vk_add push = {gpu_address(x), gpu_address(delta), gpu_address(sum), (uint32_t)width};
    (void)unit;
    if (gpu_records(h))
        vk_run(gpu_of(h->backend)->vk, &vk_shader_add, NULL, &push, gpu_groups(width, 64), (uint32_t)n, 1);
}
