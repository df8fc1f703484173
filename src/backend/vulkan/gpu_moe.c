/* gpu_moe.c: routing and the experts, as commands. Which experts a row goes to never leaves the device: kernels take
 * their matrices from a list of all of the layer's experts, by the ids that route has made. Experts that the device has
 * not are gpu_lend.c's. */
#include "backend/vulkan/gpu.h"

/* An expert's weights are read for several slots where there are several. */
static bool many_slots(const struct routing *routing)
{
    return routing->n * routing->k >= 2 * routing->n_experts;
}

/* The router has just been multiplied with few rows: that product and the choice are one command, whose groups count
 * each other; where they cannot, a row is one group's. */
static bool route_few(struct gpu *g, const struct vk_route *a)
{
    struct vk_call last;
    bool alone = vk_facts(g->vk)->layered;
    if (a->n_experts > VK_MOST_EXPERTS || a->n >= GPU_MANY_ROWS)
        return false;
    if (!vk_last(g->vk, 0, &vk_shader_linear_f32, &last))
        return false;
    const struct vk_linear *w = last.push;
    if (w->y != a->logits || w->ids != w->x || w->rows != a->n_experts || w->y_stride != w->rows ||
        last.groups[1] != a->n)
        return false;
    struct vk_router push = {.data = w->data,
                             .side = w->side,
                             .bias = w->bias,
                             .offsets = w->offsets,
                             .x = w->x,
                             .logits = a->logits,
                             .ids = a->ids,
                             .weights = a->weights,
                             .done = g->done.address,
                             .row_stride = w->row_stride,
                             .side_stride = w->side_stride,
                             .offsets_stride = w->offsets_stride,
                             .bias_stride = w->bias_stride,
                             .col_stride = w->col_stride,
                             .group = w->group,
                             .cols = w->cols,
                             .n_experts = a->n_experts,
                             .k = a->k,
                             .factor = w->factor,
                             .has_factor = w->has_factor};
    vk_take_back(g->vk, 1);
    vk_run(g->vk, alone ? &vk_shader_router_alone : &vk_shader_router, &last.constants, &push,
           alone ? 1 : gpu_groups(a->n_experts, 4), a->n, 1);
    GPU_USES(g, gpu_reads(push.x, (int64_t)a->n * push.cols), gpu_writes(push.logits, (int64_t)a->n * push.n_experts),
             gpu_writes(push.ids, (int64_t)a->n * push.k), gpu_writes(push.weights, (int64_t)a->n * push.k),
             gpu_writes(push.done, a->n));
    return true;
}

/* The lists by expert are made where anybody reads them. */
void gpu_route(const struct hand *h, const real *logits, struct routing *routing)
{
    struct gpu *g = gpu_of(h->backend);
    struct vk_route push = {gpu_address(logits),  gpu_address(routing->ids), gpu_address(routing->weights),
                            (uint32_t)routing->n, (uint32_t)routing->k,      (uint32_t)routing->n_experts};
    struct vk_lists lists = {push.ids, gpu_address(routing->start), gpu_address(routing->slots), push.n * push.k,
                             push.n_experts};
    if (gpu_records(h) && !route_few(g, &push)) {
        vk_run(g->vk, &vk_shader_route, NULL, &push, gpu_groups(routing->n, 64), 1, 1);
        GPU_USES(g, gpu_reads(push.logits, (int64_t)push.n * push.n_experts), gpu_writes(push.ids, lists.n_slots),
                 gpu_writes(push.weights, lists.n_slots));
    }
    if (gpu_records(h) && many_slots(routing)) {
        vk_run(g->vk, &vk_shader_lists, NULL, &lists, 1, 1, 1);
        GPU_USES(g, gpu_reads(lists.ids, lists.n_slots), gpu_writes(lists.start, lists.n_experts + 1),
                 gpu_writes(lists.slots, lists.n_slots));
    }
    member_sync(h->member);
}

/* y[slot] = W in + bias, W that of the slot's expert. */
static void multiply(struct gpu *g, const struct gpu_layer *layer, const struct moe *moe, enum gpu_product product,
                     const struct act *in, int divide, uint64_t y)
{
    const struct routing *routing = moe->routing;
    int64_t n = (int64_t)routing->n * routing->k;
    if (moe->first_expert == moe->end_expert)
        return;
    const struct gpu_experts *experts = &layer->of[product];
    const struct vec *bias = &experts->bias;
    struct vk_linear push = {.matrices = experts->list,
                             .ids = gpu_address(routing->ids),
                             .data = many_slots(routing) ? gpu_address(routing->slots) : 0,
                             .bias_stride = (uint32_t)bias->stride,
                             .divide = (uint32_t)divide,
                             .first = moe->first_expert,
                             .end = moe->end_expert};
    gpu_multiply(g, &experts->matrix, bias->data ? bias->dtype : DT_F32, in, n, y, experts->matrix.rows, push);
}

