/* gpu_ops.c: the ops that are not attention and not experts, as commands. */
#include "backend/vulkan/gpu.h"

#include "base/must.h"

#include <string.h>

void gpu_codes(struct gpu *g, const struct act *a, int64_t n)
{
    struct vk_quantize push = {gpu_address(a->f), gpu_address(a->q), gpu_address(a->d), gpu_address(a->sum),
                               (uint32_t)(n * a->width / QUANT_BLOCK)};
    if (!a->q || a->width % QUANT_BLOCK)
        return;
    vk_run(g->vk, &vk_shader_quantize, NULL, &push, gpu_groups(push.n, 64), 1, 1);
    GPU_USES(g, gpu_reads(push.x, n * a->width), gpu_writes(push.q, n * a->width / 4), gpu_writes(push.d, push.n),
             gpu_writes(push.sum, push.n));
}

/* Bytes from one value of a row to the next, of formats without codes. */
static uint32_t step_of(const struct view *w)
{
    return (uint32_t)(w->col_stride ? w->col_stride : dtype_info(w->dtype)->block_bytes);
}

uint32_t gpu_side_type(const struct view *w)
{
    return w->side[0].data && w->side[0].dtype != DT_U8 ? (uint32_t)w->side[0].dtype : DT_F32;
}

struct vk_matrix gpu_matrix(struct gpu *g, const struct view *w, uint64_t bias)
{
    return (struct vk_matrix){.data = gpu_weight(g, w->data),
                              .side = gpu_weight(g, w->side[0].data),
                              .bias = bias,
                              .offsets = gpu_weight(g, w->side[1].data),
                              .factor = w->factor ? *w->factor : 1,
                              .has_factor = w->factor != NULL};
}

/* Which kernel multiplies, and how many outputs and rows a group of it makes. */
struct plan {
    const struct vk_shader *shader;
    int64_t outputs, rows;
    bool many;
};

static struct plan plan_of(const struct gpu *g, const struct view *w, bool integers, int64_t n,
                           const struct vk_linear *push)
{
    bool many = push->ids ? push->data != 0 : n >= GPU_MANY_ROWS;
    /* Rows, or about so many slots of an expert. */
    int64_t each = push->ids && push->end > push->first ? n / (push->end - push->first) : n;
    if (!integers)
        return many ? (struct plan){&vk_shader_linear_f32_rows, 4, VK_TILE_F32, true}
                    : (struct plan){&vk_shader_linear_f32, 4, 1, false};
    if (many && each >= GPU_TILED_ROWS && vk_facts(g->vk)->tile.each && vk_tiles_format(w->dtype))
        return (struct plan){GPU_TILES(g), gpu_tile_outputs(g), VK_TILE, true};
    return many ? (struct plan){GPU_DOTS(g, linear_i8_rows), VK_TILE_I8, VK_TILE_I8, true}
                : (struct plan){GPU_DOTS(g, linear_i8), VK_FEW_OUTPUTS, 1, false};
}

