/* gpu_moe.c: routing and the experts, as commands. Which experts a row goes to never leaves the device: kernels take
 * their matrices from a list of all of the layer's experts, by the ids that route has made. */
#include "backend/vulkan/gpu.h"

#include <string.h>

void gpu_route(const struct hand *h, const real *logits, struct routing *routing)
{
    struct gpu *g = gpu_of(h->backend);
    struct vk_route push = {gpu_address(logits),  gpu_address(routing->ids), gpu_address(routing->weights),
                            (uint32_t)routing->n, (uint32_t)routing->k,      (uint32_t)routing->n_experts};
    struct vk_lists lists = {push.ids, gpu_address(routing->start), gpu_address(routing->slots), push.n * push.k,
                             push.n_experts};
    if (gpu_records(h)) {
        vk_run(g->vk, &vk_shader_route, NULL, &push, gpu_groups(routing->n, 64), 1, 1);
        vk_run(g->vk, &vk_shader_lists, NULL, &lists, 1, 1, 1);
    }
    member_sync(h->member);
}

/* One of an expert's three products. */
enum which { GATE, UP, DOWN };

static const struct view *matrix_of(const struct expert *e, enum which which, const struct vec **bias)
{
    *bias = which == GATE ? &e->gate_bias : which == UP ? &e->up_bias : &e->down_bias;
    return which == GATE ? &e->gate : which == UP ? &e->up : &e->down;
}

/* All experts of a layer must be of one shape and format: they are rows of one tensor, or tensors made alike. */
static bool alike(const struct view *a, const struct view *b, const struct vec *u, const struct vec *v)
{
    for (int i = 0; i < 2; i++)
        if (a->side[i].stride != b->side[i].stride || a->side[i].dtype != b->side[i].dtype)
            return false;
    return a->dtype == b->dtype && a->row_stride == b->row_stride && a->col_stride == b->col_stride &&
           a->group == b->group && u->dtype == v->dtype && u->stride == v->stride;
}

/* The matrices and biases of the experts that this process holds; 0: refused. */
static uint64_t list_of(struct gpu *g, const struct moe *moe, enum which which, const struct view *w,
                        const struct vec *first_bias)
{
    struct gpu_piece piece;
    struct expert e;
    const struct vec *bias;
    uint64_t bytes = (uint64_t)moe->routing->n_experts * sizeof(struct vk_matrix);
    if (!gpu_take(g, &g->inputs, bytes, &piece)) {
        gpu_no_memory(g, bytes, "the list of a layer's experts, on the device");
        return 0;
    }
    struct vk_matrix *list = (struct vk_matrix *)(void *)piece.host;
    for (int i = moe->first_expert; i < moe->end_expert; i++) {
        moe->source->get(moe->source, moe->layer, i, &e);
        const struct view *m = matrix_of(&e, which, &bias);
        if (m->lowrank || !alike(w, m, first_bias, bias)) {
            gpu_refuse(g, OSSO_UNSUPPORTED, "%s cannot run experts %s yet: use --device cpu", g->name,
                       m->lowrank ? "with an adapter" : "of different formats");
            return 0;
        }
        list[i] = gpu_matrix(g, m, gpu_weight(g, bias->data));
    }
    return piece.address;
}

/* y[slot] = W in + bias, W that of the slot's expert. */
static void multiply(struct gpu *g, const struct moe *moe, enum which which, const struct act *in, int divide,
                     uint64_t y)
{
    const struct routing *routing = moe->routing;
    int64_t n = (int64_t)routing->n * routing->k;
    struct expert first;
    const struct vec *bias;
    if (moe->first_expert == moe->end_expert)
        return;
    moe->source->get(moe->source, moe->layer, moe->first_expert, &first);
    const struct view *w = matrix_of(&first, which, &bias);
    struct vk_linear push = {.matrices = list_of(g, moe, which, w, bias),
                             .ids = gpu_address(routing->ids),
                             /* an expert's weights are read for several slots where there are several */
                             .data = n >= 2 * routing->n_experts ? gpu_address(routing->slots) : 0,
                             .bias_stride = (uint32_t)bias->stride,
                             .divide = (uint32_t)divide,
                             .first = moe->first_expert,
                             .end = moe->end_expert};
    if (push.matrices)
        gpu_multiply(g, w, bias->data ? bias->dtype : DT_F32, in, n, y, w->rows, push);
}

static void activate(struct gpu *g, const struct moe *moe, uint64_t gate, uint64_t up)
{
    int64_t slots = (int64_t)moe->routing->n * moe->routing->k;
    struct vk_swiglu push = {gate,
                             up,
                             gpu_address(moe->h->f),
                             gpu_address(moe->routing->ids),
                             (uint32_t)moe->intermediate,
                             moe->first_expert,
                             moe->end_expert,
                             moe->swiglu.alpha,
                             moe->swiglu.limit,
                             moe->swiglu.shift};
    vk_run(g->vk, &vk_shader_swiglu, NULL, &push, gpu_groups(moe->intermediate, 64), (uint32_t)slots, 1);
    gpu_codes(g, moe->h, slots);
}

void gpu_experts_in(const struct hand *h, const struct moe *moe)
{
    struct gpu *g = gpu_of(h->backend);
    int64_t values = (int64_t)moe->routing->n * moe->routing->k * moe->intermediate;
    if (!gpu_records(h))
        return;
    uint64_t gate = moe->gate ? gpu_address(moe->gate) : gpu_scratch(g, GPU_GATE, values);
    uint64_t up = moe->up ? gpu_address(moe->up) : gpu_scratch(g, GPU_UP, values);
    if (!gate || !up)
        return;
    multiply(g, moe, GATE, moe->in, moe->routing->k, gate);
    multiply(g, moe, UP, moe->in, moe->routing->k, up);
    activate(g, moe, gate, up);
}

void gpu_swiglu(const struct hand *h, const struct moe *moe)
{
    if (gpu_records(h))
        activate(gpu_of(h->backend), moe, gpu_address(moe->gate), gpu_address(moe->up));
}

static void add_up(struct gpu *g, const struct moe *moe, uint64_t y)
{
    const struct routing *routing = moe->routing;
    struct vk_combine push = {y,
                              gpu_address(routing->ids),
                              gpu_address(routing->weights),
                              gpu_address(moe->delta),
                              (uint32_t)moe->hidden,
                              (uint32_t)routing->k,
                              moe->first_expert,
                              moe->end_expert};
    vk_run(g->vk, &vk_shader_combine, NULL, &push, gpu_groups(moe->hidden, 64), (uint32_t)routing->n, 1);
}

void gpu_experts_out(const struct hand *h, const struct moe *moe)
{
    struct gpu *g = gpu_of(h->backend);
    int64_t values = (int64_t)moe->routing->n * moe->routing->k * moe->hidden;
    if (!gpu_records(h))
        return;
    uint64_t y = moe->out ? gpu_address(moe->out) : gpu_scratch(g, GPU_OUT, values);
    if (!y)
        return;
    multiply(g, moe, DOWN, moe->h, 1, y);
    add_up(g, moe, y);
}

void gpu_combine(const struct hand *h, const struct moe *moe)
{
    if (gpu_records(h))
        add_up(gpu_of(h->backend), moe, gpu_address(moe->out));
}
