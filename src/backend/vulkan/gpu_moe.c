/* gpu_moe.c: routing and the experts, as commands. Which experts a row goes to never leaves the device: kernels take
 * their matrices from a list of all of the layer's experts, by the ids that route has made. */
#include "backend/vulkan/gpu.h"

void gpu_route(const struct hand *h, const real *logits, struct routing *routing)
{
    struct gpu *g = gpu_of(h->backend);
    struct vk_route push = {gpu_address(logits),  gpu_address(routing->ids), gpu_address(routing->weights),
                            (uint32_t)routing->n, (uint32_t)routing->k,      (uint32_t)routing->n_experts};
    struct vk_lists lists = {push.ids, gpu_address(routing->start), gpu_address(routing->slots), push.n * push.k,
                             push.n_experts};
    if (gpu_records(h)) {
        vk_run(g->vk, &vk_shader_route, NULL, &push, gpu_groups(routing->n, 64), 1, 1);
        GPU_USES(g, gpu_reads(push.logits, (int64_t)push.n * push.n_experts), gpu_writes(push.ids, lists.n_slots),
                 gpu_writes(push.weights, lists.n_slots));
        vk_run(g->vk, &vk_shader_lists, NULL, &lists, 1, 1, 1);
        GPU_USES(g, gpu_reads(lists.ids, lists.n_slots), gpu_writes(lists.start, lists.n_experts + 1),
                 gpu_writes(lists.slots, lists.n_slots));
    }
    member_sync(h->member);
}

/* y[slot] = W in + bias, W that of the slot's expert. */
static void multiply(struct gpu *g, const struct moe *moe, enum gpu_product product, const struct act *in, int divide,
                     uint64_t y)
{
    const struct routing *routing = moe->routing;
    int64_t n = (int64_t)routing->n * routing->k;
    if (moe->first_expert == moe->end_expert)
        return;
    const struct gpu_experts *experts = gpu_experts(g, moe, product);
    if (!experts)
        return;
    const struct vec *bias = &experts->bias;
    struct vk_linear push = {.matrices = experts->list,
                             .ids = gpu_address(routing->ids),
                             /* an expert's weights are read for several slots where there are several */
                             .data = n >= 2 * routing->n_experts ? gpu_address(routing->slots) : 0,
                             .bias_stride = (uint32_t)bias->stride,
                             .divide = (uint32_t)divide,
                             .first = moe->first_expert,
                             .end = moe->end_expert};
    gpu_multiply(g, &experts->matrix, bias->data ? bias->dtype : DT_F32, in, n, y, experts->matrix.rows, push);
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
    GPU_USES(g, gpu_reads(gate, slots * moe->intermediate), gpu_reads(up, slots * moe->intermediate),
             gpu_writes(push.h, slots * moe->intermediate), gpu_reads(push.ids, slots));
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
    multiply(g, moe, GPU_OF_GATE, moe->in, moe->routing->k, gate);
    multiply(g, moe, GPU_OF_UP, moe->in, moe->routing->k, up);
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
    int64_t slots = (int64_t)routing->n * routing->k;
    GPU_USES(g, gpu_reads(y, slots * moe->hidden), gpu_reads(push.ids, slots), gpu_reads(push.weights, slots),
             gpu_writes(push.delta, routing->n * moe->hidden));
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
    multiply(g, moe, GPU_OF_DOWN, moe->h, 1, y);
    add_up(g, moe, y);
}

void gpu_combine(const struct hand *h, const struct moe *moe)
{
    if (gpu_records(h))
        add_up(gpu_of(h->backend), moe, gpu_address(moe->out));
}