void gpu_multiply(struct gpu *g, const struct view *w, enum dtype bias_type, const struct act *a, int64_t n, uint64_t y,
                  int64_t y_stride, struct vk_linear push)
{
    bool integers = a->q && a->width % QUANT_BLOCK == 0 && dtype_has_i8(dtype_info(w->dtype));
    struct vk_constants constants = {{(uint32_t)w->dtype, (uint32_t)bias_type, gpu_side_type(w)}};
    must(a->width == w->cols && y_stride >= w->rows && vk_has_format(w->dtype));
    must(!integers || gpu_address(a->q) % 16 == 0);
    if (a->bf16) {
        gpu_refuse(g, OSSO_UNSUPPORTED, "%s does not train", g->name);
        return;
    }
    push.x = integers ? gpu_address(a->q) : gpu_address(a->f);
    push.d = integers ? gpu_address(a->d) : 0;
    push.y = y;
    push.row_stride = (uint32_t)w->row_stride;
    push.side_stride = (uint32_t)w->side[0].stride;
    push.offsets_stride = (uint32_t)w->side[1].stride;
    push.col_stride = step_of(w);
    push.group = (uint32_t)w->group;
    push.cols = (uint32_t)w->cols;
    push.rows = (uint32_t)w->rows;
    push.y_stride = (uint32_t)y_stride;
    struct plan plan = plan_of(g, w, integers, n, &push);
    struct vk_use ids = gpu_reads(push.ids, n), list = gpu_reads(push.ids ? push.data : 0, n);
    int64_t in = push.ids ? n / push.divide : n;
    if (!push.ids)
        push.ids = push.matrices = push.x; /* absent */
    if (plan.many)
        push.has_factor += 2 * (uint32_t)n;
    if (plan.shader == GPU_TILES(g))
        constants = gpu_tiled(g, constants);
    vk_run(g->vk, plan.shader, &constants, &push, gpu_groups(w->rows, plan.outputs), gpu_groups(n, plan.rows), 1);
    GPU_USES(g, gpu_reads(push.x, integers ? in * w->cols / 4 : in * w->cols),
             gpu_reads(push.d, in * w->cols / QUANT_BLOCK), gpu_writes(y, (n - 1) * y_stride + w->rows), ids, list,
             gpu_reads(push.matrices, push.end * (int64_t)sizeof(struct vk_matrix) / 4));
}

void gpu_embed(const struct hand *h, const struct view *table, const int32_t *ids, int n, real *x)
{
    struct gpu *g = gpu_of(h->backend);
    struct vk_constants constants = {{(uint32_t)table->dtype, DT_F32, gpu_side_type(table)}};
    if (!gpu_records(h))
        return;
    if (!gpu_knows(g, table->data)) {
        gpu_lent_embed(g, table, ids, n, x);
        return;
    }
    struct vk_matrix m = gpu_matrix(g, table, 0);
    struct vk_embed push = {.data = m.data,
                            .side = m.side,
                            .offsets = m.offsets,
                            .ids = gpu_address(ids),
                            .x = gpu_address(x),
                            .row_stride = (uint32_t)table->row_stride,
                            .side_stride = (uint32_t)table->side[0].stride,
                            .offsets_stride = (uint32_t)table->side[1].stride,
                            .col_stride = step_of(table),
                            .cols = (uint32_t)table->cols,
                            .group = (uint32_t)table->group,
                            .factor = m.factor,
                            .has_factor = m.has_factor};
    vk_run(g->vk, &vk_shader_embed, &constants, &push, gpu_groups(table->cols, 64), (uint32_t)n, 1);
    GPU_USES(g, gpu_writes(push.x, n * table->cols));
}

void gpu_norm(const struct hand *h, const real *x, const int32_t *rows_of, const float *gain, float eps, int64_t width,
              int n, struct act *out)
{
    struct gpu *g = gpu_of(h->backend);
    struct gpu_form form = gpu_form(out);
    struct vk_call last;
    if (!gpu_records(h))
        return;
    struct vk_norm push = {.x = gpu_address(x),
                           .rows_of = gpu_address(rows_of),
                           .gain = gpu_weight(g, gain),
                           .y = gpu_address(out->f),
                           .q = form.q,
                           .d = form.d,
                           .sums = form.sum,
                           .width = (uint32_t)width,
                           .eps = eps};
    /* What has just been added is added here. */
    if (!rows_of && vk_last(g->vk, 0, &vk_shader_add, &last)) {
        const struct vk_add *add = last.push;
        if (add->sum == push.x && add->width == push.width && last.groups[1] == (uint32_t)n) {
            push.x = add->x;
            push.delta = add->delta;
            push.sum = add->sum;
            vk_take_back(g->vk, 1);
        }
    }
    if (!rows_of)
        push.rows_of = push.x; /* absent */
    vk_run(g->vk, &vk_shader_norm, NULL, &push, (uint32_t)n, 1, 1);
    GPU_USES(g, gpu_reads(push.x, (rows_of ? g->batch.n : n) * width), gpu_reads(push.delta, n * width),
             gpu_writes(push.sum, n * width), gpu_writes(push.y, n * width),
             GPU_WRITES_FORM(form.q, form.d, form.sum, n * width));
}