static void activate(struct gpu *g, const struct moe *moe, uint64_t gate, uint64_t up)
{
    int64_t slots = (int64_t)moe->routing->n * moe->routing->k, values = slots * moe->intermediate;
    struct gpu_form form = gpu_form(moe->h);
    struct vk_swiglu push = {.gate = gate,
                             .up = up,
                             .h = gpu_address(moe->h->f),
                             .ids = gpu_address(moe->routing->ids),
                             .q = form.q,
                             .d = form.d,
                             .sums = form.sum,
                             .width = (uint32_t)moe->intermediate,
                             .first = moe->first_expert,
                             .end = moe->end_expert,
                             .alpha = moe->swiglu.alpha,
                             .limit = moe->swiglu.limit,
                             .shift = moe->swiglu.shift};
    vk_run(g->vk, &vk_shader_swiglu, NULL, &push, gpu_groups(moe->intermediate, 256), (uint32_t)slots, 1);
    GPU_USES(g, gpu_reads(gate, values), gpu_reads(up, values), gpu_writes(push.h, values), gpu_reads(push.ids, slots),
             GPU_WRITES_FORM(form.q, form.d, form.sum, values));
}

/* Are products of this list with these activations sums of integers? */
static bool in_integers(const struct gpu_experts *e, const struct act *a)
{
    return gpu_form(a).q && dtype_has_i8(dtype_info(e->matrix.dtype));
}

static struct vk_constants constants_of(const struct gpu_experts *e)
{
    enum dtype bias = e->bias.data ? e->bias.dtype : DT_F32;
    return (struct vk_constants){{(uint32_t)e->matrix.dtype, (uint32_t)bias, gpu_side_type(&e->matrix)}};
}

/* Of few rows: gate, up and what is made of them in one command. False: these cannot be run so. */
static bool in_few(struct gpu *g, const struct gpu_layer *layer, const struct moe *moe)
{
    const struct routing *routing = moe->routing;
    const struct gpu_experts *gate = &layer->of[GPU_OF_GATE], *up = &layer->of[GPU_OF_UP];
    int64_t slots = (int64_t)routing->n * routing->k, values = slots * moe->intermediate;
    if (moe->gate || moe->up || many_slots(routing) || moe->first_expert == moe->end_expert)
        return false;
    if (!in_integers(gate, moe->in) || gate->matrix.rows != moe->intermediate ||
        !gpu_alike(&gate->matrix, &up->matrix, &gate->bias, &up->bias))
        return false;
    const struct view *w = &gate->matrix;
    struct gpu_form in = gpu_form(moe->in), form = gpu_form(moe->h);
    struct vk_constants constants = constants_of(gate);
    struct vk_experts_in push = {.gate = gate->list,
                                 .up = up->list,
                                 .ids = gpu_address(routing->ids),
                                 .x = in.q,
                                 .d = in.d,
                                 .h = gpu_address(moe->h->f),
                                 .q = form.q,
                                 .hd = form.d,
                                 .sums = form.sum,
                                 .row_stride = (uint32_t)w->row_stride,
                                 .side_stride = (uint32_t)w->side[0].stride,
                                 .offsets_stride = (uint32_t)w->side[1].stride,
                                 .bias_stride = (uint32_t)gate->bias.stride,
                                 .cols = (uint32_t)w->cols,
                                 .rows = (uint32_t)w->rows,
                                 .divide = (uint32_t)routing->k,
                                 .group = (uint32_t)w->group,
                                 .first = moe->first_expert,
                                 .end = moe->end_expert,
                                 .alpha = moe->swiglu.alpha,
                                 .limit = moe->swiglu.limit,
                                 .shift = moe->swiglu.shift};
    vk_run(g->vk, GPU_DOTS(g, experts_in), &constants, &push, gpu_groups(w->rows, 32), (uint32_t)slots, 1);
    int64_t of_list = moe->end_expert * (int64_t)sizeof(struct vk_matrix) / 4;
    GPU_USES(g, gpu_reads(push.gate, of_list), gpu_reads(push.up, of_list), gpu_reads(push.ids, slots),
             gpu_reads(push.x, routing->n * w->cols / 4), gpu_reads(push.d, routing->n * w->cols / QUANT_BLOCK),
             gpu_writes(push.h, values), GPU_WRITES_FORM(form.q, form.d, form.sum, values));
    return true;
}

void gpu_experts_in(const struct hand *h, const struct moe *moe)
{
    struct gpu *g = gpu_of(h->backend);
    int64_t values = (int64_t)moe->routing->n * moe->routing->k * moe->intermediate;
    const struct gpu_layer *layer = gpu_layer(h, moe);
    if (layer && layer->on_host)
        gpu_lent_in(h, moe);
    if (!gpu_records(h) || !layer || layer->on_host || in_few(g, layer, moe))
        return;
    uint64_t gate = moe->gate ? gpu_address(moe->gate) : gpu_scratch(g, GPU_GATE, values);
    uint64_t up = moe->up ? gpu_address(moe->up) : gpu_scratch(g, GPU_UP, values);
    if (!gate || !up)
        return;
    multiply(g, layer, moe, GPU_OF_GATE, moe->in, moe->routing->k, gate);
    multiply(g, layer, moe, GPU_OF_UP, moe->in, moe->routing->k, up);
    activate(g, moe, gate, up);
}

void gpu_swiglu(const struct hand *h, const struct moe *moe)
{
    struct gpu *g = gpu_of(h->backend);
    if (!gpu_records(h))
        return;
    gpu_settle(g); /* all of h is made again, there */
    activate(g, moe, gpu_address(moe->gate), gpu_address(moe->up));
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

/* Of few rows: down and the sum over a row's experts in one command. False: these cannot be run so. */
static bool out_few(struct gpu *g, const struct gpu_layer *layer, const struct moe *moe)
{
    const struct routing *routing = moe->routing;
    const struct gpu_experts *down = &layer->of[GPU_OF_DOWN];
    int64_t slots = (int64_t)routing->n * routing->k;
    if (moe->out || many_slots(routing) || moe->first_expert == moe->end_expert || !in_integers(down, moe->h))
        return false;
    const struct view *w = &down->matrix;
    struct gpu_form in = gpu_form(moe->h);
    struct vk_constants constants = constants_of(down);
    struct vk_experts_out push = {.matrices = down->list,
                                  .ids = gpu_address(routing->ids),
                                  .weights = gpu_address(routing->weights),
                                  .x = in.q,
                                  .d = in.d,
                                  .delta = gpu_address(moe->delta),
                                  .row_stride = (uint32_t)w->row_stride,
                                  .side_stride = (uint32_t)w->side[0].stride,
                                  .offsets_stride = (uint32_t)w->side[1].stride,
                                  .bias_stride = (uint32_t)down->bias.stride,
                                  .cols = (uint32_t)w->cols,
                                  .rows = (uint32_t)w->rows,
                                  .k = (uint32_t)routing->k,
                                  .group = (uint32_t)w->group,
                                  .first = moe->first_expert,
                                  .end = moe->end_expert};
    vk_run(g->vk, GPU_DOTS(g, experts_out), &constants, &push, gpu_groups(w->rows, 8), (uint32_t)routing->n, 1);
    GPU_USES(g, gpu_reads(push.matrices, moe->end_expert * (int64_t)sizeof(struct vk_matrix) / 4),
             gpu_reads(push.ids, slots), gpu_reads(push.weights, slots), gpu_reads(push.x, slots * w->cols / 4),
             gpu_reads(push.d, slots * w->cols / QUANT_BLOCK), gpu_writes(push.delta, routing->n * w->rows));
    return true;
}

void gpu_experts_out(const struct hand *h, const struct moe *moe)
{
    struct gpu *g = gpu_of(h->backend);
    int64_t values = (int64_t)moe->routing->n * moe->routing->k * moe->hidden;
    const struct gpu_layer *layer = gpu_layer(h, moe);
    if (layer && layer->on_host)
        gpu_lent_out(h, moe);
    if (!gpu_records(h) || !layer || layer->on_host || out_few(g, layer, moe))
        return;
    uint64_t y = moe->out ? gpu_address(moe->out) : gpu_scratch(g, GPU_OUT, values);
    if (!y)
        return;
    multiply(g, layer, moe, GPU_OF_DOWN, moe->h, 1, y);
    add_up(g, moe, y);
}

void gpu_combine(const struct hand *h, const struct moe *moe)
{
    if (gpu_records(h))
        add_up(gpu_of(h->backend), moe, gpu_address(moe->out));
}