void gpu_quantize(const struct hand *h, struct act *a, int n)
{
    if (gpu_records(h))
        gpu_codes(gpu_of(h->backend), a, n);
}

static struct view plain(const float *data, int64_t rows, int64_t cols)
{
    return (struct view){
        .dtype = DT_F32, .data = (const uint8_t *)data, .rows = rows, .cols = cols, .row_stride = cols * 4};
}

static struct vk_linear one_matrix(const struct vk_matrix *m)
{
    return (struct vk_linear){.data = m->data,
                              .side = m->side,
                              .bias = m->bias,
                              .offsets = m->offsets,
                              .factor = m->factor,
                              .has_factor = m->has_factor,
                              .bias_stride = sizeof(float),
                              .divide = 1};
}

/* y += scale * B (A x): what an adapter adds, both products in f32. */
static void add_lowrank(struct gpu *g, const struct view *w, const struct act *a, int64_t n, uint64_t y,
                        int64_t y_stride)
{
    const struct lowrank *lr = w->lowrank;
    struct view down = plain(lr->a, lr->rank, w->cols), up = plain(lr->b, w->rows, lr->rank);
    uint64_t t = gpu_scratch(g, GPU_LOWRANK, n * (lr->rank + w->rows)), u = t + (uint64_t)(n * lr->rank) * sizeof(real);
    struct vk_matrix first = gpu_matrix(g, &down, 0), second = gpu_matrix(g, &up, 0);
    struct act in = act_f32(a), between = {.width = lr->rank, .f = gpu_pointer(t)};
    struct vk_axpy push = {u, y, (uint32_t)w->rows, (uint32_t)w->rows, (uint32_t)y_stride, lr->scale};
    if (!t)
        return;
    gpu_multiply(g, &down, DT_F32, &in, n, t, lr->rank, one_matrix(&first));
    gpu_multiply(g, &up, DT_F32, &between, n, u, w->rows, one_matrix(&second));
    vk_run(g->vk, &vk_shader_axpy, NULL, &push, gpu_groups(w->rows, 64), (uint32_t)n, 1);
    GPU_USES(g, gpu_reads(u, n * w->rows), gpu_writes(y, (n - 1) * y_stride + w->rows));
}

void gpu_linear(const struct hand *h, const struct view *w, const float *bias, const struct act *a, int n,
                const struct view *after, real *y, int64_t y_stride)
{
    struct gpu *g = gpu_of(h->backend);
    (void)after;
    if (!gpu_records(h))
        return;
    struct vk_matrix m = gpu_matrix(g, w, gpu_weight(g, bias));
    gpu_multiply(g, w, DT_F32, a, n, gpu_address(y), y_stride, one_matrix(&m));
    if (w->lowrank)
        add_lowrank(g, w, a, n, gpu_address(y), y_stride);
}

void gpu_rope(const struct hand *h, real *x, int n, int n_heads, int head_dim, const float *angles)
{
    struct gpu *g = gpu_of(h->backend);
    struct vk_rope push = {gpu_address(x), gpu_address(angles), (uint32_t)n_heads, (uint32_t)head_dim};
    int64_t width = (int64_t)n_heads * head_dim;
    if (!gpu_records(h))
        return;
    vk_run(g->vk, &vk_shader_rope, NULL, &push, gpu_groups(width / 2, 64), (uint32_t)n, 1);
    GPU_USES(g, gpu_writes(push.x, n * width));
}

void gpu_add(const struct hand *h, const real *x, const real *delta, int64_t width, int n, real *sum)
{
    struct gpu *g = gpu_of(h->backend);
    struct vk_add push = {gpu_address(x), gpu_address(delta), gpu_address(sum), (uint32_t)width};
    if (!gpu_records(h))
        return;
    vk_run(g->vk, &vk_shader_add, NULL, &push, gpu_groups(width, 64), (uint32_t)n, 1);
    GPU_USES(g, gpu_reads(push.x, n * width), gpu_reads(push.delta, n * width), gpu_writes(push.sum, n * width));
}
